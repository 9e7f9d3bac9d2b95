"""Every message of the wire, version 1; each is a JSON object whose `type` names it."""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

from progress_kit.model import (
    MAX_STAGES,
    Action,
    Course,
    Failure,
    Id,
    Label,
    Name,
    OperationState,
    Origin,
    Positive,
    Prior,
    Seconds,
    Snapshot,
    Task,
    TaskState,
)

ErrorCode = Literal[
    "bad_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "too_large",
    "rate",
    "limit",
    "stale_seq",
    "terminal",
    "storage",
    "unsupported",
]
HistoryMode = Literal["full", "anonymous", "off"]
"""What is kept of operations: everything, what they took without names and paths, or nothing."""
Scope = Literal["publish", "subscribe", "command"]
Token = Annotated[str, Meta(max_length=2_048)]
Text = Annotated[str, Meta(max_length=200)]
Rate = Annotated[float, Meta(gt=0, le=60)]
Revision = Annotated[int, Meta(ge=0)]


class PublisherInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Says that a connection publishes, and for which session (one life of one process).

    `estimates`: it estimates its operations itself, and where it sends no estimate there is no basis for one. For those
    who do not say so the hub estimates what comes without an estimate. `history` is what may be kept of its operations;
    a hub that keeps less does so.
    """

    session: Id
    estimates: bool = False
    history: HistoryMode = "full"


class ResumePoint(Struct, frozen=True, kw_only=True):
    """What a subscriber already has: everything up to `revision` of the hub's life `epoch`."""

    epoch: Id
    revision: Revision


class Filter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which operations a subscription wants; None means any. `history` adds those that are no longer live."""

    operations: Annotated[tuple[Id, ...], Meta(max_length=1_000)] | None = None
    kinds: Annotated[tuple[Label, ...], Meta(max_length=100)] | None = None
    notebook: Annotated[str, Meta(max_length=4_096)] | None = None
    states: Annotated[tuple[OperationState, ...], Meta(max_length=6)] | None = None
    history: bool = False


class Hello(Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame of every client. `client` is ``name/version``."""

    token: Token
    client: Text
    publisher: PublisherInfo | None = None


class Publish(Struct, frozen=True, kw_only=True, tag_field="type", tag="publish"):
    """Snapshots of a publisher's operations; idempotent by (session, operation, seq)."""

    operations: tuple[Snapshot, ...]


class Heartbeat(Struct, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """Renews the leases of all open operations of this publisher."""


class Span(Struct, frozen=True, array_like=True):
    """One attempt of one task on one worker; `start_s` and `end_s` count from the operation's start."""

    task: Label
    stage: Label
    worker: Label
    attempt: Annotated[int, Meta(ge=0)]
    start_s: Seconds
    end_s: Seconds
    state: TaskState


class PowerSum(Struct, frozen=True, array_like=True):
    """What the items of a stage cost together, each cost raised to `exponent`: time goes with one of these sums."""

    exponent: Positive
    total: Seconds


class StageRecord(Struct, frozen=True, kw_only=True):
    """What a stage of a run tells of the next one beside its state: what it cost, and the course it took.

    Both are empty where they are unknown; `course` is as in `StagePrior`.
    """

    name: Name
    costs: Annotated[tuple[PowerSum, ...], Meta(max_length=16)] = ()
    course: Course = ()


class TaskUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="task_update"):
    """The newest of tasks that run in another process than their operation, told by that with a task token.

    The hub forwards it to the operation's session, which alone publishes; while that is away it keeps the newest.
    """

    operation: Id
    tasks: Annotated[tuple[Task, ...], Meta(max_length=256)]


class Timeline(Struct, frozen=True, kw_only=True, tag_field="type", tag="timeline"):
    """Which task ran where and when, the longest first, and what the stages tell of later runs: once, at the end."""

    operation: Id
    spans: Annotated[tuple[Span, ...], Meta(max_length=2_000)]
    stages: Annotated[tuple[StageRecord, ...], Meta(max_length=MAX_STAGES)] = ()


class Subscribe(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="subscribe"):
    """Asks for the operations that match `filter`, from `resume` on where that is still possible."""

    id: Id
    filter: Filter = field(default_factory=Filter)
    max_rate_hz: Rate | None = None
    resume: ResumePoint | None = None


class Unsubscribe(Struct, frozen=True, kw_only=True, tag_field="type", tag="unsubscribe"):
    """Ends one subscription."""

    id: Id


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="command"):
    """Asks an operation to do something; the hub forwards it to the publisher with `by`, the asker's `sub`."""

    request: Id
    operation: Id
    action: Action
    reason: Text | None = None
    by: Label | None = None


class CommandResult(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="command_result"):
    """Whether a command was accepted; the operation's state tells the rest."""

    request: Id
    ok: bool
    error: Text | None = None


class Presence(Struct, frozen=True, kw_only=True, tag_field="type", tag="presence"):
    """How well this page can reach its user now; sent on change. `notebook`: the path of the one in front."""

    visible: bool
    focused: bool
    notebook: Annotated[str, Meta(max_length=4_096)] | None = None
    can_notify: bool


