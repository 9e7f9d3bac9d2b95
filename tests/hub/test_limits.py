"""What one user or process may ask of the hub, and what those hear who ask for more; the others notice nothing."""

import pytest

from progress_kit.hub import Disconnected
from progress_kit.model import OperationState, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Error, Ping, Pong, State, Subscribe, Welcome
from tests.hub.bench import Bench


def snapshot(operation: str, seq: int = 1, state: OperationState = "running") -> Snapshot:
    """Return an operation."""
    return Snapshot(id=operation, name="Work", state=state, seq=seq)


def seqs(hub: Bench, conn: int, operation: str) -> list[int]:
    """Return which states of an operation a subscriber was shown."""
    return [each.seq for state in hub.got(conn, State) for each in state.operations if each.id == operation]


@pytest.mark.parametrize("publishes", [False, True])
def test_a_connection_too_many_is_told_why_and_when_to_try_again(*, publishes: bool) -> None:
    """The error says how many are allowed; when one of them goes, there is room again."""
    hub = Bench(limits=Limits(subscribers_per_user=2, publishers_per_user=2))
    for conn in (1, 2, 3):
        hub.publisher(conn, session=f"s_{conn}") if publishes else hub.subscriber(conn)
    (error,) = hub.got(3, Error)
    assert (error.code, error.retry_after_s, hub.closed) == ("limit", 30.0, {3: 4429})
    assert "2 such connections" in error.message
    hub.handle(Disconnected(1))
    hub.publisher(4, session="s_4") if publishes else hub.subscriber(4)
    assert len(hub.got(4, Welcome)) == 1


def test_crowds_are_counted_apart() -> None:
    """One user's tabs take nothing from their processes, nor from another user, nor those of a share link from them."""
    hub = Bench(limits=Limits(subscribers_per_user=1, publishers_per_user=1))
    hub.subscriber(1)
    hub.publisher(2)
    hub.subscriber(3, sub="bob")
    hub.subscriber(4, token=hub.token("subscribe", operation="op_1"))
    hub.subscriber(5, token=hub.token("subscribe", operation="op_1"))
    assert hub.closed == {5: 4429}


def test_a_process_taken_over_leaves_no_gap_in_the_count() -> None:
    """The old connection of a session gives its place back when the new one takes the session over."""
    hub = Bench(limits=Limits(publishers_per_user=2))
    for conn in range(1, 20):
        hub.publisher(conn, session="s_1")
    assert set(hub.closed.values()) == {4409}
    assert 19 not in hub.closed


def test_operations_of_a_publisher_are_limited_with_one_error_a_message() -> None:
    """However many of a message are refused; those that it has go on, and an end makes room."""
    hub = Bench(limits=Limits(open_per_publisher=2))
    hub.publisher(1)
    hub.publisher(2, session="s_2")
    hub.publish(1, *(snapshot(f"op_{number}") for number in range(10)))
    (error,) = hub.got(1, Error)
    assert error.code == "limit"
    assert "2 operations of this publisher" in error.message
    hub.publish(2, snapshot("other"))
    hub.publish(1, snapshot("op_0", seq=2, state="succeeded"), snapshot("op_9"))
    assert hub.got(2, Error) == []
    assert hub.manager.counts()[0] == 4


def test_operations_of_a_user_are_limited() -> None:
    """What has ended makes room, the longest stored first; where nothing has, the new one is refused. Others go on."""
    hub = Bench(limits=Limits(operations_per_user=3))
    hub.publisher(1)
    hub.publisher(2, session="s_2", sub="bob")
    hub.publish(1, snapshot("op_1", state="succeeded"), snapshot("op_2", state="succeeded"), snapshot("op_3"))
    hub.stored("op_2", 1)
    hub.subscriber(3)
    hub.publish(1, snapshot("op_4"))
    hub.wait(1)
    hub.publish(1, snapshot("op_5"))
    hub.wait(1)
    removed = [operation for state in hub.got(3, State) for operation in state.removed]
    assert removed == ["op_2", "op_1"]
    hub.publish(1, snapshot("op_6"))
    hub.publish(2, snapshot("bobs"))
    assert [error.code for error in hub.got(1, Error)] == ["limit"]
    assert hub.got(2, Error) == []


