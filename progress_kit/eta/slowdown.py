"""Whether a run is slower than usual; said only when the evidence is there."""

from math import exp, sqrt
from typing import Final, NamedTuple

_RUNS: Final = 3
"""With fewer earlier runs nothing is usual."""
_AT_LEAST: Final = 1.25
"""A factor below this is not worth a word."""
_SURE: Final = 2.1
"""Of a normal distribution, one run in forty lies beyond this many standard deviations on one side."""
_HELD: Final = 0.1
"""It must have looked so for such a part of the usual time."""


class Usual(NamedTuple):
    """How long such a run usually takes, how far a normal one may be from that, as a logarithm, and who says so."""

    seconds: float
    unsure: float
    runs: int


class Slowdown:
    """Watches one run against what history says of it."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def see(self, now_s: float, left_s: float, sure_s: float, usual: Usual) -> float | None:
        """Return by which factor the run is slower than usual; None while it may well be as usual.

        `left_s` is what is left, and `sure_s` what the estimate may be off by. The run must last longer than nearly all
        normal ones would, and look so for a while.
        """
        if usual.runs < _RUNS or usual.seconds <= 0:
            return None
        # The fewer runs were seen, the farther a normal one may be from them: Student's distribution, in short.
        sure = _SURE + (_SURE**3 + _SURE) / (4 * (usual.runs + 2))
        whole_s = now_s + left_s
        apart = sqrt(usual.unsure**2 + (sure_s / whole_s) ** 2)
        if whole_s <= usual.seconds * max(exp(sure * apart), _AT_LEAST):
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = now_s
        return whole_s / usual.seconds if now_s - self._since_s >= _HELD * usual.seconds else None
