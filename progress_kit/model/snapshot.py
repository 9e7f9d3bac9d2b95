"""What progress is: the whole state of one operation at one moment, as frozen values.

The same structs are what travels, what is stored and what is shown. `None` means unknown, never 0. Fields that end in
`_at` are wall-clock seconds since the Unix epoch, those in `_s` are durations in seconds.

A value is a tree and can be part of no cycle, so Python's garbage collector does not track it (``gc=False``): a hub
holds thousands, and looking through them all would hold up its event loop.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from progress_kit.model.states import Lease, OperationState, StageState, TaskState
from progress_kit.model.text import MESSAGE_LENGTH, NAME_LENGTH

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}\Z", description="An operation's, task's or session's id.")]
Name = Annotated[str, Meta(max_length=NAME_LENGTH)]
Message = Annotated[str, Meta(max_length=MESSAGE_LENGTH)]
Label = Annotated[str, Meta(max_length=NAME_LENGTH)]
Path = Annotated[str, Meta(max_length=4_096)]
# Up to what JavaScript can count to exactly.
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
# Items are counted in whole numbers, bytes or epochs perhaps in fractions: a number keeps the form that it came in.
Amount = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
Number = int | float

Basis = Literal["rate", "cost", "history", "workers"]
NotifyWhen = Literal["default", "always", "failure", "never", "longer"]
Via = Literal["websocket", "rest", "iopub", "server", "spool"]
Action = Literal["cancel", "pause", "resume"]

MAX_STAGES = 64
MAX_TASKS = 64
MAX_COUNTERS = 16
MAX_METRICS = 64


class Counter(Struct, frozen=True, kw_only=True, gc=False):
    """A nested count inside a stage, such as the rows of the file that is being read."""

    name: Name
    done: Amount = 0
    total: Amount | None = None
    unit: Label = ""


class TaskCounts(Struct, frozen=True, kw_only=True, gc=False):
    """How many tasks of a stage are in each state."""

    pending: Count = 0
    running: Count = 0
    paused: Count = 0
    succeeded: Count = 0
    failed: Count = 0
    cancelled: Count = 0
    skipped: Count = 0
    abandoned: Count = 0


class Stage(Struct, frozen=True, kw_only=True, gc=False):
    """A named part of an operation. `weight`: its share of the whole, relative to the others; `rate`: units per s."""

    name: Name
    state: StageState = "pending"
    weight: Positive = 1.0
    done: Amount = 0
    total: Amount | None = None
    unit: Label = ""
    rate: Seconds | None = None
    message: Message = ""
    started_s: Seconds | None = None
    elapsed_s: Seconds | None = None
    counters: Annotated[tuple[Counter, ...], Meta(max_length=MAX_COUNTERS)] = ()
    tasks: TaskCounts | None = None


class Failure(Struct, frozen=True, kw_only=True, gc=False):
    """Why something failed: the exception's type and its text."""

    type: Name
    message: Message = ""


class Task(Struct, frozen=True, kw_only=True, gc=False):
    """One item of parallel work; a snapshot lists only those that run and the newest that failed."""

    id: Id
    stage: Name
    name: Name = ""
    state: TaskState = "pending"
    attempt: Count = 1
    worker: Label | None = None
    done: Amount = 0
    total: Amount | None = None
    unit: Label = ""
    cost: Seconds | None = None
    started_s: Seconds | None = None
    elapsed_s: Seconds | None = None
    error: Failure | None = None


class Estimate(Struct, frozen=True, kw_only=True, gc=False):
    """Remaining seconds as quantiles, and their basis. `p10_s` and `p90_s` are None where only a point is known."""

    p10_s: Seconds | None = None
    p50_s: Seconds
    p90_s: Seconds | None = None
    basis: Annotated[tuple[Basis, ...], Meta(max_length=4)] = ()
    slowdown: Positive | None = None
    why: Message = ""


class Notify(Struct, frozen=True, kw_only=True, gc=False):
    """When the end of an operation is announced; `after_s` belongs to ``longer``."""

    when: NotifyWhen = "default"
    after_s: Seconds | None = None


class Origin(Struct, frozen=True, kw_only=True, gc=False):
    """Where an operation runs."""

    host: Label | None = None
    pid: Count | None = None
    kernel_id: Label | None = None
    notebook: Path | None = None
    cell_id: Label | None = None
    script: Path | None = None


class HubInfo(Struct, frozen=True, kw_only=True, gc=False):
    """What the hub adds to a snapshot: its belief, not the publisher's word."""

    lease: Lease = "ok"
    first_seen_at: float = 0.0
    changed_at: float = 0.0
    via: Via = "websocket"
    owner: Label = "local"
    stored: bool = False


class Snapshot(Struct, frozen=True, kw_only=True, gc=False):
    """The whole state of one operation at one moment; `seq` counts the snapshots of this operation.

    Its durations are by a clock that stands still while it is paused, for `paused_s` in all.
    """

    id: Id
    name: Name
    state: OperationState
    seq: Count = 0
    kind: Label | None = None
    stage: Name | None = None
    fraction: Share | None = None
    message: Message = ""
    stages: Annotated[tuple[Stage, ...], Meta(max_length=MAX_STAGES)] = ()
    tasks: Annotated[tuple[Task, ...], Meta(max_length=MAX_TASKS)] = ()
    tasks_omitted: Count = 0
    estimate: Estimate | None = None
    metrics: Annotated[dict[Label, Number | None], Meta(max_length=MAX_METRICS)] = field(default_factory=dict)
    error: Failure | None = None
    ended_early: bool = False
    parent: Id | None = None
    actions: Annotated[tuple[Action, ...], Meta(max_length=3)] = ()
    notify: Notify = field(default_factory=Notify)
    started_at: float | None = None
    elapsed_s: Seconds | None = None
    paused_s: Seconds = 0.0
    ended_at: float | None = None
    origin: Origin = field(default_factory=Origin)
    hub: HubInfo | None = None