def test_the_ninth_subscription_is_refused(hub: Bench) -> None:
    """With the number that is allowed; the eight go on, and one of them can be asked anew."""
    hub.publisher(1)
    hub.subscriber(2)
    for number in range(8):
        hub.say(2, Subscribe(id=f"more_{number}"))
    (error,) = hub.got(2, Error)
    assert (error.code, "8 subscriptions" in error.message) == ("limit", True)
    hub.say(2, Subscribe(id="more_0"))
    assert len(hub.got(2, Error)) == 1


def fast(rate_hz: float, seconds: int, limits: Limits) -> Bench:
    """Return a hub that one publisher of two told so often of its work."""
    hub = Bench(limits=limits)
    hub.publisher(1)
    hub.publisher(2, session="s_2")
    hub.subscriber(3)
    for second in range(seconds):
        hub.publish(2, snapshot("other", seq=second + 1))
        for number in range(int(rate_hz)):
            hub.publish(1, snapshot("op_1", seq=second * int(rate_hz) + number + 1))
            hub.seconds += 1.0 / rate_hz
        hub.wait(0.001)
    return hub


def test_what_comes_too_fast_is_conflated() -> None:
    """A publisher at one and a half times its rate goes on for ever; the newest state is taken, within a second."""
    hub = fast(15, 60, Limits(messages_per_s=10, burst_messages=20))
    assert hub.closed == {}
    hub.wait(1)
    assert seqs(hub, 3, "op_1")[-1] == 15 * 60
    errors = hub.got(1, Error)
    assert {error.code for error in errors} == {"rate"}
    assert all(error.retry_after_s is not None and error.retry_after_s > 0 for error in errors)
    assert len(errors) <= 60
    assert hub.got(2, Error) == []
    assert seqs(hub, 3, "other")[-1] == 60


def test_an_end_is_never_conflated() -> None:
    """However fast it comes, it is taken at once, and what was held of the operation does not come after it."""
    hub = Bench(limits=Limits(messages_per_s=1, burst_messages=1))
    hub.publisher(1)
    hub.publish(1, snapshot("op_1"), snapshot("op_2"))
    hub.publish(1, snapshot("op_1", seq=2), snapshot("op_2", seq=2))
    hub.publish(1, snapshot("op_1", seq=3, state="failed"))
    assert [(row.id, row.state) for row in hub.rows][-1] == ("op_1", "failed")
    hub.subscriber(2)
    hub.wait(3)
    assert (seqs(hub, 2, "op_1"), seqs(hub, 2, "op_2")[-1]) == ([3], 2)
    assert [error.code for error in hub.got(1, Error)] == ["rate"]


def test_a_flood_is_cut_off_and_nobody_else_is() -> None:
    """Who is ten seconds ahead of its rate is put out; it was told before when to go on."""
    hub = fast(100, 2, Limits(messages_per_s=10, burst_messages=20))
    assert hub.closed == {1: 4429}
    assert hub.got(1, Error)[0].code == "rate"
    assert seqs(hub, 3, "other")[-1] == 2


def test_what_is_held_is_bounded() -> None:
    """By what a publisher may have open; more would be refused anyway."""
    hub = Bench(limits=Limits(messages_per_s=1, burst_messages=1, open_per_publisher=3))
    hub.publisher(1)
    hub.publish(1, snapshot("op_0"))
    hub.publish(1, *(snapshot(f"op_{number}") for number in range(50)))
    hub.wait(5)
    assert hub.manager.counts()[0] == 3


def test_a_subscriber_has_a_rate_too() -> None:
    """Its messages beyond it are not answered, but for one error a second."""
    hub = Bench(limits=Limits(messages_per_s=10, burst_messages=10))
    hub.subscriber(1)
    for _ in range(30):
        hub.say(1, Ping())
    assert len(hub.got(1, Pong)) == 9  # and the subscription
    assert [error.code for error in hub.got(1, Error)] == ["rate"]
