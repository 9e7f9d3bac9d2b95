"""The subscriber's side of the wire, played without sockets: a view that survives reconnects."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from progress_kit.client.session import SubscriberSession
from progress_kit.errors import ProtocolError
from progress_kit.hub import (
    Connected,
    ConnectionSecret,
    Disconnected,
    Now,
    ProgressConnectionManager,
    Received,
    Send,
    TokenAuthority,
    Writable,
)
from progress_kit.model import Snapshot
from progress_kit.protocol import decode_client, encode
from progress_kit.protocol.messages import (
    Bookmark,
    Command,
    CommandResult,
    Error,
    Expiring,
    Filter,
    Hello,
    Ping,
    Pong,
    Publish,
    PublisherInfo,
    Refresh,
    ResumePoint,
    State,
    Subscribe,
    Welcome,
)
from progress_kit.protocol.rest import TokenRequest


def snapshot(operation: str, seq: int = 1) -> Snapshot:
    """One state of an operation."""
    return Snapshot(id=operation, name="n", seq=seq, state="running")


def state(
    revision: int, *changed: str, removed: tuple[str, ...] = (), reset: bool = False, more: bool = False
) -> bytes:
    """A frame of state of epoch ``e``; the snapshots' `seq` is the revision."""
    return encode(
        State(
            subscription="s1",
            epoch="e",
            revision=revision,
            now=0.0,
            reset=reset,
            more=more,
            operations=tuple(snapshot(operation, revision) for operation in changed),
            removed=removed,
        )
    )


def welcome(revision: int, epoch: str = "e") -> bytes:
    """The hub's welcome to a subscriber."""
    return encode(
        Welcome(
            epoch=epoch,
            revision=revision,
            now=0.0,
            user="local",
            scopes=("subscribe",),
            token_expires_in_s=300,
            lease_s=15,
            ping_s=20,
            limits={},
        )
    )


def seqs(session: SubscriberSession) -> dict[str, int]:
    """What the session shows: operation and seq."""
    return {operation: found.seq for operation, found in session.view.items()}


@pytest.fixture
def session() -> SubscriberSession:
    """A session that holds operations a and b at revision 3."""
    session = SubscriberSession("jwt")
    session.hello()
    session.received(welcome(3))
    session.received(state(3, "a", "b", reset=True))
    return session


def test_hello_and_subscribe_are_the_first_frames() -> None:
    """Who we are and what we want, in one go; the first time without a resume point."""
    wanted = Filter(states=("running",))
    session = SubscriberSession("jwt", client="test/1", filter=wanted, subscription="mine")
    first, second = (decode_client(frame, limit=4_096) for frame in session.hello())
    assert first == Hello(token="jwt", client="test/1")
    assert second == Subscribe(id="mine", filter=wanted)
    assert not session.synced


def test_the_first_answer_is_the_view(session: SubscriberSession) -> None:
    """After the first whole answer the view is synced."""
    assert seqs(session) == {"a": 3, "b": 3}
    assert session.synced


def test_changes_and_removals_are_applied(session: SubscriberSession) -> None:
    """A frame without `reset` changes what it names and keeps the rest."""
    session.received(state(4, "a", "c", removed=("b", "never-seen")))
    assert seqs(session) == {"a": 4, "c": 4}


def test_nobody_sees_half_an_answer(session: SubscriberSession) -> None:
    """While more is to come the old view stays as it is; then it is swapped."""
    before = session.view
    session.received(state(4, "c", reset=True, more=True))
    assert session.view is before
    assert not session.synced
    session.received(state(5, "d"))
    assert seqs(session) == {"c": 4, "d": 5}
    assert session.synced


def test_a_reconnect_goes_on_from_where_it_was(session: SubscriberSession) -> None:
    """The next hello carries the resume point, the view stays meanwhile."""
    session.disconnected()
    assert not session.synced
    subscribe = decode_client(session.hello()[1], limit=4_096)
    assert isinstance(subscribe, Subscribe)
    assert subscribe.resume == ResumePoint(epoch="e", revision=3)
    assert seqs(session) == {"a": 3, "b": 3}
    session.received(welcome(3))
    assert session.synced, "nothing has changed meanwhile, so nothing more will come"


def test_half_an_answer_does_not_count(session: SubscriberSession) -> None:
    """A connection that breaks between two frames resumes from before the first."""
    session.received(state(4, "a", more=True))
    session.disconnected()
    session.hello()
    assert session.resume == ResumePoint(epoch="e", revision=3)
    session.received(state(5, "b"))
    assert seqs(session) == {"a": 3, "b": 5}


def test_another_life_of_the_hub_starts_a_new_view(session: SubscriberSession) -> None:
    """After a restart the hub resets, and what it does not know is gone."""
    session.hello()
    session.received(welcome(9, epoch="f"))
    assert not session.synced
    session.received(state(1, "z", reset=True))
    assert seqs(session) == {"z": 1}


def test_a_bookmark_moves_the_resume_point(session: SubscriberSession) -> None:
    """An idle subscriber does not fall behind; a bookmark of another life or in the middle of an answer is ignored."""
    session.received(encode(Bookmark(epoch="e", revision=50, now=0.0)))
    assert session.resume == ResumePoint(epoch="e", revision=50)
    session.received(encode(Bookmark(epoch="f", revision=60, now=0.0)))
    session.received(state(61, "a", more=True))
    session.received(encode(Bookmark(epoch="e", revision=61, now=0.0)))
    assert session.resume == ResumePoint(epoch="e", revision=50)


