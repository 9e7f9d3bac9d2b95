"""What one connection may say, and what the hub does about it."""

from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.hub.commands import Commands
from progress_kit.hub.events import Commanded, Executed, Now, WatchesCells
from progress_kit.hub.intake import Intake
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.notices import Notices
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Peer, Session, Subscription, may_see
from progress_kit.hub.publications import Publications
from progress_kit.hub.rates import Rates, release
from progress_kit.hub.records import Records
from progress_kit.hub.registry import Registry
from progress_kit.hub.tokens import Claims, TokenAuthority
from progress_kit.hub.workers import Workers, is_worker
from progress_kit.model import Snapshot
from progress_kit.protocol import Limits, decode_client
from progress_kit.protocol.limits import HELLO_BYTES
from progress_kit.protocol.messages import (
    Ack,
    ClientMessage,
    Command,
    CommandResult,
    Error,
    Execution,
    Heartbeat,
    Hello,
    Notified,
    Ping,
    Pong,
    Presence,
    Publish,
    PublisherInfo,
    Read,
    Refresh,
    Subscribe,
    TaskUpdate,
    Timeline,
    Unsubscribe,
    WatchCells,
    Welcome,
)

DEFAULT_RATE_HZ: Final = 20.0
CROWDED_RETRY_S: Final = 30.0
"""When to try again for a connection that there is no room for now."""


