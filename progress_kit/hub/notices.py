"""Telling people that their operations have ended: once, on the page that reaches them best, and in their inbox.

Every end becomes an item of its owner's inbox, which all pages of that user share. Ends that may be announced are
collected for two seconds and offered to one page after the other until one answers. What no page answered for is not
offered again, not even to a page that comes later: it stays unread in the inbox, and old news does not pop up.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct, field

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import Announced, KeepInbox, Now
from progress_kit.hub.inbox import OwnersInbox, item_of
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Peer
from progress_kit.hub.registry import Entry
from progress_kit.hub.tokens import Claims
from progress_kit.model import Snapshot
from progress_kit.protocol import encode
from progress_kit.protocol.messages import InboxItem, Notified, NotifyRequest, Presence, Read
from progress_kit.protocol.rest import InboxRequest, InboxResponse, PolledInbox

BATCH_S: Final = 2.0
"""Ends within this time of the first one are one notification."""
ANSWER_S: Final = 2.0
"""How long a page has to say that it told its user."""
NOTIFY_BYTES: Final = 256 * 1024
"""What one `notify` may carry; more ends at once are several."""
OFFERS: Final = 100
"""How many notifications of one user wait for an answer; the oldest one makes room, and its ends stay in the inbox."""
INBOX_EVERY_S: Final = 0.25
"""A page is sent the inbox at most this often."""


class Batch(Struct, eq=False):
    """Ends of one owner that will be one notification."""

    due: float
    snapshots: list[Snapshot] = field(default_factory=list)
    size: int = 0


class Offer(Struct, eq=False):
    """A notification that no page has answered for yet. `asked`: all connections that were sent it, `conn` the last."""

    owner: str
    message: NotifyRequest
    asked: set[int] = field(default_factory=set)
    conn: int | None = None
    due: float = 0.0


class Notices:
    """Inboxes, and the notifications on their way. `revision` counts the changes of all inboxes."""

    def __init__(self, epoch: str, outbox: Outbox, keeping: Keeping) -> None:
        self.revision = 0
        self._epoch = epoch
        self._outbox = outbox
        self._keeping = keeping
        self._inboxes: defaultdict[str, OwnersInbox] = defaultdict(OwnersInbox)
        self._batches: dict[str, Batch] = {}
        self._offers: dict[str, Offer] = {}
        self._presences = 0
        self._offered = 0

    @property
    def due(self) -> float | None:
        """The hub's monotonic second at which `advance` has something to do; None if it has not."""
        times = [batch.due for batch in self._batches.values()] + [offer.due for offer in self._offers.values()]
        return min(times, default=None)

    # -- what pages say -------------------------------------------------------------------------------------------

    def presence(self, peer: Peer, claims: Claims, message: Presence) -> None:
        """Take in how well a page reaches its user; from the first time on it is told of ends, and of the inbox.

        Raises `ProtocolError` (``forbidden``) unless the token is for everything of its user, as do `notified` and
        `read`: who follows a share link has no part in somebody's notifications.
        """
        _require_whole_user(claims)
        self._presences += 1
        peer.presence, peer.presence_number = message, self._presences

    def notified(self, peer: Peer, claims: Claims, message: Notified) -> None:
        """A page told its user, or had a reason not to: nobody else is asked. Only who was asked can say so."""
        _require_whole_user(claims)
        offer = self._offers.get(message.id)
        if offer is not None and peer.conn in offer.asked:
            del self._offers[message.id]

    def read(self, claims: Claims, message: Read) -> None:
        """Mark items of the asker's own inbox."""
        _require_whole_user(claims)
        changed = self._inboxes[claims.sub].mark_read(None if message.ids == "all" else message.ids)
        if changed:
            self._outbox.add(self._changed(claims.sub, changed))

    def polled(self, claims: Claims, known: int | None, *, same_life: bool) -> PolledInbox | None:
        """Return the inbox for a page that polls, and has it at revision `known` of the `same_life` of the hub or not.

        None if that is the newest, where a page does not ask for it, and for a share link.
        """
        if known is None or not _is_whole_user(claims):
            return None
        inbox = self._inboxes[claims.sub]
        return None if same_life and inbox.revision == known else inbox.polled()

    def asked_to(self, claims: Claims, request: InboxRequest) -> InboxResponse:
        """Mark what was seen, and give out what the page wants to tell of, each item to the first page that asks.

        Raises `ProtocolError` ``forbidden`` for a share link.
        """
        self.read(claims, Read(ids=request.read))
        inbox = self._inboxes[claims.sub]
        given = tuple(name for name in dict.fromkeys(request.tell) if name in inbox.untold)
        if given:
            inbox.untold.difference_update(given)
            self._changed(claims.sub, ())
        return InboxResponse(tell=given, inbox=inbox.polled())

    # -- what happens ---------------------------------------------------------------------------------------------

    def ended(self, entries: Iterable[Entry], now: Now) -> list[KeepInbox]:
        """Take in ends; return what must be kept of them before the ends themselves are stored."""
        new: defaultdict[str, list[InboxItem]] = defaultdict(list)
        for entry in entries:
            announced = is_announced(entry.snapshot)
            owner, item = entry.hub.owner, item_of(entry, announced=announced)
            # An end that is repeated long after the operation left the hub's memory is no news.
            if self._inboxes[owner].add(item, entry.history):
                new[owner].append(item)
                if announced:
                    self._collect(owner, entry.snapshot, now)
        return [self._changed(owner, items) for owner, items in new.items()]

    def forget(self, owner: str, operations: Iterable[str] | None) -> None:
        """Drop the items of operations (None: all) that their owner deletes; the store does so by itself."""
        if self._inboxes[owner].forget(operations):
            self._changed(owner, ())

    def restore(self, items: Iterable[tuple[str, InboxItem]]) -> None:
        """Take in what an earlier life of the hub kept, oldest first."""
        for owner, item in items:
            self._inboxes[owner].add(item, self._keeping.mode)

    def everything(self) -> list[KeepInbox]:
        """Return all that there is, for a store that has none of it."""
        return [self._kept(owner, inbox) for owner, inbox in self._inboxes.items()]

    def advance(self, now: Now) -> None:
        """Begin the notifications that are due, and ask the next page for those that got no answer."""
        for owner, batch in list(self._batches.items()):
            if now.monotonic >= batch.due:
                del self._batches[owner]
                self._offer(owner, batch)
        for offer in list(self._offers.values()):
            if now.monotonic >= offer.due or offer.conn not in self._outbox.peers:
                self._ask_next(offer, now)

    def flush(self, peer: Peer, now: Now) -> float | None:
        """Send a page the inbox if it has an older one; return the monotonic second from which it may be sent, if any.

        To be called when nothing that was sent to the page is still on its way.
        """
        if peer.claims is None or not is_page(peer, peer.claims.sub):
            return None
        inbox = self._inboxes[peer.claims.sub]
        if peer.inbox_revision == inbox.revision:
            return None
        if peer.blocked_since is not None:
            peer.waits = True
            return None
        if now.monotonic < peer.inbox_due:
            return peer.inbox_due
        peer.inbox_revision = inbox.revision
        peer.inbox_due = now.monotonic + INBOX_EVERY_S
        self._outbox.send(peer.conn, inbox.message(), now)
        return None

    # -- notifications --------------------------------------------------------------------------------------------

    def _collect(self, owner: str, snapshot: Snapshot, now: Now) -> None:
        """Put an end into the owner's next notification, without what only a detailed view shows."""
        told = msgspec.structs.replace(snapshot, stages=(), tasks=(), metrics={})
        size = len(encode(told))
        batch = self._batches.get(owner)
        if batch is not None and batch.size + size > NOTIFY_BYTES:
            self._offer(owner, batch)
            batch = None
        if batch is None:
            batch = self._batches[owner] = Batch(due=now.monotonic + BATCH_S)
        batch.snapshots.append(told)
        batch.size += size

    def _offer(self, owner: str, batch: Batch) -> None:
        mine = [name for name, offer in self._offers.items() if offer.owner == owner]
        if len(mine) >= OFFERS:
            del self._offers[mine[0]]
        self._offered += 1
        # The id never comes again, and is the same for every page: one that reconnects can tell what it showed before.
        name = f"{self._epoch}.{self._offered}"
        message = NotifyRequest(id=name, operations=tuple(batch.snapshots))
        self._offers[name] = Offer(owner, message)
        self._outbox.add(Announced(owner, message.operations, untold=False))

    def _ask_next(self, offer: Offer, now: Now) -> None:
        pages = [
            peer for peer in self._outbox.peers.values() if is_page(peer, offer.owner) and peer.conn not in offer.asked
        ]
        if not pages:
            del self._offers[offer.message.id]
            # A page that polls is not among them: it finds them with the inbox.
            self._inboxes[offer.owner].untold.update(snapshot.id for snapshot in offer.message.operations)
            self._changed(offer.owner, ())
            self._outbox.add(Announced(offer.owner, offer.message.operations, untold=True))
            return
        best = max(pages, key=lambda peer: _reach(peer, now))
        offer.asked.add(best.conn)
        offer.conn, offer.due = best.conn, now.monotonic + ANSWER_S
        self._outbox.send(best.conn, offer.message, now)

    def _changed(self, owner: str, items: Iterable[InboxItem]) -> KeepInbox:
        self.revision += 1
        self._inboxes[owner].revision = self.revision
        return self._kept(owner, items)

    def _kept(self, owner: str, items: Iterable[InboxItem]) -> KeepInbox:
        inbox = self._inboxes[owner]
        kept = (self._keeping.item(item, inbox.mode(item)) for item in items)
        return KeepInbox(owner, tuple(item for item in kept if item is not None))


