"""`ProgressConnectionManager`: everything the hub decides, without IO.

Events go in with the moment they happened, outputs come out; a driver carries both. The manager is a cursor, not a
queue: what a subscriber has is one revision, and a slow client, a reconnect and an idle bookmark are the same code.
"""

import math
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub.commands import Commands
from progress_kit.hub.conversation import Conversation
from progress_kit.hub.deleting import Deleting
from progress_kit.hub.delivery import next_piece
from progress_kit.hub.demand import Demands
from progress_kit.hub.estimates import Estimates
from progress_kit.hub.events import (
    Commanded,
    Connected,
    Disconnected,
    Ended,
    Event,
    KernelDied,
    Now,
    Output,
    Persist,
    PriorLoaded,
    Received,
    Restored,
    Spooled,
    Stored,
    StoreStatus,
    Tick,
    Writable,
)
from progress_kit.hub.intake import Intake
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.kernels import Deaths
from progress_kit.hub.notices import Notices
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.overview import Overview
from progress_kit.hub.peers import Peer
from progress_kit.hub.publications import Publications
from progress_kit.hub.records import Records
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.resting import RestPublishing
from progress_kit.hub.spooled import SpooledEnds
from progress_kit.hub.spreading import Spreading
from progress_kit.hub.tokens import LEEWAY_S, Claims, TokenAuthority
from progress_kit.hub.workers import Workers
from progress_kit.model import Action, Prior
from progress_kit.protocol import Limits, decode_snapshot, encode
from progress_kit.protocol.limits import HELLO_TIMEOUT_S
from progress_kit.protocol.messages import (
    Ack,
    Bookmark,
    Command,
    Expiring,
    Filter,
    ResumePoint,
)
from progress_kit.protocol.rest import (
    CommandAnswer,
    EstimateSample,
    InboxRequest,
    InboxResponse,
    PutRequest,
    PutResponse,
)

POLL_BYTES: Final = 1024 * 1024
EXPIRING_S: Final = 60.0
TICK_S: Final = 1.0


