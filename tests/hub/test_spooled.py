"""What the hub makes of ends that a dead process wrote down."""

import pytest

from progress_kit.hub import Keeping, Spooled
from progress_kit.model import OperationState, Origin, Pseudonyms, Snapshot
from progress_kit.protocol import Limits, decode_snapshot
from progress_kit.protocol.messages import Inbox, NotifyRequest, PowerSum, Presence, StageRecord, State
from progress_kit.protocol.spool import SpooledEnd
from tests.hub.bench import Bench


def snapshot(operation: str = "op_1", state: OperationState = "succeeded", seq: int = 9, **more: object) -> Snapshot:
    """One state of an operation."""
    return Snapshot(id=operation, name="Work", kind="work", state=state, seq=seq, **more)  # type: ignore[arg-type]


def spooled(end: Snapshot, session: str = "s_1", hub_id: str | None = "h_test", **more: object) -> SpooledEnd:
    """The line that its process wrote."""
    return SpooledEnd(hub_id=hub_id, session=session, snapshot=end, **more)  # type: ignore[arg-type]


def take(hub: Bench, *ends: SpooledEnd, owner: str = "local") -> None:
    """Have the hub find these."""
    hub.handle(Spooled(owner, ends))


def shown(hub: Bench, conn: int) -> list[Snapshot]:
    """What a subscriber was shown, in order."""
    hub.wait(1)
    return [each for state in hub.got(conn, State) for each in state.operations]


def test_an_end_that_nobody_told_is_shown_stored_and_announced(hub: Bench) -> None:
    """As if it had been published; it says by what it came."""
    hub.subscriber(1)
    hub.say(1, Presence(visible=True, focused=True, can_notify=True))
    take(hub, spooled(snapshot(stages=())))
    (found,) = shown(hub, 1)
    assert found.state == "succeeded"
    assert found.hub is not None
    assert (found.hub.via, found.hub.owner, found.hub.lease, found.hub.stored) == ("spool", "local", "ok", False)
    (row,) = hub.rows
    assert (row.id, row.state, row.session) == ("op_1", "succeeded", "s_1")
    assert hub.manager.known("op_1") == "ended"
    hub.stored("op_1", 9)
    assert hub.manager.known("op_1") == "stored"
    assert hub.got(1, Inbox)[-1].unread == 1


def test_it_is_taken_in_once(hub: Bench) -> None:
    """However often it is found, and whatever a later line says: an end is final, and announced once."""
    hub.subscriber(1)
    hub.say(1, Presence(visible=True, focused=True, can_notify=True))
    take(hub, spooled(snapshot()))
    take(hub, spooled(snapshot()), spooled(snapshot(state="failed", seq=11)))
    hub.wait(3)
    assert [each.state for each in shown(hub, 1)] == ["succeeded"]
    assert len(hub.rows) == 1
    assert len(hub.got(1, NotifyRequest)) <= 1
    assert hub.got(1, Inbox)[-1].unread == 1


def test_it_ends_an_operation_that_was_seen_running(hub: Bench) -> None:
    """Or lost: its process died right after the end. Whose it was, it stays."""
    hub.publisher(1, sub="ann")
    hub.subscriber(2, sub="ann")
    hub.publish(1, snapshot(state="running", seq=3))
    hub.disconnect(1)
    hub.wait(20)
    take(hub, spooled(snapshot()), owner="local")
    found = shown(hub, 2)[-1]
    assert found.hub is not None
    assert (found.state, found.hub.owner, found.hub.lease, found.hub.via) == ("succeeded", "ann", "ok", "spool")


def test_another_session_ends_nothing(hub: Bench) -> None:
    """An operation belongs to the session that began it."""
    hub.publisher(1)
    hub.publish(1, snapshot(state="running", seq=3))
    take(hub, spooled(snapshot(), session="s_2"))
    assert hub.manager.known("op_1") == "open"
    assert hub.manager.known("op_2") is None


def test_an_old_end_of_a_time_without_a_hub_is_history_and_no_news(hub: Bench) -> None:
    """Scripts of last week do not ring when JupyterLab is started for the first time."""
    hub.subscriber(1)
    stages = (StageRecord(name="main", costs=(PowerSum(1.0, 3.0),)),)
    ended_at = hub.now.wall - 4_000
    take(hub, spooled(snapshot(ended_at=ended_at), hub_id=None, stages=stages))
    assert shown(hub, 1) == []
    (row,) = hub.rows
    assert (row.state, row.changed_at, row.ended_at, row.owner) == ("succeeded", ended_at, ended_at, "local")
    stored = decode_snapshot(row.snapshot).hub
    assert stored is not None
    assert stored.via == "spool"
    assert [record.stages for record in hub.records] == [stages]


def test_an_old_end_for_this_hub_is_news(hub: Bench) -> None:
    """The server was down all night, and the run ended meanwhile: its user wants to know."""
    hub.subscriber(1)
    take(hub, spooled(snapshot(ended_at=hub.now.wall - 30_000)))
    assert [each.state for each in shown(hub, 1)] == ["succeeded"]


@pytest.mark.parametrize("age_s", [4_000.0, 0.0])
def test_where_no_history_is_kept_nothing_is_stored(age_s: float) -> None:
    """Shown all the same if it is news."""
    hub = Bench(keeping=Keeping("off"))
    hub.subscriber(1)
    stages = (StageRecord(name="main", course=(0.5,)),)
    take(hub, spooled(snapshot(ended_at=hub.now.wall - age_s), hub_id=None, stages=stages))
    assert (hub.rows, hub.records) == ([], [])
    assert hub.manager.known("op_1") == ("stored" if age_s == 0 else None)


def test_an_anonymous_history_keeps_no_names() -> None:
    """Not of what was written down either."""
    hub = Bench(keeping=Keeping("anonymous", Pseudonyms(b"k")))
    take(hub, spooled(snapshot(ended_at=hub.now.wall - 4_000), hub_id=None), spooled(snapshot("op_2")))
    assert [b"Work" in row.snapshot for row in hub.rows] == [False, False]
    assert {row.kind for row in hub.rows} == {Pseudonyms(b"k").kind("work")}


def test_where_no_more_is_live_it_is_history_at_once() -> None:
    """A user's operations in memory are bounded; an end is not lost for that."""
    hub = Bench(limits=Limits(operations_per_user=1))
    hub.publisher(1)
    hub.publish(1, snapshot("op_0", "running", 1))
    take(hub, spooled(snapshot()))
    assert [row.id for row in hub.rows] == ["op_0", "op_1"]
    assert hub.manager.known("op_1") is None


def test_which_processes_a_kernel_is(hub: Bench) -> None:
    """By what its running operations say: their spools are read before they are called lost."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1", "running", 1, origin=Origin(kernel_id="k", pid=7)))
    assert hub.manager.pids("k") == {7}
    assert hub.manager.pids("other") == set()


def test_an_end_older_than_what_is_known_changes_nothing(hub: Bench) -> None:
    """No process of ours writes such a line."""
    hub.publisher(1)
    hub.publish(1, snapshot(state="running", seq=30))
    take(hub, spooled(snapshot(seq=9)))
    assert hub.manager.known("op_1") == "open"
