"""What the hub notes of a run beside its state: how its estimate went, its timeline, what its kind usually takes."""

from collections.abc import Iterable

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import KeepRecord
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Session
from progress_kit.hub.priors import Priors
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.samples import Samples
from progress_kit.protocol.messages import Timeline
from progress_kit.protocol.rest import EstimateSample


class Records:
    """Notes of all operations; those of an ended one are in the store alone."""

    def __init__(self, registry: Registry, outbox: Outbox, keeping: Keeping) -> None:
        self._registry = registry
        self._outbox = outbox
        self._keeping = keeping
        self._samples: dict[str, Samples] = {}
        self.priors = Priors(outbox)

    def accepted(self, session: Session, entry: Entry, *, new: bool) -> None:
        """Take in one snapshot that the hub accepted."""
        if not entry.terminal and entry.snapshot.estimate is not None:
            self._samples.setdefault(entry.id, Samples()).add(entry.snapshot)
        self.priors.accepted(session, entry, new=new)

    def ended(self, entries: Iterable[Entry]) -> None:
        """Have the notes of what has ended stored."""
        for entry in entries:
            samples = self._samples.pop(entry.id, None)
            if samples is not None:
                self._keep(entry, KeepRecord(entry.hub.owner, entry.id, estimates=samples.freeze()))
            self.priors.ended(entry)

    def timeline(self, session: Session | None, message: Timeline) -> None:
        """Have a timeline stored; raises `ProtocolError` (``forbidden``, ``not_found``)."""
        if session is None:
            raise ProtocolError("forbidden", "this connection does not publish")
        entry = self._registry.get(message.operation)
        if entry is None:
            raise ProtocolError("not_found", "there is no such live operation")
        if (entry.hub.owner, entry.session) != (session.owner, session.id):
            raise ProtocolError("forbidden", "this operation belongs to another session")
        self._keep(entry, KeepRecord(entry.hub.owner, entry.id, spans=message.spans, stages=message.stages))

    def _keep(self, entry: Entry, record: KeepRecord) -> None:
        kept = self._keeping.record(record, entry.history)
        if kept is not None:
            self._outbox.add(kept)

    def estimates(self, operation: str) -> tuple[EstimateSample, ...]:
        """Return how the estimate of a live operation has gone so far."""
        samples = self._samples.get(operation)
        return () if samples is None else samples.freeze()

    def tidy(self) -> None:
        """Forget what belongs to no operation any more (a lost one that was taken out, or one that was deleted)."""
        if len(self._samples) > len(self._registry):
            self._samples = {key: each for key, each in self._samples.items() if self._registry.get(key) is not None}
