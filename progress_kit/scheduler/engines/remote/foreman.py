"""The thread of `ProcessEngine`, in which everything is done with its workers: what each is given, told and believed.

Who asks for something leaves it here, by `do`, and goes on: so no interrupt of the user's comes in the middle of it.
"""

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from multiprocessing.process import current_process
from typing import Final

from progress_kit import clock
from progress_kit.errors import OperationCancelled, WorkerLostError
from progress_kit.scheduler.engines.base import (
    Event,
    Failed,
    Finished,
    Hardness,
    Key,
    Lost,
    Printed,
    Started,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.engines.remote.frames import Message
from progress_kit.scheduler.engines.remote.hands import Errand, Hand, Parcel
from progress_kit.scheduler.engines.remote.herd import Herd, Process
from progress_kit.scheduler.engines.remote.output import Stream
from progress_kit.scheduler.outcome import unpack

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


class Foreman:
    """Gives errands to at most `max_workers` processes, and reports what becomes of them by `report(*events)`."""

    def __init__(self, max_workers: int, context: TaskContext, report: Callable[..., None]) -> None:
        self._max_workers = max_workers
        self._context = context
        self._report: Callable[..., None] | None = report
        self._asked: deque[Callable[[], None]] = deque()
        """What is to be done in the thread."""
        self.words: dict[Key, TaskProgress] = {}
        """The newest word of the jobs that run and said anything."""
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

    # ---------------------------------------------------------------- asking, in any thread

    def do(self, change: Callable[[], None]) -> None:
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

    def give(self, batch: list[Errand], refused: Sequence[Finished]) -> None:
        """Have errands run one after the other in one worker; `refused` cannot be, and are reported as they are."""
        self.do(lambda: self._take(batch, refused))

    def stop(self, keys: set[Key], hardness: Hardness) -> None:
        """Ask jobs to stop."""
        self.do(partial(self._stop, keys, hardness))

    def abandon(self, keys: set[Key]) -> None:
        """Let other workers take the place of those that run these jobs."""
        self.do(partial(self._abandon, keys))

    def pause(self, *, paused: bool) -> None:
        """Let jobs wait, or go on."""
        self.do(partial(self._pause, paused=paused))

    def close(self, *, wait: bool) -> None:
        """Let the workers leave, and wait for that; without `wait` those that run jobs are killed."""
        if self._herd is not None:
            self.do(partial(self._close, wait=wait))
            self._herd.join()
        self._report = None

    @property
    def hands(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    # ---------------------------------------------------------------- in the thread: giving out

    def _take(self, batch: list[Errand], refused: Sequence[Finished]) -> None:
        self._news.extend(refused)
        if batch:
            batch[0].first = True
            self._backlog.append(batch)

    def _give_out(self) -> None:
        """Give what waits to workers that have nothing to do, or soon will."""
        self._start_more()
        while self._backlog:
            worker = self._choose()
            if worker is None:
                break
            if worker.give(self._backlog.popleft()):
                self._begins(worker)
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
                self._look_by(worker.within(KILL_S))
            else:
                worker.process.link.send("interrupt" if hardness == "signal" else "stop", theirs)

    def _pause(self, *, paused: bool) -> None:
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
                worker.recall()

    def _close(self, *, wait: bool) -> None:
        self._closing = LEAVE_S if wait else HURRY_S
        if not wait:
            for batch in self._backlog:
                for errand in batch:
                    self._never_began(errand.key)
            self._backlog.clear()
        for worker in self._workers.values():
            if worker.leaving:
                self._look_by(worker.within(self._closing))
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
                self._look_by(worker.leave(self._closing))

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
                    worker.recall()
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
            self.words[key] = word
        if worker.errands:
            self._begins(worker)
        elif worker.abandoned and not worker.leaving:
            self._look_by(worker.leave(LEAVE_S))

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
            self.words.update(words)

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
            self.words.pop(begun[0], None)
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
        self.words.pop(key, None)
        return Finished(key, worker, unpack(envelope), duration_s)
