"""The publishers' side of the hub: sessions and their leases, what a snapshot may change, and when it is stored."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub.estimates import Estimates
from progress_kit.hub.events import Now, Persist
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.peers import Session
from progress_kit.hub.registry import Entry, Registry
from progress_kit.model import HubInfo, Snapshot, StoredOperation, Via, is_terminal
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.limits import SNAPSHOT_BYTES
from progress_kit.protocol.messages import HistoryMode

PERSIST_EVERY_S: Final = 5.0
LEAVE_AT_ONCE: Final = 1_000
"""How many operations leave the live ones in one tick at most: everybody is told of each."""
ESTIMATE_BYTES: Final = 2_048
"""The hub's own estimate of an operation, and the rates of its stages, take no more."""


class Publications:
    """All operations by the sessions that publish them."""

    def __init__(self, hub_id: str, registry: Registry, limits: Limits, estimates: Estimates, keeping: Keeping) -> None:
        self._hub_id = hub_id
        self._registry = registry
        self._limits = limits
        self._estimates = estimates
        self._keeping = keeping
        self._sessions: dict[tuple[str, str], Session] = {}

    def session(self, owner: str, session_id: str, now: Now) -> Session:
        """Return the session, a new one if it is not known; this is a sign of life."""
        session = self._sessions.get((owner, session_id))
        if session is None:
            session = Session(owner, session_id, now.monotonic, history=self._keeping.mode)
            self._sessions[owner, session_id] = session
        return session

    def sessions(self) -> list[Session]:
        """Return all sessions that are known, connected or not."""
        return list(self._sessions.values())

    def of_entry(self, entry: Entry) -> Session | None:
        """Return the session that publishes this operation."""
        return None if entry.session is None else self._sessions.get((entry.hub.owner, entry.session))

    def known(self, session: Session) -> dict[str, int]:
        """Return operation → seq of everything the hub has of this session, ended or not."""
        return {entry.id: entry.snapshot.seq for entry in self._registry.of_session(session.owner, session.id)}

    def accept(self, session: Session, snapshot: Snapshot, now: Now, *, via: Via | None = None) -> Entry | None:
        """Take in one snapshot. Return the changed entry; None if it says nothing new.

        `via` says how it came, if not as all of the session does.
        Raises `ProtocolError` (``forbidden``, ``terminal``, ``limit``, ``too_large``) and changes nothing then.
        """
        old = self._registry.get(snapshot.id)
        if old is not None and (old.hub.owner != session.owner or old.session != session.id):
            raise ProtocolError("forbidden", "this operation belongs to another session")
        if old is not None and snapshot.seq <= old.snapshot.seq:
            return None
        if old is not None and old.terminal:
            raise ProtocolError("terminal", "this operation has ended; an end is final")
        if old is None:
            self._make_room(session)
        hub = HubInfo(
            lease="ok",
            first_seen_at=now.wall if old is None else old.hub.first_seen_at,
            changed_at=now.wall,
            via=via or session.via,
            owner=session.owner,
            stored=False,
        )
        full = msgspec.structs.replace(self._estimates.complete(session, snapshot, now), hub=hub)
        encoded = encode(full)
        ours = len(encode(hub)) + (0 if session.estimates else ESTIMATE_BYTES)
        if len(encoded) > SNAPSHOT_BYTES + ours:
            message = f"one snapshot may have {SNAPSHOT_BYTES} bytes; list fewer tasks and counters"
            raise ProtocolError("too_large", message)
        entry = self._registry.put(full, encoded, session.id, now.monotonic)
        entry.history = session.history
        if entry.terminal:
            session.open.discard(entry.id)
        else:
            session.open.add(entry.id)
            session.begun += old is None
        return entry

    def _make_room(self, session: Session) -> None:
        if len(session.open) >= self._limits.open_per_publisher:
            message = f"{self._limits.open_per_publisher} operations of this publisher are open; end some first"
            raise ProtocolError("limit", message)
        if self._registry.count_of(session.owner) < self._limits.operations_per_user:
            return
        # What has ended and is stored stays in the history, so that the oldest of it makes room; else an end that a
        # broken store does not take: its publisher keeps it.
        ended = self._registry.first_ended_of(session.owner)
        if ended is not None:
            self._registry.remove(ended)
            return
        message = f"{self._limits.operations_per_user} operations of this user are live; end some first"
        raise ProtocolError("limit", message)

    def renew(self, session: Session, now: Now) -> None:
        """A sign of life: all open operations of the session are alive again."""
        overdue = now.monotonic - session.last_sign >= self._lease_s(session) / 2
        session.last_sign = now.monotonic
        if overdue:
            for entry in self._open(session):
                if entry.hub.lease != "ok":
                    self._registry.amend(entry, lease="ok")

    def check_leases(self, now: Now) -> Iterator[Entry]:
        """Mark operations whose publisher is silent; yield those that have just been lost."""
        for session in list(self._sessions.values()):
            silent = now.monotonic - session.last_sign
            lease_s = self._lease_s(session)
            if silent >= lease_s:
                for entry in self._open(session):
                    if entry.hub.lease != "lost":
                        yield self._registry.amend(entry, lease="lost", changed=now.monotonic)
            elif silent >= lease_s / 2:
                for entry in self._open(session):
                    if entry.hub.lease == "ok":
                        self._registry.amend(entry, lease="stale")

    def expire(self, now: Now) -> None:
        """Take what ended or was lost long ago out of the live operations; it stays in the history.

        An end that is not stored yet stays: forgotten here, it would be news when its publisher tells it again.
        """
        for entry in islice(self._registry.take_left(now.monotonic - self._limits.recent_s), LEAVE_AT_ONCE):
            if entry.hub.stored or not entry.terminal:
                session = self.of_entry(entry)
                if session is not None:
                    session.open.discard(entry.id)
                self._estimates.forget(entry.hub.owner, entry.id)
                self._registry.remove(entry)
        for key, session in list(self._sessions.items()):
            # Whoever comes back is known by its operations; what else is remembered is of use to those that run.
            if session.conn is None and not session.open and now.monotonic - session.last_sign > self._limits.lease_s:
                del self._sessions[key]

    def restore(self, row: StoredOperation, snapshot: Snapshot, now: Now) -> None:
        """Take in a row that an earlier life of the hub stored: alive until shown otherwise, but without a sign yet."""
        hub = snapshot.hub or HubInfo(owner=row.owner, first_seen_at=row.changed_at, changed_at=row.changed_at)
        terminal = is_terminal(snapshot.state)
        hub = msgspec.structs.replace(hub, lease="ok" if terminal else "stale", stored=True)
        age = min(max(0.0, now.wall - row.changed_at), self._limits.recent_s) if terminal else 0.0
        full = msgspec.structs.replace(snapshot, hub=hub)
        entry = self._registry.put(full, encode(full), row.session, now.monotonic - age)
        entry.history = self._keeping.mode
        if row.session is not None and not terminal:
            # Half the lease has passed in silence: the rest of it is the publisher's to come back in.
            session = self.session(row.owner, row.session, now)
            session.lease_s = max(session.lease_s or 0.0, row.lease_s or 0.0) or None
            session.last_sign = now.monotonic - self._lease_s(session) / 2
            session.open.add(snapshot.id)

    def persist(self, entry: Entry, before: Entry | None, now: Now) -> Persist | None:
        """Decide whether this is stored now: first sights, ends and new states or stages are, counts are thinned."""
        worth = (
            before is None
            or before.snapshot.state != entry.snapshot.state
            or before.snapshot.stage != entry.snapshot.stage
            or entry.hub.lease == "lost"
            or entry.persisted is None
            or now.monotonic - entry.persisted >= PERSIST_EVERY_S
        )
        if not worth or entry.history == "off":
            return None
        entry.persisted = now.monotonic
        return Persist(self.row(entry))

    def row(self, entry: Entry) -> StoredOperation:
        """Return what the store keeps of an operation, where it keeps anything."""
        row = self.row_of(entry.snapshot, entry.encoded, entry.session, entry.history)
        session = None if entry.terminal else self.of_entry(entry)
        if session is None or session.lease_s is None:
            return row
        return msgspec.structs.replace(row, lease_s=session.lease_s)

    def row_of(
        self, snapshot: Snapshot, encoded: bytes | msgspec.Raw, session: str | None, history: HistoryMode | None = None
    ) -> StoredOperation:
        """Return what the store keeps of `snapshot`, which has a `hub`; `history` defaults to the server's mode."""
        kept = self._keeping.snapshot(snapshot, history or self._keeping.mode)
        hub = snapshot.hub or HubInfo()
        return StoredOperation(
            id=snapshot.id,
            hub_id=self._hub_id,
            owner=hub.owner,
            session=session,
            kind=kept.kind,
            state=snapshot.state,
            seq=snapshot.seq,
            changed_at=hub.changed_at,
            ended_at=hub.changed_at if is_terminal(snapshot.state) else None,
            lease=hub.lease,
            name=kept.name,
            elapsed_s=snapshot.elapsed_s,
            snapshot=bytes(encoded) if kept is snapshot else encode(kept),
        )

    def _lease_s(self, session: Session) -> float:
        return session.lease_s or self._limits.lease_s

    def _open(self, session: Session) -> list[Entry]:
        found = (self._registry.get(operation) for operation in list(session.open))
        return [entry for entry in found if entry is not None]
