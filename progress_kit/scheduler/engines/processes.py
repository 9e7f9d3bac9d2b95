"""`ProcessEngine`: worker processes of our own, each on its own socket, so that one can be stopped or lost alone.

A worker is a fresh interpreter, not a fork: safe whatever threads the notebook has, and a script needs no
``if __name__ == "__main__"``, because functions of `__main__` travel by value. It costs about 0.1 s of processor time
once for each worker; they begin when they are needed, and stay until the scheduler ends.

Arguments are pickled in the thread that gives a job. All else is done in one thread, the herd's, so that no interrupt
of the user's can come in the middle of it: who asks for something leaves it there and goes on.
"""

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from multiprocessing.process import current_process
from typing import Any, Final

from progress_kit import clock
from progress_kit.errors import OperationCancelled, WorkerLostError
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
from progress_kit.scheduler.engines.remote.frames import Message
from progress_kit.scheduler.engines.remote.functions import KEPT, Functions
from progress_kit.scheduler.engines.remote.hands import Errand, Hand, Parcel
from progress_kit.scheduler.engines.remote.herd import Herd, Process
from progress_kit.scheduler.engines.remote.output import Stream
from progress_kit.scheduler.outcome import cannot_go, unpack

AHEAD_S: Final = 0.03
"""A worker is given its next job while it has less than this to do, so that short jobs follow each other at once."""
STUCK_S: Final = 0.02
"""What waits behind a job that takes longer than this is given to another worker that has nothing to do."""
KILL_S: Final = 0.3
"""A worker that was told to die and did not, since C code keeps it from hearing, is killed after this."""
LEAVE_S: Final = 5.0
"""So long a worker may take to leave; what its jobs tracked is sent to the hub then."""
HURRY_S: Final = 1.0
"""The same where nobody wants to wait."""
_TRIES: Final = 3
_TOGETHER: Final = 32
"""So many things are reported at once."""
_log: Final = logging.getLogger("progress_kit")


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ProcessEngine:
    """Runs jobs in `max_workers` processes, by default one for each processor that this one may use."""

    name = "processes"
    capabilities = Capabilities(
        stops=("soft", "signal", "kill"), pickles=True, batches=True, replaces=True, pauses=True
    )

    def __init__(self, max_workers: int | None = None) -> None:
        self._max_workers = max_workers or processors()
        self._pid = os.getpid()
        self._functions = Functions()
        self._context = TaskContext("", "")
        self._report: Callable[..., None] | None = None
        self._asked: deque[Callable[[], None]] = deque()
        """What is to be done in the thread."""
        self._words: dict[Key, TaskProgress] = {}
        self._herd: Herd | None = None
        self._beginning = threading.Lock()
        # Everything below belongs to the thread.
        self._news: deque[Event | Callable[[], Event]] = deque()
        """What is to be reported."""
        self._workers: dict[Process, Hand] = {}
        self._backlog: deque[list[Errand]] = deque()
        self._stopped: set[Key] = set()
        self._starting = 0
        """Processes that were asked for and are not ready."""
        self._fruitless = 0
        """How many in a row were over before they were ready."""
        self._mean_s = inf
        """How long a job took of late."""
        self._look_at = inf
        self._paused = False
        self._closing: float | None = None
        """How long workers may take to leave."""

    def __repr__(self) -> str:
        return f"<ProcessEngine: {len(self._workers)} of {self._max_workers} workers>"

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return self._max_workers

    # ---------------------------------------------------------------- what the scheduler asks for, in any thread

    def start(self, context: TaskContext, report: Callable[..., None]) -> None:
        """Get ready; no process is started before the first job."""
        self._context = context
        self._report = report

    def check(self, function: Callable[..., Any]) -> None:
        """Raise `NotPicklableError` if a function cannot be sent to a worker, naming it and what does not pickle."""
        self._functions.code(function)

    def run(self, jobs: Sequence[Job]) -> None:
        """Run jobs one after the other in one worker."""
        if not self._here:
            return
        batch: list[Errand] = []
        for job in jobs:
            try:
                batch.append(Errand(job, self._functions.code(job.function)))
            except Exception as error:  # noqa: BLE001 - pickling runs the user's code
                refused = Finished(job.key, "", Failed(cannot_go(error, job.name)), 0.0)
                self._do(partial(self._news.append, refused))
        if batch:
            batch[0].first = True
            self._do(lambda: self._backlog.append(batch))

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:
        """Ask jobs to stop."""
        if self._here:
            self._do(partial(self._stop, set(keys), hardness))

    def abandon(self, keys: Sequence[Key]) -> None:
        """Let other workers take the place of those that run these jobs; they are killed at the end."""
        if self._here:
            self._do(partial(self._abandon, set(keys)))

    def pause(self) -> None:
        """Let jobs wait."""
        if self._here:
            self._do(partial(self._pause, True))  # noqa: FBT003 - as `_pause` has it

    def resume(self) -> None:
        """Let them go on."""
        if self._here:
            self._do(partial(self._pause, False))  # noqa: FBT003 - as above

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        return self._words.copy()

    def close(self, *, wait: bool) -> None:
        """Let the workers leave; without `wait` those that run jobs are killed."""
        if not self._here:
            return
        if self._herd is not None:
            self._do(partial(self._close, wait=wait))
            self._herd.join()
        self._report = None

    @property
    def _here(self) -> bool:
        """Whether this is the process that the engine was made in, not a fork of it."""
        return os.getpid() == self._pid

    # ---------------------------------------------------------------- in the thread: giving out

    def _give_out(self) -> None:
        """Give what waits to workers that have nothing to do, or soon will."""
        self._start_more()
        while self._backlog:
            worker = self._choose()
            if worker is None:
                break
            self._give(worker, self._backlog.popleft())
        self._mind()

    def _start_more(self) -> None:
        """Start as many workers as can be of use."""
        free = sum(worker.usable and not worker.errands for worker in self._workers.values())
        while self._incomplete and free + self._starting < len(self._backlog):
            self._starting += 1
            assert self._herd is not None
            self._herd.start()

    @property
    def _incomplete(self) -> bool:
        """Whether there are fewer workers than there may be."""
        here = sum(not worker.abandoned and not worker.leaving for worker in self._workers.values() if worker.ready)
        return here + self._starting < self._max_workers

    @property
    def _idle(self) -> bool:
        """Whether somebody has nothing to do, or could be started who then would have."""
        if self._backlog or self._closing is not None:
            return False
        return self._incomplete or any(worker.usable and not worker.errands for worker in self._workers.values())

    def _choose(self) -> Hand | None:
        usable = [worker for worker in self._workers.values() if worker.usable]
        for worker in usable:
            if not worker.errands:
                return worker
        if usable:
            worker = min(usable, key=lambda worker: len(worker.errands))
            if len(worker.errands) * self._mean_s < AHEAD_S:
                return worker
        return None

    def _give(self, worker: Hand, batch: list[Errand]) -> None:
        link = worker.process.link
        for errand in batch:
            number = errand.code.number
            if number not in worker.known:
                link.send("function", number, errand.code.data)
                worker.known[number] = None
                if len(worker.known) > KEPT:
                    oldest = next(iter(worker.known))
                    del worker.known[oldest]
                    link.send("forget", oldest)
        link.send("run", [errand.parcel for errand in batch])
        for errand in batch:
            errand.parcel = None
        idle = not worker.errands
        worker.errands.extend(batch)
        if idle:
            self._begins(worker)

    def _begins(self, worker: Hand) -> None:
        """The first errand of a worker is the one it works on now."""
        worker.since = clock.monotonic()
        errand = worker.errands[0]
        if errand.first:
            errand.first = False
            self._news.append(Started(errand.key, worker.name))

    def _mind(self) -> None:
        """See to it that what waits behind a long job is looked after while others have nothing to do."""
        stuck = [worker for worker in self._workers.values() if len(worker.errands) > 1 and not worker.recalled]
        if stuck and self._idle:
            for worker in stuck:
                self._look_by(worker.since + STUCK_S)

    def _look_by(self, when: float) -> None:
        self._look_at = min(self._look_at, when)

    # ---------------------------------------------------------------- in the thread: stopping

    def _stop(self, keys: set[Key], hardness: Hardness) -> None:
        for batch in self._backlog:
            for errand in batch:
                if errand.key in keys:
                    self._never_began(errand.key)
            batch[:] = [errand for errand in batch if errand.key not in keys]
        self._backlog = deque(batch for batch in self._backlog if batch)
        for worker in self._workers.values():
            theirs = [errand.key for errand in worker.errands if errand.key in keys]
            if not theirs:
                continue
            self._stopped.update(theirs)
            if hardness == "kill" and theirs[0] == worker.errands[0].key:
                worker.process.link.send("kill", theirs[0])
                worker.doomed = theirs[0]
                self._by(worker, KILL_S)
            else:
                worker.process.link.send("interrupt" if hardness == "signal" else "stop", theirs)

    def _pause(self, paused: bool) -> None:  # noqa: FBT001 - it is what it is about
        if paused != self._paused:
            self._paused = paused
            for worker in self._workers.values():
                worker.process.link.send("pause" if paused else "resume")

    def _never_began(self, key: Key) -> None:
        self._stopped.discard(key)
        error = OperationCancelled(f"a task of {self._context.name} was cancelled before it began")
        self._news.append(Finished(key, "", Failed(error), 0.0))

    def _abandon(self, keys: set[Key]) -> None:
        for worker in self._workers.values():
            if worker.errands and worker.errands[0].key in keys:
                worker.abandoned = True
                self._recall(worker)

    def _recall(self, worker: Hand) -> None:
        """Take back what a worker has not begun with."""
        if len(worker.errands) > 1 and not worker.recalled:
            worker.recalled = True
            worker.process.link.send("recall")

    def _close(self, *, wait: bool) -> None:
        self._closing = LEAVE_S if wait else HURRY_S
        if not wait:
            for batch in self._backlog:
                for errand in batch:
                    self._never_began(errand.key)
            self._backlog.clear()
        for worker in self._workers.values():
            if worker.leaving:
                self._by(worker, self._closing)
            elif worker.abandoned or (worker.errands and not wait):
                worker.process.kill()
        self._let_leave()

    def _let_leave(self) -> None:
        """Let the workers go for which there will be nothing more to do."""
        if self._closing is None or self._backlog:
            return
        for worker in self._workers.values():
            if not worker.ready:
                worker.process.kill()
            elif not worker.errands and not worker.leaving:
                self._leave(worker, self._closing)

    def _leave(self, worker: Hand, within_s: float) -> None:
        worker.leaving = True
        worker.process.link.send("close")
        self._by(worker, within_s)

    def _by(self, worker: Hand, seconds: float) -> None:
        """Kill a worker if it has not done by then what it was told."""
        worker.deadline = min(worker.deadline, clock.monotonic() + seconds)
        self._look_by(worker.deadline)

    def _tend(self) -> None:
        """See what the time brings."""
        now = clock.monotonic()
        self._look_at = inf
        idle = self._idle
        for worker in self._workers.values():
            if worker.deadline <= now:
                worker.process.kill()
                worker.deadline = inf
            self._look_by(worker.deadline)
            if idle and len(worker.errands) > 1 and not worker.recalled:
                if worker.since + STUCK_S <= now:
                    self._recall(worker)
                else:
                    self._look_by(worker.since + STUCK_S)

    # ---------------------------------------------------------------- in the thread: what workers say

    def _on_ready(self, worker: Hand) -> None:
        worker.ready = True
        self._starting -= 1
        self._fruitless = 0

    def _on_finished(  # noqa: PLR0913, PLR0917 - as it comes
        self,
        worker: Hand,
        number: int,
        attempt: int,
        envelope: bytes,
        duration_s: float,
        word: TaskProgress | None,
    ) -> None:
        key = worker.errands.popleft().key
        assert key == (number, attempt), "a worker works on what it was given in that order"
        self._mean_s = duration_s if self._mean_s == inf else self._mean_s + 0.1 * (duration_s - self._mean_s)
        self._stopped.discard(key)
        if worker.doomed == key:
            worker.doomed, worker.deadline = None, inf
        self._news.append(partial(self._end_of, key, worker.name, envelope, duration_s))
        if word is not None:
            self._words[key] = word
        if worker.errands:
            self._begins(worker)
        elif worker.abandoned and not worker.leaving:
            self._leave(worker, LEAVE_S)

    def _on_returned(self, worker: Hand, parcels: list[Parcel]) -> None:
        worker.recalled = False
        returned = {Key(*parcel[:2]): parcel for parcel in parcels}
        batch = [errand for errand in worker.errands if errand.key in returned]
        worker.errands = deque(errand for errand in worker.errands if errand.key not in returned)
        for errand in batch:
            if errand.key in self._stopped:
                self._never_began(errand.key)
            else:
                errand.parcel = returned[errand.key]
        batch = [errand for errand in batch if errand.parcel is not None]
        if batch:
            batch[0].first = True
            self._backlog.appendleft(batch)

    def _on_progress(self, worker: Hand, words: dict[Key, TaskProgress]) -> None:
        if worker.errands and worker.errands[0].key in words:
            self._words.update(words)

    def _on_printed(self, worker: Hand, key: Key | None, stream: Stream, text: str) -> None:
        self._news.append(Printed(key, worker.name, stream, text))

    def _no_start(self, error: Exception) -> None:
        """Give up what waits if no worker can be started."""
        self._fruitless += 1
        if self._fruitless < _TRIES or any(worker.ready for worker in self._workers.values()):
            return
        self._fruitless = 0
        for batch in self._backlog:
            for errand in batch:
                self._news.append(Finished(errand.key, "", Failed(error), 0.0))
        self._backlog.clear()

    # ---------------------------------------------------------------- what the herd tells

    def born(self, process: Process) -> None:
        """Take in a process that was started."""
        self._workers[process] = Hand(process)
        key = bytes(current_process().authkey) if "multiprocessing.managers" in sys.modules else None
        process.link.send("hello", self._context, os.getpid(), os.getcwd(), sys.argv, key)  # noqa: PTH109 - as text
        if self._paused:
            process.link.send("pause")

    def unborn(self, error: OSError) -> None:
        """Take in that a process could not be started."""
        self._starting -= 1
        self._no_start(error)

    def said(self, process: Process, messages: list[Message]) -> None:
        """Take in what a worker says."""
        worker = self._workers[process]
        for word, *rest in messages:
            getattr(self, f"_on_{word}")(worker, *rest)

    def died(self, process: Process, reason: str) -> None:
        """Take in that a process is over."""
        worker = self._workers.pop(process)
        if not worker.ready:
            self._starting -= 1
            self._no_start(WorkerLostError(f"a worker process was over before it was ready: {reason}"))
        begun: list[Key] = []
        waiting: list[Key] = []
        for errand in worker.errands:
            if not begun:
                begun.append(errand.key)
            elif errand.key in self._stopped:
                self._never_began(errand.key)
            else:
                waiting.append(errand.key)
        if begun:
            self._stopped.discard(begun[0])
            self._words.pop(begun[0], None)
            self._news.append(Lost(worker.name, tuple(begun), tuple(waiting), reason))

    def look(self) -> float | None:
        """Do what is asked for and what the time brings, and report; return when to look again, None to end."""
        if self._look_at <= clock.monotonic():
            self._tend()
        self._act()
        while self._news:
            self._tell([self._news.popleft() for _ in range(min(len(self._news), _TOGETHER))])
            self._act()  # at once: no worker shall wait until all is told
        over = self._closing is not None and not self._workers and not self._backlog
        return None if over else self._look_at

    def failed(self, error: Exception) -> None:
        """Give up: the thread is broken. Whoever waits for a job learns of it."""
        waiting = [errand for worker in self._workers.values() for errand in worker.errands]
        waiting += [errand for batch in self._backlog for errand in batch]
        self._tell([Finished(errand.key, "", Failed(error), 0.0) for errand in waiting])

    def _act(self) -> None:
        while self._asked:
            self._asked.popleft()()
        self._give_out()
        self._let_leave()

    def _tell(self, news: Sequence[Event | Callable[[], Event]]) -> None:
        report = self._report
        if report is None:
            return
        try:
            report(*[each() if callable(each) else each for each in news])
        except Exception:  # noqa: BLE001 - the last line of defence: the workers go on
            _log.exception("progress_kit: what a worker did could not be reported; please report this")

    def _end_of(self, key: Key, worker: str, envelope: bytes, duration_s: float) -> Finished:
        self._words.pop(key, None)
        return Finished(key, worker, unpack(envelope), duration_s)

    # ---------------------------------------------------------------- asking, in any thread

    def _do(self, change: Callable[[], None]) -> None:
        """Let the thread make a change, soon."""
        self._asked.append(change)
        herd = self._herd
        if herd is None:
            with self._beginning:
                herd = self._herd
                if herd is None:
                    herd = self._herd = Herd(self)
                    herd.begin()
        herd.wake()
