"""Takes operations out of the live ones before their time: deleted from the history, or never there."""

from collections.abc import Iterable

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import Now
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.notices import Notices
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import may_see
from progress_kit.hub.publications import Publications
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.messages import Ack


class Deleting:
    """What is gone leaves a tombstone in the registry; the store is told by whoever asked for it."""

    def __init__(
        self, registry: Registry, publications: Publications, notices: Notices, outbox: Outbox, keeping: Keeping
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._notices = notices
        self._outbox = outbox
        self._keeping = keeping

    def one(self, claims: Claims, operation: str, now: Now) -> None:
        """Take out an operation that has ended or is lost; raises `ProtocolError` ``unsupported`` if it runs."""
        entry = self._registry.get(operation)
        if entry is not None and not may_see(claims, entry):
            entry = None
        if entry is not None and not entry.terminal and entry.hub.lease != "lost":
            raise ProtocolError("unsupported", "this operation is running; it can be deleted when it has ended")
        self._notices.forget(claims.sub, [operation])
        self._remove([] if entry is None else [entry], now)

    def ended(self, claims: Claims, kind: str | None, now: Now) -> None:
        """Do the same for all of the user's that have ended, or for those of one kind."""
        mine = (entry for entry in self._registry.entries() if entry.terminal and may_see(claims, entry))
        gone = [entry for entry in mine if kind is None or self._keeping.same_kind(kind, entry.snapshot.kind)]
        # Of those of one kind that are no longer live only the store knows the kind: their items go at the next start.
        self._notices.forget(claims.sub, None if kind is None else [entry.id for entry in gone])
        self._remove(gone, now)

    def withdraw(self, owner: str, operation: str, now: Now) -> None:
        """Take back an operation that the server made itself, ended or not."""
        entry = self._registry.get(operation)
        if entry is not None and entry.hub.via == "server" and entry.hub.owner == owner:
            self._remove([entry], now)

    def _remove(self, entries: Iterable[Entry], now: Now) -> None:
        for entry in entries:
            session = self._publications.of_entry(entry)
            if session is not None:
                session.open.discard(entry.id)
                if entry.terminal and not entry.hub.stored:
                    # Its publisher keeps an end until it is stored, and would bring it back.
                    self._outbox.send(session.conn, Ack(durable={entry.id: entry.snapshot.seq}), now)
            self._registry.remove(entry)
