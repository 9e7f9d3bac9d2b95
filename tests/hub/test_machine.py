"""Publisher session, hub and subscriber sessions under drops, duplicates, restarts and a failing store.

The rules do what networks, disks and processes do; the invariants are those that every user relies on: an end is final
and never acknowledged before it is stored, and once the line is quiet every subscriber holds what the hub holds and the
hub holds what the publisher said.
"""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from progress_kit.client.session import SubscriberSession
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
    Tick,
    TokenAuthority,
    Writable,
)
from progress_kit.model import OperationState, Snapshot, Stage, StoredOperation, is_terminal
from progress_kit.protocol import decode_hub
from progress_kit.protocol.messages import Ack
from progress_kit.protocol.rest import TokenRequest
from progress_kit.publisher.session import PublisherSession

AUTHORITY = TokenAuthority(b"k" * 32)
WALL = 1_700_000_000.0
OPERATIONS = ["op_1", "op_2", "op_3"]
SUBSCRIBERS = [0, 1]


class Line:
    """One WebSocket connection: ordered both ways until it is cut, and what was on its way is lost then."""

    def __init__(self, conn: int) -> None:
        self.conn = conn
        self.to_hub: deque[bytes] = deque()
        self.from_hub: deque[bytes] = deque()


class Hub(RuleBasedStateMachine):
    """One publisher, two subscribers, one hub with its store."""

    @initialize()
    def start(self) -> None:
        """Start the first life of everything."""
        self.seconds = 1_000.0
        self.epochs = 0
        self.conns = 0
        self.database: dict[str, StoredOperation] = {}
        self.lines: dict[int, Line] = {}
        self.said: dict[str, Snapshot] = {}
        self.durable: dict[str, int] = {}
        self.published: list[bytes] = []
        self.publisher = PublisherSession("s_1")
        self.publisher_line: Line | None = None
        self.subscribers = [SubscriberSession("unused", subscription=f"s{each}") for each in SUBSCRIBERS]
        self.subscriber_lines: list[Line | None] = [None for _ in SUBSCRIBERS]
        self.healthy = True
        self.begin_life()
        self.publisher_connects()
        for index in SUBSCRIBERS:
            self.subscriber_connects(index)
        self.everything_arrives()

    # -- the world ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self.seconds, WALL + self.seconds)

    def begin_life(self) -> None:
        """Start a hub on what the store has."""
        self.epochs += 1
        self.pending: list[StoredOperation] = []
        self.manager = ProgressConnectionManager(hub_id="h_1", authority=AUTHORITY, epoch=f"e_{self.epochs}")
        self.handle(Restored(list(self.database.values())))
        if not self.healthy:
            self.handle(StoreStatus("memory", "disk full"))

    def token(self) -> str:
        request = TokenRequest(scopes=("publish", "subscribe"))
        return AUTHORITY.grant(request, Login("local"), self.now.wall).token

    def handle(self, event: Event) -> None:
        for output in self.manager.handle(event, self.now):
            match output:
                case Send(conn, data):
                    if conn in self.lines:
                        self.lines[conn].from_hub.append(data)
                case Close(conn):
                    self.cut(self.lines.get(conn))
                case Persist(row):
                    self.pending.append(row)

    def open_line(self) -> Line:
        self.conns += 1
        line = self.lines[self.conns] = Line(self.conns)
        self.handle(Connected(line.conn))
        return line

    def cut(self, line: Line | None) -> None:
        if line is None:
            return
        self.lines.pop(line.conn, None)
        if line is self.publisher_line:
            self.publisher_line = None
            self.publisher.disconnected()
        for index, other in enumerate(self.subscriber_lines):
            if other is line:
                self.subscriber_lines[index] = None
                self.subscribers[index].disconnected()

    def say(self, frames: list[bytes]) -> None:
        """Put the publisher's frames on its line, if it has one."""
        self.published += [frame for frame in frames if frame.startswith(b'{"type":"publish"')]
        if self.publisher_line is not None:
            self.publisher_line.to_hub.extend(frames)

    def sample(self) -> None:
        self.say(self.publisher.sample(list(self.said.values()), self.seconds))

    # -- what the user's code does --------------------------------------------------------------------------------

    @rule(operation=st.sampled_from(OPERATIONS), steps=st.integers(1, 3))
    def work(self, operation: str, steps: int) -> None:
        """An operation begins or goes on."""
        old = self.said.get(operation)
        if old is not None and is_terminal(old.state):
            return
        seq = steps + (0 if old is None else old.seq)
        stages = (Stage(name="main", state="running", done=seq),)
        self.said[operation] = Snapshot(id=operation, name="x", state="running", seq=seq, stages=stages)
        self.sample()

    @rule(operation=st.sampled_from(OPERATIONS), state=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def end(self, operation: str, state: OperationState) -> None:
        """An operation ends."""
        old = self.said.get(operation)
        if old is None or is_terminal(old.state):
            return
        self.said[operation] = Snapshot(id=operation, name="x", state=state, seq=old.seq + 1)
        self.sample()

    # -- what networks do -----------------------------------------------------------------------------------------

    @rule()
    def publisher_connects(self) -> None:
        """The publisher finds the hub."""
        if self.publisher_line is not None:
            return
        self.publisher_line = self.open_line()
        self.say(self.publisher.connected(self.token()))

    @rule(index=st.sampled_from(SUBSCRIBERS))
    def subscriber_connects(self, index: int) -> None:
        """A page opens or comes back."""
        if self.subscriber_lines[index] is not None:
            return
        line = self.subscriber_lines[index] = self.open_line()
        self.subscribers[index]._token = self.token()
        line.to_hub.extend(self.subscribers[index].hello())

    @rule(data=st.data(), notice=st.booleans())
    def line_breaks(self, data: st.DataObject, *, notice: bool) -> None:
        """A connection is cut; the hub may notice later or never."""
        if not self.lines:
            return
        line = self.lines[data.draw(st.sampled_from(sorted(self.lines)))]
        self.cut(line)
        if notice:
            self.handle(Disconnected(line.conn))

    @rule()
    def everything_arrives(self) -> None:
        """The network is quick for a moment."""
        while sum(self.deliver(line) for line in list(self.lines.values())):
            pass

    @rule(data=st.data(), frames=st.integers(1, 5))
    def frames_arrive(self, data: st.DataObject, frames: int) -> None:
        """Some frames of one line reach their end."""
        if self.lines:
            line = self.lines[data.draw(st.sampled_from(sorted(self.lines)))]
            for _ in range(frames):
                self.deliver(line)

    def deliver(self, line: Line) -> bool:
        """Deliver one frame each way; return whether there was one."""
        moved = False
        if line.to_hub:
            moved = True
            self.handle(Received(line.conn, line.to_hub.popleft()))
        if line.from_hub and line.conn in self.lines:
            moved = True
            self.arrive(line, line.from_hub.popleft())
            if not line.from_hub:
                self.handle(Writable(line.conn))
        return moved

    def arrive(self, line: Line, frame: bytes) -> None:
        if line is self.publisher_line:
            message = decode_hub(frame)
            if isinstance(message, Ack):
                for operation, seq in message.durable.items():
                    assert self.database[operation].seq == seq, "acknowledged before it was stored"
                    self.durable[operation] = seq
            self.say(self.publisher.received(frame, self.seconds))
        for index, other in enumerate(self.subscriber_lines):
            if other is line:
                line.to_hub.extend(self.subscribers[index].received(frame))

    @precondition(lambda self: self.published and self.publisher.welcomed)
    @rule(data=st.data())
    def old_frame_comes_again(self, data: st.DataObject) -> None:
        """A frame that was sent before is delivered a second time."""
        assert self.publisher_line is not None
        frame = data.draw(st.sampled_from(self.published))
        self.handle(Received(self.publisher_line.conn, frame))

    # -- what time, disks and servers do --------------------------------------------------------------------------

    @rule(seconds=st.floats(0.1, 20))
    def time_passes(self, seconds: float) -> None:
        """Leases run, heartbeats are due."""
        self.seconds += seconds
        self.say(self.publisher.tick(self.seconds))
        self.sample()
        self.handle(Tick())

    @rule(count=st.integers(1, 5))
    def store_commits(self, count: int) -> None:
        """The store's thread gets some rows onto the disk."""
        if not self.healthy:
            self.pending.clear()
            return
        rows, self.pending = self.pending[:count], self.pending[count:]
        for row in rows:
            old = self.database.get(row.id)
            assert old is None or not is_terminal(old.state) or old.seq >= row.seq, "something follows an end"
            if old is None or old.seq < row.seq:
                self.database[row.id] = row
            self.handle(Stored(row.id, row.seq))

    @rule()
    def store_breaks_or_heals(self) -> None:
        """The disk is full for a while."""
        self.healthy = not self.healthy
        self.handle(StoreStatus("ok") if self.healthy else StoreStatus("memory", "disk full"))

    @rule()
    def server_is_killed(self) -> None:
        """A kill -9: what was not committed is gone, all lines are cut, a new life begins."""
        for line in list(self.lines.values()):
            self.cut(line)
        self.begin_life()

    # -- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def an_acknowledged_end_is_what_everyone_sees(self) -> None:
        """Whoever is in step sees every operation ended whose end was acknowledged, in this life or before."""
        for index, subscriber in enumerate(self.subscribers):
            line = self.subscriber_lines[index]
            for operation, seq in self.durable.items():
                snapshot = subscriber.view.get(operation)
                quiet = line is not None and not line.from_hub and not line.to_hub and subscriber.synced
                if quiet and snapshot is not None:
                    assert (snapshot.seq, is_terminal(snapshot.state)) == (seq, True)

    @invariant()
    def what_is_shown_was_said(self) -> None:
        """A view never holds a snapshot that the publisher did not publish, and never one from the future."""
        for subscriber in self.subscribers:
            for operation, snapshot in subscriber.view.items():
                assert snapshot.seq <= self.said[operation].seq

    def teardown(self) -> None:
        """Everything heals and comes to rest."""
        if not hasattr(self, "manager"):
            return
        if not self.healthy:
            self.store_breaks_or_heals()
        for _ in range(6):
            if self.publisher_line is None:
                self.publisher_connects()
            for index in SUBSCRIBERS:
                self.subscriber_connects(index)
            self.everything_arrives()
            while self.pending:
                self.store_commits(5)
            self.time_passes(2)
        self.everything_arrives()
        assert self.publisher.unacknowledged == set()
        expected = {key: (snapshot.seq, snapshot.state) for key, snapshot in self.said.items()}
        for subscriber in self.subscribers:
            assert subscriber.synced
            assert {key: (item.seq, item.state) for key, item in subscriber.view.items()} == expected
            assert all(item.hub is not None and item.hub.lease == "ok" for item in subscriber.view.values())


Hub.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestHub = Hub.TestCase
