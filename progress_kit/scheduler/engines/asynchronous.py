"""The engine of coroutines: jobs are tasks of an event loop, the one that is running or one in a thread of its own.

Coroutine functions are awaited in the loop, others run in threads beside it. A job that is asked to stop is cancelled
where it awaits; one in a thread learns of it at its next `advance`.
"""

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from heapq import heappop, heappush
from math import inf
from typing import Any, Final, Literal, TypeVar, cast

import anyio
from anyio import to_thread

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.scheduler.engines.base import (
    Capabilities,
    Event,
    Failed,
    Finished,
    Hardness,
    Job,
    Key,
    Outcome,
    Started,
    Succeeded,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.workbench import Workbench

MAX_WORKERS: Final = 100
"""So many coroutines run at a time where nothing else is asked for."""
LEAVE_S: Final = 1.0
"""When the engine is closed in a hurry, its jobs have so long to end; then they are left behind."""

T = TypeVar("T")


class AsyncEngine:
    """Runs coroutines in an event loop of asyncio, `max_workers` of them at a time (default: 100).

    `here`: in the loop that runs where it is started, as for ``async with``; whoever closes it there then awaits
    `closed`. Else in a loop of its own, in a thread.
    """

    name: Literal["async"] = "async"

    def __init__(self, max_workers: int | None = None, *, here: bool = False) -> None:
        self.workers = max_workers or MAX_WORKERS
        self.capabilities: Capabilities = Capabilities(loop=here, replaces=True, pauses=True, lends=True)
        self._here = here
        self._slots = 0
        self._spare = 0  # slots beyond `workers`, in the place of those that abandoned jobs have
        self._free: list[int] = []  # a heap: the lowest slot first, so that few are used where few are needed
        self._waiting: deque[tuple[Job, ...]] = deque()
        self._scopes: dict[Key, anyio.CancelScope] = {}
        self._abandoned: set[Key] = set()
        self._group: anyio.abc.TaskGroup | None = None
        self._hurry = False
        self._paused = False
        self._own: threading.Thread | None = None
        self._ready = threading.Event()
        self._over = threading.Event()

    # ---------------------------------------------------------------- its life

    def start(self, context: TaskContext, report: Callable[[Event], None]) -> None:
        """Use the loop that is running, or start one."""
        self._bench = Workbench(context)
        self._report = report
        self._context = copy_context()
        if self._here:
            self._open()
            self._serving = self._loop.create_task(self._serve(), name="progress_kit tasks")
        else:
            self._own = threading.Thread(target=anyio.run, args=(self._serve,), name="progress_kit tasks", daemon=True)
            self._own.start()
            self._ready.wait()

    def close(self, *, wait: bool) -> None:
        """Wait for what runs and was not abandoned; or cancel it and wait for a second.

        In the loop's own thread it returns at once, and `closed` waits in its place.
        """
        self._hurry = not wait
        self._soon(self._leave, None)
        if threading.get_ident() != self._thread:
            self._over.wait(None if wait else LEAVE_S)
            if self._own is not None and not self._scopes:
                self._own.join(LEAVE_S)
            self._report = _ignore

    async def closed(self) -> None:
        """Wait until `close` has done its work."""
        if not self._here:
            return
        with anyio.move_on_after(LEAVE_S if self._hurry else None):
            await self._quiet.wait()
            if not self._scopes:
                await asyncio.wait((self._serving,))
        self._report = _ignore

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._closing = asyncio.Event()
        self._quiet = asyncio.Event()
        self._threads = anyio.CapacityLimiter(inf)

    async def _serve(self) -> None:
        if not self._here:
            self._open()
        self._ready.set()
        try:
            async with anyio.create_task_group() as self._group:
                self._feed()
                await self._closing.wait()
        finally:
            # Also when the loop comes to its end, and cancels whatever is left in it.
            self._group = None
            self._over.set()
            self._refuse(job for jobs in self._waiting for job in jobs)
            self._waiting.clear()

    def _leave(self, _: None) -> None:
        self._closing.set()
        if self._hurry:
            self._stop([job.key for jobs in self._waiting for job in jobs])
            self._stop(list(self._scopes))
        self._rest()

    def _rest(self) -> None:
        """Tell whoever waits in `close` or `closed` that there is nothing left to wait for."""
        if self._closing.is_set() and not self._waiting and self._abandoned.issuperset(self._scopes):
            self._quiet.set()
            self._over.set()

    # ---------------------------------------------------------------- what the scheduler calls, from any thread

    def check(self, function: Callable[..., Any]) -> None:
        """Whatever can be called can be run here."""

    def run(self, jobs: Sequence[Job]) -> None:
        """Run jobs when a slot is free."""
        self._soon(self._accept, tuple(jobs))

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:  # noqa: ARG002 - there is one way
        """Cancel jobs."""
        self._soon(self._stop, keys)

    def abandon(self, keys: Sequence[Key]) -> None:
        """Give the slots of jobs to others."""
        self._soon(self._abandon, keys)

    def lend(self) -> bool:
        """Let another job have a slot while this one waits."""
        if not self._bench.is_inside():
            return False
        self._soon(self._resize, 1)
        return True

    def take_back(self) -> None:
        """There is one slot less again."""
        self._soon(self._resize, -1)

    def pause(self) -> None:
        """Let jobs wait that run in threads; a coroutine runs on, since the loop has others to serve."""
        self._bench.pause()
        self._soon(self._let_begin, False)  # noqa: FBT003 - as `_soon` has it

    def resume(self) -> None:
        """Let them go on."""
        self._bench.resume()
        self._soon(self._let_begin, True)  # noqa: FBT003 - as above

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        return self._bench.progress()

    def _soon(self, callback: Callable[[T], None], argument: T) -> None:
        """Call `callback` in the loop's thread; once the loop is closed, here."""
        if threading.get_ident() != self._thread:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(callback, argument)
                return
        callback(argument)

    # ---------------------------------------------------------------- in the loop's thread

    def _accept(self, jobs: tuple[Job, ...]) -> None:
        if self._over.is_set():
            self._refuse(jobs)
            return
        self._waiting.append(jobs)
        self._feed()

    def _feed(self) -> None:
        while self._waiting and self._group is not None and not self._paused:
            if self._slots - len(self._free) >= self.workers + self._spare:
                return
            if not self._free:
                self._slots += 1
                heappush(self._free, self._slots)
            # Whatever called this, a job sees the context variables of where the scheduler began.
            begin = self._context.copy().run
            _ = begin(self._group.start_soon, self._work, heappop(self._free), self._waiting.popleft())

    def _let_begin(self, begin: bool) -> None:  # noqa: FBT001 - it is what it is about
        self._paused = not begin
        self._feed()

    def _resize(self, more: int) -> None:
        self.workers += more
        self._feed()

    def _stop(self, keys: Sequence[Key]) -> None:
        asked = set(keys)
        for jobs in [jobs for jobs in self._waiting if asked.issuperset(job.key for job in jobs)]:
            self._waiting.remove(jobs)
            asked.difference_update(job.key for job in jobs)
            self._refuse(jobs)
        self._bench.stop(asked)
        for key in asked:
            scope = self._scopes.get(key)
            if scope is not None:
                scope.cancel()

    def _abandon(self, keys: Sequence[Key]) -> None:
        ignoring = self._scopes.keys() & set(keys) - self._abandoned
        self._abandoned |= ignoring
        self._spare += len(ignoring)
        self._feed()
        self._rest()

    def _refuse(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            error = OperationCancelled(f"{job.name or 'a task'} was cancelled before it began")
            self._report(Finished(job.key, "", Failed(error), 0.0))

    async def _work(self, slot: int, jobs: tuple[Job, ...]) -> None:
        left = deque(jobs)
        try:
            while left:
                await self._attempt(left.popleft(), f"async-{slot}")
        finally:
            self._refuse(left)
            heappush(self._free, slot)
            self._feed()
            self._rest()

    async def _attempt(self, job: Job, worker: str) -> None:
        self._report(Started(job.key, worker))
        outcome: Outcome = Failed(OperationCancelled(f"{job.name or 'a task'} was cancelled"))
        scope = self._scopes[job.key] = anyio.CancelScope()
        began = clock.monotonic()
        try:
            with scope:
                outcome = await self._call(job)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise  # the loop comes to its end, not the job
            outcome = Failed(_without_ours(error))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome = Failed(_without_ours(error))
        finally:
            duration_s = clock.monotonic() - began
            del self._scopes[job.key]
            if job.key in self._abandoned:
                self._abandoned.discard(job.key)
                self._spare -= 1
            self._report(Finished(job.key, worker, outcome, duration_s))

    async def _call(self, job: Job) -> Outcome:
        """Return how the job ended, or raise how it failed."""
        if not is_coroutine_function(job.function):
            outcome, _ = await to_thread.run_sync(self._bench.execute, job, limiter=self._threads)
            if isinstance(outcome, Failed) or not inspect.isawaitable(outcome.value):
                return outcome
            awaitable = cast(
                "Awaitable[object]", outcome.value
            )  # as a lambda returns it that calls a coroutine function
        else:
            awaitable = job.function(*job.args, **job.kwargs)
        with self._bench.working(job):
            return Succeeded(await awaitable)


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Return whether a call of `function` has to be awaited; also for partials and objects that can be called."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _is_cancelled() -> bool:
    """Return whether someone outside cancelled the task that runs."""
    task = asyncio.current_task()
    return anyio.current_effective_deadline() == -inf or (task is not None and task.cancelling() > 0)


def _without_ours(error: BaseException) -> BaseException:
    """Return the exception with a traceback that begins in the user's function."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return error.with_traceback(traceback)


def _ignore(event: Event) -> None:
    """Nobody listens any more."""
