"""How the hub notices that a publisher is gone, and that it is back."""

from progress_kit.model import HubInfo, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Heartbeat, State
from tests.hub.bench import Bench


def running(operation: str = "op_1", seq: int = 1) -> Snapshot:
    """Return a running operation."""
    return Snapshot(id=operation, name="Work", state="running", seq=seq)


def belief(hub: Bench, conn: int) -> tuple[str, str]:
    """Return the last state and lease that a subscriber was shown."""
    last = [snapshot for state in hub.got(conn, State) for snapshot in state.operations][-1]
    assert isinstance(last.hub, HubInfo)
    return last.state, last.hub.lease


def test_silence_makes_an_operation_stale_then_lost(hub: Bench) -> None:
    """Stale after half the lease, lost after the whole; the state stays what the publisher said."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, running())
    hub.wait(7)
    assert belief(hub, 2) == ("running", "ok")
    hub.wait(1)
    assert belief(hub, 2) == ("running", "stale")
    hub.wait(8)
    assert belief(hub, 2) == ("running", "lost")


def test_heartbeats_keep_all_operations_of_a_session_alive(hub: Bench) -> None:
    """Whether or not anything changed."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, running("op_1"), running("op_2"))
    for _ in range(12):
        hub.wait(5)
        hub.say(1, Heartbeat())
    assert belief(hub, 2) == ("running", "ok")


def test_a_pause_may_be_longer_than_the_lease(hub: Bench) -> None:
    """Nothing is counted for four minutes, and it is alive as long as its publisher is; then it is lost like any."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, running())
    hub.publish(1, Snapshot(id="op_1", name="Work", state="paused", seq=2))
    for _ in range(48):
        hub.wait(5)
        hub.say(1, Heartbeat())
    assert belief(hub, 2) == ("paused", "ok")
    hub.wait(16)
    assert belief(hub, 2) == ("paused", "lost")


def test_a_lost_operation_comes_back_with_its_publisher(hub: Bench) -> None:
    """A laptop that slept, a process that was stopped: the same session goes on at any time."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, running())
    hub.disconnect(1)
    hub.wait(20)
    assert belief(hub, 2) == ("running", "lost")
    assert hub.rows[-1].state == "running"
    hub.publisher(3)
    hub.publish(3, running(seq=2))
    hub.wait(1)
    assert belief(hub, 2) == ("running", "ok")


def test_a_lost_operation_is_shown_for_an_hour() -> None:
    """From when it was lost, not from its last news: a long step and then a dropped line hide nothing at once."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, running())
    for _ in range(20):
        hub.wait(5)
        hub.say(1, Heartbeat())
    hub.disconnect(1)
    hub.wait(15 + 59)
    assert belief(hub, 2) == ("running", "lost")
    hub.wait(1)
    assert hub.got(2, State)[-1].removed == ("op_1",)


def test_an_end_that_is_not_stored_stays() -> None:
    """Its publisher will tell it again until it is stored: it must not be news then."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="failed", seq=1))
    hub.wait(100)
    assert hub.manager.counts()[0] == 1
    hub.stored("op_1", 1)
    hub.wait(1)
    assert hub.manager.counts()[0] == 0


def test_an_end_is_never_lost(hub: Bench) -> None:
    """Leases are about operations that have not ended."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="failed", seq=1))
    hub.disconnect(1)
    hub.wait(60)
    assert belief(hub, 2) == ("failed", "ok")


def test_the_wall_clock_does_not_matter(hub: Bench) -> None:
    """Publishers whose clocks are wrong by a day are neither early nor late."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=1, started_at=1.0))
    hub.wait(7)
    assert belief(hub, 2) == ("running", "ok")
