"""What is shown: an end time that moves only when there is news, and then says why."""

from math import sqrt
from typing import Final

_STILL: Final = 0.1
"""The shown end stays in the inner part of the interval, which is narrower by this share on each side."""
_HALF: Final = 0.02
"""Half of what lies between the shown end and the estimated one is made good while this share passes of what is
left, or, early on, of the geometric mean of that and the time so far."""
_TAIL: Final = 1.3


class Calm:
    """Smooths the end time within its interval: whims of a counter do not reach the eye, news do at once."""

    def __init__(self) -> None:
        self._end_s: float | None = None
        self._at_s = 0.0

    def forget(self) -> None:
        """Start anew: nothing is shown."""
        self._end_s = None

    def show(
        self, now_s: float, low_s: float, middle_s: float, high_s: float, *, slow_tail: float
    ) -> tuple[float, str]:
        """Return the seconds to be shown as left, within the interval, and why they changed if they did."""
        passed_s = max(0.0, now_s - self._at_s)
        self._at_s = now_s
        why = "the last workers take longer" if slow_tail > _TAIL else ""
        end_s = now_s + middle_s
        if self._end_s is None:
            self._end_s = end_s
            return middle_s, why
        apart_s = end_s - self._end_s
        pace = 1.0 - 0.5 ** (passed_s / max(_HALF * sqrt(middle_s * min(middle_s, now_s)), 1e-300))
        shown_s = self._end_s + apart_s * pace
        inner_low = now_s + low_s + _STILL * (middle_s - low_s)
        inner_high = now_s + high_s - _STILL * (high_s - middle_s)
        self._end_s = min(max(shown_s, inner_low), inner_high)
        return max(self._end_s - now_s, 0.0), why
