"""How one state of an operation is taken in, whichever way it came: by a frame, by a request, or from a spool."""

from progress_kit.hub.events import Now
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Session
from progress_kit.hub.publications import Publications
from progress_kit.hub.records import Records
from progress_kit.hub.registry import Entry, Registry
from progress_kit.model import Snapshot, Via


class Intake:
    """Accepts a state, has it stored where that is worth it, and notes what is kept beside it."""

    def __init__(self, registry: Registry, publications: Publications, records: Records, outbox: Outbox) -> None:
        self._registry = registry
        self._publications = publications
        self._records = records
        self._outbox = outbox

    def take(self, session: Session, snapshot: Snapshot, now: Now, *, via: Via | None = None) -> Entry | None:
        """Take in one state; return the changed entry, None if it says nothing new.

        `via` says how it came, if not as all of the session does.
        Raises `ProtocolError` (``forbidden``, ``terminal``, ``limit``, ``too_large``) and changes nothing then.
        """
        before = self._registry.get(snapshot.id)
        entry = self._publications.accept(session, snapshot, now, via=via)
        if entry is None:
            return None
        persist = self._publications.persist(entry, before, now)
        if persist is not None:
            self._outbox.add(persist)
        self._records.accepted(session, entry, new=before is None)
        return entry
