"""Whatever happens to the connections: every end becomes durable exactly once, and `seq` only grows."""

from collections import deque

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol import decode_client, encode
from progress_kit.protocol.messages import Ack, Hello, Publish, Welcome
from progress_kit.publisher.session import PublisherSession

OPERATIONS = st.sampled_from(["a", "b", "c"])
ENDS = st.sampled_from(["succeeded", "failed", "cancelled"])


class Lines(RuleBasedStateMachine):
    """A process with three operations at a time, a hub that stores late, and a line that breaks at any frame."""

    def __init__(self) -> None:
        super().__init__()
        self.session = PublisherSession("s_1")
        self.now = 0.0
        self.count = 0
        self.current: dict[str, Snapshot] = {}
        self.ended: dict[str, Snapshot] = {}
        self.acknowledged: dict[str, int] = {}
        self.up: deque[bytes] | None = None
        self.down: deque[bytes] = deque()
        self.hub: dict[str, Snapshot] = {}
        self.durable: dict[str, int] = {}
        self.heard: dict[str, int] = {}

    # -- the process ----------------------------------------------------------------------------------------------

    @rule(slot=OPERATIONS)
    def begin(self, slot: str) -> None:
        if slot not in self.current:
            self.count += 1
            self.current[slot] = Snapshot(id=f"{slot}{self.count}", name="n", state="running", seq=1)
            self.send(self.session.sample([self.current[slot]], self.now))

    @rule(slot=OPERATIONS, steps=st.integers(1, 3))
    def go_on(self, slot: str, steps: int) -> None:
        if slot in self.current:
            old = self.current[slot]
            self.current[slot] = Snapshot(id=old.id, name="n", state="running", seq=old.seq + steps)
            self.send(self.session.sample([self.current[slot], old], self.now))

    @rule(slot=OPERATIONS, state=ENDS)
    def end(self, slot: str, state: str) -> None:
        if slot in self.current:
            old = self.current.pop(slot)
            last = Snapshot(id=old.id, name="n", state=state, seq=old.seq + 1)  # type: ignore[arg-type]
            self.ended[old.id] = last
            self.send(self.session.sample([last], self.now))
            self.send(self.session.sample([old], self.now))

    @rule(seconds=st.sampled_from([0.01, 1.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.send(self.session.sample([], self.now) + self.session.tick(self.now))

    # -- the line -------------------------------------------------------------------------------------------------

    def send(self, frames: list[bytes]) -> None:
        assert self.up is not None or not frames, "frames without a connection"
        if self.up is not None:
            self.up.extend(frames)

    @precondition(lambda self: self.up is None)
    @rule()
    def connect(self) -> None:
        self.up, self.down, self.heard = deque(), deque(), {}
        self.send(self.session.connected("jwt"))

    @precondition(lambda self: self.up is not None)
    @rule(arrives=st.integers(0, 3))
    def cut(self, arrives: int) -> None:
        """The connection breaks; some of what was under way still reaches the hub, nothing comes back."""
        for _ in range(arrives):
            self.to_hub()
        self.up = None
        self.session.disconnected()

    @precondition(lambda self: self.up)
    @rule()
    def to_hub(self) -> None:
        if not self.up:
            return
        message = decode_client(self.up.popleft(), limit=1 << 20)
        if isinstance(message, Hello):
            self.down.append(_welcome({operation: snapshot.seq for operation, snapshot in self.hub.items()}))
        elif isinstance(message, Publish):
            for snapshot in message.operations:
                self.hear(snapshot)

    def hear(self, snapshot: Snapshot) -> None:
        assert snapshot.seq > self.heard.get(snapshot.id, 0), "seq did not grow on one connection"
        self.heard[snapshot.id] = snapshot.seq
        old = self.hub.get(snapshot.id)
        if old is None or snapshot.seq > old.seq:
            assert old is None or not is_terminal(old.state), "something followed an end"
            self.hub[snapshot.id] = snapshot
        elif snapshot.id in self.durable:
            self.down.append(encode(Ack(durable={snapshot.id: self.durable[snapshot.id]})))

    @rule()
    def store(self) -> None:
        """The hub's disk has caught up; the acknowledgement may be lost with the line."""
        for snapshot in self.hub.values():
            if is_terminal(snapshot.state) and snapshot.id not in self.durable:
                self.durable[snapshot.id] = snapshot.seq
                self.down.append(encode(Ack(durable={snapshot.id: snapshot.seq})))

    @precondition(lambda self: self.down)
    @rule(twice=st.booleans())
    def from_hub(self, twice: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        if self.up is None:
            self.down.clear()
            return
        frame = self.down.popleft()
        for _ in range(1 + (twice and b'"ack"' in frame)):
            before = self.session.unacknowledged
            self.send(self.session.received(frame, self.now))
            for operation in before - self.session.unacknowledged:
                self.acknowledged[operation] = self.acknowledged.get(operation, 0) + 1

    @precondition(lambda self: self.count)
    @rule()
    def restart_the_hub(self) -> None:
        """The hub loses what it had not stored; the line breaks with it."""
        self.hub = {operation: snapshot for operation, snapshot in self.hub.items() if operation in self.durable}
        self.up = None
        self.down.clear()
        self.session.disconnected()

    # -- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_settled_that_is_not_stored(self) -> None:
        for operation, snapshot in self.ended.items():
            if operation not in self.session.unacknowledged:
                assert self.durable.get(operation) == snapshot.seq

    def teardown(self) -> None:
        """Once the line is quiet, everything has arrived, and every end was settled exactly once."""
        if self.up is None:
            self.connect()
        for _ in range(20):
            self.now += 1.0
            self.send(self.session.sample([], self.now))
            while self.up:
                self.to_hub()
            self.store()
            while self.down:
                self.from_hub(twice=True)
        assert self.session.settled
        assert {operation: self.hub[operation] for operation in self.ended} == self.ended
        assert self.acknowledged == dict.fromkeys(self.ended, 1)
        for snapshot in self.current.values():
            assert self.hub[snapshot.id] == snapshot


def _welcome(known: dict[str, int]) -> bytes:
    return encode(
        Welcome(
            epoch="e",
            revision=0,
            now=0.0,
            user="local",
            scopes=("publish",),
            token_expires_in_s=3_600,
            lease_s=15,
            ping_s=20,
            limits={},
            known=known,
        )
    )


TestLines = Lines.TestCase
TestLines.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
