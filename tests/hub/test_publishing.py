"""What a publisher may rely on."""

from progress_kit.hub import Now, Restored, StoreStatus
from progress_kit.model import Snapshot, Stage
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Ack, Error, Heartbeat, State, Welcome
from tests.hub.bench import Bench


def running(operation: str = "op_1", seq: int = 1, done: int = 0) -> Snapshot:
    """Return a running operation."""
    return Snapshot(id=operation, name="Work", state="running", seq=seq, stages=(Stage(name="main", done=done),))


def ended(operation: str = "op_1", seq: int = 9) -> Snapshot:
    """Return an operation that succeeded."""
    return Snapshot(id=operation, name="Work", state="succeeded", seq=seq)


def view(hub: Bench, conn: int) -> dict[str, Snapshot]:
    """Return what a subscriber holds."""
    found: dict[str, Snapshot] = {}
    for state in hub.got(conn, State):
        found.update({snapshot.id: snapshot for snapshot in state.operations})
        for operation in state.removed:
            found.pop(operation, None)
    return found


def test_what_is_published_is_stored_at_first_sight_and_at_its_end(hub: Bench) -> None:
    """The first state and the end reach the store at once; counts in between are thinned to one in five seconds."""
    hub.publisher(1)
    for seq in range(1, 9):
        hub.publish(1, running(seq=seq, done=seq))
    hub.publish(1, ended())
    assert [(row.state, row.seq) for row in hub.rows] == [("running", 1), ("succeeded", 9)]


def test_counts_are_stored_every_five_seconds(hub: Bench) -> None:
    """A server that is killed loses at most five seconds of counts."""
    hub.publisher(1)
    for seq in range(1, 13):
        hub.publish(1, running(seq=seq, done=seq))
        hub.wait(1)
    assert [row.seq for row in hub.rows] == [1, 6, 11]


def test_an_end_is_acknowledged_only_when_the_store_has_it(hub: Bench) -> None:
    """`durable` names a terminal snapshot after the commit, never before, and exactly once."""
    hub.publisher(1)
    hub.publish(1, ended())
    assert hub.got(1, Ack) == []
    hub.stored("op_1", 9)
    hub.stored("op_1", 9)
    assert hub.got(1, Ack) == [Ack(durable={"op_1": 9})]


def test_a_late_commit_of_an_earlier_state_acknowledges_nothing(hub: Bench) -> None:
    """The store works behind: what it had of the operation before its end does not count as the end."""
    hub.publisher(1)
    hub.publish(1, running(seq=8))
    hub.publish(1, ended(seq=9))
    hub.stored("op_1", 8)
    assert hub.got(1, Ack) == []
    hub.stored("op_1", 9)
    assert hub.got(1, Ack) == [Ack(durable={"op_1": 9})]


def test_an_end_sent_again_is_acknowledged_again(hub: Bench) -> None:
    """A publisher whose acknowledgement was lost sends the end again and is answered at once."""
    hub.publisher(1)
    hub.publish(1, ended())
    hub.stored("op_1", 9)
    hub.publish(1, ended())
    assert len(hub.got(1, Ack)) == 2
    assert len(hub.rows) == 1


def test_nothing_is_durable_while_the_store_is_broken(hub: Bench) -> None:
    """With the store in memory an end is shown but not acknowledged; once it heals, everything unsaved is stored."""
    hub.publisher(1)
    hub.handle(StoreStatus("memory", "disk full"))
    hub.publish(1, ended())
    hub.stored("op_1", 9)
    assert hub.got(1, Ack) == []
    hub.rows.clear()
    hub.handle(StoreStatus("ok"))
    assert [row.id for row in hub.rows] == ["op_1"]
    hub.stored("op_1", 9)
    assert hub.got(1, Ack) == [Ack(durable={"op_1": 9})]


def test_an_older_snapshot_never_overwrites_a_newer_one(hub: Bench) -> None:
    """Duplicates and stragglers are ignored without an error."""
    hub.subscriber(2)
    hub.publisher(1)
    hub.publish(1, running(seq=5, done=5))
    hub.publish(1, running(seq=3, done=3), running(seq=5, done=0))
    hub.wait(1)
    assert view(hub, 2)["op_1"].stages[0].done == 5
    assert hub.got(1, Error) == []


def test_an_end_is_final(hub: Bench) -> None:
    """Nothing follows an end, whatever its seq."""
    hub.subscriber(2)
    hub.publisher(1)
    hub.publish(1, ended(seq=2))
    hub.publish(1, running(seq=3))
    hub.wait(1)
    assert [error.code for error in hub.got(1, Error)] == ["terminal"]
    assert view(hub, 2)["op_1"].state == "succeeded"


def test_another_session_or_user_may_not_touch_an_operation(hub: Bench) -> None:
    """An operation belongs to the session that published it first."""
    hub.publisher(1, session="s_1")
    hub.publish(1, running())
    hub.publisher(2, session="s_2")
    hub.publish(2, ended())
    hub.publisher(3, session="s_1", sub="mallory")
    hub.publish(3, ended())
    assert [error.code for error in hub.got(2, Error) + hub.got(3, Error)] == ["forbidden", "forbidden"]
    assert hub.rows[-1].state == "running"


