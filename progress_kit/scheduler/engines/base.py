"""What a scheduler may ask of an engine, and what an engine tells it.

An engine has workers and runs what it is given; it decides nothing. What runs when, what is tried again, which timeout
has passed: all of that is the plan's. An engine reports by calling `report(*events)` from any thread, holding no lock
of its own, and never after `close` has returned. What comes together is reported together, which is much cheaper.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Hardness = Literal["soft", "signal", "kill"]


class Key(NamedTuple):
    """One attempt of one task. `number` counts the tasks of a scheduler from 0, `attempt` from 1."""

    number: int
    attempt: int


@dataclass(slots=True)
class Job:
    """One attempt of one task, with its dependencies' results already in its arguments."""

    key: Key
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a worker must know of the operation that its tasks belong to: the same for all of them, and picklable.

    `hub_url` and `token`, where they are given, let a worker tell the hub how far its tasks are; the token is a task
    token, for this operation alone.
    """

    operation: str
    name: str
    hub_url: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Succeeded:
    """The function returned."""

    value: Any


@dataclass(slots=True)
class Failed:
    """The function raised. `traceback` is the worker's, as text, where the exception's own did not travel."""

    error: BaseException
    traceback: str = ""


Outcome = Succeeded | Failed


@dataclass(slots=True)
class Started:
    """A worker began a job. Of jobs that were given together only the first one must be told of."""

    key: Key
    worker: str


@dataclass(slots=True)
class Finished:
    """A job ended. `duration_s` is the time of the function alone, by the worker's monotonic clock."""

    key: Key
    worker: str
    outcome: Outcome
    duration_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker died or vanished with jobs that had not ended: those it may have begun, and those it surely had not."""

    worker: str
    begun: tuple[Key, ...]
    waiting: tuple[Key, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Printed:
    """Whole lines that a job wrote, or a log record or warning as its handler would write it."""

    key: Key | None
    worker: str
    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True)
class Resized:
    """There are more or fewer workers than before."""


Event = Started | Finished | Lost | Printed | Resized


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """How far a running job says that it is."""

    done: int | float = 0
    total: int | float | None = None
    unit: str = ""
    message: str = ""
    paused: bool = False
    """It waits for the operation to go on."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do.

    `stops`: the ways in which it can stop a job that runs without harm to its neighbours, the gentlest first: ``soft``
    (the job is told at its next `advance`), ``signal`` (`KeyboardInterrupt` is raised in it), ``kill`` (its worker
    dies, and is replaced). `pickles`: functions, arguments and results cross a process's border. `batches`: giving
    several short jobs to a worker at once pays. `loop`: it belongs to a running event loop. `replaces`: where a job
    ignores every way to stop it and is abandoned, another worker takes the place of its own. `pauses`: jobs that run
    wait at their next `advance` while the operation is paused (elsewhere only what has not begun waits). `lends`: jobs
    run where tasks can be waited for, and may do so. `calls_home`: its workers may tell the hub of their jobs.
    `latency_s`: how long it may take, from the end of a job, until one that is given then can begin; to be bridged by
    what is given before.
    """

    stops: tuple[Hardness, ...] = ("soft",)
    pickles: bool = False
    batches: bool = False
    loop: bool = False
    replaces: bool = False
    pauses: bool = False
    lends: bool = False
    calls_home: bool = False
    latency_s: float = 0.0


class Engine(Protocol):
    """Workers that run jobs."""

    @property
    def name(self) -> str:
        """What users call it: ``threads``, ``processes``, ``loky``, ``async``, ``executor``, ``dask``."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    @property
    def workers(self) -> int:
        """How many jobs run at the same time, at the moment; it may change while it runs (Dask)."""

    def start(self, context: TaskContext, report: Callable[..., None]) -> None:
        """Get ready; workers may be started when they are first needed. Raises what makes it unusable."""

    def check(self, function: Callable[..., Any]) -> None:
        """Raise `UsageError` if a function can surely not be run here, naming it and why."""

    def run(self, jobs: Sequence[Job]) -> None:
        """Run jobs one after the other in one worker, soon; return at once.

        What cannot be sent to a worker is reported as `Finished` with `Failed`, it is never raised.
        """

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:
        """Ask jobs to stop in one of the ways that it can; what waits in a worker's queue is not begun any more.

        Such a job is then reported as any other: `Finished` (mostly with an error), or `Lost` if its worker died.
        """

    def abandon(self, keys: Sequence[Key]) -> None:
        """Give up jobs that ignored it when they were told to stop: nobody waits for them any more, `close` neither.

        Where it `replaces` their workers it does so now. If such a job ends nevertheless, that is reported as usual.
        """

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""

    def close(self, *, wait: bool) -> None:
        """Give back what it owns. `wait`: let running jobs end first; else stop what it can, and return soon."""


class Pausing(Protocol):
    """What an engine that `pauses` can do besides."""

    def pause(self) -> None:
        """Let jobs that run wait at their next step, and others before they begin."""

    def resume(self) -> None:
        """Let them go on."""


class Lending(Protocol):
    """What an engine that `lends` can do besides."""

    def lend(self) -> bool:
        """Let another job run meanwhile if it is a job of its own that calls, which waits for others; return whether.

        Raises `UsageError` where no worker would be left.
        """

    def take_back(self) -> None:
        """The job goes on that has lent its place."""


class Hearing(Protocol):
    """What an engine that `calls_home` can do besides."""

    def hear(self, words: Mapping[Key, TaskProgress]) -> None:
        """Take in what workers told the hub of their jobs."""
