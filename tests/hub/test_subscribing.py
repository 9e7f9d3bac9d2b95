"""What a subscriber may rely on."""

from progress_kit.hub import Writable
from progress_kit.model import OperationState, Origin, Snapshot, Stage
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Bookmark, Error, Filter, ResumePoint, State, Subscribe, Unsubscribe
from tests.hub.bench import Bench


def snapshot(operation: str, seq: int = 1, state: OperationState = "running", notebook: str | None = None) -> Snapshot:
    """Return an operation that is named like its id."""
    return Snapshot(
        id=operation,
        name=operation,
        state=state,
        seq=seq,
        kind="k",
        origin=Origin(notebook=notebook),
    )


def names(state: State) -> list[str]:
    """Return the ids that a frame holds."""
    return [item.id for item in state.operations]


def test_the_first_answer_is_everything_even_if_that_is_nothing(hub: Bench) -> None:
    """A subscriber knows that it is in step as soon as `more` is false."""
    hub.subscriber(1)
    (first,) = hub.got(1, State)
    assert (first.reset, first.more, first.operations, first.removed) == (True, False, (), ())


def test_only_what_changed_follows(hub: Bench) -> None:
    """Each change is sent once, oldest first."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1"), snapshot("op_2"))
    hub.subscriber(2)
    hub.wait(1)
    hub.publish(1, snapshot("op_1", seq=2))
    assert [names(state) for state in hub.got(2, State)] == [["op_1", "op_2"], ["op_1"]]


def test_nobody_sees_the_operations_of_another_user(hub: Bench) -> None:
    """Neither their states nor their removal."""
    hub.publisher(1, sub="alice")
    hub.publish(1, snapshot("op_1"))
    hub.subscriber(2, sub="bob")
    hub.publish(1, snapshot("op_1", seq=2, state="succeeded"))
    hub.wait(1)
    assert [names(state) for state in hub.got(2, State)] == [[]]
    assert all(not state.removed for state in hub.got(2, State))


def test_a_filter_by_state_removes_what_no_longer_matches(hub: Bench) -> None:
    """Whoever asks for running operations is told when one stops running."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1"), snapshot("op_2"))
    hub.subscriber(2, wanted=Filter(states=("running",)))
    hub.wait(1)
    hub.publish(1, snapshot("op_1", seq=2, state="succeeded"))
    last = hub.got(2, State)[-1]
    assert (names(last), last.removed) == ([], ("op_1",))


def test_filters_by_operation_kind_and_notebook(hub: Bench) -> None:
    """Each part of a filter narrows it; what never could match is not mentioned."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1", notebook="a.ipynb"), snapshot("op_2", notebook="b.ipynb"))
    hub.subscriber(2, wanted=Filter(notebook="a.ipynb"))
    hub.subscriber(3, wanted=Filter(operations=("op_2",), kinds=("k",)))
    hub.subscriber(4, wanted=Filter(kinds=("other",)))
    assert [names(hub.got(conn, State)[0]) for conn in (2, 3, 4)] == [["op_1"], ["op_2"], []]


def test_a_share_link_shows_only_its_own(hub: Bench) -> None:
    """A token for one operation or one notebook sees nothing else, whatever the filter asks for."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1", notebook="a.ipynb"), snapshot("op_2", notebook="b.ipynb"))
    hub.subscriber(2, token=hub.token("subscribe", operation="op_2"))
    hub.subscriber(3, token=hub.token("subscribe", notebook="a.ipynb"))
    assert [names(hub.got(conn, State)[0]) for conn in (2, 3)] == [["op_2"], ["op_1"]]


def test_a_slow_subscriber_has_one_frame_in_flight_and_misses_nothing(hub: Bench) -> None:
    """While a frame has not left, changes are conflated: the next one holds the newest state only."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.wait(1)
    hub.auto_writable = False
    for seq in range(1, 50):
        hub.publish(1, snapshot("op_1", seq=seq))
        hub.wait(0.1)
    assert [state.operations[0].seq for state in hub.got(2, State)[1:]] == [1]
    hub.handle(Writable(2))
    assert [state.operations[0].seq for state in hub.got(2, State)[1:]] == [1, 49]


def test_a_subscriber_that_reads_nothing_is_closed(hub: Bench) -> None:
    """After 30 s with an unread frame the connection ends; others are not delayed."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.auto_writable = False
    hub.publish(1, snapshot("op_1"))
    hub.handle(Writable(1))
    hub.wait(31)
    assert hub.closed == {2: 4508}


def test_a_large_view_comes_in_pieces(hub: Bench) -> None:
    """Frames are bounded; `reset` is on the first and `more` on all but the last."""
    hub.publisher(1)
    for number in range(100):
        stages = (Stage(name="main", message="m" * 2_000),)
        hub.publish(1, Snapshot(id=f"op_{number}", name="x", state="running", seq=1, stages=stages))
    hub.subscriber(2)
    hub.wait(1)
    states = hub.got(2, State)
    assert len(states) > 3
    assert [state.reset for state in states] == [True] + [False] * (len(states) - 1)
    assert [state.more for state in states] == [True] * (len(states) - 1) + [False]
    assert [name for state in states for name in names(state)] == [f"op_{number}" for number in range(100)]