class Notified(Struct, frozen=True, kw_only=True, tag_field="type", tag="notified"):
    """What the page did about a `notify`; `suppressed`: its user's settings, or the user was looking."""

    id: Id
    shown: Literal["toast", "browser", "suppressed"]


class Read(Struct, frozen=True, kw_only=True, tag_field="type", tag="read"):
    """The user has seen these items of the inbox."""

    ids: Annotated[tuple[Id, ...], Meta(max_length=1_000)] | Literal["all"]


class Execution(Struct, frozen=True, kw_only=True, tag_field="type", tag="execution"):
    """A page sent a cell to a kernel: `request` is the id of the `execute_request`, which the server sees too.

    `after_s`: the cell becomes an operation when it has run that long; None: not by this page's settings.
    """

    kernel_id: Label
    request: Id
    cell_id: Label
    notebook: Annotated[str, Meta(max_length=4_096)]
    after_s: Seconds | None = None


class WatchCells(Struct, frozen=True, kw_only=True, tag_field="type", tag="watch_cells"):
    """A page says, at first and on change, whether its user wants cells that run for long to be operations.

    `after_s`: those that run that long; None: no. The server listens to its kernels only where somebody wants that.
    """

    after_s: Seconds | None = None


class Refresh(Struct, frozen=True, kw_only=True, tag_field="type", tag="refresh"):
    """A newer token of the same subject; the connection lives on with its scopes."""

    token: Token


class Ping(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Asks the peer for a sign of life (browsers cannot send WebSocket pings)."""


class Pong(Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """Answers a ping."""


class Welcome(Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """The hub's answer to `hello`. `known` (to publishers only): the last `seq` of each operation of the session."""

    epoch: Id
    revision: Revision
    now: float
    user: Label
    scopes: tuple[Scope, ...]
    token_expires_in_s: float
    lease_s: float
    ping_s: float
    limits: dict[str, float]
    known: dict[Id, int] | None = None


class Ack(Struct, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """Which terminal snapshots are stored (operation → seq), and the priors of new kinds (kind → prior)."""

    durable: dict[Id, int] = field(default_factory=dict)
    priors: dict[Label, Prior] = field(default_factory=dict)


class Demand(Struct, frozen=True, kw_only=True, tag_field="type", tag="demand"):
    """How often somebody wants to hear of a publisher's operations, at most; changes of state always are told at once.

    What is not named has not changed; what has never been named may be told as often as the publisher likes.
    """

    operations: dict[Id, Rate]


class NotifyRequest(Struct, frozen=True, kw_only=True, tag_field="type", tag="notify"):
    """Asks one page to tell its user that these operations have ended; answered by `notified` with the same id."""

    id: Id
    operations: tuple[Snapshot, ...]


class InboxItem(Struct, frozen=True, kw_only=True):
    """An operation that ended, at `at` (wall-clock seconds), with what is needed to show it by itself.

    `id` is what `read` names; `operation` is the operation's id.
    """

    id: Id
    operation: Id
    state: OperationState
    at: float
    read: bool
    name: Label
    elapsed_s: Seconds | None = None
    error: Failure | None = None
    origin: Origin


class Inbox(Struct, frozen=True, kw_only=True, tag_field="type", tag="inbox"):
    """The user's inbox, newest first: whole, on every change. `unread` counts all, `items` has the newest 100."""

    unread: int
    items: tuple[InboxItem, ...]


class State(Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """What changed for one subscription. The view is swapped when `more` is false; `reset` empties it first."""

    subscription: Id
    epoch: Id
    revision: Revision
    now: float
    reset: bool
    more: bool
    operations: tuple[Snapshot, ...]
    removed: tuple[Id, ...]


class EncodedState(Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """`State` as the hub builds it, from snapshots that were encoded once for all subscribers."""

    subscription: str
    epoch: str
    revision: int
    now: float
    reset: bool
    more: bool
    operations: list[Raw]
    removed: list[str]


class Bookmark(Struct, frozen=True, kw_only=True, tag_field="type", tag="bookmark"):
    """Nothing changed up to `revision`: an idle subscriber's resume point stays valid."""

    epoch: Id
    revision: Revision
    now: float


class Expiring(Struct, frozen=True, kw_only=True, tag_field="type", tag="expiring"):
    """The connection's token expires in `in_s` seconds; send `refresh`."""

    in_s: float


class Error(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something was refused. Never echoes input or tokens."""

    code: ErrorCode
    message: Text
    request: Id | None = None
    retry_after_s: float | None = None


ClientMessage = (
    Hello
    | Publish
    | Heartbeat
    | TaskUpdate
    | Timeline
    | Subscribe
    | Unsubscribe
    | Command
    | CommandResult
    | Presence
    | Notified
    | Read
    | Execution
    | WatchCells
    | Refresh
    | Ping
    | Pong
)
HubMessage = (
    Welcome
    | Ack
    | State
    | Bookmark
    | Command
    | CommandResult
    | TaskUpdate
    | Demand
    | NotifyRequest
    | Inbox
    | Expiring
    | Error
    | Ping
    | Pong
)