def test_one_bad_operation_does_not_spoil_the_others(hub: Bench) -> None:
    """Each operation of a publish is judged by itself."""
    hub.publisher(1)
    hub.publish(1, ended("op_1"))
    hub.publish(1, running("op_1", seq=10), running("op_2"))
    assert [row.id for row in hub.rows] == ["op_1", "op_2"]


def test_a_returning_publisher_is_told_what_the_hub_has(hub: Bench) -> None:
    """`welcome.known` lists the session's operations, and ends stored meanwhile are acknowledged."""
    hub.publisher(1)
    hub.publish(1, running("op_1", seq=4), ended("op_2"))
    hub.disconnect(1)
    hub.stored("op_2", 9)
    hub.publisher(2)
    assert hub.got(2, Welcome)[0].known == {"op_1": 4, "op_2": 9}
    assert hub.got(2, Ack) == [Ack(durable={"op_2": 9})]


def test_after_a_restart_the_same_session_goes_on(hub: Bench) -> None:
    """What ended is still known; what ran is loaded as stale, and is alive again when its publisher is back."""
    hub.publisher(1)
    hub.publish(1, running("op_1", seq=4), ended("op_2"))
    again = Bench(epoch="e_2", seconds=hub.seconds + 5)
    again.handle(Restored(hub.rows))
    again.subscriber(2)
    assert {key: (item.state, item.hub.lease) for key, item in view(again, 2).items() if item.hub} == {
        "op_1": ("running", "stale"),
        "op_2": ("succeeded", "ok"),
    }
    again.publisher(1)
    again.publish(1, running("op_1", seq=5))
    again.wait(1)
    back = view(again, 2)["op_1"]
    assert back.hub is not None
    assert (back.seq, back.hub.lease) == (5, "ok")
    assert again.got(1, Welcome)[0].known == {"op_1": 4, "op_2": 9}


def test_after_a_restart_a_heartbeat_is_enough(hub: Bench) -> None:
    """An operation that changes nothing for a while is alive again as soon as its publisher is back."""
    hub.publisher(1)
    hub.publish(1, running("op_1", seq=4))
    again = Bench(epoch="e_2", seconds=hub.seconds)
    again.handle(Restored(hub.rows))
    again.subscriber(2)
    again.publisher(1)
    for _ in range(10):
        again.wait(4)
        again.say(1, Heartbeat())
    back = view(again, 2)["op_1"]
    assert back.hub is not None
    assert back.hub.lease == "ok"


def test_the_number_of_open_operations_is_limited() -> None:
    """One operation too many is refused with a reason; ending one makes room."""
    hub = Bench(limits=Limits(open_per_publisher=2))
    hub.publisher(1)
    hub.publish(1, running("op_1"), running("op_2"), running("op_3"))
    assert [error.code for error in hub.got(1, Error)] == ["limit"]
    hub.publish(1, ended("op_1"), running("op_3"))
    assert hub.manager.counts()[0] == 3


def test_old_ends_make_room_for_new_operations() -> None:
    """A user's memory in the hub is bounded: the oldest ends leave it, those in the history first."""
    hub = Bench(limits=Limits(operations_per_user=2))
    hub.publisher(1)
    hub.publish(1, ended("op_1"), ended("op_2"))
    hub.stored("op_1", 9)
    hub.subscriber(2)
    hub.publish(1, running("op_3"))
    hub.wait(1)
    assert set(view(hub, 2)) == {"op_2", "op_3"}
    hub.publish(1, running("op_4"))
    hub.wait(1)
    assert set(view(hub, 2)) == {"op_3", "op_4"}
    hub.publish(1, running("op_5"))
    assert [error.code for error in hub.got(1, Error)] == ["limit"]


def test_a_snapshot_that_is_too_large_is_refused(hub: Bench) -> None:
    """One operation may have 32 KiB; what was there before stays."""
    hub.publisher(1)
    hub.publish(1, running(seq=1))
    stages = tuple(Stage(name=f"stage {number}", message="x" * 2_000) for number in range(32))
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=2, stages=stages))
    assert [error.code for error in hub.got(1, Error)] == ["too_large"]


def test_a_flood_drops_running_states_but_no_ends() -> None:
    """Over the rate limit running states are dropped with one error a second; an end always gets through."""
    hub = Bench(limits=Limits(burst_messages=3, messages_per_s=1))
    hub.publisher(1)
    for seq in range(1, 7):
        hub.publish(1, running(seq=seq))
    hub.publish(1, running(seq=7), ended("op_2"))
    assert [error.code for error in hub.got(1, Error)] == ["rate"]
    assert [(row.id, row.seq) for row in hub.rows] == [("op_1", 1), ("op_2", 9)]
    assert hub.manager.handle(Restored(()), Now(0, 0)) == []


def test_an_endless_flood_is_cut_off() -> None:
    """Whoever goes on for ten seconds' worth of messages loses the connection."""
    hub = Bench(limits=Limits(burst_messages=1, messages_per_s=1))
    hub.publisher(1)
    for seq in range(1, 20):
        hub.publish(1, running(seq=seq))
    assert hub.closed == {1: 4429}
