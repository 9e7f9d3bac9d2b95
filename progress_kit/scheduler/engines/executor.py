"""`ExecutorEngine`: any `concurrent.futures.Executor`, as it is: of threads, of processes, of whatever it may be.

The executor belongs to whoever made it: it is never shut down here. What it cannot do cannot be done: a job that runs
is asked to stop, and never made to.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait as wait_for
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final

from progress_kit.errors import OperationCancelled, UsageError, WorkerLostError
from progress_kit.scheduler.engines.base import (
    Capabilities,
    Event,
    Failed,
    Finished,
    Hardness,
    Job,
    Key,
    Lost,
    Printed,
    Started,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.engines.remote.foreign import Ended, Parcel, here, run_jobs
from progress_kit.scheduler.engines.remote.functions import Functions, title
from progress_kit.scheduler.engines.remote.station import Station
from progress_kit.scheduler.engines.remote.turns import Turns
from progress_kit.scheduler.engines.stints import Stints
from progress_kit.scheduler.outcome import cannot_go, dump_arguments, unpack
from progress_kit.scheduler.workbench import Workbench

PROBE_S: Final = 10.0
"""So long an executor of unknown kind may take to tell where it runs things; then it is taken for another process."""
LISTEN_S: Final = 1.0
"""So long a result waits for the last lines that its job printed."""

Returned = tuple[str, list[Ended]]


class _Piece:
    """Jobs that were submitted as one piece of work."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys
        self.future: Future[Any] | None = None


