"""How wide an interval has to be, so that it holds the truth about as often as it says."""

from math import exp, hypot
from typing import Final, NamedTuple

from progress_kit.eta.plan import Whole

_TEN: Final = 1.32
"""Of a normal distribution a tenth lies beyond about so many standard deviations, on each side."""
_WIDEST: Final = 3.5
"""A factor of a hundred: beyond that an interval says nothing more."""


class _Width(NamedTuple):
    """For one class of evidence, how far truths have been from estimates, as a logarithm, on work of many kinds.

    `floor` is how far at least; `now` by how much of what the estimate itself takes for unsure, and `ahead` how much
    more of it where nearly all is still to come.
    """

    floor: float
    now: float
    ahead: float


_BY_RATE: Final = _Width(0.25, 0.5, 1.5)
_BY_COST: Final = _Width(0.15, 0.95, 0.5)
_BY_HISTORY: Final = _Width(0.15, 0.55, 0.0)
_BY_GUESS: Final = _Width(0.1, 0.3, 0.0)


def spread(found: Whole, now_s: float) -> float:
    """Return the standard deviation of the logarithm of what is left, by what the estimate rests on."""
    known = found.by_cost, found.by_history, found.by_guess
    rate = max(0.0, 1.0 - sum(known))
    shares = tuple(zip((rate, *known), (_BY_RATE, _BY_COST, _BY_HISTORY, _BY_GUESS), strict=True))
    whole = rate + sum(known)
    floor, here, ahead = (sum([share * width[i] for share, width in shares]) / whole for i in range(3))
    left = found.left_s / (now_s + found.left_s)
    return hypot(floor, (here + ahead * left * left) * found.unsure)


def interval(left_s: float, spread: float) -> tuple[float, float]:
    """Return the 10th and the 90th percentile of what is left."""
    factor = exp(min(_TEN * spread, _WIDEST))
    return left_s / factor, left_s * factor
