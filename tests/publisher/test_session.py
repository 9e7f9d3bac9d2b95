"""The publisher's side of the wire, played without sockets."""

import msgspec
import pytest

from progress_kit.errors import ProtocolError
from progress_kit.model import OperationState, Snapshot, Task
from progress_kit.protocol import decode_client, encode
from progress_kit.protocol.limits import PUBLISH_BYTES
from progress_kit.protocol.messages import (
    Ack,
    ClientMessage,
    Command,
    CommandResult,
    Error,
    Expiring,
    Heartbeat,
    Hello,
    Ping,
    Pong,
    Publish,
    Refresh,
    TaskUpdate,
    Welcome,
)
from progress_kit.publisher.session import MAX_UNACKNOWLEDGED, PublisherSession


def snapshot(operation: str = "op", seq: int = 1, state: OperationState = "running", size: int = 0) -> Snapshot:
    """One state of an operation, with a message of `size` characters."""
    return Snapshot(id=operation, name="n", seq=seq, state=state, message="m" * size)


def welcome(known: dict[str, int] | None = None, **limits: float) -> bytes:
    """The hub's welcome to a publisher."""
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
            limits=limits,
            known=known or {},
        )
    )


def read(frames: list[bytes]) -> list[ClientMessage]:
    """What the hub makes of these frames."""
    return [decode_client(frame, limit=PUBLISH_BYTES) for frame in frames]


def published(frames: list[bytes]) -> list[tuple[str, int]]:
    """Operation and seq of everything published in these frames, in order."""
    return [(s.id, s.seq) for message in read(frames) if isinstance(message, Publish) for s in message.operations]


@pytest.fixture
def session() -> PublisherSession:
    """A session that the hub has welcomed at second 0."""
    session = PublisherSession("s_1")
    session.connected("token")
    session.received(welcome(), 0.0)
    return session


def test_hello_comes_first_and_alone() -> None:
    """The first frame says who publishes; before the welcome nothing else is sent."""
    session = PublisherSession("s_1", client="test/1")
    (hello,) = read(session.connected("jwt"))
    assert isinstance(hello, Hello)
    assert (hello.token, hello.client, hello.publisher and hello.publisher.session) == ("jwt", "test/1", "s_1")
    assert session.sample([snapshot()], 0.0) == []
    assert session.tick(100.0) == []


def test_the_newest_state_of_each_operation_is_sent_once(session: PublisherSession) -> None:
    """All operations go in one frame; what has not changed is not sent again."""
    assert published(session.sample([snapshot("a"), snapshot("b")], 1.0)) == [("a", 1), ("b", 1)]
    assert session.sample([snapshot("a")], 2.0) == []
    assert published(session.sample([snapshot("a", 5)], 3.0)) == [("a", 5)]


def test_an_older_snapshot_never_follows_a_newer_one(session: PublisherSession) -> None:
    """`seq` only grows on the wire, whatever order samples arrive in."""
    session.sample([snapshot(seq=5)], 1.0)
    assert session.sample([snapshot(seq=4)], 2.0) == []


def test_what_happened_while_away_is_conflated() -> None:
    """After an hour without a hub, one frame with the newest states brings it up to date."""
    session = PublisherSession("s_1")
    for seq in range(1, 1_000):
        session.sample([snapshot(seq=seq)], float(seq))
    session.connected("jwt")
    assert published(session.received(welcome(), 2_000.0)) == [("op", 999)]


def test_only_what_is_newer_than_the_hub_knows_is_sent_again() -> None:
    """A reconnect does not repeat what has arrived."""
    session = PublisherSession("s_1")
    session.take([snapshot("a", 3), snapshot("b", 3), snapshot("c", 3)])
    session.connected("jwt")
    assert published(session.received(welcome({"a": 3, "b": 2, "other": 9}), 0.0)) == [("b", 3), ("c", 3)]
    assert not session.waiting


