"""What the hub answers over REST, and the bounds of its memory."""

import json

import pytest

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, registry
from progress_kit.hub import manager as hub_manager
from progress_kit.model import Origin, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import (
    Command,
    CommandResult,
    Error,
    Filter,
    Heartbeat,
    Pong,
    Refresh,
    ResumePoint,
    Scope,
    State,
)
from tests.hub.bench import Bench


def claims(hub: Bench, *scopes: Scope, sub: str = "local") -> Claims:
    """Return what a token of these scopes says."""
    return hub.authority.verify(hub.token(*scopes, sub=sub), hub.now.wall)


def running(operation: str = "op_1", seq: int = 1) -> Snapshot:
    """Return an operation that can be cancelled."""
    origin = Origin(notebook="a.ipynb")
    return Snapshot(id=operation, name="x", state="running", seq=seq, actions=("cancel",), origin=origin)


def ended(operation: str = "op_1", seq: int = 9) -> Snapshot:
    """Return an operation that succeeded."""
    return Snapshot(id=operation, name="x", state="succeeded", seq=seq)


def test_polling_resumes_like_the_socket(hub: Bench) -> None:
    """The first answer is everything; with its epoch and revision the next one is the difference."""
    hub.publisher(1)
    hub.publish(1, running("op_1"), running("op_2"))
    me = claims(hub, "subscribe")
    first = json.loads(hub.manager.poll(me, Filter(), None, hub.now))
    assert (first["reset"], [each["id"] for each in first["operations"]]) == (True, ["op_1", "op_2"])
    hub.publish(1, running("op_2", seq=2))
    point = ResumePoint(epoch=first["epoch"], revision=first["revision"])
    second = json.loads(hub.manager.poll(me, Filter(), point, hub.now))
    assert (second["reset"], [each["id"] for each in second["operations"]]) == (False, ["op_2"])
    lost = ResumePoint(epoch="e_0", revision=0)
    assert json.loads(hub.manager.poll(me, Filter(), lost, hub.now))["reset"] is True


def test_one_operation_is_read_by_whoever_may_see_it(hub: Bench) -> None:
    """For others it does not exist."""
    hub.publisher(1)
    hub.publish(1, running())
    found = hub.manager.snapshot(claims(hub, "subscribe"), "op_1")
    assert found is not None
    assert json.loads(found)["hub"]["owner"] == "local"
    assert hub.manager.snapshot(claims(hub, "subscribe", sub="mallory"), "op_1") is None
    with pytest.raises(ProtocolError, match="no scope `command`"):
        hub.manager.command(claims(hub, "subscribe"), "op_1", "cancel", None, hub.now)


def test_a_command_over_rest_is_answered_by_the_state(hub: Bench) -> None:
    """Nobody waits for its result, in time or not."""
    hub.publisher(1)
    hub.publish(1, running())
    for _ in range(2):
        _, outputs = hub.manager.command(claims(hub, "command"), "op_1", "cancel", None, hub.now)
        hub.take(outputs)
    first = hub.got(1, Command)[0]
    hub.say(1, CommandResult(request=first.request, ok=True))
    hub.wait(11)
    assert hub.got(1, Error) == []


def test_commands_that_wait_are_bounded(hub: Bench) -> None:
    """One too many is refused until some were answered or timed out."""
    hub.publisher(1)
    hub.publish(1, running())
    me = claims(hub, "command")
    for _ in range(1_000):
        hub.manager.command(me, "op_1", "cancel", None, hub.now)
    with pytest.raises(ProtocolError, match="too many commands"):
        hub.manager.command(me, "op_1", "cancel", None, hub.now)


def test_an_answer_from_whoever_does_not_publish_is_refused(hub: Bench) -> None:
    """And a pong needs no answer."""
    hub.subscriber(1)
    hub.say(1, CommandResult(request="c1", ok=True))
    hub.say(1, Pong())
    assert [error.code for error in hub.got(1, Error)] == ["forbidden"]


def test_a_publisher_refreshes_with_a_token_that_publishes(hub: Bench) -> None:
    """With another one it is put out."""
    hub.publisher(1)
    hub.say(1, Refresh(token=hub.token("publish")))
    assert hub.closed == {}
    hub.say(1, Refresh(token=hub.token("subscribe")))
    assert hub.closed == {1: 4403}


