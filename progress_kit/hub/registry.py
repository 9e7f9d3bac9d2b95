"""All operations the hub knows, in the order of their last change: the list that every subscriber is a cursor into."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from progress_kit.model import HubInfo, Lease, Snapshot, is_terminal
from progress_kit.protocol import encode
from progress_kit.protocol.messages import HistoryMode

TOMBSTONES: Final = 10_000


class Entry(Struct, eq=False):
    """One operation. `encoded` is the snapshot's JSON, made once for all subscribers."""

    snapshot: Snapshot
    encoded: msgspec.Raw
    session: str | None
    revision: int
    changed: float
    """Hub's monotonic second of the last change."""
    persisted: float | None = None
    """Hub's monotonic second at which it was last given to the store."""
    history: HistoryMode = "full"
    """How much the store is given of it."""

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.snapshot.id

    @property
    def hub(self) -> HubInfo:
        """What the hub believes; every entry has it."""
        return self.snapshot.hub or HubInfo()

    @property
    def terminal(self) -> bool:
        """Whether the operation has ended."""
        return is_terminal(self.snapshot.state)


class Tombstone(Struct, frozen=True):
    """Says that an operation is gone since `revision`; `owner` is who may know."""

    owner: str
    revision: int


class Registry:
    """The ordered map operation → entry or tombstone, moved to the end at each change, and the count of changes."""

    def __init__(self) -> None:
        self.revision = 0
        self.floor = 0
        """The highest revision whose tombstone was purged: an older cursor may have missed a removal."""
        self._ended: list[Entry] = []
        self._log: OrderedDict[str, Entry | Tombstone] = OrderedDict()
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def get(self, operation: str) -> Entry | None:
        """Return the entry, or None if there is none."""
        found = self._log.get(operation)
        return found if isinstance(found, Entry) else None

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, the one that was changed longest ago first."""
        return (found for found in list(self._log.values()) if isinstance(found, Entry))

    def put(self, snapshot: Snapshot, encoded: bytes, session: str | None, now: float) -> Entry:
        """Add or replace an operation; `encoded` is `snapshot` as JSON."""
        self.revision += 1
        old = self.get(snapshot.id)
        entry = Entry(snapshot, msgspec.Raw(encoded), session, self.revision, now)
        if old is not None:
            entry.persisted, entry.history = old.persisted, old.history
        if old is None:
            self._live += 1
        if entry.terminal and (old is None or not old.terminal):
            self._ended.append(entry)
        self._log[snapshot.id] = entry
        self._log.move_to_end(snapshot.id)
        return entry

    def amend(
        self, entry: Entry, *, lease: Lease | None = None, stored: bool | None = None, changed: float | None = None
    ) -> Entry:
        """Change what the hub believes of an operation, not what its publisher said.

        `changed` is the hub's monotonic second if this counts as a change of the operation.
        """
        hub = msgspec.structs.replace(
            entry.hub,
            lease=entry.hub.lease if lease is None else lease,
            stored=entry.hub.stored if stored is None else stored,
        )
        full = msgspec.structs.replace(entry.snapshot, hub=hub)
        return self.put(full, encode(full), entry.session, entry.changed if changed is None else changed)

    def remove(self, entry: Entry) -> None:
        """Forget an operation and leave a tombstone for those who still show it."""
        self.revision += 1
        self._live -= 1
        self._log[entry.id] = Tombstone(entry.hub.owner, self.revision)
        self._log.move_to_end(entry.id)
        if len(self._log) - self._live > TOMBSTONES:
            oldest, tombstone = next((key, item) for key, item in self._log.items() if isinstance(item, Tombstone))
            self.floor = tombstone.revision
            del self._log[oldest]

    def take_ended(self) -> list[Entry]:
        """Return what has ended since this was last called, in order."""
        ended, self._ended = self._ended, []
        return ended

    def since(self, revision: int) -> list[tuple[str, Entry | Tombstone]]:
        """Return what changed after `revision`, oldest change first."""
        newer: list[tuple[str, Entry | Tombstone]] = []
        for operation, item in reversed(self._log.items()):
            if item.revision <= revision:
                break
            newer.append((operation, item))
        newer.reverse()
        return newer

    def covers(self, revision: int) -> bool:
        """Whether a cursor at `revision` can go on without missing a removal."""
        return self.floor <= revision <= self.revision
