"""Jobs in threads of this process: one thread runs what it was given, and what waits behind a job can be taken back."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from progress_kit.scheduler.engines.base import Event, Finished, Job, Key, Started
from progress_kit.scheduler.workbench import Workbench

_TELL_S: Final = 0.002
"""Short jobs are told of together, after so much work."""


class Stints:
    """What each thread is at; `report(*events)` is told of it."""

    def __init__(self, bench: Workbench, report: Callable[..., None]) -> None:
        self._execute = bench.execute
        self._report = report
        self._here = threading.local()

    def run(self, jobs: Sequence[Job], worker: str) -> list[Key]:
        """Run jobs in this thread, one after the other; return those that were not taken back meanwhile."""
        execute, done = self._execute, []
        ended: list[Event] = []
        left = deque(jobs)
        self._here.left, self._here.ended = left, ended
        since_s = 0.0
        self._report(Started(left[0].key, worker))
        while left:
            job = left.popleft()
            outcome, duration_s = execute(job)
            ended.append(Finished(job.key, worker, outcome, duration_s))
            done.append(job.key)
            since_s += duration_s
            if since_s > _TELL_S:
                self._tell(ended)
                since_s = 0.0
        self._tell(ended)
        return done

    def take_back(self) -> list[Job]:
        """Return what waits behind the job of this thread; what has ended before it is told, and may be waited for."""
        self._tell(self._here.ended)
        behind = list(self._here.left)
        self._here.left.clear()
        return behind

    def _tell(self, ended: list[Event]) -> None:
        if ended:
            self._report(*ended)
            ended.clear()