def test_tombstones_are_bounded(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is behind for longer than they reach back starts over, connected or not, and so misses no removal."""
    monkeypatch.setattr(registry, "TOMBSTONES", 1)
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.publish(1, ended("op_1"), ended("op_2"), running("op_3"))
    hub.stored("op_1", 9)
    hub.stored("op_2", 9)
    hub.subscriber(2)
    old = ResumePoint(epoch="e_1", revision=hub.got(2, State)[-1].revision)
    for _ in range(13):
        hub.wait(5)
        hub.say(1, Heartbeat())
    hub.subscriber(3, resume=old)
    for state in (hub.got(2, State)[-1], hub.got(3, State)[0]):
        assert (state.reset, [each.id for each in state.operations]) == (True, ["op_3"])


def test_old_operations_are_read_although_removals_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that comes in pieces reaches its end, over the socket and by polling: no removal matters to it."""
    monkeypatch.setattr(registry, "TOMBSTONES", 0)
    monkeypatch.setattr("progress_kit.hub.spreading.STATE_BYTES", 100)
    monkeypatch.setattr(hub_manager, "POLL_BYTES", 100)
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.publish(1, running("op_1"), running("op_2"), running("op_3"), ended("op_4"))
    hub.stored("op_4", 9)
    for _ in range(13):
        hub.wait(5)
        hub.say(1, Heartbeat())
    hub.subscriber(2)
    states = hub.got(2, State)
    assert [each.id for state in states for each in state.operations] == ["op_1", "op_2", "op_3"]
    assert [state.more for state in states] == [True] * (len(states) - 1) + [False]
    body = json.loads(hub.manager.poll(claims(hub, "subscribe"), Filter(), None, hub.now))
    assert (body["more"], [each["id"] for each in body["operations"]]) == (False, ["op_1", "op_2", "op_3"])


def test_many_removals_come_in_pieces(hub: Bench) -> None:
    """A frame is bounded by what it removes, too."""
    hub = Bench(limits=Limits(recent_s=60, open_per_publisher=10_000))
    hub.publisher(1)
    names = [f"op_{number}_{'x' * 100}" for number in range(1_000)]
    for start in range(0, 1_000, 100):
        hub.publish(1, *(ended(name) for name in names[start : start + 100]))
    for name in names:
        hub.stored(name, 9)
    hub.subscriber(2)
    hub.wait(1)
    before = len(hub.got(2, State))
    hub.wait(61)
    pieces = hub.got(2, State)[before:]
    assert len(pieces) > 1
    assert [name for piece in pieces for name in piece.removed] == names


def test_a_filter_by_state_does_not_mention_what_never_matched(hub: Bench) -> None:
    """The first answer holds what matches, and removes nothing."""
    hub.publisher(1)
    hub.publish(1, ended("op_1"), running("op_2"))
    hub.subscriber(2, wanted=Filter(states=("running",)))
    first = hub.got(2, State)[0]
    assert ([each.id for each in first.operations], first.removed) == (["op_2"], ())


def test_a_store_that_heals_is_given_everything(hub: Bench) -> None:
    """What it has missed, and what it had: the file in which that lies may be damaged, or gone."""
    from progress_kit.hub import StoreStatus

    hub.publisher(1)
    hub.publish(1, ended("op_1"), ended("op_2"))
    hub.stored("op_1", 9)
    hub.handle(StoreStatus("read_only", "no space"))
    hub.rows.clear()
    hub.handle(StoreStatus("ok"))
    assert {row.id for row in hub.rows} == {"op_1", "op_2"}


def test_many_users_do_not_take_each_other_s_room() -> None:
    """The bound is each user's own, and a lost operation leaves with its session."""
    hub = Bench(limits=Limits(operations_per_user=1, recent_s=60))
    hub.publisher(1, sub="alice")
    hub.publish(1, running("op_1"))
    hub.publisher(2, sub="bob")
    hub.publish(2, running("op_2"))
    assert hub.got(2, Error) == []
    hub.disconnect(1)
    hub.disconnect(2)
    hub.wait(140)
    assert hub.manager.counts()[0] == 0
