"""What the parts cost over the day: memory and processor time of server, kernels, scripts and browser."""

from collections import defaultdict
from statistics import mean, median
from typing import Final

import msgspec
import psutil

from progress_kit import clock

MB: Final = 1e6
EVERY_S: Final = 5.0
# A life is judged when it had time to warm up; the first quarter is that.
_SAMPLES: Final = 16


class Sample(msgspec.Struct):
    """One look: memory in MB, processor time in percent of one core since the look before."""

    at_s: float
    memory: float
    cpu: float | None = None


class Gauge:
    """Looks at processes from time to time; a life is one part between its starts, called ``server 2``."""

    def __init__(self) -> None:
        self.lives: dict[str, list[Sample]] = defaultdict(list)
        self._before: dict[str, tuple[float, float]] = {}
        self._began_s = clock.monotonic()
        self._next_s = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the day began."""
        return clock.monotonic() - self._began_s

    def due(self) -> bool:
        """Tell whether it is time to look again."""
        if self.now_s < self._next_s:
            return False
        self._next_s = self.now_s + EVERY_S
        return True

    def processes(self, life: str, found: list[psutil.Process]) -> None:
        """Look at processes that count as one: what they hold for themselves, shared pages not counted."""
        memory = spent_s = 0.0
        alive = False
        for process in found:
            try:
                with process.oneshot():
                    memory += process.memory_full_info().uss / MB
                    times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            spent_s += times.user + times.system
            alive = True
        if not alive:
            return
        now_s = self.now_s
        before_s, before_spent_s = self._before.get(life, (now_s, spent_s))
        cpu = 100 * (spent_s - before_spent_s) / (now_s - before_s) if now_s > before_s else None
        self._before[life] = now_s, spent_s
        self.lives[life].append(Sample(now_s, memory, None if cpu is None or cpu < 0 else cpu))

    def note(self, life: str, memory: float) -> None:
        """Note a figure that was measured elsewhere, in MB."""
        self.lives[life].append(Sample(self.now_s, memory))


class Trend(msgspec.Struct):
    """How one life went: from its second quarter to its last."""

    life: str
    minutes: float
    memory_then: float
    memory_last: float
    cpu_then: float | None
    cpu_last: float | None

    @property
    def memory_per_hour(self) -> float:
        """MB an hour."""
        return (self.memory_last - self.memory_then) / (0.625 * self.minutes / 60)


def trends(gauge: Gauge) -> list[Trend]:
    """Return how the lives went that were long enough to tell."""
    found = []
    for life, samples in gauge.lives.items():
        if len(samples) < _SAMPLES:
            continue
        quarter = len(samples) // 4
        then, last = samples[quarter : 2 * quarter], samples[-quarter:]
        found.append(
            Trend(
                life,
                (samples[-1].at_s - samples[0].at_s) / 60,
                median(sample.memory for sample in then),
                median(sample.memory for sample in last),
                _cpu(then),
                _cpu(last),
            )
        )
    return found


def _cpu(samples: list[Sample]) -> float | None:
    known = [sample.cpu for sample in samples if sample.cpu is not None]
    return mean(known) if known else None
