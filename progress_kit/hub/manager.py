"""`ProgressConnectionManager`: everything the hub decides, without IO.

Events go in with the moment they happened, outputs come out; a driver carries both. The manager is a cursor, not a
queue: what a subscriber has is one revision, and a slow client, a reconnect and an idle bookmark are the same code.
"""

from typing import Final

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub.commands import Commands
from progress_kit.hub.conversation import Conversation
from progress_kit.hub.delivery import Delivery, next_piece
from progress_kit.hub.events import (
    Connected,
    Disconnected,
    Event,
    Now,
    Output,
    Persist,
    Received,
    Restored,
    Stored,
    StoreStatus,
    Tick,
    Writable,
)
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Peer, may_see
from progress_kit.hub.publications import Publications
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import LEEWAY_S, Claims, TokenAuthority
from progress_kit.model import Action
from progress_kit.protocol import Limits, decode_snapshot
from progress_kit.protocol.limits import HELLO_TIMEOUT_S, STATE_BYTES
from progress_kit.protocol.messages import (
    Ack,
    Bookmark,
    Command,
    EncodedState,
    Expiring,
    Filter,
    ResumePoint,
)

POLL_BYTES: Final = 1024 * 1024
EXPIRING_S: Final = 60.0
TICK_S: Final = 1.0


