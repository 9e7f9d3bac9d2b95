"""Ends that a dead process left in its spool: as if it had published them, but that nobody is there to be told."""

from collections.abc import Iterable

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import KeepRecord, Now, Persist
from progress_kit.hub.intake import Intake
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.publications import Publications
from progress_kit.hub.registry import Registry
from progress_kit.model import HubInfo
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.spool import SpooledEnd


class SpooledEnds:
    """Takes ends in, each once; what has ended before stays as it is."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the hub that an end reaches
        self,
        registry: Registry,
        publications: Publications,
        intake: Intake,
        outbox: Outbox,
        keeping: Keeping,
        limits: Limits,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._intake = intake
        self._outbox = outbox
        self._keeping = keeping
        self._limits = limits

    def take(self, owner: str, ends: Iterable[SpooledEnd], now: Now) -> None:
        """Take in `ends`, none of which is in the history; those of operations that nobody knows are `owner`'s."""
        for end in ends:
            old = self._registry.get(end.snapshot.id)
            if old is not None and old.terminal:
                continue
            age = max(0.0, now.wall - (end.snapshot.ended_at or now.wall))
            if old is None and end.hub_id is None and age >= self._limits.recent_s:
                self._into_history(owner, end, now.wall - age)  # no news any more
                continue
            # Who has a session's id is the process itself: the ids are secret, and the file was its user's own.
            whose = old.hub.owner if old is not None and old.session == end.session else owner
            try:
                self._accept(whose, end, now)
            except ProtocolError as error:
                if error.code == "limit":
                    self._into_history(owner, end, now.wall)

    def _accept(self, owner: str, end: SpooledEnd, now: Now) -> None:
        session = self._publications.session(owner, end.session, now)
        if self._intake.take(session, end.snapshot, now, via="spool") is not None:
            self._keep_stages(owner, end)

    def _into_history(self, owner: str, end: SpooledEnd, ended_at: float) -> None:
        if self._keeping.mode == "off":
            return
        hub = HubInfo(first_seen_at=ended_at, changed_at=ended_at, via="spool", owner=owner)
        snapshot = msgspec.structs.replace(end.snapshot, hub=hub)
        self._outbox.add(Persist(self._publications.row_of(snapshot, encode(snapshot), end.session)))
        self._keep_stages(owner, end)

    def _keep_stages(self, owner: str, end: SpooledEnd) -> None:
        if end.stages:
            record = self._keeping.record(KeepRecord(owner, end.snapshot.id, stages=end.stages), self._keeping.mode)
            if record is not None:
                self._outbox.add(record)
