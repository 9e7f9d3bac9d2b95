"""What nobody watches is told seldom; nothing that matters waits for that."""

import pytest

from progress_kit.model import OperationState, Snapshot, Stage
from progress_kit.protocol import decode_client, encode
from progress_kit.protocol.limits import PUBLISH_BYTES
from progress_kit.protocol.messages import Demand, Publish
from progress_kit.publisher.session import PublisherSession
from tests.publisher.test_session import welcome


def snapshot(seq: int, state: OperationState = "running", stage: str = "main") -> Snapshot:
    """One state of an operation."""
    return Snapshot(
        id="op", name="n", seq=seq, state=state, stage=stage, stages=(Stage(name=stage, state="running", done=seq),)
    )


def seqs(frames: list[bytes]) -> list[int]:
    """What is published in these frames."""
    messages = [decode_client(frame, limit=PUBLISH_BYTES) for frame in frames]
    return [item.seq for message in messages if isinstance(message, Publish) for item in message.operations]


def demand(rate_hz: float) -> bytes:
    """What the hub says."""
    return encode(Demand(operations={"op": rate_hz}))


@pytest.fixture
def session() -> PublisherSession:
    """A session that has told of its operation at second 0; nobody watches."""
    session = PublisherSession("s_1")
    session.connected("token")
    session.received(welcome(), 0.0)
    assert seqs(session.sample([snapshot(1)], 0.0)) == [1]
    assert session.received(demand(0.5), 0.0) == []
    return session


def test_counts_that_nobody_watches_go_every_two_seconds(session: PublisherSession) -> None:
    """The newest of them."""
    sent = {}
    for tenth in range(1, 60):
        frames = session.sample([snapshot(1 + tenth)], tenth / 10)
        if frames:
            sent[tenth / 10] = seqs(frames)
    assert sent == {2.0: [21], 4.0: [41]}


@pytest.mark.parametrize(
    "changed",
    [snapshot(2, "paused"), snapshot(2, stage="next"), snapshot(2, "succeeded")],
    ids=["state", "stage", "end"],
)
def test_every_change_of_state_goes_at_once(session: PublisherSession, changed: Snapshot) -> None:
    """Watched or not."""
    assert seqs(session.sample([changed], 0.1)) == [2]


def test_the_first_watcher_gets_the_newest_at_once(session: PublisherSession) -> None:
    """Without waiting for the next sample; and then all that come."""
    assert session.sample([snapshot(2)], 0.1) == []
    assert session.sample([snapshot(3)], 0.2) == []
    assert seqs(session.received(demand(20.0), 0.25)) == [3]
    assert [seqs(session.sample([snapshot(4 + tenth)], 0.35 + tenth / 10)) for tenth in range(3)] == [[4], [5], [6]]


def test_a_new_connection_begins_anew(session: PublisherSession) -> None:
    """The hub may be another one, which knows nothing of demand."""
    session.connected("token")
    session.received(welcome({"op": 1}), 1.0)
    assert [seqs(session.sample([snapshot(2 + tenth)], 1.1 + tenth / 10)) for tenth in range(3)] == [[2], [3], [4]]
