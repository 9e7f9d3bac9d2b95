"""What a publisher says by requests, and when."""

import json

import msgspec
import pytest

from progress_kit.model import OperationState, Prior, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Span, Timeline
from progress_kit.protocol.rest import PutRequest, PutResponse
from progress_kit.publisher.puts import AT_ONCE, Put, Puts
from progress_kit.publisher.session import PublisherSession


def snapshot(operation: str = "op", seq: int = 1, state: OperationState = "running") -> Snapshot:
    """One state of an operation."""
    return Snapshot(id=operation, name="n", seq=seq, state=state)


def answer(put: Put, state: OperationState = "running", *, durable: bool = False) -> PutResponse:
    """What the hub answers."""
    return PutResponse(seq=put.seq, state=state, durable=durable, commands=())


def said(puts: Puts, now: float) -> list[tuple[str, int]]:
    """What is said at this second, and taken in by the hub."""
    due = puts.due(now)
    for put in due:
        puts.told(put, answer(put), now)
    return [(put.operation, put.seq) for put in due]


@pytest.fixture
def session() -> PublisherSession:
    """A session that no hub has welcomed."""
    return PublisherSession("s_1", history="anonymous")


@pytest.fixture
def puts(session: PublisherSession) -> Puts:
    """It speaks by requests."""
    return Puts(session)


def test_a_request_says_whose_it_is(session: PublisherSession, puts: Puts) -> None:
    """And that the estimate is its own, and what may be kept."""
    session.take([snapshot()])
    (put,) = puts.due(0.0)
    body = json.loads(put.body)
    assert (body["session"], body["estimates"], body["history"]) == ("s_1", True, "anonymous")
    assert (body["snapshot"]["id"], body["snapshot"]["seq"]) == ("op", 1)


def test_counts_go_once_a_second_and_silence_is_broken_by_signs_of_life(session: PublisherSession, puts: Puts) -> None:
    """The newest of them."""
    session.take([snapshot(seq=1)])
    assert said(puts, 0.0) == [("op", 1)]
    session.take([snapshot(seq=2)])
    assert said(puts, 0.5) == []
    session.take([snapshot(seq=3)])
    assert said(puts, 1.0) == [("op", 3)]
    assert [said(puts, second) for second in (2.0, 5.0, 6.0, 7.0, 11.0)] == [[], [], [("op", 3)], [], [("op", 3)]]


def test_an_end_goes_at_once_and_until_it_is_stored(session: PublisherSession, puts: Puts) -> None:
    """Then no more is said of it."""
    session.take([snapshot(seq=1)])
    said(puts, 0.0)
    session.take([snapshot(seq=2, state="succeeded")])
    (put,) = puts.due(0.1)
    puts.told(put, answer(put, "succeeded"), 0.1)
    assert puts.due(0.5) == []
    (put,) = puts.due(1.2)
    puts.told(put, answer(put, "succeeded", durable=True), 1.2)
    assert puts.due(9.0) == []
    assert session.settled
    assert session.take_durable() == {"op": 2}


@pytest.mark.parametrize(
    "code, again", [("terminal", False), ("too_large", False), ("rate", True), ("stale_seq", True)]
)
def test_what_is_refused_for_good_is_not_said_again(
    session: PublisherSession,
    puts: Puts,
    code: str,
    again: bool,  # noqa: FBT001 - a table
) -> None:
    """What is refused for now is, after a while."""
    session.take([snapshot(state="failed")])
    (put,) = puts.due(0.0)
    puts.refused(put, code, 0.0)
    assert bool(puts.due(2.0)) == again
    assert session.settled != again


def test_many_operations_take_turns(session: PublisherSession, puts: Puts) -> None:
    """Ends first, then what has waited longest."""
    session.take(snapshot(f"op_{number}") for number in range(2 * AT_ONCE))
    session.take([snapshot("op_39", 2, "succeeded")])
    first = said(puts, 10.0)
    second = said(puts, 10.1)
    assert first[0] == ("op_39", 2)
    assert len(first) == len(second) == AT_ONCE
    assert {name for name, _ in first}.isdisjoint(name for name, _ in second)


def test_an_operation_that_is_no_valid_text_is_given_up(session: PublisherSession, puts: Puts) -> None:
    """The others are told."""
    session.take([Snapshot(id="bad", name="\ud800", seq=1, state="running"), snapshot()])
    assert said(puts, 0.0) == [("op", 1)]
    assert list(session.unsendable) == ["bad"]


def test_an_operation_that_the_hub_has_ended_is_given_up(session: PublisherSession, puts: Puts) -> None:
    """Such as one whose kernel it believes dead: nothing more is said of it, and nothing waits for it."""
    session.take([snapshot()])
    (put,) = puts.due(0.0)
    puts.refused(put, "terminal", 0.0)
    session.take([snapshot(seq=2, state="succeeded")])
    assert puts.due(10.0) == []
    assert session.settled
    assert session.take_durable() == {}


def test_the_timeline_goes_with_the_end_until_it_was_told(session: PublisherSession, puts: Puts) -> None:
    """As one message does on a connection; afterwards the end alone is repeated until it is stored."""
    span = Span("t1", "main", "pid 1", 1, 0.0, 2.0, "succeeded")
    session.take([snapshot(seq=1)])
    session.timeline("op", [span])
    (put,) = puts.due(0.0)
    assert "timeline" not in json.loads(put.body)
    session.take([snapshot(seq=2, state="succeeded")])
    (put,) = puts.due(0.1)
    request = msgspec.json.decode(put.body, type=PutRequest)
    assert request.timeline == Timeline(operation="op", spans=(span,))
    assert len(put.body) < Limits().frame_bytes
    puts.told(put, answer(put, "succeeded"), 0.1)
    (again,) = puts.due(1.2)
    assert "timeline" not in json.loads(again.body)
    puts.told(again, answer(again, "succeeded", durable=True), 1.2)
    assert session.settled
    assert session.untold_timeline("op") is None


def test_what_earlier_runs_took_is_learnt_from_an_answer(session: PublisherSession, puts: Puts) -> None:
    """So that estimates rest on history behind a proxy that forbids WebSockets, too."""
    prior = Prior(runs=3, total_s=(1.0, 2.0, 3.0))
    session.take([snapshot()])
    (put,) = puts.due(0.0)
    puts.told(put, PutResponse(seq=1, state="running", durable=False, commands=(), priors={"train": prior}), 0.0)
    assert session.priors == {"train": prior}