def is_announced(snapshot: Snapshot) -> bool:
    """Whether a page is asked to tell of this end, by the operation's own policy; for ``default`` the page decides."""
    match snapshot.notify.when:
        case "never":
            return False
        case "failure":
            return snapshot.state == "failed"
        case "longer":
            hub, elapsed_s = snapshot.hub, snapshot.elapsed_s
            if elapsed_s is None and hub is not None:
                elapsed_s = hub.changed_at - hub.first_seen_at
            return (elapsed_s or 0.0) >= (snapshot.notify.after_s or 0.0)
        case _:
            return True


def is_page(peer: Peer, owner: str) -> bool:
    """Whether somebody may be looking at this connection who is to know of all ends of `owner`."""
    claims = peer.claims
    return peer.presence is not None and claims is not None and claims.sub == owner and _is_whole_user(claims)


def _is_whole_user(claims: Claims) -> bool:
    return "subscribe" in claims.scopes and claims.op is None and claims.nb is None


def _require_whole_user(claims: Claims) -> None:
    if not _is_whole_user(claims):
        raise ProtocolError("forbidden", "this takes a token with the scope `subscribe` for all operations of its user")


def _reach(peer: Peer, now: Now) -> tuple[bool, bool, bool, bool, int]:
    """How well a page reaches its user; of equal ones the one that was in use last is the best."""
    presence = peer.presence
    assert presence is not None
    awake = peer.blocked_since is None or now.monotonic - peer.blocked_since < ANSWER_S
    return awake, presence.focused, presence.visible, presence.can_notify, peer.presence_number
