"""Bodies of the REST endpoint that are not snapshots or messages."""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from progress_kit.model import Action, Id, Label, OperationState, Prior, Seconds, Snapshot, Task
from progress_kit.protocol.messages import ErrorCode, HistoryMode, InboxItem, Scope, Span, Text, Timeline

StoreState = Literal["ok", "memory", "read_only"]


class TokenRequest(Struct, frozen=True, kw_only=True):
    """Body of ``POST tokens``."""

    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=3)]
    operation: Id | None = None
    notebook: Annotated[str, Meta(max_length=4_096)] | None = None
    expires_in_s: Annotated[float, Meta(gt=0)] = 300.0


class TokenResponse(Struct, frozen=True, kw_only=True):
    """A new token and what it may do."""

    token: str
    jti: str
    scopes: tuple[Scope, ...]
    operation: str | None
    notebook: str | None
    expires_in_s: float


class CommandRequest(Struct, frozen=True, kw_only=True):
    """Body of ``POST operations/{id}/commands``."""

    action: Action
    reason: Text | None = None


class CommandResponse(Struct, frozen=True, kw_only=True):
    """The request's id; whether it was accepted shows in the operation's state."""

    request: str


class PolledInbox(Struct, frozen=True, kw_only=True):
    """The user's inbox as a page has it that polls: the fields of an `inbox` message, and at which `revision` it is.

    `untold`: ids of unread items that no page has told its user of; one that wants to asks by ``POST inbox`` first.
    """

    revision: int
    unread: int
    items: tuple[InboxItem, ...]
    untold: tuple[Id, ...]


class InboxRequest(Struct, frozen=True, kw_only=True):
    """Body of ``POST inbox``: ids of items that the user has seen, or all; and of those that the page will tell of."""

    read: Annotated[tuple[Id, ...], Meta(max_length=1_000)] | Literal["all"] = ()
    tell: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()


class InboxResponse(Struct, frozen=True, kw_only=True):
    """The inbox now, and which of the items the page may tell of: those that no other page has."""

    tell: tuple[Id, ...]
    inbox: PolledInbox


class PutCommand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command for an operation that is published by requests; answered by a `CommandAnswer`.

    `by` is the asker's `sub`.
    """

    request: Id
    action: Action
    reason: Text | None = None
    by: Label | None = None


class PutRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``PUT operations/{id}``: one state of an operation, which is a sign of life too.

    Of `snapshot` only name and state are required; without `seq` the hub counts. `lease_s` is how long the operation
    is believed alive without the next request, at most a day (default: the hub's lease). Without `session` the
    operation is one by itself; `estimates` and `history` are as in `PublisherInfo`. `timeline` comes with the end.
    """

    session: Id | None = None
    lease_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    estimates: bool = False
    history: HistoryMode = "full"
    snapshot: Raw
    timeline: Timeline | None = None


class PutResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the hub has of the operation now, whether its end is stored, and the commands that wait for an answer.

    `priors` is as in `Ack`, once, for publishers that estimate themselves.
    """

    seq: int
    state: OperationState
    durable: bool
    commands: tuple[PutCommand, ...]
    priors: dict[str, Prior] = {}


class CommandAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``POST operations/{id}/commands/{request}``: whether the command was accepted, and why not."""

    ok: bool
    error: Text | None = None


class StateResponse(Struct, frozen=True, kw_only=True):
    """Answer to ``GET operations``: the fields of a `state` message, and the inbox if it is news to who asks."""

    epoch: Id
    revision: int
    now: float
    reset: bool
    more: bool
    operations: tuple[Snapshot, ...]
    removed: tuple[Id, ...]
    inbox: PolledInbox | None = None


class HistoryResponse(Struct, frozen=True, kw_only=True):
    """One page of ended operations, newest first; `next` is the `before` of the following page."""

    items: tuple[Snapshot, ...]
    next: str | None


class KindSummary(Struct, frozen=True, kw_only=True):
    """What the history has of one kind: its newest name, its runs, the median duration of those that succeeded.

    `last_at` is when the newest run ended (wall-clock seconds); `median_s` is None where none succeeded.
    """

    kind: str
    name: str
    runs: int
    median_s: float | None
    last_at: float


class KindsResponse(Struct, frozen=True, kw_only=True):
    """The kinds that have runs in the history, the one that ran last first."""

    items: tuple[KindSummary, ...]


class DeletedResponse(Struct, frozen=True, kw_only=True):
    """How many runs were deleted from the history."""

    deleted: int


class EstimateSample(Struct, frozen=True, array_like=True):
    """What was estimated `elapsed_s` seconds after the start: remaining seconds, and how far it was."""

    elapsed_s: Seconds
    fraction: float | None
    p10_s: Seconds | None
    p50_s: Seconds
    p90_s: Seconds | None


class TasksResponse(Struct, frozen=True, kw_only=True):
    """The tasks of one operation, and of an ended one its timeline and how its estimate went (at most 200 samples)."""

    items: tuple[Task, ...]
    spans: tuple[Span, ...] = ()
    estimates: tuple[EstimateSample, ...] = ()


class StoreHealth(Struct, frozen=True, kw_only=True):
    """Whether states survive a restart (``ok``), and why not otherwise."""

    status: StoreState
    reason: str | None


class OperationCounts(Struct, frozen=True, kw_only=True):
    """How many operations the hub holds in memory and in its history."""

    live: int
    history: int


class Health(Struct, frozen=True, kw_only=True):
    """Answer to ``GET health``."""

    status: Literal["ok", "degraded"]
    version: str
    protocols: tuple[int, ...]
    hub_id: str
    epoch: str
    revision: int
    now: float
    uptime_s: float
    store: StoreHealth
    operations: OperationCounts
    publishers: int
    subscribers: int


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong, for a program (`code`) and for a person (`message`)."""

    code: ErrorCode
    message: str
    request: str | None = None
    retry_after_s: float | None = None


class ErrorResponse(Struct, frozen=True, kw_only=True):
    """Body of every answer that is an error."""

    error: ErrorBody
