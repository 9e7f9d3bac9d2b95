"""What has ended, by owner: a bounded list of items, each read or not, which outlives the hub."""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from progress_kit.hub.registry import Entry
from progress_kit.model import TASK_ERROR_LENGTH, shorten
from progress_kit.protocol.limits import INBOX_ITEMS, INBOX_SENT
from progress_kit.protocol.messages import HistoryMode, Inbox, InboxItem
from progress_kit.protocol.rest import PolledInbox


class OwnersInbox:
    """The inbox of one user. `revision` is the number of its last change; 0: it has never had one."""

    def __init__(self) -> None:
        self.revision = 0
        self.untold: set[str] = set()
        """Ids of items that were to be announced, and that no page has told of."""
        self._items: dict[str, InboxItem] = {}
        self._modes: dict[str, HistoryMode] = {}

    def __iter__(self) -> Iterator[InboxItem]:
        """Yield all items, oldest first."""
        return iter(self._items.values())

    def add(self, item: InboxItem, mode: HistoryMode) -> bool:
        """Add the newest item; return False, and change nothing, if it is there already."""
        if item.id in self._items:
            return False
        self._items[item.id], self._modes[item.id] = item, mode
        if len(self._items) > INBOX_ITEMS:
            self.forget([next(iter(self._items))])
        return True

    def mode(self, item: InboxItem) -> HistoryMode:
        """Return how much the store is given of an item."""
        return self._modes.get(item.id, "off")

    def mark_read(self, ids: Iterable[str] | None) -> list[InboxItem]:
        """Mark these items as read (None: all); return those that were not. Unknown ids are passed over."""
        wanted = self._items if ids is None else dict.fromkeys(ids)
        unread = [item for item in map(self._items.get, wanted) if item is not None and not item.read]
        changed = [msgspec.structs.replace(item, read=True) for item in unread]
        self._items.update({item.id: item for item in changed})
        self.untold.difference_update(item.id for item in changed)
        return changed

    def forget(self, ids: Iterable[str] | None) -> bool:
        """Drop these items (None: all); return whether there was one."""
        before = len(self._items)
        for name in list(self._items) if ids is None else ids:
            self._items.pop(name, None)
            self._modes.pop(name, None)
            self.untold.discard(name)
        return len(self._items) < before

    def message(self) -> Inbox:
        """Return what a page is sent."""
        newest = tuple(islice(reversed(self._items.values()), INBOX_SENT))
        return Inbox(unread=sum(not item.read for item in self), items=newest)

    def polled(self) -> PolledInbox:
        """Return what a page is answered that polls."""
        told = self.message()
        untold = tuple(item.id for item in told.items if item.id in self.untold)
        return PolledInbox(revision=self.revision, unread=told.unread, items=told.items, untold=untold)


def item_of(entry: Entry, *, announced: bool) -> InboxItem:
    """Return the item for an operation that has ended; its id is the operation's.

    One whose own policy says that its end is not `announced` is born read: whoever wrote it wants nobody's attention. A
    cancelled operation is born read: whoever asked for that (only its owner can) or wrote the code that does it
    knows, and where something went wrong, what failed is an item of its own. What failed or succeeded is news.
    """
    snapshot = entry.snapshot
    error = snapshot.error
    return InboxItem(
        id=snapshot.id,
        operation=snapshot.id,
        state=snapshot.state,
        at=entry.hub.changed_at,
        read=snapshot.state == "cancelled" or not announced,
        name=snapshot.name,
        elapsed_s=snapshot.elapsed_s,
        error=None
        if error is None
        else msgspec.structs.replace(error, message=shorten(error.message, TASK_ERROR_LENGTH)),
        origin=snapshot.origin,
    )