class ProgressConnectionManager:
    """The hub of one server. `epoch` names this life of it and must never have been used before."""

    def __init__(self, *, hub_id: str, authority: TokenAuthority, epoch: str, limits: Limits | None = None) -> None:
        self.hub_id = hub_id
        self.epoch = epoch
        self.limits = limits or Limits()
        self._authority = authority
        self._registry = Registry()
        self._publications = Publications(hub_id, self._registry, self.limits)
        self._delivery = Delivery(self._registry, STATE_BYTES)
        self._commands = Commands()
        self._outbox = Outbox()
        self._conversation = Conversation(
            epoch, self.limits, authority, self._outbox, self._registry, self._publications, self._commands
        )
        self._store_ok = True
        self._due: float | None = None

    @property
    def revision(self) -> int:
        """How many changes this life of the hub has seen."""
        return self._registry.revision

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of live operations, connected publishers and connected subscribers."""
        publishers = sum(peer.session is not None for peer in self._outbox.peers.values())
        return len(self._registry), publishers, sum(bool(peer.subscriptions) for peer in self._outbox.peers.values())

    # -- events ---------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: Now) -> list[Output]:  # noqa: C901, PLR0912 - a flat table, one row per event
        """Take in one event and return what is to be done, in order."""
        before = self._registry.revision
        peers = self._outbox.peers
        match event:
            case Received(conn, frame):
                if conn in peers:
                    self._conversation.receive(peers[conn], frame, now)
            case Writable(conn):
                if conn in peers:
                    peers[conn].blocked_since = None
            case Connected(conn, has_origin):
                budget = float(self.limits.burst_messages)
                peers[conn] = Peer(conn, now.monotonic, has_origin, tokens=budget, refilled=now.monotonic)
            case Disconnected(conn):
                self._outbox.forget(conn)
            case Tick():
                self._tick(now)
            case Restored(rows):
                for row in rows:
                    self._publications.restore(row, decode_snapshot(row.snapshot), now)
            case Stored(operation, seq):
                self._stored(operation, seq, now)
            case StoreStatus(status):
                self._store_status(healthy=status == "ok", now=now)
        if self._registry.revision != before or isinstance(event, Tick):
            self._due = None
            for peer in peers.values():
                self._flush(peer, now)
        elif isinstance(event, Received | Writable) and event.conn in peers:
            self._flush(peers[event.conn], now)
        return self._outbox.drain()

    def next_tick(self, now: Now) -> float:
        """Return after how many seconds `Tick` is due if nothing else happens."""
        return TICK_S if self._due is None else min(TICK_S, max(0.0, self._due - now.monotonic))

    # -- reading over REST ----------------------------------------------------------------------------------------

    def poll(self, claims: Claims, wanted: Filter, resume: ResumePoint | None, now: Now) -> bytes:
        """Return the body of ``GET operations``: what changed since `resume`, or everything with `reset`."""
        valid = resume is not None and resume.epoch == self.epoch and self._registry.covers(resume.revision)
        since = resume.revision if resume is not None and valid else 0
        piece = next_piece(self._registry, claims, wanted, since, fresh=not valid, limit=POLL_BYTES)
        body = {
            "epoch": self.epoch,
            "revision": piece.revision,
            "now": now.wall,
            "reset": not valid,
            "more": piece.more,
            "operations": piece.operations,
            "removed": piece.removed,
        }
        return msgspec.json.encode(body)

    def snapshot(self, claims: Claims, operation: str) -> bytes | None:
        """Return one live operation as JSON; None if there is none that `claims` may see."""
        entry = self._visible(claims, operation)
        return None if entry is None else bytes(entry.encoded)

    def command(
        self, claims: Claims, operation: str, action: Action, reason: str | None, now: Now
    ) -> tuple[str, list[Output]]:
        """Forward a command that came over REST. Return its request id, and what is to be done.

        Raises `ProtocolError` (``forbidden``, ``not_found``, ``terminal``, ``unsupported``).
        """
        if "command" not in claims.scopes:
            raise ProtocolError("forbidden", "this token has no scope `command`")
        entry = self._visible(claims, operation)
        if entry is None:
            raise ProtocolError("not_found", "there is no such live operation")
        request = Command(request="rest", operation=operation, action=action, reason=reason)
        session = self._publications.of_entry(entry)
        command = self._commands.forward(request, entry, session, None, claims.sub, now)
        self._outbox.send(None if session is None else session.conn, command, now)
        return command.request, self._outbox.drain()

    # -- time and store -------------------------------------------------------------------------------------------

    def _tick(self, now: Now) -> None:
        for peer in list(self._outbox.peers.values()):
            self._check_peer(peer, now)
        for entry in list(self._publications.check_leases(now)):
            persist = self._publications.persist(entry, entry, now)
            if persist is not None:
                self._outbox.add(persist)
        self._publications.expire(now)
        for conn, result in self._commands.overdue(now):
            self._outbox.send(conn, result, now)

    def _check_peer(self, peer: Peer, now: Now) -> None:
        claims = peer.claims
        if claims is None:
            if now.monotonic - peer.connected >= HELLO_TIMEOUT_S:
                self._outbox.close(peer, 4408, "no hello in time")
            return
        if now.wall >= claims.exp + LEEWAY_S or self._authority.is_revoked(claims.jti):
            self._outbox.close(peer, 4401, "token expired or revoked")
        elif peer.blocked_since is not None and now.monotonic - peer.blocked_since >= self.limits.blocked_s:
            self._outbox.close(peer, 4508, "too slow")
        elif not peer.expiry_warned and claims.exp - now.wall <= min(EXPIRING_S, (claims.exp - claims.iat) / 2):
            peer.expiry_warned = True
            self._outbox.send(peer.conn, Expiring(in_s=max(0.0, claims.exp - now.wall)), now)
        elif peer.subscriptions and now.monotonic - peer.last_sent >= self.limits.ping_s:
            revision = self._registry.revision
            if all(each.answered and each.revision == revision for each in peer.subscriptions.values()):
                self._outbox.send(peer.conn, Bookmark(epoch=self.epoch, revision=revision, now=now.wall), now)

    def _stored(self, operation: str, seq: int, now: Now) -> None:
        entry = self._registry.get(operation)
        if not self._store_ok or entry is None or not entry.terminal or entry.snapshot.seq != seq or entry.hub.stored:
            return
        self._registry.amend(entry, stored=True)
        session = self._publications.of_entry(entry)
        self._outbox.send(None if session is None else session.conn, Ack(durable={operation: seq}), now)

    def _store_status(self, *, healthy: bool, now: Now) -> None:
        if healthy and not self._store_ok:
            for entry in self._registry.entries():
                if not entry.hub.stored:
                    entry.persisted = now.monotonic
                    self._outbox.add(Persist(self._publications.row(entry)))
        self._store_ok = healthy

    # -- sending --------------------------------------------------------------------------------------------------

    def _flush(self, peer: Peer, now: Now) -> None:
        """Send at most one frame of state: the next one follows when this one has left."""
        for subscription in peer.subscriptions.values():
            if peer.blocked_since is not None or peer.claims is None:
                return
            if subscription.answered and subscription.revision == self._registry.revision:
                continue
            if now.monotonic < subscription.due:
                self._due = subscription.due if self._due is None else min(self._due, subscription.due)
                continue
            if subscription.revision and not self._registry.covers(subscription.revision):
                subscription.start_over()
            piece = self._delivery.piece(peer.claims, subscription)
            subscription.revision = piece.revision
            if piece.is_empty and not piece.more and subscription.answered:
                continue
            state = EncodedState(
                subscription=subscription.id,
                epoch=self.epoch,
                revision=piece.revision,
                now=now.wall,
                reset=subscription.reset,
                more=piece.more,
                operations=piece.operations,
                removed=piece.removed,
            )
            subscription.reset = False
            if not piece.more:
                subscription.answered = True
                subscription.fresh = False
                subscription.due = now.monotonic + subscription.interval_s
            self._outbox.send(peer.conn, state, now)

    def _visible(self, claims: Claims, operation: str) -> Entry | None:
        entry = self._registry.get(operation)
        return entry if entry is not None and may_see(claims, entry) else None
