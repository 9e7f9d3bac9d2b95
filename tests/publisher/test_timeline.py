"""How timelines reach the hub, and priors the publisher."""

import msgspec
import pytest

from progress_kit.model import Prior, Snapshot
from progress_kit.protocol import decode_client, encode
from progress_kit.protocol.messages import Ack, Span, Timeline, Welcome
from progress_kit.publisher.fitting import fit_timeline
from progress_kit.publisher.session import MAX_PRIORS, PublisherSession
from progress_kit.publisher.timelines import MAX_TIMELINES
from progress_kit.testing import RecordingPublisher

SPANS = (
    Span("a.py", "analysis", "pid 1", 1, 0.0, 2.0, "succeeded"),
    Span("b.py", "analysis", "pid 2", 1, 0.0, 5.0, "failed"),
)


def operation(state: str, seq: int, name: str = "op_1") -> Snapshot:
    """One state of an operation."""
    return msgspec.convert({"id": name, "name": "n", "state": state, "seq": seq}, Snapshot)


def connect(session: PublisherSession) -> list[str]:
    """Let the hub welcome the session; return what it says then."""
    session.connected("token")
    welcome = Welcome(
        epoch="e",
        revision=0,
        now=0.0,
        user="local",
        scopes=("publish",),
        token_expires_in_s=60,
        lease_s=15,
        ping_s=20,
        limits={},
        known={},
    )
    return said(session.received(encode(welcome), 0.0))


def said(frames: list[bytes]) -> list[str]:
    """Which messages these frames are."""
    messages = [decode_client(frame, limit=2**20) for frame in frames]
    return [type(message).__name__ for message in messages]


@pytest.fixture
def session() -> PublisherSession:
    """A session that the hub has let in."""
    session = PublisherSession("s_1")
    connect(session)
    return session


def test_a_timeline_follows_the_end(session: PublisherSession) -> None:
    """It is held back while the operation runs, and sent once, the longest span first."""
    session.sample([operation("running", 1)], 1.0)
    session.timeline("op_1", SPANS)
    assert session.sample([operation("running", 2)], 2.0)[1:] == []
    frames = session.sample([operation("succeeded", 3)], 3.0)
    assert said(frames) == ["Publish", "Timeline"]
    timeline = decode_client(frames[1], limit=2**20)
    assert isinstance(timeline, Timeline)
    assert (timeline.operation, timeline.spans) == ("op_1", SPANS[::-1])
    assert session.sample([], 4.0) == []


def test_it_is_told_again_until_the_end_is_durable(session: PublisherSession) -> None:
    """With the connection the acknowledgement may have been lost, and so is repeated both; then it is forgotten."""
    session.sample([operation("succeeded", 3)], 1.0)
    session.timeline("op_1", SPANS)
    assert session.waiting
    assert said(session.sample([], 2.0)) == ["Timeline"]
    assert connect(session) == ["Publish", "Timeline"]
    session.received(encode(Ack(durable={"op_1": 3})), 3.0)
    assert connect(session) == []


def test_one_that_comes_after_the_acknowledgement_is_sent(session: PublisherSession) -> None:
    """Late, but not lost."""
    session.sample([operation("succeeded", 3)], 1.0)
    session.received(encode(Ack(durable={"op_1": 3})), 2.0)
    session.timeline("op_1", SPANS)
    assert said(session.sample([], 3.0)) == ["Timeline"]
    assert connect(session) == []


def test_what_was_never_announced_has_no_timeline(session: PublisherSession) -> None:
    """The hub would not know what it belongs to."""
    session.timeline("op_short", SPANS)
    assert session.sample([], 1.0) == []


def test_timelines_are_bounded(session: PublisherSession) -> None:
    """In number while the hub is away, and each in spans and bytes: short ones are left out first."""
    session.disconnected()
    for number in range(MAX_TIMELINES + 5):
        session.sample([operation("succeeded", 1, f"op_{number}")], 1.0)
        session.timeline(f"op_{number}", SPANS)
    assert connect(session).count("Timeline") <= MAX_TIMELINES
    many = [Span("x" * 200, "y" * 200, "z" * 200, 1, 0.0, float(number), "succeeded") for number in range(5_000)]
    data = fit_timeline("op_1", many)
    timeline = decode_client(data, limit=192 * 1024)
    assert isinstance(timeline, Timeline)
    assert [span.end_s for span in timeline.spans] == [float(4_999 - place) for place in range(len(timeline.spans))]
    assert len(timeline.spans) > 200


def test_priors_are_kept_by_kind(session: PublisherSession) -> None:
    """The newest of each kind, and not more than a thousand kinds."""
    for runs in (1, 2):
        session.received(encode(Ack(priors={"train": Prior(runs=runs, total_s=(1.0, 2.0, 3.0))})), 1.0)
    assert session.priors["train"].runs == 2
    for number in range(MAX_PRIORS):
        session.received(encode(Ack(priors={f"kind {number}": Prior(runs=1, total_s=(1.0, 1.0, 1.0))})), 1.0)
    assert (len(session.priors), "train" in session.priors) == (MAX_PRIORS, False)


def test_what_was_withdrawn_is_not_said_again(session: PublisherSession) -> None:
    """Neither on this connection nor on the next."""
    session.sample([operation("running", 1)], 1.0)
    session.forget("op_1")
    assert session.sample([operation("succeeded", 2)], 2.0) == []
    assert connect(session) == []
    assert session.settled


def test_a_test_can_look_at_timelines() -> None:
    """The recording publisher takes them, too."""
    publisher = RecordingPublisher()
    publisher.timeline("op_1", SPANS)
    assert publisher.timelines == {"op_1": SPANS}