class Conversation:
    """Handles the frames of all connections; each connection's memory is its `Peer`."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the hub that a message can reach
        self,
        epoch: str,
        limits: Limits,
        authority: TokenAuthority,
        outbox: Outbox,
        registry: Registry,
        publications: Publications,
        intake: Intake,
        commands: Commands,
        notices: Notices,
        records: Records,
        keeping: Keeping,
        workers: Workers,
    ) -> None:
        self._epoch = epoch
        self._limits = limits
        self._authority = authority
        self._outbox = outbox
        self._registry = registry
        self._publications = publications
        self._intake = intake
        self._commands = commands
        self._notices = notices
        self._records = records
        self._keeping = keeping
        self._workers = workers
        self._rates = Rates(limits)

    def receive(self, peer: Peer, frame: str | bytes, now: Now) -> None:
        """Take in one frame of one connection."""
        try:
            message = decode_client(frame, limit=self._limits.frame_bytes if peer.claims else HELLO_BYTES)
        except ProtocolError as error:
            # What the hub does not know costs it time too.
            if peer.claims is not None and not self._within_rate(peer, None, now):
                return
            self._outbox.refuse(peer, error, now)
            if peer.claims is None or error.code == "bad_request":
                self._outbox.close(peer, 4400, "malformed frame")
            return
        if peer.claims is None:
            if isinstance(message, Hello):
                self._hello(peer, message, now)
            else:
                self._outbox.close(peer, 4400, "the first frame must be hello")
            return
        try:
            if self._within_rate(peer, message, now):
                self._dispatch(peer, peer.claims, message, now)
        except ProtocolError as error:
            self._outbox.refuse(peer, error, now, request=getattr(message, "request", None))

    def _hello(self, peer: Peer, hello: Hello, now: Now) -> None:
        try:
            claims = self._authority.verify(hello.token, now.wall)
        except ProtocolError as error:
            self._outbox.refuse(peer, error, now)
            self._outbox.close(peer, 4401, "token missing, invalid or expired")
            return
        publishes = hello.publisher is not None
        if publishes and ("publish" not in claims.scopes or claims.op or claims.nb or peer.has_origin):
            self._outbox.close(peer, 4403, "this connection may not publish")
            return
        if self._workers.is_void(claims):
            self._outbox.close(peer, 4401, "the operation of this token has ended")
            return
        many = publishes or is_worker(claims)
        most = self._limits.publishers_per_user if many else self._limits.subscribers_per_user
        if not self._outbox.join(peer, (*_principal(claims), publishes), most):
            text = f"this user has {most} such connections, as many as are allowed; close some first"
            self._outbox.send(peer.conn, Error(code="limit", message=text, retry_after_s=CROWDED_RETRY_S), now)
            self._outbox.close(peer, 4429, "too many connections of this user")
            return
        peer.claims = claims
        if hello.publisher is not None:
            self._begin_session(peer, claims.sub, hello.publisher, now)
        numbers = {name: float(getattr(self._limits, name)) for name in Limits.__struct_fields__}
        welcome = Welcome(
            epoch=self._epoch,
            revision=self._registry.revision,
            now=now.wall,
            user=claims.sub,
            scopes=tuple(sorted(claims.scopes)),
            token_expires_in_s=max(0.0, claims.exp - now.wall),
            lease_s=self._limits.lease_s,
            ping_s=self._limits.ping_s,
            limits=numbers,
            known=None if peer.session is None else self._publications.known(peer.session),
        )
        self._outbox.send(peer.conn, welcome, now)
        if peer.session is not None:
            self._acknowledge_all(peer.session, now)
            self._workers.catch_up(peer.session, now)

    def _begin_session(self, peer: Peer, owner: str, publisher: PublisherInfo, now: Now) -> None:
        session = self._publications.session(owner, publisher.session, now)
        if session.conn is not None:
            self._outbox.close(self._outbox.peers[session.conn], 4409, "session taken over by a newer connection")
        session.conn, session.via, session.lease_s = peer.conn, peer.via, None
        session.estimates, session.history = publisher.estimates, self._keeping.both(publisher.history)
        peer.session = session
        self._publications.renew(session, now)

    def _acknowledge_all(self, session: Session, now: Now) -> None:
        """Tell a returning publisher what was stored while it was away."""
        known = self._publications.known(session)
        ended = (entry for entry in map(self._registry.get, known) if entry is not None and entry.terminal)
        durable = {entry.id: entry.snapshot.seq for entry in ended if entry.hub.stored}
        if durable:
            self._outbox.send(session.conn, Ack(durable=durable), now)

    def _within_rate(self, peer: Peer, message: ClientMessage | None, now: Now) -> bool:
        """Whether a message is to be handled now. An end always is, and of running states the newest are, later."""
        verdict = self._rates.spend(peer, now)
        if verdict == "fine":
            return True
        warning = self._rates.warning(peer, now)
        if warning is not None:
            self._outbox.send(peer.conn, warning, now)
        if isinstance(message, Publish) and peer.session is not None:
            self._publish(peer, self._rates.hold(peer, message.operations), now)
        if verdict == "flood":
            self._outbox.close(peer, 4429, "too many messages")
        return False

    @property
    def conflated(self) -> int:
        """How many running states were replaced by newer ones while their publisher was too fast."""
        return self._rates.conflated

    def catch_up(self, peer: Peer, now: Now) -> None:
        """Take in what a peer said too fast, if it has been quieter since."""
        if peer.held and self._rates.has_room(peer, now):
            self._publish(peer, release(peer), now)

    def _dispatch(  # noqa: C901, PLR0912 - a flat table, one row per message type
        self, peer: Peer, claims: Claims, message: ClientMessage, now: Now
    ) -> None:
        match message:
            case Publish():
                self._publish(peer, release(peer, message.operations), now)
            case Heartbeat():
                if peer.session is None:
                    raise ProtocolError("forbidden", "this connection does not publish")
                self._publications.renew(peer.session, now)
            case Subscribe():
                self._subscribe(peer, claims, message)
            case Unsubscribe():
                peer.subscriptions.pop(message.id, None)
            case Command():
                self._command(peer, claims, message, now)
            case CommandResult():
                self._command_result(peer, message, now)
            case Presence():
                self._notices.presence(peer, claims, message)
            case Notified():
                self._notices.notified(peer, claims, message)
            case Execution():
                _require_page(claims)
                self._outbox.add(Executed(claims.sub, message))
            case WatchCells():
                _require_page(claims)
                peer.watches_cells = message.after_s is not None
                watching = (other.claims for other in self._outbox.peers.values() if other.watches_cells)
                wanted = any(other is not None and other.sub == claims.sub for other in watching)
                self._outbox.add(WatchesCells(claims.sub, wanted))
            case TaskUpdate():
                self._workers.update(claims, message, now)
            case Timeline():
                self._records.timeline(peer.session, message)
            case Read():
                self._notices.read(claims, message)
            case Refresh():
                self._refresh(peer, claims, message.token, now)
            case Ping():
                self._outbox.send(peer.conn, Pong(), now)
            case Pong():
                pass
            case Hello():
                raise ProtocolError("bad_request", "hello is sent once, as the first frame")

    def _publish(self, peer: Peer, operations: tuple[Snapshot, ...], now: Now) -> None:
        session = peer.session
        if session is None:
            raise ProtocolError("forbidden", "this connection does not publish")
        self._publications.renew(session, now)
        durable: dict[str, int] = {}
        refused: dict[str, ProtocolError] = {}
        for snapshot in operations:
            before = self._registry.get(snapshot.id)
            try:
                entry = self._intake.take(session, snapshot, now)
            except ProtocolError as error:
                refused.setdefault(error.code, error)
                continue
            # Said before; if its end is stored already, the acknowledgement was lost on the way.
            if entry is None and before is not None and before.terminal and before.hub.stored:
                durable[before.id] = before.snapshot.seq
        for refusal in refused.values():
            self._outbox.refuse(peer, refusal, now)  # once for each reason, however many were refused
        if durable:
            self._outbox.send(peer.conn, Ack(durable=durable), now)

    def _subscribe(self, peer: Peer, claims: Claims, message: Subscribe) -> None:
        if "subscribe" not in claims.scopes:
            raise ProtocolError("forbidden", "this token has no scope `subscribe`")
        if message.filter.history:
            raise ProtocolError("unsupported", "a subscription covers live operations; read older ones by GET history")
        if message.id not in peer.subscriptions and len(peer.subscriptions) >= self._limits.subscriptions:
            raise ProtocolError("limit", f"a connection may have {self._limits.subscriptions} subscriptions")
        subscription = Subscription(
            id=message.id,
            filter=message.filter,
            interval_s=1.0 / (message.max_rate_hz or DEFAULT_RATE_HZ),
            begun=self._registry.revision,
        )
        resume = message.resume
        if resume is not None and resume.epoch == self._epoch and self._registry.covers(resume.revision):
            subscription.revision = subscription.begun = resume.revision
            subscription.reset = False
        peer.subscriptions[message.id] = subscription

    def _command(self, peer: Peer, claims: Claims, message: Command, now: Now) -> None:
        if "command" not in claims.scopes:
            raise ProtocolError("forbidden", "this token has no scope `command`")
        entry = self._registry.get(message.operation)
        if entry is None or not may_see(claims, entry):
            raise ProtocolError("not_found", "there is no such live operation")
        session = self._publications.of_entry(entry)
        try:
            command = self._commands.forward(message, entry, session, peer.conn, claims.sub, now)
        except ProtocolError as error:
            self._outbox.send(peer.conn, CommandResult(request=message.request, ok=False, error=error.message), now)
            return
        self._outbox.send(None if session is None else session.conn, command, now)
        self._workers.command(command, now)
        self._outbox.add(Commanded(claims.sub, command.operation, command.action))

    def _command_result(self, peer: Peer, message: CommandResult, now: Now) -> None:
        if peer.session is None:
            raise ProtocolError("forbidden", "this connection does not publish")
        answer = self._commands.answer(message, peer.session)
        if answer is not None:
            self._outbox.send(*answer, now)

    def _refresh(self, peer: Peer, claims: Claims, token: str, now: Now) -> None:
        fresh = self._authority.verify(token, now.wall)
        if fresh.sub != claims.sub:
            self._outbox.close(peer, 4403, "a refreshed token must have the same subject")
            return
        if peer.session is not None and ("publish" not in fresh.scopes or fresh.op or fresh.nb):
            self._outbox.close(peer, 4403, "the refreshed token may not publish")
            return
        if "subscribe" not in fresh.scopes:
            peer.subscriptions.clear()
        for subscription in peer.subscriptions.values():
            subscription.question = None
        peer.claims = fresh
        peer.expiry_warned = False


def _principal(claims: Claims) -> tuple[str, str | None, str | None]:
    """Whose connections are counted together: those who follow a share link cannot lock out its owner."""
    return claims.sub, claims.op, claims.nb


def _require_page(claims: Claims) -> None:
    if claims.op or claims.nb or claims.scopes.isdisjoint({"subscribe", "command"}):
        raise ProtocolError("forbidden", "this token may not say what a page executes")
