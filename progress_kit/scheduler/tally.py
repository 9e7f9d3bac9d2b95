"""How many tasks are in which state, what they cost, which run and which failed: all that viewers are told.

The scheduler's core tells of every change, each in about a microsecond whatever the number of tasks; the publisher's
thread reads without a lock, since every single value is replaced or copied at once. Pure: `now` is passed in, in
monotonic seconds.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from progress_kit.eta import EXPONENTS, Work
from progress_kit.eta.work import Sums
from progress_kit.model import TaskCounts, TaskState
from progress_kit.scheduler.engines.base import Key
from progress_kit.scheduler.spans import Timeline

MOST_FAILED: Final = 64
"""So many of the newest failures are remembered."""
LAST: Final = 48
"""Of the tasks that wait, the costs of the cheapest are remembered, which in the order of cost are the last ones."""


class Attempt(NamedTuple):
    """One attempt of a task that runs, or has ended. Times are monotonic seconds."""

    key: Key
    stage: str
    name: str
    worker: str
    cost: float | None
    started: float
    ended: float | None = None
    state: TaskState = "running"
    error: BaseException | None = None


def powers(cost: float) -> Sums:
    """Return `cost` to the power of each exponent."""
    return tuple([cost**exponent for exponent in EXPONENTS]) if cost > 0 else (0.0,) * len(EXPONENTS)


class StageTally:
    """The tasks of one stage."""

    def __init__(self) -> None:
        self.pending: int = 0
        self.running: int = 0
        self.paused: int = 0
        self.succeeded: int = 0
        self.failed: int = 0
        self.cancelled: int = 0
        self.skipped: int = 0
        self.abandoned: int = 0
        self.sources: int = 0
        """How many inputs of unknown length may still bring tasks."""
        self.first: float | None = None
        """When the first task began."""
        self.last: float | None = None
        """When the newest end was."""
        self.costed: int = 0
        self.costed_ended: int = 0
        """How many tasks have a known cost, and how many of those have ended."""
        self.cost_sums: list[float] = [0.0] * len(EXPONENTS)
        self.cost_ended: list[float] = [0.0] * len(EXPONENTS)
        self.cheapest: list[float] = []
        """The lowest costs of what waits, in their order."""

    @property
    def ended(self) -> int:
        """How many tasks have come to any end."""
        return self.succeeded + self.failed + self.cancelled + self.skipped + self.abandoned

    @property
    def total(self) -> int | None:
        """How many tasks there are; None while an input of unknown length is being read."""
        return None if self.sources else self.pending + self.running + self.paused + self.ended

    def counts(self) -> TaskCounts:
        """Return the counts as a value."""
        return TaskCounts(
            pending=max(0, self.pending),
            running=max(0, self.running),
            paused=self.paused,
            succeeded=self.succeeded,
            failed=self.failed,
            cancelled=self.cancelled,
            skipped=self.skipped,
            abandoned=self.abandoned,
        )

    def work(self) -> Work | None:
        """Return how much of the costs is done; a task of unknown cost counts with the mean. None without costs."""
        costed, total = self.costed, self.total
        if not costed or not total or self.cost_sums[0] <= 0:
            return None
        unknown = max(0, total - costed) / costed
        unknown_ended = max(0, self.ended - self.costed_ended) / costed
        whole = tuple([cost * (1 + unknown) for cost in self.cost_sums])
        done = tuple(
            [ended + cost * unknown_ended for ended, cost in zip(self.cost_ended, self.cost_sums, strict=True)]
        )
        return Work(done, whole, tuple([cost / total for cost in whole]))

    def wait(self, count: int, cost: float | None) -> None:
        """Let `count` more tasks of this cost wait."""
        self.pending += count
        if cost is None:
            return
        cheapest = self.cheapest
        for _ in range(min(count, LAST)):
            if len(cheapest) < LAST:
                insort(cheapest, cost)
            elif cost < cheapest[-1]:
                insort(cheapest, cost)
                cheapest.pop()

    def take(self, cost: float | None) -> None:
        """Let one that waited wait no more."""
        self.pending -= 1
        if cost is not None:
            at = bisect_left(self.cheapest, cost)
            if at < len(self.cheapest) and self.cheapest[at] == cost:
                del self.cheapest[at]

    def end(self, state: TaskState, cost: float | None, count: int = 1) -> None:
        """Count one, or `count` of unknown cost, as ended for good."""
        setattr(self, state, getattr(self, state) + count)
        if cost is not None:
            self.costed_ended += 1
            for i, power in enumerate(powers(cost)):
                self.cost_ended[i] += power


class Tally:
    """The tasks of a scheduler by stage.

    For each task, in this order: `submitted`; for each attempt that a worker had `started` (left out where nobody tells
    of it, as within a batch) and `ended`, with the state ``pending`` if it will be tried again; or, if it never ran,
    `dropped`.
    """

    def __init__(self, stages: Iterable[str]) -> None:
        self.stages: dict[str, StageTally] = {name: StageTally() for name in stages}
        self.running: dict[int, Attempt] = {}
        """By the task's number."""
        self.failures: deque[Attempt] = deque(maxlen=MOST_FAILED)
        self.timeline: Timeline = Timeline()
        self.closed: bool = False
        """Whether no more tasks come but those that tasks bring."""
        self.version: int = 0
        """Changes with everything that is told."""

    def close(self) -> None:
        """No more tasks come but those that tasks bring."""
        self.closed = True
        self.version += 1

    def opened(self, stage: str) -> None:
        """An input of unknown length begins to bring tasks."""
        self.stages[stage].sources += 1
        self.version += 1

    def exhausted(self, stage: str) -> None:
        """It brings no more."""
        self.stages[stage].sources -= 1
        self.version += 1

    def submitted(self, stage: str, cost: float | None = None, count: int = 1) -> None:
        """There are `count` more tasks, each of this cost."""
        tally = self.stages[stage]
        tally.wait(count, cost)
        if cost is not None:
            tally.costed += count
            for i, power in enumerate(powers(cost)):
                tally.cost_sums[i] += power * count
        self.version += 1

    def started(  # noqa: PLR0913, PLR0917 - what is told of a task
        self, key: Key, stage: str, name: str, worker: str, cost: float | None, now: float
    ) -> None:
        """A worker began an attempt."""
        tally = self.stages[stage]
        tally.take(cost)
        tally.running += 1
        if tally.first is None:
            tally.first = now
        self.running[key.number] = Attempt(key, stage, name, worker, cost, now)
        self.version += 1

    def ended(  # noqa: PLR0913, PLR0917 - as above
        self,
        key: Key,
        stage: str,
        name: str,
        worker: str,
        cost: float | None,
        now: float,
        *,
        state: TaskState,
        duration_s: float | None = None,
        error: BaseException | None = None,
    ) -> None:
        """An attempt that ran has ended; `duration_s` is the worker's own measure.

        `state` is ``pending`` where the task is tried again, and ``abandoned`` where it goes on though nobody waits.
        """
        tally = self.stages[stage]
        run = self.running.pop(key.number, None)
        if run is None:
            tally.take(cost)
            started = now - (duration_s or 0.0)
        else:
            tally.running -= 1
            started = run.started if duration_s is None else max(run.started, now - duration_s)
        if tally.first is None:
            tally.first = started
        tally.last = now
        again = state == "pending"
        shown: TaskState = "failed" if again else state
        self.timeline.add(name, stage, worker, key.attempt, started, now, shown)
        if again:
            tally.wait(1, cost)
        else:
            tally.end(state, cost)
            if shown in {"failed", "abandoned"}:
                self.failures.append(Attempt(key, stage, name, worker, cost, started, now, shown, error))
        self.version += 1

    def succeeded(  # noqa: PLR0913 - as above
        self, stage: str, name: str, worker: str, started: float, now: float, *, count: int
    ) -> None:
        """So many tasks of unknown cost have succeeded at once, of which nobody had told that they began."""
        tally = self.stages[stage]
        tally.pending -= count
        tally.succeeded += count
        if tally.first is None:
            tally.first = started
        tally.last = now
        self.timeline.add(name, stage, worker, 1, started, now, "succeeded", tasks=count)
        self.version += 1

    def dropped(self, stage: str, state: TaskState, cost: float | None = None, count: int = 1) -> None:
        """A task that waited, or `count` of unknown cost, will not run: it is ``skipped`` or ``cancelled``."""
        tally = self.stages[stage]
        tally.take(cost)
        tally.pending -= count - 1
        tally.end(state, cost, count)
        self.version += 1
