"""What goes into the hub and what comes out: plain values, carried by a driver to and from sockets and the store."""

from collections.abc import Sequence

from msgspec import Struct

from progress_kit.model import StoredOperation
from progress_kit.protocol.rest import StoreState


class Now(Struct, frozen=True):
    """The moment of an event. Leases and rates run on `monotonic`; `wall` is shown to people and checked in tokens."""

    monotonic: float
    wall: float


class Connected(Struct, frozen=True):
    """A WebSocket was let in. `has_origin`: a browser page opened it."""

    conn: int
    has_origin: bool = False


class Received(Struct, frozen=True):
    """A text frame arrived."""

    conn: int
    frame: str | bytes


class Writable(Struct, frozen=True):
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


class Stored(Struct, frozen=True):
    """The store has committed this snapshot."""

    operation: str
    seq: int


class StoreStatus(Struct, frozen=True):
    """Whether the store keeps what it is given; `reason` says why not."""

    status: StoreState
    reason: str | None = None


Event = Connected | Received | Writable | Disconnected | Tick | Restored | Stored | StoreStatus


class Send(Struct, frozen=True):
    """Send one text frame."""

    conn: int
    data: bytes


class Close(Struct, frozen=True):
    """Close the connection; nothing more is sent to it."""

    conn: int
    code: int
    reason: str


class Persist(Struct, frozen=True):
    """Keep this row; answer with `Stored` once it is committed."""

    row: StoredOperation


Output = Send | Close | Persist