def test_an_end_is_repeated_until_it_is_durable(session: PublisherSession) -> None:
    """The hub having heard it is not enough: it is told on each connection until it is stored."""
    session.sample([snapshot(seq=2, state="succeeded")], 1.0)
    assert session.unacknowledged == {"op"}
    session.disconnected()
    session.connected("jwt")
    assert published(session.received(welcome({"op": 2}), 2.0)) == [("op", 2)]
    session.received(encode(Ack(durable={"op": 2})), 3.0)
    assert session.settled
    session.connected("jwt")
    assert session.received(welcome(), 4.0) == []


def test_an_acknowledgement_of_an_earlier_state_settles_nothing(session: PublisherSession) -> None:
    """Only the terminal snapshot itself counts, and only this session's operations."""
    session.sample([snapshot(seq=7, state="failed")], 1.0)
    session.received(encode(Ack(durable={"op": 6, "alien": 99})), 2.0)
    assert session.unacknowledged == {"op"}


def test_an_end_is_final(session: PublisherSession) -> None:
    """After its end nothing is sent for an operation, acknowledged or not."""
    session.sample([snapshot(seq=2, state="cancelled")], 1.0)
    assert session.sample([snapshot(seq=3)], 2.0) == []
    session.received(encode(Ack(durable={"op": 2})), 3.0)
    assert session.sample([snapshot(seq=4), snapshot(seq=4, state="succeeded")], 4.0) == []


def test_frames_stay_below_their_limit(session: PublisherSession) -> None:
    """Many large states are split into frames of at most 128 KiB."""
    frames = session.sample([snapshot(f"op{n}", size=2_000) for n in range(200)], 1.0)
    assert len(frames) > 1
    assert max(map(len, frames)) <= PUBLISH_BYTES
    assert len(published(frames)) == 200


def test_ends_go_before_running_states(session: PublisherSession) -> None:
    """What will not be said again comes first."""
    session.take([snapshot("a"), snapshot("b")])
    assert published(session.sample([snapshot("c", 2, "succeeded")], 1.0))[0] == ("c", 2)


def test_no_more_messages_than_half_of_what_the_hub_allows() -> None:
    """A thousand changing operations are conflated to the hub's pace, in turn, and none is forgotten."""
    session = PublisherSession("s_1")
    session.connected("jwt")
    session.received(welcome(messages_per_s=20, burst_messages=8), 0.0)
    frames: list[bytes] = []
    seen: set[str] = set()
    for tick in range(1, 101):  # 10 s at 10 Hz, 16 frames' worth of changes each time
        new = session.sample([snapshot(f"op{n}", tick, size=2_000) for n in range(950)], tick / 10)
        frames += new
        seen |= {operation for operation, _ in published(new)}
    assert len(frames) <= 2 + 10 * 10
    assert len(seen) == 950


def test_a_publisher_keeps_to_the_number_of_open_operations() -> None:
    """Over the hub's limit an operation waits for another one's end instead of being refused."""
    session = PublisherSession("s_1")
    session.connected("jwt")
    session.received(welcome(open_per_publisher=2), 0.0)
    assert len(published(session.sample([snapshot("a"), snapshot("b"), snapshot("c")], 1.0))) == 2
    assert published(session.sample([snapshot("a", 2, "succeeded")], 2.0)) == [("a", 2), ("c", 1)]


def test_after_too_many_messages_everything_is_told_again_later(session: PublisherSession) -> None:
    """The hub drops running states from a publisher that is too fast; the paused one among them is not lost."""
    session.sample([snapshot("paused", 1, "paused")], 1.0)
    session.received(encode(Error(code="rate", message="slow down", retry_after_s=2.0)), 1.0)
    assert session.sample([snapshot("b")], 2.0) == []
    assert published(session.sample([], 3.1)) == [("paused", 1), ("b", 1)]


def test_heartbeats_only_while_something_is_open(session: PublisherSession) -> None:
    """Leases are renewed every 5 s unless something was published; with nothing open nothing is said."""
    assert session.tick(100.0) == []
    session.sample([snapshot()], 100.0)
    assert session.tick(104.9) == []
    assert read(session.tick(105.0)) == [Heartbeat()]
    assert session.tick(106.0) == []
    session.sample([snapshot(seq=2, state="succeeded")], 107.0)
    assert session.tick(200.0) == []