class ProgressConnectionManager(Overview):
    """The hub of one server. `epoch` names this life of it and must never have been used before."""

    def __init__(
        self,
        *,
        hub_id: str,
        authority: TokenAuthority,
        epoch: str,
        limits: Limits | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self.hub_id = hub_id
        self.epoch = epoch
        self.limits = limits or Limits()
        self.keeping = keeping or Keeping()
        self._authority = authority
        super().__init__(Registry(), Outbox())
        self._estimates = Estimates()
        self._publications = Publications(hub_id, self._registry, self.limits, self._estimates, self.keeping)
        self._commands = Commands()
        self._deaths = Deaths(self._registry, self._publications)
        self._notices = Notices(epoch, self._outbox, self.keeping)
        self._deleting = Deleting(self._registry, self._publications, self._notices, self._outbox, self.keeping)
        self._spreading = Spreading(epoch, self._registry, self._outbox, self._notices)
        self._records = Records(self._registry, self._outbox, self.keeping)
        self._intake = Intake(self._registry, self._publications, self._records, self._outbox)
        self._spooled = SpooledEnds(
            self._registry, self._publications, self._intake, self._outbox, self.keeping, self.limits
        )
        self._demands = Demands(self._registry, self._outbox)
        self._resting = RestPublishing(
            self._registry,
            self._publications,
            self._intake,
            self._records,
            self._commands,
            self._outbox,
            self.keeping,
            self.limits,
        )
        self._workers = Workers(self._outbox, self._registry, self._publications)
        self._conversation = Conversation(
            epoch,
            self.limits,
            authority,
            self._outbox,
            self._registry,
            self._publications,
            self._intake,
            self._commands,
            self._notices,
            self._records,
            self.keeping,
            self._workers,
        )
        self._store_ok = True
        self._touched: set[int] = set()
        """Connections that may be sent something although no operation has changed."""

    @property
    def revision(self) -> int:
        """How many changes this life of the hub has seen."""
        return self._registry.revision

    @property
    def frames_encoded(self) -> int:
        """How many state frames this life of the hub has made; one may have been sent to many."""
        return self._spreading.delivery.encoded

    @property
    def conflated(self) -> int:
        """How many running states of publishers that are too fast were replaced by newer ones before they counted."""
        return self._conversation.conflated

    # -- events ---------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: Now) -> list[Output]:
        """Take in one event and return what is to be done, in order."""
        return self.handle_all([event], now)

    def handle_all(self, events: Sequence[Event], now: Now) -> list[Output]:
        """Take in what has happened since the last call; what changed by all of it is sent at once."""
        before = self._registry.revision, self._notices.revision
        for event in events:
            self._take_in(event, now)
        for entry, old in self._deaths.bury(now):
            self._persist(entry, old, now)
        ended = self._registry.take_ended()
        self._records.ended(ended)
        self._workers.ended(ended)
        for entry in ended:
            self._outbox.add(Ended(entry.snapshot))
            if entry.history == "off":
                self._settle(entry, now)
        # First, so that no end is stored, and hence acknowledged, whose item is not kept.
        kept = self._notices.ended(ended, now)
        self._notices.advance(now)
        if self._notices.revision != before[1] or any(isinstance(event, Tick) for event in events):
            self._spreading.flush_all(now)
        elif self._registry.revision == before[0] or not self._spreading.changed(now):
            for conn in self._touched:
                if conn in self._outbox.peers:
                    self._spreading.flush(self._outbox.peers[conn], now)
        self._demands.look(self._touched, now)
        self._touched.clear()
        return [*kept, *self._outbox.drain()]

    def _take_in(self, event: Event, now: Now) -> None:  # noqa: C901, PLR0912 - a flat table, one row per event
        peers = self._outbox.peers
        match event:
            case Received(conn, frame):
                if conn in peers:
                    self._touched.add(conn)
                    self._conversation.receive(peers[conn], frame, now)
            case Writable():
                peer = peers.get(event.conn)
                if peer is not None:
                    peer.blocked_since = None
                    if peer.waits:
                        peer.waits = False
                        self._touched.add(peer.conn)
            case Connected(conn, has_origin, via):
                budget = float(self.limits.burst_messages)
                peers[conn] = Peer(conn, now.monotonic, has_origin, via=via, tokens=budget, refilled=now.monotonic)
            case Disconnected(conn):
                self._outbox.forget(conn)
                self._touched.add(conn)
            case Tick():
                self._tick(now)
            case Restored(rows, inbox):
                for row in rows:
                    self._publications.restore(row, decode_snapshot(row.snapshot), now)
                self._registry.take_ended()  # what an earlier life announced is no news
                self._notices.restore(inbox)
            case Stored(operation, seq):
                self._stored(operation, seq, now)
            case StoreStatus(status):
                self._store_status(healthy=status == "ok", now=now)
            case Spooled(owner, ends):
                self._spooled.take(owner, ends, now)
            case KernelDied(kernel_id):
                self._deaths.died(kernel_id, now)
            case PriorLoaded(owner, kind, prior):
                self._records.priors.loaded(owner, kind, prior, now)
                if prior is not None:
                    self._learn(owner, kind, prior)

    def next_tick(self, now: Now) -> float:
        """Return after how many seconds `Tick` is due if nothing else happens."""
        dues = [due for due in (self._spreading.due, self._notices.due) if due is not None]
        return min(TICK_S, max(0.0, min(dues, default=math.inf) - now.monotonic))

    # -- reading over REST ----------------------------------------------------------------------------------------

    def poll(
        self, claims: Claims, wanted: Filter, resume: ResumePoint | None, now: Now, *, inbox: int | None = None
    ) -> bytes:
        """Return the body of ``GET operations``: what changed since `resume`, or everything with `reset`."""
        valid = resume is not None and resume.epoch == self.epoch and self._registry.covers(resume.revision)
        since = resume.revision if resume is not None and valid else 0
        horizon = since if valid else self._registry.revision
        piece = next_piece(self._registry, claims, wanted, since, horizon=horizon, limit=POLL_BYTES)
        if piece.more and not self._registry.covers(piece.revision):
            # From there nobody could go on: everything at once.
            piece = next_piece(self._registry, claims, wanted, since, horizon=horizon, limit=sys.maxsize)
        body = {
            "epoch": self.epoch,
            "revision": piece.revision,
            "now": now.wall,
            "reset": not valid,
            "more": piece.more,
            "operations": piece.operations,
            "removed": piece.removed,
            "inbox": self._notices.polled(claims, inbox, same_life=resume is not None and resume.epoch == self.epoch),
        }
        return msgspec.json.encode(body)

    def inbox(self, claims: Claims, request: InboxRequest, now: Now) -> tuple[InboxResponse, list[Output]]:
        """Do what a page that polls asks of its user's inbox; return the answer, and what is to be done.

        Raises `ProtocolError` ``forbidden`` for a share link.
        """
        answer = self._notices.asked_to(claims, request)
        self._spreading.flush_all(now)
        return answer, self._outbox.drain()

    def estimates(self, claims: Claims, operation: str) -> tuple[EstimateSample, ...]:
        """Return how the estimate of a live operation has gone so far; empty if `claims` may not see it."""
        return () if self._visible(claims, operation) is None else self._records.estimates(operation)

    def forget(self, claims: Claims, operation: str, now: Now) -> list[Output]:
        """Take an operation that has ended or is lost out of the live ones, because it is deleted from the history.

        Return what is to be done. Raises `ProtocolError` ``unsupported`` if it runs.
        """
        self._deleting.one(claims, operation, now)
        return self._spread(now)

    def forget_history(self, claims: Claims, kind: str | None, now: Now) -> list[Output]:
        """Do the same for all of the user's that have ended, or for those of one kind."""
        self._deleting.ended(claims, kind, now)
        return self._spread(now)

    def withdraw(self, owner: str, operation: str, now: Now) -> list[Output]:
        """Take back an operation that the server made itself, ended or not; return what is to be done."""
        self._deleting.withdraw(owner, operation, now)
        return self._spread(now)

    def _spread(self, now: Now) -> list[Output]:
        self._spreading.flush_all(now)
        return self._outbox.drain()

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
        self._workers.command(command, now)
        self._outbox.add(Commanded(claims.sub, operation, action))
        return command.request, self._outbox.drain()

    # -- publishing over REST -------------------------------------------------------------------------------------

    def put(self, claims: Claims, operation: str, request: PutRequest, now: Now) -> list[Output]:
        """Take in one state of an operation; return what is to be done. Then `told` is the answer.

        Raises `ProtocolError`, see `RestPublishing.put`.
        """
        self._resting.put(claims, operation, request, now)
        return self.handle_all([], now)

    def told(self, operation: str) -> PutResponse:
        """Return the answer to `put`; raises `ProtocolError` ``not_found`` if the operation was deleted meanwhile."""
        return self._resting.told(operation)

    def answer(self, claims: Claims, operation: str, request: str, answer: CommandAnswer, now: Now) -> list[Output]:
        """Take in the answer to a command; return what is to be done. Raises `ProtocolError` ``not_found``."""
        self._resting.answer(claims, operation, request, answer, now)
        return self._outbox.drain()

    # -- time and store -------------------------------------------------------------------------------------------

    def _tick(self, now: Now) -> None:
        for peer in list(self._outbox.peers.values()):
            self._check_peer(peer, now)
            self._conversation.catch_up(peer, now)
        for entry in list(self._publications.check_leases(now)):
            self._persist(entry, entry, now)
        self._publications.expire(now)
        self._records.tidy()
        self._demands.tick(now)
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

    def _learn(self, owner: str, kind: str, prior: Prior) -> None:
        """Estimate anew what the hub estimates itself, now that earlier runs are known."""
        self._estimates.learn(owner, kind, prior)
        for operation in self._estimates.operations(owner):
            entry = self._registry.get(operation)
            if entry is not None and entry.snapshot.kind == kind and not entry.terminal:
                full = self._estimates.again(owner, entry.snapshot)
                self._registry.put(full, encode(full), entry.session, entry.changed)

    def _stored(self, operation: str, seq: int, now: Now) -> None:
        entry = self._registry.get(operation)
        if not self._store_ok or entry is None or not entry.terminal or entry.snapshot.seq != seq or entry.hub.stored:
            return
        self._settle(entry, now)

    def _settle(self, entry: Entry, now: Now) -> None:
        """Tell the publisher of an end that it need not repeat it: it is stored, or not to be."""
        entry = self._registry.amend(entry, stored=True)
        session = self._publications.of_entry(entry)
        durable = {entry.id: entry.snapshot.seq}
        self._outbox.send(None if session is None else session.conn, Ack(durable=durable), now)

    def _store_status(self, *, healthy: bool, now: Now) -> None:
        if healthy and not self._store_ok:
            for kept in self._notices.everything():
                self._outbox.add(kept)
            for entry in self._registry.entries():
                # What was stored may lie in a file that is damaged now; where it does not, this changes nothing.
                if entry.history != "off":
                    entry.persisted = now.monotonic
                    self._outbox.add(Persist(self._publications.row(entry)))
        self._store_ok = healthy

    def _persist(self, entry: Entry, before: Entry, now: Now) -> None:
        persist = self._publications.persist(entry, before, now)
        if persist is not None:
            self._outbox.add(persist)
