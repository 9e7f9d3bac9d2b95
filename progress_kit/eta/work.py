"""How much work is done, in several measures: each is a guess at how time passes as a stage proceeds.

The number of items is one; others let items take ever longer, or ever less, along the stage; and where the items have
costs, each power of the cost is one. Which measure the stage's own course bears out is for `hindcast` to find.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf, isfinite, sqrt
from typing import Final, NamedTuple

EXPONENTS: Final = (0.5, 0.75, 1.0, 1.4, 2.0)
"""The powers of the cost that time may go with."""

Sums = tuple[float, ...]
"""One sum of costs for each exponent."""

ITEMS: Final = 0
COSTS: Final = 1
"""Where the measures by cost begin, if there are costs; else those begin that are shapes."""
PROPORTIONAL: Final = COSTS + EXPONENTS.index(1.0)

_LIKELY: Final = (0.0, -2.5, -2.5, -3.5, -3.0, -4.0, -2.5, -2.5, -3.5)
_LIKELY_WITH_COSTS: Final = (-4.0, -3.0, -1.5, 0.0, -1.5, -4.0)
_LIKELY_AS_USUAL: Final = 0.0
_LIKELY_AS_USUAL_WITH_COSTS: Final = -1.5


class Work(NamedTuple):
    """How much of a stage's costs is done, how much there is, and what is being worked on or comes next.

    All are in units of `unit`, a cost, to the power of the exponent.
    """

    done: Sums
    total: Sums
    step: Sums
    unit: float = 1.0

    def sums(self) -> Sums:
        """Return what is done by the costs' own measure; infinite where no number is that large."""
        return self._own(self.done)

    def whole(self) -> Sums:
        """Return what there is in all, by the costs' own measure."""
        return self._own(self.total)

    def _own(self, sums: Sums) -> Sums:
        return tuple([_grown(each, self.unit, exponent) for each, exponent in zip(sums, EXPONENTS, strict=True)])


def _grown(share: float, unit: float, exponent: float) -> float:
    try:
        return share * float(unit**exponent)
    except OverflowError:
        return inf


class CostSums:
    """The costs of a stage's items in their order, ready to be summed in no time.

    A cost that is not a positive number counts as nothing; costs have no unit, so that their scale changes nothing.
    Where there are more items than costs, `length`, the others count as the mean.
    """

    __slots__ = ("_length", "_sums", "unit")

    def __init__(self, costs: Iterable[float], length: int | None = None) -> None:
        known = [cost if isfinite(cost) and cost > 0 else 0.0 for cost in costs]
        self.unit = max(known, default=0.0) or 1.0
        scaled = [cost / self.unit for cost in known]
        self._length = len(known) if length is None else max(length, len(known))
        self._sums: tuple[Sequence[float], ...] = tuple(
            list(accumulate((cost**exponent if cost else 0.0 for cost in scaled), initial=0.0))
            for exponent in EXPONENTS
        )

    def __len__(self) -> int:
        return self._length

    def until(self, item: float) -> Sums:
        """Return the sums over all items before number `item`, which may be between two."""
        item = min(max(item, 0.0), self._length)
        known = len(self._sums[0]) - 1
        if item > known:
            return tuple([sums[known] * item / known if known else 0.0 for sums in self._sums])
        whole = int(item)
        part = item - whole
        if not part:
            return tuple([sums[whole] for sums in self._sums])
        return tuple([sums[whole] + part * (sums[whole + 1] - sums[whole]) for sums in self._sums])

    def one(self, item: int) -> Sums:
        """Return the cost of item number `item`, for each exponent."""
        return tuple([b - a for a, b in zip(self.until(item), self.until(item + 1), strict=True)])

    def work(self, done: float, step: float = 1) -> Work:
        """Return where a loop over the items stands that has done `done` of them, and does `step` at a time."""
        here, ahead = self.until(done), self.until(done + step)
        return Work(here, self.until(self._length), tuple([b - a for a, b in zip(here, ahead, strict=True)]), self.unit)


def measures(items: float, costs: Sequence[float] = (), usual: float | None = None) -> list[float]:
    """Return all measures of what is done, each 0 at the stage's begin and 1 at its end, from shares of the whole.

    `usual` is the share of the time that earlier runs had needed by then, if that is known.
    """
    done = min(1.0, items)
    if costs:
        found = [done, *costs]
    else:
        left = 1.0 - done
        square, left_square, root = done * done, left * left, sqrt(done)
        found = [
            done,
            done * root,
            square,
            square * done,
            root,
            done**0.33,
            1.0 - left * sqrt(left),
            1.0 - left_square,
            1.0 - left_square * left,
        ]
    if usual is not None:
        found.append(usual)
    return found


def likely(*, costs: bool, usual: bool) -> list[float]:
    """Return how likely each measure is before anything was seen, as logarithms."""
    found = list(_LIKELY_WITH_COSTS if costs else _LIKELY)
    if usual:
        found.append(_LIKELY_AS_USUAL_WITH_COSTS if costs else _LIKELY_AS_USUAL)
    return found


def share_of_time(course: Sequence[float], done: float) -> float:
    """Return which share of a stage's time was needed by the time that a share of it was done.

    `course` is that share at so many evenly spaced shares of the work between nothing and all.
    """
    steps = len(course) + 1
    step = min(max(done, 0.0), 1.0) * steps
    below = min(int(step), steps - 1)
    low = course[below - 1] if below else 0.0
    high = course[below] if below < len(course) else 1.0
    return low + (high - low) * (step - below)
