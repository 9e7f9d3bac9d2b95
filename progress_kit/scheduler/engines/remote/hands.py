"""What `ProcessEngine` keeps in mind: the jobs on their way, and the workers that they were given to."""

from collections import deque
from math import inf

from progress_kit.scheduler.engines.base import Job, Key
from progress_kit.scheduler.engines.remote.functions import Code
from progress_kit.scheduler.engines.remote.herd import Process
from progress_kit.scheduler.outcome import dump_arguments

Parcel = tuple[int, int, str, int, bytes]
"""A job as it travels: number and attempt, name, number of the function, arguments."""


class Errand:
    """A job on its way: its key, its function, and as it travels, until it is sent."""

    __slots__ = ("code", "first", "key", "parcel")

    def __init__(self, job: Job, code: Code) -> None:
        self.key = job.key
        self.code = code
        self.parcel: Parcel | None = (
            *job.key,
            job.name,
            code.number,
            dump_arguments(job.args, dict(job.kwargs)),
        )
        self.first = False
        """Whether the scheduler wants to know when it begins: the first of those that were given together."""


class Hand:
    """What the engine knows of one worker process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.name = process.name
        self.errands: deque[Errand] = deque()
        """What it was given and has not ended; it works on the first one."""
        self.known: dict[int, None] = {}
        """Numbers of the functions that it was sent, the oldest first."""
        self.since = inf
        """When it began with the first one."""
        self.ready = False
        self.recalled = False
        self.abandoned = False
        self.leaving = False
        self.doomed: Key | None = None
        """The job that it is to die of."""
        self.deadline = inf
        """When it is killed, if it has not left by then, or not left the job that it is doomed for."""

    @property
    def usable(self) -> bool:
        """Whether it may be given something."""
        return self.ready and not (self.abandoned or self.leaving or self.recalled or self.doomed)
