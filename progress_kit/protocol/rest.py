"""Bodies of the REST endpoint that are not snapshots or messages."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from progress_kit.model import Action, Id, Seconds, Snapshot, Task
from progress_kit.protocol.messages import ErrorCode, Scope, Span, Text

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


class StateResponse(Struct, frozen=True, kw_only=True):
    """Answer to ``GET operations``: the fields of a `state` message."""

    epoch: Id
    revision: int
    now: float
    reset: bool
    more: bool
    operations: tuple[Snapshot, ...]
    removed: tuple[Id, ...]


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
