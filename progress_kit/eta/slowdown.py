"""Whether a run is slower than usual; said only when the evidence is there."""

from math import exp, sqrt
from typing import Final

from progress_kit.model import Prior

_RUNS: Final = 3
_AT_LEAST: Final = 1.25
_UNSEEN: Final = 0.5
"""How much slower than those that were seen a normal run may be, as a logarithm, by the root of how many were seen."""


class Slowdown:
    """Watches one run against what history says of it."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def see(
        self, now_s: float, low_s: float, middle_s: float, usual_s: float | None, prior: Prior | None
    ) -> float | None:
        """Return by which factor the run is slower than usual; None while it may well be as usual.

        It must look slower than nine in ten earlier runs, at the lower end of its own estimate, for a tenth of the
        usual time.
        """
        if prior is None or prior.runs < _RUNS or usual_s is None or usual_s <= 0:
            return None
        _, middle, high = prior.total_s
        normal_s = usual_s * max(high / middle if middle > 0 else 1.0, _AT_LEAST) * exp(_UNSEEN / sqrt(prior.runs))
        if now_s + low_s <= normal_s:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < 0.1 * usual_s:
            return None
        return (now_s + middle_s) / usual_s
