"""`Driver`: carries what happens to the plan, and what the plan wants to the engine and to the tasks' futures.

There is no thread for it. Whoever has something to tell puts it into the inbox and tries for the lock: one works off
everything, also what others put in meanwhile, and nobody ever waits for the lock. So it may be called from any thread,
an event loop's included, from a signal handler and from the garbage collector.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

from progress_kit import clock, model
from progress_kit.errors import OperationEndedError, UsageError
from progress_kit.scheduler.alarm import Alarm
from progress_kit.scheduler.engines.base import (
    Engine,
    Event,
    Failed,
    Finished,
    Hardness,
    Hearing,
    Key,
    Lending,
    Lost,
    Pausing,
    Printed,
    Resized,
    Started,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.plan_node import Instructions, Node
from progress_kit.scheduler.task import Call, Task

_log: Final = logging.getLogger("progress_kit")
_AT_ONCE: Final = 512
_TOGETHER: Final = 64
_LOOK_S: Final = 0.1
_SOON_S: Final = 0.005
"""New tasks wait so long at most for others to come, and so many."""

T = TypeVar("T")

New = tuple[Sequence[Call], Sequence[Task[Any]], bool]
"""Tasks, others that each of them needs, and whether the tally expects them."""
Stimulus = Event | list[Finished] | New | Callable[[float], None]


class Driver:
    """The plan of one scheduler in the world: one engine, any number of threads.

    `show` shows what workers wrote.
    """

    def __init__(self, plan: Plan, *, show: Callable[[Printed], None]) -> None:
        self.plan = plan
        self.engine: Engine | None = None
        self.numbers: count[int] = count()
        self._show = show
        self._inbox: deque[tuple[Stimulus, float]] = deque()
        self._outbox: deque[Call] = deque()
        # One that knows its owner, who may come here again in a signal handler or from the garbage collector.
        self._lock = threading.RLock()
        self._alarm = Alarm(self.look)
        self._running = False
        self._loop_thread: int | None = None
        self._saturated = False
        """Whether tasks wait for workers, who will tell when they have ended something."""
        self._busy = False
        """Whether workers have something to do, of which they will tell."""
        self._when_idle: deque[Callable[[], None]] = deque()
        self.over: bool = False
        self._paused = False
        self.now: Callable[[], float] = clock.monotonic
        """The plan's clock; once there was a pause, one that stands still in it."""

    # ---------------------------------------------------------------- its life

    def start(self, engine: Engine, context: TaskContext) -> None:
        """Give what is there, and what will come, to an engine; raises what it raises."""
        engine.start(context, self.report)
        self.engine = engine
        if self._paused and engine.capabilities.pauses:
            cast("Pausing", engine).pause()
        if engine.capabilities.loop:
            self._loop_thread = threading.get_ident()
        self.plan.workers = engine.workers
        self.plan.capabilities = engine.capabilities
        self._running = True
        self.look()

    def close(self) -> None:
        """Nothing more comes from outside."""
        self._tell(lambda _: self.plan.close())

    @property
    def idle(self) -> bool:
        """Whether nothing more comes from outside, and everything has ended."""
        return self.plan.closing and self.plan.idle and not self._inbox

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, from whatever thread, when everything has ended after `close`; at once if it has."""
        self._when_idle.append(callback)
        if self.idle:
            self._now_idle()

    def _now_idle(self) -> None:
        while self._when_idle:
            try:
                callback = self._when_idle.popleft()
            except IndexError:
                return
            callback()

    def end(self, *, wait: bool) -> None:
        """Everything is over: close the engine, and take nothing any more."""
        self.over = True
        self._alarm.close()
        if self.engine is not None and self._running:
            self._running = False
            self.engine.close(wait=wait)

    # ---------------------------------------------------------------- what is told, from any thread

    def report(self, *events: Event) -> None:
        """What the engine has to say."""
        now = self.now()
        ended: list[Finished] = []
        for event in events:
            if type(event) is Finished:
                ended.append(event)
                continue
            if ended:
                self._inbox.append((ended, now))
                ended = []
            if type(event) is Printed:
                self._show(event)
            else:
                self._inbox.append((event, now))
        if ended:
            self._inbox.append((ended, now))
        # That a short task has begun is early enough known when it has ended, or when somebody looks.
        if not (self.plan.hasty and len(events) == 1 and type(events[0]) is Started):
            self._work_off()

    def add(self, tasks: Sequence[Call], dependencies: Sequence[Task[Any]] = (), *, expected: bool = False) -> None:
        """There are more tasks, each of which needs those others."""
        self.check_open()
        now = self.now()
        self._inbox.append(((tasks, dependencies, expected), now))
        # Where others wait already it is early enough to look at these when a worker is free. Where workers are busy
        # with short tasks they will tell in a moment, so that several are looked at, and travel, together. Whoever
        # says that it is not so any more looks into the inbox afterwards.
        if self._saturated:
            return
        if self._busy and self.plan.hasty and len(self._inbox) < _TOGETHER:
            self._alarm.set(clock.monotonic() + _SOON_S)
        else:
            self._work_off()

    def cancel(self, tasks: Sequence[Node], reason: str | None = None) -> None:
        """Some tasks shall stop, or not begin."""
        self._tell(lambda now: self.plan.cancel(tasks, now, reason))

    def stop(self, reason: str) -> None:
        """All tasks shall stop, but those that run whatever happens."""
        self._tell(lambda now: self.plan.stop(now, reason))

    def pause(self, now: Callable[[], float]) -> None:
        """What waits shall not begin, and what runs wait where it can; `now` is the plan's clock from now on."""
        self.now = now
        self._tell(lambda _: self._pause(paused=True))

    def resume(self) -> None:
        """Let everything go on."""
        self._tell(lambda _: self._pause(paused=False))

    def _pause(self, *, paused: bool) -> None:
        if paused == self._paused or (paused and self.plan.stopping is not None):
            return
        self._paused = paused
        if self.engine is not None and self._running and self.engine.capabilities.pauses:
            engine = cast("Pausing", self.engine)
            engine.pause() if paused else engine.resume()

    def abort(self, reason: str) -> None:
        """Nobody waits any more."""
        self._tell(lambda now: self.plan.abort(now, reason))

    def tell(self, change: Callable[[float], None]) -> None:
        """Let `change` look at the plan or tell it something, where nobody else does at the same time."""
        self._tell(change)

    def ask(self, question: Callable[[float], T]) -> T:
        """Return what `question` finds in the plan, or raise what it raises."""
        answers: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

        def answer(now: float) -> None:
            try:
                answers.put((question(now), None))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked
                answers.put((None, error))

        self._tell(answer)
        found, error = answers.get()
        if error is not None:
            raise error
        return cast("T", found)

    def look(self) -> None:
        """See whether it is time for something."""
        self._tell(self.plan.tick)

    def check_open(self) -> None:
        """Raise `OperationEndedError` after the end."""
        if self.over:
            raise OperationEndedError("the scheduler has ended; make a new one, an end is final")

    def check_wait(self, task: Task[Any], timeout: float | None) -> None:
        """Raise `UsageError` where waiting for a task would never end."""
        if not self._running and not self.over and timeout is None:
            raise UsageError(f"{task!r} has not begun, nor has its scheduler; enter that with `with`, and wait inside")
        if timeout != 0:
            self.check_block()

    def lend(self) -> bool:
        """Let another task run in the place of the one that calls, and waits for others; return whether it is one."""
        engine = self.engine
        if engine is None or not (self._running and engine.capabilities.lends and cast("Lending", engine).lend()):
            return False
        self.look()
        return True

    def take_back(self) -> None:
        """It goes on."""
        if self.engine is not None:
            cast("Lending", self.engine).take_back()
            self.look()

    def check_block(self) -> None:
        """Raise `UsageError` where this thread must not wait, since it runs the tasks' event loop."""
        if threading.get_ident() == self._loop_thread:
            raise UsageError(
                "waiting here would block the event loop of the tasks; use `async with`, `async for` and `await`"
            )

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the running tasks."""
        self._work_off()
        return self.engine.progress() if self.engine is not None and self._running else {}

    def hear(self, tasks: Sequence[model.Task]) -> None:
        """Take in what workers told the hub of their tasks."""
        engine = self.engine
        if engine is not None and self._running and engine.capabilities.calls_home:
            from progress_kit.scheduler.engines.remote.uplink import as_words

            cast("Hearing", engine).hear(as_words(tasks))

    def workers(self) -> int:
        """Return how many tasks can run at once."""
        return self.plan.workers

    # ---------------------------------------------------------------- working it off

    def _tell(self, change: Callable[[float], None]) -> None:
        self._inbox.append((change, self.now()))
        self._work_off()

    def _work_off(self) -> None:
        """Work off the inbox, unless somebody does already: then that one sees what is new when it is done."""
        lock, outbox = self._lock, self._outbox
        while self._inbox:
            if _is_owned(lock) or not lock.acquire(blocking=False):
                return
            try:
                outbox.extend(self._step())
                idle = self.plan.closing and self.plan.idle
            finally:
                lock.release()
            while outbox:
                try:
                    task = outbox.popleft()
                except IndexError:
                    break  # another thread was quicker
                task.settle()
            if idle:
                self._now_idle()

    def recover(self) -> None:
        """Call this in a thread that was interrupted, perhaps amid its own work here: the next one can go on then."""
        while _is_owned(self._lock):
            self._lock.release()

    def _step(self) -> list[Call]:
        """Take in what is new and do what it asks for; return the tasks that have ended."""
        inbox, plan = self._inbox, self.plan
        for _ in range(_AT_ONCE):
            try:
                stimulus, now = inbox.popleft()
            except IndexError:
                break
            self._take_in(stimulus, now)
        if self._running and self.engine is not None:
            plan.workers = self.engine.workers
            if self._paused and plan.stopping is not None:
                self._pause(paused=False)
            todo = plan.decide(hold=self._paused)
            if todo.run:
                self._run(self.engine, todo.run)
            if todo.stop or todo.abandon:
                self._stop(self.engine, todo)
            self._saturated, self._busy = len(plan.ready) > 0, plan.busy
        else:
            todo = plan.decide(hold=True)
            self._saturated = self._busy = False
        deadline = plan.next_deadline
        if deadline is not None:
            self._alarm.set(self._wall(deadline))
        return cast("list[Call]", todo.settled)

    def _wall(self, deadline: float) -> float:
        """Return when a time of the plan's clock comes; in a pause nobody knows, so it is looked now and then."""
        if self.now is clock.monotonic:
            return deadline
        wall = clock.monotonic()
        wait_s = deadline - self.now()
        return wall + (max(wait_s, _LOOK_S) if self._paused else wait_s)

    def _take_in(self, stimulus: Stimulus, now: float) -> None:
        try:
            self._tell_plan(stimulus, now)
        except Exception:  # noqa: BLE001 - it is logged as what it is: a fault of ours
            _log.exception("progress_kit: the plan of a scheduler failed; please report this")
        except BaseException:
            if isinstance(stimulus, list):  # interrupted: what was taken in of them does no harm twice
                self._inbox.appendleft((stimulus, now))
            raise

    def _tell_plan(self, stimulus: Stimulus, now: float) -> None:
        if isinstance(stimulus, list):
            self.plan.finished_together(stimulus, now)
        elif isinstance(stimulus, tuple):
            tasks, dependencies, expected = stimulus
            add = self.plan.add
            for task in tasks:
                add(task, now, dependencies, expected=expected)
        elif isinstance(stimulus, Finished):
            self.plan.finished(stimulus, now)
        elif isinstance(stimulus, Started):
            self.plan.started(stimulus, now)
        elif isinstance(stimulus, Lost):
            self.plan.lost(stimulus, now)
        elif not isinstance(stimulus, Resized | Printed):
            stimulus(now)

    def _run(self, engine: Engine, parcels: Sequence[Sequence[Node]]) -> None:
        for nodes in parcels:
            jobs = []
            for node in nodes:
                try:
                    jobs.append(node.job())  # type: ignore[attr-defined] # only tasks are added
                except Exception as error:  # noqa: BLE001 - it is the task's
                    self._refuse(node.key, error)
            try:
                if jobs:
                    engine.run(jobs)
            except Exception as error:  # noqa: BLE001 - an engine that breaks fails its jobs
                for job in jobs:
                    self._refuse(job.key, error)

    def _stop(self, engine: Engine, todo: Instructions) -> None:
        by_hardness: dict[Hardness, list[Key]] = {}
        for key, hardness in todo.stop:
            by_hardness.setdefault(hardness, []).append(key)
        try:
            for hardness, keys in by_hardness.items():
                engine.stop(keys, hardness)
            if todo.abandon:
                engine.abandon(todo.abandon)
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            _log.exception("progress_kit: the engine %s could not stop tasks", engine.name)

    def _refuse(self, key: Key, error: Exception) -> None:
        self._inbox.append((Finished(key, "", Failed(error), 0.0), self.now()))


def _is_owned(lock: Any) -> bool:  # noqa: ANN401 - a lock of `threading.RLock`, whose type has no name
    """Whether this thread holds a lock; asked as `threading.Condition` does."""
    owned: bool = lock._is_owned()  # noqa: SLF001 - as above
    return owned
