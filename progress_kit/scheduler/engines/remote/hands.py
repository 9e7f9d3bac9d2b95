"""What the foreman of `ProcessEngine` keeps in mind: jobs on their way, and the workers that they were given to."""

from collections import deque
from math import inf

from progress_kit import clock
from progress_kit.scheduler.engines.base import Job, Key
from progress_kit.scheduler.engines.remote.functions import KEPT, Code
from progress_kit.scheduler.engines.remote.herd import Process
from progress_kit.scheduler.outcome import dump_arguments

Parcel = tuple[int, int, str, int, bytes]
"""A job as it travels: number and attempt, name, number of the function, arguments."""


class Errand:
    """A job on its way: its key, its function, and as it travels, until it is sent."""

    __slots__ = ("code", "first", "key", "parcel")

    def __init__(self, job: Job, code: Code) -> None:
        self.key: Key = job.key
        self.code: Code = code
        self.parcel: Parcel | None = (
            *job.key,
            job.name,
            code.number,
            dump_arguments(job.args, dict(job.kwargs)),
        )
        self.first: bool = False
        """Whether the scheduler wants to know when it begins: the first of those that were given together."""


class Hand:
    """What the engine knows of one worker process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.name: str = process.name
        self.errands: deque[Errand] = deque()
        """What it was given and has not ended; it works on the first one."""
        self.known: dict[int, None] = {}
        """Numbers of the functions that it was sent, the oldest first."""
        self.since = inf
        """When it began with the first one."""
        self.ready = False
        self.recalled: bool = False
        self.abandoned = False
        self.leaving: bool = False
        self.doomed: Key | None = None
        """The job that it is to die of."""
        self.deadline: float = inf
        """When it is killed, if it has not left by then, or not left the job that it is doomed for."""

    @property
    def usable(self) -> bool:
        """Whether it may be given something."""
        return self.ready and not (self.abandoned or self.leaving or self.recalled or self.doomed)

    def give(self, batch: list[Errand]) -> bool:
        """Send errands, and the functions that the worker does not know; return whether it had nothing to do."""
        link = self.process.link
        for errand in batch:
            number = errand.code.number
            if number not in self.known:
                link.send("function", number, errand.code.data)
                self.known[number] = None
                if len(self.known) > KEPT:
                    oldest = next(iter(self.known))
                    del self.known[oldest]
                    link.send("forget", oldest)
        link.send("run", [errand.parcel for errand in batch])
        for errand in batch:
            errand.parcel = None
        idle = not self.errands
        self.errands.extend(batch)
        return idle

    def recall(self) -> None:
        """Ask for what it has not begun with."""
        if len(self.errands) > 1 and not self.recalled:
            self.recalled = True
            self.process.link.send("recall")

    def leave(self, within_s: float) -> float:
        """Let it go; return when to see whether it has gone."""
        self.leaving = True
        self.process.link.send("close")
        return self.within(within_s)

    def within(self, seconds: float) -> float:
        """Give it so long for what it was told; return when to see whether it has been done, or it is killed."""
        self.deadline = min(self.deadline, clock.monotonic() + seconds)
        return self.deadline
