"""`Work`: what a task reports to and how it learns that it should stop, in whatever process it runs."""

import sys
from typing import Final, Literal

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.model import MAX_COUNTERS, Notify
from progress_kit.scheduler.engines.base import Job, Key, TaskContext, TaskProgress
from progress_kit.tracker import values
from progress_kit.tracker.hold import Hold, may_wait
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.stages import Count, Stage
from progress_kit.tracker.steering import Steered
from progress_kit.tracker.values import Amount, Metrics, Real

_STOPPED: Final = "asked to stop"


class Work(Count):
    """A task as it sees itself: what `pk.current()` returns inside of it.

    It counts by `advance`, `done` and `total`, or by the first `track()` loop in it, which then counts for it. Trackers
    and schedulers in a task are operations whose parent is the scheduler's; they are cancelled with the task.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "_hold",
        "_inside",
        "_message",
        "_metrics",
        "_nested",
        "_stood_s",
        "_stop",
        "called",
        "job_key",
        "state",
        "waits",
    )

    def __init__(self, job: Job, context: TaskContext) -> None:
        super().__init__(job.name)
        self.state: Literal["running", "ended"] = "running"
        self.job_key: Key = job.key
        self._context = context
        self._message = ""
        self.waits: bool = True
        """Whether its code may be kept waiting: it is no coroutine."""
        self.called: bool = False
        """Whether it was ever asked to stop or to wait."""
        self._stop: str | None = None
        self._hold: Hold | None = None
        self._stood_s = 0.0
        self._metrics: Metrics | None = None
        self._inside: _Inside | None = None
        self._nested: dict[str, Count] | None = None

    def __repr__(self) -> str:
        return f"<task {self.name!r} of {self._context.name!r}, attempt {self.attempt}>"

    @property
    def id(self) -> str:
        """The id of the scheduler's operation."""
        return self._context.operation

    def belongs_to(self, context: TaskContext) -> bool:
        """Whether it is a task of the scheduler that gave this very context."""
        return self._context is context

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.job_key.attempt

    # ---------------------------------------------------------------- what the task calls

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Count `n` more as done (a negative number takes back); `total` sets the total along with it.

        This is also where a cancelled task raises `OperationCancelled`, and where one of a paused scheduler waits.
        """
        if self.called:
            self.raise_if_cancelled()
        if n != 1:
            n = values.number(n, "the step of a task")
            values.amount(self._done + n, "what is done of a task")
        self._done += n
        if total is not None and total != self._total:
            self.total = total

    @property
    def done(self) -> Amount:
        """How much is done; may be set, backwards too."""
        return self.read()

    @done.setter
    def done(self, value: Real) -> None:
        self.raise_if_cancelled()
        self._done = values.amount(value, "what is done of a task") - (self.read() - self._done)

    @property
    def total(self) -> Amount | None:
        """How much there is to do; None means unknown."""
        return self._total

    @total.setter
    def total(self, value: Real | None) -> None:
        self._total = values.total(value, self.read(), "the total of a task")
        self.total_given: bool = self._total is not None

    @property
    def message(self) -> str:
        """What is going on, shown beside the task."""
        return self._message

    @message.setter
    def message(self, value: object) -> None:
        self._message = value if type(value) is str else str(value)

    @property
    def metrics(self) -> Metrics:
        """Named numbers of this task; they stay in its process."""
        if self._metrics is None:
            self._metrics = Metrics()
        return self._metrics

    def cancel(self, reason: str | None = None) -> None:
        """Ask this task, and the loops and operations inside of it, to stop."""
        self._stop = reason or _STOPPED
        self.called = True
        inside = self._inside
        if inside is not None:
            inside.cancel(self._stop)

    def pause(self) -> None:
        """Ask this task, and the loops and operations inside of it, to wait at their next step."""
        if self._hold is not None:
            self._stood_s = self.stood_s()
        self._hold = hold = Hold()
        self.called = True
        inside = self._inside
        if inside is not None:
            inside.hold_at(hold)

    def resume(self) -> None:
        """Let it go on."""
        if self._hold is not None:
            self._hold.lift()

    @property
    def paused(self) -> bool:
        """Whether it waits to go on."""
        hold = self._hold
        return hold is not None and hold.since is not None and not hold.lifted and self._stop is None

    def stood_s(self) -> float:
        """Return how long it has waited so."""
        return self._stood_s + (0.0 if self._hold is None else self._hold.stood_s(0.0, clock.monotonic()))

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop is not None

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked this task, or all of them, to stop; wait here in a pause."""
        hold = self._hold
        if hold is not None and self.waits and may_wait(sys._getframe(1)):
            while not (hold.lifted or self.cancelled):
                hold.come()
                hold.wait()
        if self._stop is not None:
            raise OperationCancelled(f"{self.name or 'a task'} of {self._context.name} was cancelled: {self._stop}")

    # ---------------------------------------------------------------- a place where loops and trackers may be nested

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self.state == "running"

    @property
    def operation(self) -> Operation:
        """What stands for the scheduler's operation here."""
        inside = self._inside
        if inside is None:
            inside = self._inside = _Inside(self, self._context)
            if self._stop is not None:
                inside.cancel(self._stop)
            elif self._hold is not None and not self._hold.lifted:
                inside.hold_at(self._hold)
        return inside

    @property
    def counting(self) -> Stage | None:
        """Where a loop inside of the task counts: in the task itself."""
        return self.operation.current

    def nest(self, name: str, unit: str) -> Count:
        """Return where a loop counts: the first one in the task itself, those inside of it unseen."""
        if not self._loops and self._done == 0 and not self.total_given:
            self.unit: str = self.unit or unit
            return self
        if self._nested is None:
            self._nested = {}
        elif len(self._nested) >= MAX_COUNTERS:
            self._nested = {key: count for key, count in self._nested.items() if count.looping}
        count = self._nested[name] = Count(name, unit)
        return count

    def counts(self) -> list[Count]:
        """Return all that loops count in here."""
        return [self, *(self._nested or {}).copy().values()]

    # ---------------------------------------------------------------- reading it

    def progress(self) -> TaskProgress | None:
        """Return how far it says that it is; None while it has said nothing."""
        done = self.read()
        if not (done or self.called) and self._total is None and not self._message:
            return None
        return TaskProgress(done, self._total, self.unit, self._message, self.paused)


