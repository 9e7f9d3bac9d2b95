"""The engine of threads: jobs run in this process, and share everything with it."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from queue import SimpleQueue
from typing import Any, Final

from progress_kit import clock
from progress_kit.errors import UsageError
from progress_kit.scheduler.engines.base import (
    Capabilities,
    Event,
    Hardness,
    Job,
    Key,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.engines.stints import Stints
from progress_kit.scheduler.workbench import Workbench

_LEAVE_S: Final = 0.5
"""So long `close` waits, all in all, for threads that should end by themselves."""


class ThreadEngine:
    """`max_workers` threads, begun as they are needed. No thread can be killed, but another one can take its place."""

    name = "threads"
    capabilities: Capabilities = Capabilities(stops=("soft",), batches=True, replaces=True, pauses=True, lends=True)

    def __init__(self, max_workers: int | None = None) -> None:
        # As many as the standard library takes: threads are mostly there to wait for something.
        self._workers = max_workers or min(32, (os.cpu_count() or 1) + 4)
        self._queue: SimpleQueue[Sequence[Job] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._free = self._workers
        """How many more threads may be begun."""
        self._lent = 0
        """How many jobs wait for others, so that so many more may run."""
        self._counting = threading.Lock()
        self._abandoned: set[Key] = set()
        self._bench: Workbench | None = None
        self._stints: Stints | None = None
        self._report: Callable[..., None] = _ignore

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return self._workers + self._lent

    def start(self, context: TaskContext, report: Callable[..., None]) -> None:
        """Get ready; threads begin with the jobs."""
        self._bench = Workbench(context)
        self._report = report
        self._stints = Stints(self._bench, self._tell)

    def check(self, function: Callable[..., Any]) -> None:
        """Refuse coroutine functions, which nobody would await here."""
        if iscoroutinefunction(function):
            raise UsageError(f"{function!r} is a coroutine function, which threads cannot run; use engine='async'")

    def run(self, jobs: Sequence[Job]) -> None:
        """Give jobs to the next thread that is free."""
        self._queue.put(jobs)
        if self._free:
            with self._counting:
                if not self._free:
                    return
                self._free -= 1
                name = f"thread {len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, args=(name,), name=f"progress_kit {name}", daemon=True)
                self._threads.append(thread)
            thread.start()

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:  # noqa: ARG002 - there is one way
        """Let jobs find out at their next step."""
        if self._bench is not None:
            self._bench.stop(keys)

    def abandon(self, keys: Sequence[Key]) -> None:
        """Let another thread take the place of those that run these jobs."""
        for key in keys:
            if self._bench is not None and self._bench.is_working(key):
                self._abandoned.add(key)
                with self._counting:
                    self._free += 1
                if not self._queue.empty():
                    self.run(())  # what waits shall not wait for the next job

    def lend(self) -> bool:
        """Let another thread take the place of this one, and what waits behind its job."""
        if self._bench is None or self._stints is None or not self._bench.is_inside():
            return False
        with self._counting:
            self._lent += 1
            self._free += 1
        jobs = self._stints.take_back()
        if jobs or not self._queue.empty():
            self.run(jobs)
        return True

    def take_back(self) -> None:
        """One thread is too many now."""
        with self._counting:
            self._lent -= 1
            if self._free:
                self._free -= 1
                return
        self._queue.put(None)

    def pause(self) -> None:
        """Let jobs wait."""
        if self._bench is not None:
            self._bench.pause()

    def resume(self) -> None:
        """Let them go on."""
        if self._bench is not None:
            self._bench.resume()

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run."""
        return {} if self._bench is None else self._bench.progress()

    def close(self, *, wait: bool) -> None:
        """Let the threads end, and wait for those that nobody has abandoned."""
        for _ in self._threads:
            self._queue.put(None)
        until = clock.monotonic() + _LEAVE_S
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(None if wait and not self._abandoned else max(0.0, until - clock.monotonic()))
        if not wait:
            self._report = _ignore

    def _work(self, worker: str) -> None:
        """What a thread does until the end."""
        stints = self._stints
        assert stints is not None
        while (jobs := self._queue.get()) is not None:
            done = stints.run(jobs, worker) if jobs else []
            del jobs
            if self._abandoned:
                given_up = self._abandoned.intersection(done)
                self._abandoned -= given_up
                if given_up:
                    return  # another thread has taken the place

    def _tell(self, *events: Event) -> None:
        self._report(*events)


def _ignore(*events: Event) -> None:
    """Nobody listens any more."""
