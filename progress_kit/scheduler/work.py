"""The worker's side: what a task reports to and how it learns that it should stop, in whatever process it runs.

An engine keeps one `Workbench` in each process that runs jobs::

    bench = Workbench(context)                      # in the worker process; for threads here
    outcome, duration_s = bench.execute(job)        # in the thread that shall run it; never raises
    bench.stop(keys)                                # from any thread: they learn of it at their next `advance`
    bench.pause(); bench.resume()                   # as above
    bench.progress()                                # from any thread: the newest word of those that run

An engine whose jobs are coroutines opens the bench itself::

    with bench.working(job):                        # in the coroutine's own context, for `pk.current()` to find it
        value = await job.function(*job.args, **job.kwargs)
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.model import MAX_COUNTERS, Notify
from progress_kit.scheduler.engines.base import Failed, Job, Key, Outcome, Succeeded, TaskContext, TaskProgress
from progress_kit.tracker import context as places
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
        self.job_key = job.key
        self._context = context
        self._message = ""
        self.waits = True
        """Whether its code may be kept waiting: it is no coroutine."""
        self.called = False
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
        self.total_given = self._total is not None

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
            self.unit = self.unit or unit
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


class Workbench:
    """The jobs that run in this process, of one scheduler."""

    def __init__(self, context: TaskContext) -> None:
        self.context = context
        self._working: dict[Key, Work] = {}
        self._refused: set[Key] = set()
        self._paused = False
        self._pausing = threading.Lock()

    def execute(self, job: Job) -> tuple[Outcome, float]:
        """Run a job in this thread; return how it ended, and how long its function took in seconds. Never raises."""
        work = self._begin(job)
        outer = places.push(work)
        began = clock.monotonic()
        try:
            if self._refused:
                self._check(job.key)
            if self._paused:
                work.raise_if_cancelled()  # it waits before it begins
            value = job.function(*job.args, **job.kwargs)
            duration_s = clock.monotonic() - began - (work.stood_s() if work.called else 0.0)
            return Succeeded(value), duration_s
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
            duration_s = clock.monotonic() - began - (work.stood_s() if work.called else 0.0)
            return Failed(without_ours(error)), duration_s
        finally:
            places.pop(work, outer)
            self._end(work)

    @contextmanager
    def working(self, job: Job) -> Iterator[Work]:
        """Return a ``with`` block in which `pk.current()` is the job's `Work`.

        Raises `OperationCancelled` at once if the job was told to stop before it began.
        """
        work = self._begin(job)
        work.waits = False
        outer = places.push(work)
        try:
            self._check(job.key)
            yield work
        finally:
            places.pop(work, outer)
            self._end(work)

    def stop(self, keys: Iterable[Key], reason: str | None = None) -> None:
        """Ask jobs to stop, from any thread: those that run, at their next step; the others will not begin."""
        for key in keys:
            self._refused.add(key)  # first, since it may begin just now
            work = self._working.get(key)
            if work is not None:
                work.cancel(reason)

    def pause(self) -> None:
        """Let jobs wait at their next step, from any thread, and those that begin later before it."""
        with self._pausing:
            if not self._paused:
                self._paused = True
                for work in self._working.copy().values():
                    work.pause()

    def resume(self) -> None:
        """Let them go on."""
        with self._pausing:
            self._paused = False
            for work in self._working.copy().values():
                work.resume()

    def is_inside(self) -> bool:
        """Whether the code that calls this runs in a job of this bench."""
        return any(isinstance(place, Work) and place.belongs_to(self.context) for place in places.places())

    def is_working(self, key: Key) -> bool:
        """Whether a job runs now."""
        return key in self._working

    def forget(self, keys: Iterable[Key]) -> None:
        """Let go of jobs that were told to stop and will never come here."""
        self._refused.difference_update(keys)

    def progress(self) -> dict[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        said = ((key, work.progress()) for key, work in self._working.copy().items())
        return {key: word for key, word in said if word is not None}

    def _begin(self, job: Job) -> Work:
        work = self._working[job.key] = Work(job, self.context)
        if self._paused:
            with self._pausing:
                if self._paused:
                    work.pause()
        return work

    def _end(self, work: Work) -> None:
        work.state = "ended"
        self._working.pop(work.job_key, None)
        if self._refused:
            self._refused.discard(work.job_key)

    def _check(self, key: Key) -> None:
        if key in self._refused:
            raise OperationCancelled(f"a task of {self.context.name} was cancelled before it began")


def without_ours(error: BaseException) -> BaseException:
    """Return an exception whose traceback begins in the user's function, and keeps no frame of ours alive."""
    traceback = error.__traceback__
    return error.with_traceback(traceback.tb_next if traceback is not None else None)
