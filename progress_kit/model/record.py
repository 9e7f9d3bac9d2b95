"""An operation as it is kept between two lives of a hub."""

from msgspec import Struct

from progress_kit.model.states import Lease, OperationState


class StoredOperation(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the store: what must be known without decoding the snapshot, and the snapshot.

    `snapshot` is the encoded `Snapshot`, its `hub` included. `session` is the publisher's, which alone may go on.
    """

    id: str
    hub_id: str
    owner: str
    session: str | None
    kind: str | None
    state: OperationState
    seq: int
    changed_at: float
    ended_at: float | None
    lease: Lease = "ok"
    name: str = ""
    elapsed_s: float | None = None
    lease_s: float | None = None
    """How long its publisher is believed alive without a sign, if it has asked for more than others."""
    snapshot: bytes
