"""How the estimate of a running operation went, in bounded memory."""

import math
from array import array
from typing import Final

from progress_kit.model import Snapshot
from progress_kit.protocol.rest import EstimateSample

MOST: Final = 200
_WIDTH: Final = 5


class Samples:
    """At most 200 estimates of one operation; when they are too many, they are thinned to half, evenly in time."""

    def __init__(self) -> None:
        self._numbers = array("d")  # five for each sample, 40 bytes: there may be 10,000 operations
        self._step_s = 0.0

    def __len__(self) -> int:
        return len(self._numbers) // _WIDTH

    def add(self, snapshot: Snapshot) -> None:
        """Take in what `snapshot` estimates, unless that is too soon after the last one."""
        estimate, elapsed_s = snapshot.estimate, snapshot.elapsed_s
        if estimate is None or elapsed_s is None:
            return
        if len(self) and elapsed_s < self._numbers[-_WIDTH] + self._step_s:
            return
        values = (elapsed_s, snapshot.fraction, estimate.p10_s, estimate.p50_s, estimate.p90_s)
        self._numbers.extend(math.nan if value is None else value for value in values)
        if len(self) > MOST:
            self._thin(elapsed_s)

    def freeze(self) -> tuple[EstimateSample, ...]:
        """Return the samples in the order of time."""
        return tuple(_sample(self._numbers, start) for start in range(0, len(self._numbers), _WIDTH))

    def _thin(self, elapsed_s: float) -> None:
        self._step_s = elapsed_s / (MOST / 2)
        kept = array("d")
        for start in range(0, len(self._numbers), _WIDTH):
            if not kept or self._numbers[start] >= kept[-_WIDTH] + self._step_s:
                kept.extend(self._numbers[start : start + _WIDTH])
        self._numbers = kept


def _sample(numbers: "array[float]", start: int) -> EstimateSample:
    elapsed_s, fraction, p10_s, p50_s, p90_s = numbers[start : start + _WIDTH]
    return EstimateSample(elapsed_s, _known(fraction), _known(p10_s), p50_s, _known(p90_s))


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
