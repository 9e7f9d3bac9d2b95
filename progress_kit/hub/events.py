"""What goes into the hub and what comes out: plain values, carried by a driver to and from sockets and the store.

Those that there are thousands of in a moment are not tracked by Python's garbage collector (``gc=False``), which would
begin to look for cycles because of them; they hold nothing that could be part of one.
"""

from collections.abc import Sequence

from msgspec import Struct

from progress_kit.model import Action, Prior, Snapshot, StoredOperation, Via
from progress_kit.protocol.messages import Execution, InboxItem, Span, StageRecord
from progress_kit.protocol.rest import EstimateSample, StoreState
from progress_kit.protocol.spool import SpooledEnd


class Now(Struct, frozen=True):
    """The moment of an event. Leases and rates run on `monotonic`; `wall` is shown to people and checked in tokens."""

    monotonic: float
    wall: float


class Connected(Struct, frozen=True):
    """A connection was let in. `has_origin`: a browser page opened it; `via`: what its operations came by."""

    conn: int
    has_origin: bool = False
    via: Via = "websocket"


class Received(Struct, frozen=True, gc=False):
    """A text frame arrived."""

    conn: int
    frame: str | bytes


class Writable(Struct, frozen=True, gc=False):
    """Everything that was sent to this connection has left."""

    conn: int


class Disconnected(Struct, frozen=True):
    """The connection is gone."""

    conn: int


class Tick(Struct, frozen=True):
    """Time has passed."""


class Restored(Struct, frozen=True):
    """What an earlier life of this hub left in the store; given once, before any connection."""

    rows: Sequence[StoredOperation]
    inbox: Sequence[tuple[str, InboxItem]] = ()
    """Owner and item, oldest first."""


class Stored(Struct, frozen=True, gc=False):
    """The store has committed this snapshot."""

    operation: str
    seq: int


class StoreStatus(Struct, frozen=True):
    """Whether the store keeps what it is given; `reason` says why not."""

    status: StoreState
    reason: str | None = None


class KernelDied(Struct, frozen=True):
    """A kernel of this server is dead: it crashed, was killed, was shut down, or was restarted under the same id."""

    kernel_id: str


class PriorLoaded(Struct, frozen=True):
    """The answer to `LoadPrior`; `prior` is None where no run of the kind has succeeded."""

    owner: str
    kind: str
    prior: Prior | None


class Spooled(Struct, frozen=True):
    """What dead processes left in their spools, and the history does not have; `owner` is whose that is."""

    owner: str
    ends: Sequence[SpooledEnd]


Event = (
    Connected
    | Received
    | Writable
    | Disconnected
    | Tick
    | Restored
    | Stored
    | StoreStatus
    | KernelDied
    | PriorLoaded
    | Spooled
)


class Send(Struct, frozen=True, gc=False):
    """Send one text frame."""

    conn: int
    data: bytes


class Close(Struct, frozen=True):
    """Close the connection; nothing more is sent to it."""

    conn: int
    code: int
    reason: str


class Persist(Struct, frozen=True, gc=False):
    """Keep this row; answer with `Stored` once it is committed."""

    row: StoredOperation


class KeepInbox(Struct, frozen=True):
    """Keep these items of the owner's inbox: new ones, or known ones that are read now."""

    owner: str
    items: tuple[InboxItem, ...]


class KeepRecord(Struct, frozen=True):
    """Keep this of an operation beside its state; an empty part leaves what is there."""

    owner: str
    operation: str
    spans: tuple[Span, ...] = ()
    estimates: tuple[EstimateSample, ...] = ()
    stages: tuple[StageRecord, ...] = ()


class LoadPrior(Struct, frozen=True):
    """Find out what earlier runs of a kind took; answer with `PriorLoaded`.

    `stages` are the names by which the answer calls stages that are kept under pseudonyms.
    """

    owner: str
    kind: str
    stages: tuple[str, ...] = ()


class Executed(Struct, frozen=True):
    """A page of `owner` has sent a cell to a kernel."""

    owner: str
    message: Execution


class Commanded(Struct, frozen=True):
    """`by` has had a command forwarded to the publisher of an operation: to be told in the log."""

    by: str
    operation: str
    action: Action


class WatchesCells(Struct, frozen=True):
    """Whether any page of `owner` that is connected wants cells that run for long to be operations."""

    owner: str
    wanted: bool


class Announced(Struct, frozen=True):
    """Ends of `owner` that are one notification. First when pages are asked; once more, `untold`, if none answered."""

    owner: str
    operations: tuple[Snapshot, ...]
    untold: bool


class Ended(Struct, frozen=True):
    """An operation has come to its end."""

    snapshot: Snapshot


Output = (
    Send
    | Close
    | Persist
    | KeepInbox
    | KeepRecord
    | LoadPrior
    | Executed
    | WatchesCells
    | Commanded
    | Announced
    | Ended
)
