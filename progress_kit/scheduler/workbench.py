"""The worker's side: runs jobs in whatever process it is in, and knows those that run.

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

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.scheduler.engines.base import Failed, Job, Key, Outcome, Succeeded, TaskContext, TaskProgress
from progress_kit.scheduler.work import Work
from progress_kit.tracker import context as places


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
