"""The world that the state machine shakes: a hub, the disk that outlives it, the lines to it, and the time."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Protocol
from unittest.mock import patch

import msgspec

from progress_kit.hub import (
    Close,
    Connected,
    Disconnected,
    Event,
    Login,
    Now,
    Persist,
    ProgressConnectionManager,
    Received,
    Restored,
    Send,
    Stored,
    StoreStatus,
    TokenAuthority,
    Writable,
)
from progress_kit.model import HubInfo, Lease, Snapshot, StoredOperation, is_terminal
from progress_kit.protocol import Limits, decode_client, decode_hub, decode_snapshot
from progress_kit.protocol.messages import Ack, Filter, HubMessage, Publish, ResumePoint, Welcome
from progress_kit.protocol.rest import StateResponse, TokenRequest
from progress_kit.store import table
from progress_kit.store.file import open_memory

AUTHORITY: Final = TokenAuthority(b"k" * 32)
OWNER: Final = "local"
RECENT_S: Final = 60.0
LIMITS: Final = Limits(recent_s=RECENT_S)
PING_TIMEOUT_S: Final = 30.0
ENDLESS: Final = 1_000


@contextmanager
def small_numbers(frame_bytes: int, tombstones: int) -> Iterator[None]:
    """Make frames and the hub's memory of removals so small that a few steps reach their limits."""
    with ExitStack() as patches:
        patches.enter_context(patch("progress_kit.hub.spreading.STATE_BYTES", frame_bytes))
        patches.enter_context(patch("progress_kit.hub.manager.POLL_BYTES", frame_bytes))
        patches.enter_context(patch("progress_kit.hub.registry.TOMBSTONES", tombstones))
        patches.enter_context(patch("progress_kit.store.table.LIVE_S", RECENT_S))
        yield


def said(snapshot: Snapshot) -> Snapshot:
    """Return what the publisher said, without what the hub believes."""
    return msgspec.structs.replace(snapshot, hub=None)


def belief(snapshot: Snapshot) -> HubInfo:
    """Return what the hub believes of an operation that it shows."""
    assert snapshot.hub is not None
    return snapshot.hub


def durable(messages: list[HubMessage]) -> dict[str, int]:
    """Return what these messages acknowledge."""
    return {name: seq for each in messages if isinstance(each, Ack) for name, seq in each.durable.items()}


def is_publish(frame: bytes) -> bool:
    """Whether a frame of a publisher tells of operations."""
    return frame.startswith(b'{"type":"publish"')


class Party(Protocol):
    """Whoever is at the other end of a line."""

    session_id: str | None
    """The publishing session; None for a page."""

    def received(self, frame: bytes) -> None:
        """Take in a frame of the hub."""

    def hung_up(self) -> None:
        """The line was cut."""


class Line:
    """One WebSocket connection: ordered both ways until it is cut, and what was on its way is lost then."""

    def __init__(self, conn: int, party: Party) -> None:
        self.conn = conn
        self.party = party
        self.to_hub: deque[bytes] = deque()
        self.from_hub: deque[bytes] = deque()
        self.moved = 0.0
        """When something arrived last, or nothing was on its way."""

    @property
    def quiet(self) -> bool:
        return not self.to_hub and not self.from_hub


class Disk:
    """The store's file and the queue before it. While it is not healthy, writes go to a memory that nobody keeps."""

    def __init__(self) -> None:
        self.connection = open_memory()
        self.queue: deque[StoredOperation] = deque()
        self.healthy = True

    def commit(self, count: int) -> list[Stored]:
        """Write some rows; return what the store's thread says of them."""
        rows = [self.queue.popleft() for _ in range(min(count, len(self.queue)))]
        return [Stored(row.id, row.seq) for row in rows if not self.healthy or table.persist(self.connection, row)]

    def live(self, now: float) -> list[StoredOperation]:
        return table.live(self.connection, "h_1", now)

    def get(self, operation: str) -> Snapshot | None:
        data = table.snapshot(self.connection, OWNER, operation)
        return None if data is None else decode_snapshot(data)