def test_the_heartbeat_follows_the_hubs_limits() -> None:
    """A hub with shorter leases is told of life more often; limits of later versions do not matter."""
    session = PublisherSession("s_1")
    session.take([snapshot()])
    session.connected("jwt")
    session.received(welcome(heartbeat_s=0.5, something_new=7), 0.0)
    assert read(session.tick(0.5)) == [Heartbeat()]


def test_commands_wait_to_be_performed_and_answered(session: PublisherSession) -> None:
    """A command from the hub is handed out; its answer says accepted, or why not in at most 200 characters."""
    session.received(encode(Command(request="c1", operation="op", action="cancel", by="ada")), 1.0)
    (command,) = session.commands
    assert (command.operation, command.action, command.by) == ("op", "cancel", "ada")
    assert read(session.command_result("c1")) == [CommandResult(request="c1", ok=True)]
    assert read(session.command_result("c1", "e" * 500)) == [CommandResult(request="c1", ok=False, error="e" * 200)]


def test_an_expiring_token_is_asked_for(session: PublisherSession) -> None:
    """The connection lives on with a newer token."""
    session.received(encode(Expiring(in_s=60)), 1.0)
    assert session.wants_token
    assert read(session.refresh("newer")) == [Refresh(token="newer")]
    assert not session.wants_token


def test_what_workers_say_waits_to_be_handed_on(session: PublisherSession) -> None:
    """Workers on other machines tell the hub of their tasks, and the hub the session."""
    update = TaskUpdate(operation="op", tasks=(Task(id="t1", stage="main", done=3),))
    assert session.received(encode(update), 1.0) == []
    assert list(session.updates) == [update]


def test_ping_is_answered(session: PublisherSession) -> None:
    """A hub that asks for a sign of life gets one."""
    assert read(session.received(encode(Ping()), 1.0)) == [Pong()]


def test_what_a_publisher_has_no_use_for_is_ignored(session: PublisherSession) -> None:
    """Messages for subscribers change nothing; a refusal waits to be told to a person."""
    assert session.received(encode(Pong()), 1.0) == []
    assert session.received(encode(Error(code="storage", message="disk full")), 1.0) == []
    assert [problem.message for problem in session.problems] == ["disk full"]
    assert published(session.sample([snapshot()], 1.0)) == [("op", 1)]


def test_a_welcome_after_the_end_of_its_connection_is_ignored(session: PublisherSession) -> None:
    """What was still under way when the line broke starts nothing."""
    session.disconnected()
    assert session.received(welcome(), 1.0) == []
    assert not session.welcomed


def test_unknown_messages_are_ignored_and_broken_ones_are_errors(session: PublisherSession) -> None:
    """A newer hub may say more than we understand; what is no message ends the connection."""
    assert session.received('{"type":"sing","song":"la"}', 1.0) == []
    with pytest.raises(ProtocolError):
        session.received("la", 1.0)


def test_one_operation_that_is_no_text_does_not_silence_the_others(session: PublisherSession) -> None:
    """It is given up and named, the rest is sent."""
    bad = msgspec.structs.replace(snapshot("bad"), name="\ud800")
    assert published(session.sample([bad, snapshot("good")], 1.0)) == [("good", 1)]
    assert list(session.unsendable) == ["bad"]
    assert not session.waiting


def test_memory_without_a_hub_is_bounded() -> None:
    """A process that ends operations for years without any hub keeps the newest 1,000 ends."""
    session = PublisherSession("s_1")
    for number in range(3 * MAX_UNACKNOWLEDGED):
        session.take([snapshot(f"op{number}", state="succeeded")])
    assert len(session.unacknowledged) == MAX_UNACKNOWLEDGED
    assert session.given_up == 2 * MAX_UNACKNOWLEDGED
    assert "op0" not in session.unacknowledged
    assert len(session._finished) + len(session._waiting) <= 2 * MAX_UNACKNOWLEDGED
