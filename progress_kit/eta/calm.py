"""What is shown: an end time that moves only when there is news."""

from math import sqrt
from typing import Final

_STILL: Final = 0.1
"""The shown end stays in the inner part of the interval, which is narrower by this share on each side."""
_HALF: Final = 0.015
_HALF_SHARED: Final = 0.02
"""Half of what lies between the shown end and the estimated one is made good while this share passes of what is
left, or, early on, of the geometric mean of that and the time so far. Where workers share a stage its tasks end in
jumps, and it takes longer."""
_HELD: Final = 0.03
"""A reason is shown when it has held for so much of the time so far."""


class Calm:
    """Smooths the end time within its interval: whims of a counter do not reach the eye, news do at once."""

    def __init__(self) -> None:
        self._end_s: float | None = None
        self._at_s = 0.0

    def forget(self) -> None:
        """Start anew: nothing is shown."""
        self._end_s = None

    def show(self, now_s: float, low_s: float, middle_s: float, high_s: float, *, shared: bool = False) -> float:
        """Return the seconds to be shown as left, within the interval."""
        passed_s = max(0.0, now_s - self._at_s)
        self._at_s = now_s
        end_s = now_s + middle_s
        if self._end_s is None:
            self._end_s = end_s
            return middle_s
        apart_s = end_s - self._end_s
        half = _HALF_SHARED if shared else _HALF
        pace = 1.0 - 0.5 ** (passed_s / max(half * sqrt(middle_s * min(middle_s, now_s)), 1e-300))
        shown_s = self._end_s + apart_s * pace
        inner_low = now_s + low_s + _STILL * (middle_s - low_s)
        inner_high = now_s + high_s - _STILL * (high_s - middle_s)
        self._end_s = min(max(shown_s, inner_low), inner_high)
        return max(self._end_s - now_s, 0.0)


class Reason:
    """Which reason is shown: another one only after it has held for a while, so that words do not flicker."""

    def __init__(self) -> None:
        self._shown: str | None = None
        self._next = ""
        self._since_s = 0.0

    def show(self, now_s: float, reason: str) -> str:
        """Return `reason`, or the one before, or none while one that has gone may come back."""
        gist = _gist(reason)
        if self._shown is None or gist == self._shown:
            self._shown = self._next = gist
            return reason
        if gist != self._next:
            self._next, self._since_s = gist, now_s
        if now_s - self._since_s < _HELD * now_s:
            return ""
        self._shown = gist
        return reason


def _gist(reason: str) -> str:
    return reason.partition(" since ")[0].partition(" for ")[0]