class World:
    """One hub in all its lives."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.disk = Disk()
        self.lines: dict[int, Line] = {}
        self.said: dict[str, dict[int, Snapshot]] = {}
        """Everything that the publishers have said: operation → seq → snapshot."""
        self.acknowledged: dict[str, Snapshot] = {}
        """The ends that a hub has called durable."""
        self.signs: dict[str, float] = {}
        """When each publishing session gave its last sign of life to this life of the hub."""
        self._conns = 0
        self._lives = 0
        self._claims = AUTHORITY.verify(self.token(), self.now.wall)
        self.views: dict[tuple[str, int], dict[str, Snapshot]] = {}
        """Epoch and revision of the hub → what it held then."""
        self.begin_life()

    # -- the hub --------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self.seconds, 1_700_000_000.0 + self.seconds)

    @property
    def point(self) -> ResumePoint:
        """Where the hub is."""
        return ResumePoint(epoch=self.manager.epoch, revision=self.manager.revision)

    def begin_life(self) -> None:
        """Start a hub, as the driver does, on what the disk has. A kill -9 before it cuts all lines."""
        for line in list(self.lines.values()):
            self.cut(line)
        self._lives += 1
        self.disk.queue.clear()
        self.manager = ProgressConnectionManager(
            hub_id="h_1", authority=AUTHORITY, epoch=f"e_{self._lives}", limits=LIMITS
        )
        self.tell_store_status()
        rows = self.disk.live(self.now.wall)
        self.handle(Restored(rows))
        running = [row for row in rows if row.session is not None and not is_terminal(row.state)]
        self.signs = {str(row.session): self.seconds - LIMITS.lease_s / 2 for row in running}

    def tell_store_status(self) -> None:
        self.handle(StoreStatus("ok") if self.disk.healthy else StoreStatus("memory", "disk full"))

    def handle(self, event: Event) -> None:
        """Do what the driver does with an event."""
        outputs = self.manager.handle(event, self.now)
        self.view()
        for output in outputs:
            match output:
                case Send(conn, data):
                    self._send(conn, data)
                case Close(conn):
                    self.cut(self.lines.get(conn))
                case Persist(row):
                    self.disk.queue.append(row)

    def token(self) -> str:
        request = TokenRequest(scopes=("publish", "subscribe"))
        return AUTHORITY.grant(request, Login(OWNER), self.now.wall).token

    def poll(self, wanted: Filter, resume: ResumePoint | None) -> StateResponse:
        """Ask for the operations over REST."""
        return msgspec.json.decode(self.manager.poll(self._claims, wanted, resume, self.now), type=StateResponse)

    def view(self) -> dict[str, Snapshot]:
        """Return all that the hub holds."""
        point = self.manager.epoch, self.manager.revision
        if point not in self.views:
            self.views[point] = self._look()
        return self.views[point]

    def _look(self) -> dict[str, Snapshot]:
        held: dict[str, Snapshot] = {}
        answer = self.poll(Filter(), None)
        held.update({each.id: each for each in answer.operations})
        for _ in range(ENDLESS):
            if not answer.more:
                return held
            answer = self.poll(Filter(), ResumePoint(epoch=answer.epoch, revision=answer.revision))
            held.update({each.id: each for each in answer.operations})
        raise AssertionError("an answer in pieces has no end")

    def has_left(self, operation: str) -> bool:
        """Whether an operation has ended and is only history."""
        kept = self.disk.get(operation)
        return operation not in self.view() and kept is not None and is_terminal(kept.state)

    def lease(self, session: str) -> Lease:
        """Return what the hub has to believe of the running operations of a session."""
        silent = self.seconds - self.signs[session]
        if silent >= LIMITS.lease_s:
            return "lost"
        return "stale" if silent >= LIMITS.lease_s / 2 else "ok"

    # -- the lines ------------------------------------------------------------------------------------------------

    def open_line(self, party: Party) -> Line:
        self._conns += 1
        line = self.lines[self._conns] = Line(self._conns, party)
        line.moved = self.seconds
        self.handle(Connected(line.conn))
        return line

    def cut(self, line: Line | None) -> None:
        """End a line; the hub is not told."""
        if line is not None and self.lines.pop(line.conn, None) is not None:
            line.party.hung_up()

    def deliver(self, line: Line) -> bool:
        """Deliver one frame each way; return whether there was one."""
        moved = False
        if line.to_hub:
            moved = True
            self.arrive(line, line.to_hub.popleft())
        if line.from_hub and line.conn in self.lines:
            moved = True
            line.party.received(line.from_hub.popleft())
            if not line.from_hub:
                self.handle(Writable(line.conn))
        if moved:
            line.moved = self.seconds
        return moved

    def deliver_all(self) -> None:
        for _ in range(ENDLESS):
            if not sum(self.deliver(line) for line in list(self.lines.values())):
                return
        raise AssertionError("hub and parties never fall silent")

    def arrive(self, line: Line, frame: bytes) -> None:
        """Let a frame arrive at the hub. Whatever a publisher says is a sign of life."""
        waiting, before = len(line.from_hub), self.view()
        self.handle(Received(line.conn, frame))
        session = line.party.session_id
        if session is not None and line.conn in self.lines:
            self.signs[session] = self.seconds
            answers = [decode_hub(answer) for answer in list(line.from_hub)[waiting:]]
            if is_publish(frame):
                self._check_repetition(before, frame, answers)
            elif frame.startswith(b'{"type":"hello"'):
                self._check_greeting(session, answers)

    def _send(self, conn: int, data: bytes) -> None:
        message = decode_hub(data)
        if isinstance(message, Ack):
            for operation, seq in message.durable.items():
                kept = self.disk.get(operation)
                assert kept is not None, "an end was acknowledged that is not on the disk"
                assert said(kept) == self.said[operation][seq], "what was acknowledged is not what the disk has"
                assert is_terminal(kept.state), "only an end is acknowledged"
                self.acknowledged[operation] = said(kept)
        if conn in self.lines:
            self.lines[conn].from_hub.append(data)

    def _check_repetition(self, before: dict[str, Snapshot], frame: bytes, answers: list[HubMessage]) -> None:
        """A publisher that tells a stored end again has not heard the acknowledgement, so that it gets another."""
        message = decode_client(frame, limit=LIMITS.frame_bytes)
        assert isinstance(message, Publish)
        for item in message.operations:
            old = before.get(item.id)
            if old is not None and said(old) == item and is_terminal(item.state) and belief(old).stored:
                assert durable(answers)[item.id] == item.seq

    def _check_greeting(self, session: str, answers: list[HubMessage]) -> None:
        """A returning publisher is told what the hub knows of it, and which of its ends were stored meanwhile."""
        mine = {name: item for name, item in self.view().items() if self.said_by(name) == session}
        welcome = next(message for message in answers if isinstance(message, Welcome))
        assert welcome.known == {name: item.seq for name, item in mine.items()}
        stored = {name: item.seq for name, item in mine.items() if is_terminal(item.state) and belief(item).stored}
        assert durable(answers) == stored

    @staticmethod
    def said_by(operation: str) -> str:
        """Return the session that owns an operation."""
        return f"s_{operation[0]}"

    # -- the time -------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass. A line on which nothing gets through is given up, as pings would do."""
        for line in list(self.lines.values()):
            if line.quiet:
                line.moved = self.seconds
        self.seconds += seconds
        for line in list(self.lines.values()):
            if self.seconds - line.moved >= PING_TIMEOUT_S:
                self.cut(line)
                self.handle(Disconnected(line.conn))