def test_what_leaves_while_the_view_comes_in_pieces_is_not_shown(hub: Bench) -> None:
    """It was in a piece that has been sent, so that its removal is told in a later one."""
    hub.publisher(1)
    for number in range(40):
        stages = (Stage(name="main", message="m" * 2_000),)
        hub.publish(1, Snapshot(id=f"op_{number}", name="x", state="running", seq=1, stages=stages))
    hub.auto_writable = False
    hub.subscriber(2, wanted=Filter(states=("running",)))
    hub.handle(Writable(2))  # of the welcome
    assert "op_0" in names(hub.got(2, State)[0])
    hub.publish(1, snapshot("op_0", seq=2, state="succeeded"))
    hub.auto_writable = True
    hub.handle(Writable(2))
    assert [name for state in hub.got(2, State) for name in state.removed] == ["op_0"]


def test_a_valid_resume_sends_only_what_was_missed(hub: Bench) -> None:
    """Reconnecting with epoch and revision costs the difference, and an empty one is answered too."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1"), snapshot("op_2"))
    hub.subscriber(2)
    point = ResumePoint(epoch="e_1", revision=hub.got(2, State)[-1].revision)
    hub.subscriber(3, resume=point)
    hub.publish(1, snapshot("op_2", seq=2))
    hub.subscriber(4, resume=point)
    assert [(state.reset, names(state)) for state in hub.got(3, State)[:1]] == [(False, [])]
    assert [(state.reset, names(state)) for state in hub.got(4, State)] == [(False, ["op_2"])]


def test_a_resume_point_of_another_life_starts_over(hub: Bench) -> None:
    """Another epoch, or a revision that the hub never had, is answered with everything."""
    hub.publisher(1)
    hub.publish(1, snapshot("op_1"))
    hub.subscriber(2, resume=ResumePoint(epoch="e_0", revision=1))
    hub.subscriber(3, resume=ResumePoint(epoch="e_1", revision=999))
    assert [hub.got(conn, State)[0].reset for conn in (2, 3)] == [True, True]


def test_an_end_leaves_the_live_view_after_an_hour() -> None:
    """It stays in the history; whoever shows it is told, live or at the next resume."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.publish(1, snapshot("op_1", state="succeeded", seq=1))
    hub.stored("op_1", 1)
    hub.subscriber(2)
    point = ResumePoint(epoch="e_1", revision=hub.got(2, State)[-1].revision)
    hub.wait(61)
    assert hub.got(2, State)[-1].removed == ("op_1",)
    hub.subscriber(3, resume=point)
    assert hub.got(3, State)[-1].removed == ("op_1",)


def test_an_idle_subscriber_gets_bookmarks(hub: Bench) -> None:
    """Its resume point stays fresh although nothing of its own changes."""
    hub.subscriber(1, sub="bob")
    hub.publisher(2, sub="alice")
    hub.publish(2, snapshot("op_1"))
    hub.wait(41)
    assert {mark.revision for mark in hub.got(1, Bookmark)} == {hub.manager.revision}


def test_a_subscriber_sets_its_own_pace(hub: Bench) -> None:
    """With `max_rate_hz` 1, ten changes in a second are two frames, and `next_tick` says when the second is due."""
    hub.publisher(1)
    hub.subscriber(2, max_rate_hz=1)
    hub.wait(1)
    for seq in range(1, 10):
        hub.publish(1, snapshot("op_1", seq=seq))
        hub.seconds += 0.05
    assert len(hub.got(2, State)) == 2
    assert 0.4 < hub.manager.next_tick(hub.now) <= 0.6
    hub.wait(1)
    assert [state.operations[0].seq for state in hub.got(2, State)[1:]] == [1, 9]


def test_subscriptions_end_when_asked_and_are_limited(hub: Bench) -> None:
    """After `unsubscribe` nothing more comes; the ninth subscription is refused."""
    hub.publisher(1)
    hub.subscriber(2)
    for number in range(8):
        hub.say(2, Subscribe(id=f"more_{number}"))
    assert [error.code for error in hub.got(2, Error)] == ["limit"]
    for number in range(7):
        hub.say(2, Unsubscribe(id=f"more_{number}"))
    hub.say(2, Unsubscribe(id="s"))
    before = len(hub.got(2, State))
    hub.publish(1, snapshot("op_1"))
    hub.wait(1)
    assert len(hub.got(2, State)) == before


def test_history_is_read_over_rest(hub: Bench) -> None:
    """A subscription covers live operations; asking for history says where to find it."""
    hub.connect(1, hub.token("subscribe"))
    hub.say(1, Subscribe(id="s", filter=Filter(history=True)))
    assert [error.code for error in hub.got(1, Error)] == ["unsupported"]