class _Inside(Operation):
    """Stands in a task for the scheduler's operation, which may be in another process. It is never made known.

    What is nested in the task finds its parent's id in it, and is cancelled with it.
    """

    __slots__ = ("_work",)

    def __init__(self, work: Work, context: TaskContext) -> None:
        self._work = work
        name = work.name or "task"
        code = sys._getframe().f_code  # it names a kind, which nobody asks for
        super().__init__(context.name, {name: 1.0}, code=code, kind=None, notify=Notify(), weights_given=True)
        self._id = context.operation
        self.began = clock.monotonic()
        self.waits = work.waits
        self.state = "running"
        self.current = self.stages[name]
        self.current.open(self.began)

    def make_stage(self, name: str, weight: float) -> Stage:
        """Return a stage whose loops count in the task."""
        return _InsideStage(self, name, weight, self._work)

    def adopt(self, part: Steered) -> None:
        """Let the scheduler's own display stand for what is nested in its tasks: a thousand bars show nothing."""
        super().adopt(part)
        if isinstance(part, Operation):
            part.silent = True


class _InsideStage(Stage):
    """What a loop in a task is in."""

    __slots__ = ("_work",)

    def __init__(self, operation: Operation, name: str, weight: float, work: Work) -> None:
        super().__init__(operation, name, weight)
        self._work = work

    def nest(self, name: str, unit: str) -> Count:
        """Return where a loop counts."""
        return self._work.nest(name, unit)

    def stop(self, *, to_wait: bool) -> None:
        """Let the next step of whatever counts here find out that it shall stop."""
        super().stop(to_wait=to_wait)
        for count in self._work.counts():
            count.stop_loops(to_wait=to_wait)