class ExecutorEngine:
    """Runs jobs by `executor.submit`."""

    name = "executor"

    def __init__(self, executor: Executor, max_workers: int | None = None) -> None:
        self._executor = executor
        self._workers = max_workers
        self._pickles = _pickles(executor)
        self._pid = os.getpid()
        self._functions = Functions()
        self._bench: Workbench | None = None
        self._stints: Stints | None = None
        self._station: Station | None = None
        self._report: Callable[..., None] = _ignore
        self._reports: Turns[Callable[[], Sequence[Event]]] = Turns(self._tell)
        self._open: dict[Key, _Piece] = {}
        """Jobs that have not ended."""
        self._begun: set[Key] = set()
        self._abandoned: set[Key] = set()
        self._words: dict[Key, TaskProgress] = {}
        self._waiting: set[int] = set()
        """Threads whose jobs wait for others."""

    def __repr__(self) -> str:
        return f"<ExecutorEngine of {self._executor!r}>"

    @property
    def capabilities(self) -> Capabilities:
        """A job is asked to stop, and no more."""
        return Capabilities(stops=("soft",), pickles=self._pickles, batches=True, pauses=True, lends=not self._pickles)

    @property
    def workers(self) -> int:
        """How many jobs run at the same time, as far as the executor tells."""
        known = self._workers or getattr(self._executor, "_max_workers", None)
        return known if isinstance(known, int) and known > 0 else os.cpu_count() or 1

    # ---------------------------------------------------------------- what the scheduler asks for

    def start(self, context: TaskContext, report: Callable[..., None]) -> None:
        """Get ready: to listen, where jobs will run in other processes."""
        self._report = report
        if self._pickles:
            self._station = Station(context, self._on_running, self._on_printed)
        else:
            self._bench = Workbench(context)
            self._stints = Stints(self._bench, self._say)

    def check(self, function: Callable[..., Any]) -> None:
        """Raise `NotPicklableError` if a function has to be pickled and cannot; coroutine functions are refused."""
        if self._pickles:
            self._functions.code(function)
        elif iscoroutinefunction(function):
            raise UsageError(
                f"{title(function)} is a coroutine function, which an executor cannot run; use engine='async'"
            )

    def run(self, jobs: Sequence[Job]) -> None:
        """Give jobs to the executor, all of them as one piece of work."""
        if os.getpid() != self._pid:
            return
        keys = [job.key for job in jobs]
        if not self._pickles:
            self._submit(keys, self._run_here, tuple(jobs))
            return
        assert self._station is not None
        parcels: list[Parcel] = []
        for job in jobs:
            try:
                data = dump_arguments(job.args, dict(job.kwargs))
                parcels.append((*job.key, job.name, self._functions.code(job.function).data, data))
            except Exception as error:  # noqa: BLE001 - pickling runs the user's code
                self._failed(job.key, cannot_go(error, job.name))
        if parcels:
            self._submit([Key(*parcel[:2]) for parcel in parcels], run_jobs, self._station.ticket_bytes, parcels)

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:  # noqa: ARG002 - there is one way
        """Let jobs find out at their next step; those that nobody has begun are not begun any more."""
        stopping = {*keys}
        for piece in {self._open[key] for key in keys if key in self._open}:
            if piece.future is not None and stopping.issuperset(piece.keys) and piece.future.cancel():
                stopping.difference_update(piece.keys)
        if self._bench is not None:
            self._bench.stop(stopping)
        if self._station is not None and stopping:
            self._station.stop(stopping)

    def abandon(self, keys: Sequence[Key]) -> None:
        """Wait no more for these jobs, not even at the end."""
        self._abandoned.update(keys)

    def lend(self) -> bool:
        """Nobody can take the place of a thread of somebody else's pool, but the last one must not wait too."""
        if self._bench is None or self._stints is None or not self._bench.is_inside():
            return False
        known = self._workers or getattr(self._executor, "_max_workers", None)
        if isinstance(known, int) and len(self._waiting) + 1 >= known:
            raise UsageError(
                f"all {known} threads of {self._executor!r} would wait for tasks that have none to run in; "
                "give the task as an argument instead of asking for its result, or use engine='threads'"
            )
        self._waiting.add(threading.get_ident())
        if jobs := self._stints.take_back():  # another thread may have room
            self._submit([job.key for job in jobs], self._run_here, jobs)
        return True

    def take_back(self) -> None:
        """This thread goes on."""
        self._waiting.discard(threading.get_ident())

    def pause(self) -> None:
        """Let jobs wait."""
        for each in (self._bench, self._station):
            if each is not None:
                each.pause()

    def resume(self) -> None:
        """Let them go on."""
        for each in (self._bench, self._station):
            if each is not None:
                each.resume()

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        return self._words.copy() if self._bench is None else self._bench.progress()

    def close(self, *, wait: bool) -> None:
        """Take back what has not begun, or wait for everything; the executor itself stays as it is."""
        if os.getpid() != self._pid:
            return
        mine = self._open.copy()
        if wait:
            pieces = {piece for key, piece in mine.items() if key not in self._abandoned}
            wait_for([piece.future for piece in pieces if piece.future is not None])
        else:
            self.stop(list(mine), "soft")
        if self._station is not None:
            self._station.close()
        self._report = _ignore

    # ---------------------------------------------------------------- running

    def _submit(self, keys: list[Key], function: Callable[..., Any], *args: object) -> None:
        piece = _Piece(keys)
        self._open.update(dict.fromkeys(keys, piece))
        try:
            piece.future = self._new_future(function, *args)
        except Exception as error:  # noqa: BLE001 - broken, shut down, or no room: whatever it is, that is why
            for key in keys:
                self._failed(key, _no_worker(error))
            return
        piece.future.add_done_callback(partial(self._done, keys))

    def _new_future(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        return self._executor.submit(function, *args)

    def _run_here(self, jobs: Sequence[Job]) -> None:
        """Run jobs in this thread of the executor."""
        assert self._stints is not None
        for key in self._stints.run(jobs, threading.current_thread().name):
            self._open.pop(key, None)

    def _say(self, *events: Event) -> None:
        self._report(*events)

    # ---------------------------------------------------------------- what comes back, in threads of the executor

    def _done(self, keys: list[Key], future: Future[Any]) -> None:
        try:
            returned: Returned | None = future.result()
        except CancelledError:
            for key in keys:
                self._failed(key, OperationCancelled("a task was cancelled before it began"))
        except BaseException as error:  # noqa: BLE001 - the pool's own trouble, since neither of ours raises
            if isinstance(error, BrokenExecutor) and self._station is not None:
                self._reports.put(partial(self._lost, keys, str(error) or type(error).__name__))
                return
            for key in keys:
                self._failed(key, error)
        else:
            if returned is not None:
                self._take(*returned)

    def _take(self, worker: str, ended: list[Ended]) -> None:
        if self._station is not None:
            for number, attempt, _, _, messages in ended:
                self._station.heard(Key(number, attempt), messages, LISTEN_S)
        self._reports.put(partial(self._finished, worker, ended))

    def _on_running(self, worker: str, words: dict[Key, TaskProgress | None]) -> None:
        self._reports.put(partial(self._runs, worker, words))

    def _on_printed(self, event: Printed) -> None:
        self._reports.put(lambda: [event])

    def _failed(self, key: Key, error: BaseException) -> None:
        self._reports.put(partial(self._ended, key, Finished(key, "", Failed(error), 0.0)))

    # ---------------------------------------------------------------- in turns

    def _tell(self, news: Callable[[], Sequence[Event]]) -> None:
        events = news()
        if events:
            self._report(*events)

    def _runs(self, worker: str, words: dict[Key, TaskProgress | None]) -> list[Event]:
        events: list[Event] = []
        for key, word in words.items():
            if key not in self._open:
                continue  # this is older than its result
            if word is not None:
                self._words[key] = word
            if key not in self._begun:
                self._begun.add(key)
                events.append(Started(key, worker))
        return events

    def _finished(self, worker: str, ended: list[Ended]) -> list[Event]:
        events: list[Event] = []
        for turn, (number, attempt, envelope, duration_s, _) in enumerate(ended):
            key = Key(number, attempt)
            if not turn and key not in self._begun:
                events.append(Started(key, worker))
            events += self._ended(key, Finished(key, worker, unpack(envelope), duration_s))
        return events

    def _ended(self, key: Key, event: Finished) -> list[Event]:
        self._open.pop(key, None)
        self._begun.discard(key)
        self._words.pop(key, None)
        return [event]

    def _lost(self, keys: list[Key], reason: str) -> list[Event]:
        """Tell of jobs in a pool that broke; of a batch the results of those before the last begun are lost too."""
        assert self._station is not None
        begun = self._station.begun()
        last = max((turn for turn, key in enumerate(keys) if key in begun or key in self._begun), default=-1)
        for key in keys:
            self._open.pop(key, None)
            self._begun.discard(key)
            self._words.pop(key, None)
        return [Lost(self.name, tuple(keys[: last + 1]), tuple(keys[last + 1 :]), reason)]


def _pickles(executor: Executor) -> bool:
    """Return whether functions and results cross a border; tried out where the executor's kind does not tell."""
    if isinstance(executor, ThreadPoolExecutor):
        return type(executor).__name__ == "InterpreterPoolExecutor"  # it is one of threads, each with its interpreter
    if isinstance(executor, ProcessPoolExecutor):
        return True
    try:
        return executor.submit(here).result(PROBE_S) != here()
    except FutureTimeoutError:
        return True  # it is busy; what pickles runs anywhere
    except Exception as error:
        raise UsageError(f"engine is {executor!r}, which does not run anything: {error!r}") from error


def _no_worker(error: Exception) -> Exception:
    told = WorkerLostError(f"the executor takes no more tasks: {error}")
    told.__cause__ = error
    return told


def _ignore(*events: Event) -> None:
    """Nobody listens any more."""
