"""How fast a counter moves, when it moves in steps of any size at any distance."""

from dataclasses import dataclass


@dataclass(slots=True)
class _Mean:
    """Units and seconds that fade at the same speed, so that their quotient is a rate without a bias at the start."""

    units: float = 0.0
    seconds: float = 0.0

    def add(self, units: float, seconds: float, fade_s: float) -> None:
        keep = fade_s / (fade_s + seconds)
        self.units = self.units * keep + units
        self.seconds = self.seconds * keep + seconds


class Pace:
    """The speed of one counter, from what was seen of it.

    Work comes in bursts: a batch of 64, then nothing for two seconds. So the speed is only taken where the counter
    moves, the time since then counts once it is longer than the usual gap, and what is forgotten is measured in gaps.
    `steady` forgets more slowly the longer the work has lasted; it is what an estimate is made from.
    """

    __slots__ = ("_done", "_gap_s", "_moved_s", "_now_s", "_recent", "_start_s", "_steady")

    RECENT_S = 3.0
    """The least time over which the shown rate is averaged."""
    GAPS = 5.0
    """And the least number of gaps between two movements."""
    SHARE = 0.2
    """The share of the time so far over which the steady speed is averaged."""

    def __init__(self, done: float, at_s: float) -> None:
        self._recent = _Mean()
        self._steady = _Mean()
        self._gap_s = 0.0
        self._done = done
        self._start_s = self._moved_s = self._now_s = at_s

    def see(self, done: float, at_s: float) -> None:
        """Take in that the counter stands at `done`, not less than before, at `at_s` seconds."""
        self._now_s = max(at_s, self._now_s)
        seconds = self._now_s - self._moved_s
        if done <= self._done or seconds <= 0:
            return
        # A long gap is remembered for some movements: a burst has many short gaps and one long one.
        self._gap_s = max(seconds, 0.9 * self._gap_s + 0.1 * seconds)
        fade_s = max(self.RECENT_S, self.GAPS * self._gap_s)
        units = done - self._done
        self._recent.add(units, seconds, fade_s)
        self._steady.add(units, seconds, max(fade_s, self.SHARE * (self._now_s - self._start_s)))
        self._done, self._moved_s = done, self._now_s

    @property
    def done(self) -> float:
        """Where the counter stood when it was last seen to move."""
        return self._done

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass that do not count, such as those of a pause."""
        self._start_s += seconds
        self._moved_s += seconds
        self._now_s += seconds

    @property
    def rate(self) -> float | None:
        """Units per second of late; None before the counter has moved."""
        return self._per_second(self._recent)

    def remaining_s(self, left: float) -> float | None:
        """Seconds that `left` more units take; None before the counter has moved.

        Between two movements it counts down, for as long as they usually take.
        """
        rate = self._per_second(self._steady)
        if rate is None:
            return None
        whole = left / rate
        return max(whole - min(self._now_s - self._moved_s, self._gap_s), 0.1 * whole)

    def _per_second(self, mean: _Mean) -> float | None:
        if mean.seconds <= 0:
            return None
        silence_s = max(0.0, self._now_s - self._moved_s - 2 * self._gap_s)
        rate = mean.units / (mean.seconds + silence_s)
        return rate if rate > 0 else None