def test_state_of_another_subscription_is_not_mixed_in(session: SubscriberSession) -> None:
    """A connection may carry several subscriptions."""
    session.received(state(9, "x", reset=True).replace(b'"s1"', b'"s2"'))
    assert seqs(session) == {"a": 3, "b": 3}


def test_commands_and_their_answers_meet(session: SubscriberSession) -> None:
    """Each command has its own request; an error with that request is an answer too."""
    first, frame = session.command("a", "cancel", "enough")
    second, _ = session.command("a", "pause")
    assert decode_client(frame, limit=4_096) == Command(request=first, operation="a", action="cancel", reason="enough")
    assert first != second
    session.received(encode(CommandResult(request=first, ok=True)))
    session.received(encode(Error(code="forbidden", message="no", request=second)))
    assert session.results[first].ok
    assert (session.results[second].ok, session.results[second].error) == (False, "no")
    assert session.problem is not None


def test_a_refusal_that_answers_no_command_is_the_problem(session: SubscriberSession) -> None:
    """It is kept for a person to read."""
    session.received(encode(Error(code="limit", message="too many subscriptions")))
    assert session.problem is not None
    assert session.problem.message == "too many subscriptions"
    assert session.results == {}


def test_only_the_last_answers_are_kept(session: SubscriberSession) -> None:
    """A session that lives for months does not collect answers."""
    for number in range(500):
        session.received(encode(CommandResult(request=f"r{number}", ok=True)))
    assert len(session.results) == 100
    assert "r499" in session.results


def test_tokens_pings_and_the_unknown(session: SubscriberSession) -> None:
    """A ping is answered, an expiring token asked for and replaced, what is not understood ignored or refused."""
    assert session.received(encode(Ping())) == [encode(Pong())]
    wanted = [session.wants_token]
    session.received(encode(Expiring(in_s=60)))
    wanted.append(session.wants_token)
    assert session.refresh("newer") == [encode(Refresh(token="newer"))]
    wanted.append(session.wants_token)
    assert wanted == [False, True, False]
    hello = decode_client(session.hello()[0], limit=4_096)
    assert isinstance(hello, Hello)
    assert hello.token == "newer"
    assert session.received(encode(Pong())) == []
    assert session.received('{"type":"sing"}') == []
    with pytest.raises(ProtocolError):
        session.received("[]")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from("abcdefgh"), st.integers(0, 30_000)),
        st.tuples(st.just("deliver"), st.just(""), st.integers(1, 5)),
        st.tuples(st.just("drop"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_the_view_equals_the_hub_once_the_line_is_quiet(steps: list[tuple[str, str, int]]) -> None:
    """Whatever was dropped and resumed in between, with the real hub at the other end."""
    line = _Line()
    for step, operation, number in steps:
        if step == "publish":
            line.publish(operation, number)
        elif step == "deliver":
            line.deliver(number)
        else:
            line.drop()
    line.settle()
    assert seqs(line.session) == {operation: seq for operation, seq in line.seqs.items() if seq}


class _Line:
    """The real hub, one publisher's connection that is always there, and a subscriber's that breaks."""

    def __init__(self) -> None:
        authority = TokenAuthority(b"k" * 32)
        self.hub = ProgressConnectionManager(hub_id="h", authority=authority, epoch="e")
        request = TokenRequest(scopes=("publish", "subscribe"))
        token = authority.grant(request, ConnectionSecret("local"), 1e9).token
        self.session = SubscriberSession(token)
        self.now = 0.0
        self.conn = 1
        self.under_way: list[bytes] = []
        self.seqs: dict[str, int] = {}
        self.handle(Connected(0))
        self.handle(Received(0, encode(Hello(token=token, client="p", publisher=PublisherInfo(session="s")))))
        self.connect()

    def handle(self, event: msgspec.Struct) -> None:
        self.now += 0.2
        for action in self.hub.handle(event, Now(monotonic=self.now, wall=1e9)):  # type: ignore[arg-type]
            if isinstance(action, Send) and action.conn == self.conn:
                self.under_way.append(action.data)
        self.hub.handle(Writable(0), Now(monotonic=self.now, wall=1e9))

    def connect(self) -> None:
        self.handle(Connected(self.conn))
        for frame in self.session.hello():
            self.handle(Received(self.conn, frame))

    def publish(self, operation: str, size: int) -> None:
        seq = self.seqs[operation] = self.seqs.get(operation, 0) + 1
        message = "m" * min(size, 2_000)
        item = Snapshot(id=operation, name="n", seq=seq, state="running", message=message)
        self.handle(Received(0, encode(Publish(operations=(item,)))))

    def deliver(self, frames: int) -> None:
        for _ in range(min(frames, len(self.under_way))):
            for answer in self.session.received(self.under_way.pop(0)):
                self.handle(Received(self.conn, answer))
            if not self.under_way:
                self.handle(Writable(self.conn))

    def drop(self) -> None:
        self.handle(Disconnected(self.conn))
        self.under_way.clear()
        self.session.disconnected()
        self.conn += 1
        self.connect()

    def settle(self) -> None:
        for _ in range(50):
            self.deliver(100)
            self.handle(Writable(self.conn))
