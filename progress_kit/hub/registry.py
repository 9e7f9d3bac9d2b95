"""All operations the hub knows, in the order of their last change: the list that every subscriber is a cursor into."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec
from msgspec import Struct

from progress_kit.hub.changes import SLACK, Changes
from progress_kit.model import HubInfo, Lease, Snapshot, is_terminal
from progress_kit.protocol import encode
from progress_kit.protocol.messages import HistoryMode

TOMBSTONES: Final = 10_000


class Entry(Struct, eq=False, gc=False):
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

    @property
    def leaves(self) -> bool:
        """Whether it is only a question of time until it is no longer among the live ones."""
        return self.terminal or self.hub.lease == "lost"


class Tombstone(Struct, frozen=True, gc=False):
    """Says that an operation is gone since `revision`; `owner` is who may know."""

    owner: str
    revision: int


class Holding:
    """What one owner has here: how many operations, and which of them have ended, in the order of their last change."""

    def __init__(self) -> None:
        self.count = 0
        self.stored: OrderedDict[str, None] = OrderedDict()
        self.unstored: OrderedDict[str, None] = OrderedDict()

    def drop(self, operation: str) -> None:
        """Take an operation out of those that have ended."""
        self.stored.pop(operation, None)
        self.unstored.pop(operation, None)


class Registry:
    """All operations and the tombstones of those that are gone, in the order of their last change, and its count."""

    def __init__(self) -> None:
        self.revision = 0
        self.floor = 0
        """The highest revision whose tombstone was purged: an older cursor may have missed a removal."""
        self._ended: list[Entry] = []
        self._entries: dict[str, Entry] = {}
        self._tombstones: OrderedDict[str, Tombstone] = OrderedDict()
        self._changes = Changes(self._revision_of)
        self._holdings: defaultdict[str, Holding] = defaultdict(Holding)
        self._sessions: defaultdict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)
        self._leaving: list[tuple[float, int, str]] = []
        """A heap of (monotonic second, revision, operation) of all that has ended or is lost, with outdated lines."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, operation: str) -> Entry | None:
        """Return the entry, or None if there is none."""
        return self._entries.get(operation)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, the one that was changed longest ago first."""
        return (self._entries[each] for each in list(self._changes.since(0)) if each in self._entries)

    def of_session(self, owner: str, session: str) -> list[Entry]:
        """Return everything that a session has published and that is still here."""
        return [self._entries[each] for each in self._sessions.get((owner, session), ())]

    def count_of(self, owner: str) -> int:
        """Return how many operations of `owner` there are."""
        holding = self._holdings.get(owner)
        return 0 if holding is None else holding.count

    def first_ended_of(self, owner: str) -> Entry | None:
        """Return what `owner` would miss least: the end that was stored first, else the first one that was not."""
        holding = self._holdings.get(owner)
        if holding is None:
            return None
        operation = next(iter(holding.stored or holding.unstored), None)
        return None if operation is None else self._entries[operation]

    def put(self, snapshot: Snapshot, encoded: bytes, session: str | None, now: float) -> Entry:
        """Add or replace an operation; `encoded` is `snapshot` as JSON."""
        self.revision += 1
        old = self.get(snapshot.id)
        entry = Entry(snapshot, msgspec.Raw(encoded), session, self.revision, now)
        if old is not None:
            entry.persisted, entry.history = old.persisted, old.history
        if entry.terminal and (old is None or not old.terminal):
            self._ended.append(entry)
        self._keep_books(entry, old)
        self._tombstones.pop(entry.id, None)
        self._entries[entry.id] = entry
        self._note(entry.id)
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
        del self._entries[entry.id]
        self._close_books(entry)
        self._tombstones[entry.id] = Tombstone(entry.hub.owner, self.revision)
        if len(self._tombstones) > TOMBSTONES:
            _, oldest = self._tombstones.popitem(last=False)
            self.floor = oldest.revision
        self._note(entry.id)

    def take_ended(self) -> list[Entry]:
        """Return what has ended since this was last called, in order."""
        ended, self._ended = self._ended, []
        return ended

    def take_left(self, moment: float) -> Iterator[Entry]:
        """Yield what ended or was lost before the monotonic second `moment`; each change of an operation is told once.

        The longest ago comes first. Who takes only some finds the rest the next time.
        """
        while self._leaving and self._leaving[0][0] <= moment:
            _, _, operation = heappop(self._leaving)
            entry = self.get(operation)
            if entry is not None and entry.leaves and entry.changed <= moment:
                yield entry

    def since(self, revision: int) -> Iterator[tuple[str, Entry | Tombstone]]:
        """Yield what changed after `revision`, oldest change first."""
        for operation in self._changes.since(revision):
            yield operation, self._entries.get(operation) or self._tombstones[operation]

    def since_of(self, operations: Iterable[str], revision: int) -> Iterator[tuple[str, Entry | Tombstone]]:
        """Yield those of these operations that changed after `revision`, oldest change first."""
        found = {each: self._entries.get(each) or self._tombstones.get(each) for each in operations}
        newer = [(name, item) for name, item in found.items() if item is not None and item.revision > revision]
        return iter(sorted(newer, key=lambda each: each[1].revision))

    def covers(self, revision: int) -> bool:
        """Whether a cursor at `revision` can go on without missing a removal."""
        return self.floor <= revision <= self.revision

    # -- the books: what would otherwise be found by looking through everything ---------------------------------------

    def _revision_of(self, operation: str) -> int | None:
        item = self._entries.get(operation) or self._tombstones.get(operation)
        return None if item is None else item.revision

    def _note(self, operation: str) -> None:
        self._changes.add(self.revision, operation)
        self._changes.sweep(len(self._entries) + len(self._tombstones))

    def _keep_books(self, entry: Entry, old: Entry | None) -> None:
        hub = entry.hub
        if old is not None and (old.hub.owner, old.session) != (hub.owner, entry.session):
            self._close_books(old)
            old = None
        holding = self._holdings[hub.owner]
        if old is None:
            holding.count += 1
            self._sessions[hub.owner, entry.session][entry.id] = None
        holding.drop(entry.id)
        if entry.terminal:
            (holding.stored if hub.stored else holding.unstored)[entry.id] = None
        if entry.leaves:
            heappush(self._leaving, _place(entry))
            if len(self._leaving) > 2 * len(self._entries) + SLACK:
                self._leaving = [_place(each) for each in self._entries.values() if each.leaves]
                self._leaving.append(_place(entry))
                heapify(self._leaving)

    def _close_books(self, entry: Entry) -> None:
        holding = self._holdings[entry.hub.owner]
        holding.count -= 1
        holding.drop(entry.id)
        if not holding.count:
            del self._holdings[entry.hub.owner]
        key = (entry.hub.owner, entry.session)
        del self._sessions[key][entry.id]
        if not self._sessions[key]:
            del self._sessions[key]


def _place(entry: Entry) -> tuple[float, int, str]:
    """Return where an operation stands in the order of leaving."""
    return entry.changed, entry.revision, entry.id
