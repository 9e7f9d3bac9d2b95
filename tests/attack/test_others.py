"""What another user of the same hub, or the holder of a narrow token, sees and moves of the victim: nothing."""

import pytest

from progress_kit.model import OperationState, Origin, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import (
    Bookmark,
    ClientMessage,
    Command,
    CommandResult,
    Demand,
    Error,
    Filter,
    HubMessage,
    NotifyRequest,
    Presence,
    ResumePoint,
    State,
    Subscribe,
)
from tests.hub.bench import Bench

VICTIM, ATTACKER, SOURCE, OWNER = "ann", 9, 1, 2
FILTERS = {
    "everything": Filter(),
    "by id": Filter(operations=("op_1", "op_2")),
    "by kind": Filter(kinds=("train",)),
    "by notebook": Filter(notebook="secret.ipynb"),
    "by state": Filter(states=("running", "succeeded")),
}
# Who asks: another user, and the victim's own tokens for something else.
ATTACKERS = {
    "another user": {"sub": "mallory"},
    "a share link of another operation": {"sub": VICTIM, "operation": "op_other"},
    "a share link of another notebook": {"sub": VICTIM, "notebook": "public.ipynb"},
}


def secret(operation: str = "op_1", state: OperationState = "running", seq: int = 1) -> Snapshot:
    """One of the victim's operations."""
    origin = Origin(notebook="secret.ipynb")
    return Snapshot(id=operation, name="Secret", kind="train", state=state, seq=seq, origin=origin, actions=("cancel",))


@pytest.fixture(params=ATTACKERS)
def hub(request: pytest.FixtureRequest) -> Bench:
    """A hub with the victim's operations and page, and an attacker who is let in."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(SOURCE, sub=VICTIM)
    hub.subscriber(OWNER, sub=VICTIM)
    hub.publish(SOURCE, secret(), secret("op_2"))
    scopes = ("subscribe", "command") if request.param == "another user" else ("subscribe",)
    hub.connect(ATTACKER, hub.token(*scopes, **ATTACKERS[request.param]))
    return hub


def told(hub: Bench) -> list[HubMessage]:
    """Everything that the attacker was sent, but for what says nothing of any operation."""
    said = [each for each in hub.sent[ATTACKER] if not isinstance(each, Bookmark)]
    return [each for each in said if not isinstance(each, State) or each.operations or each.removed]


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_no_filter_shows_what_is_not_ones_own(hub: Bench, wanted: Filter) -> None:
    """Not when it is asked for, not when it changes, ends or is deleted; the victim's own page has it all."""
    before = len(told(hub))
    hub.say(ATTACKER, Subscribe(id="s", filter=wanted))
    hub.wait(1)
    hub.publish(SOURCE, secret(seq=2), secret("op_3"))
    hub.wait(1)
    hub.publish(SOURCE, secret("op_2", "succeeded", 2))
    hub.stored("op_2", 2)
    hub.wait(2)
    hub.seconds += hub.limits.recent_s
    hub.wait(2)
    assert any(isinstance(each, State) for each in hub.sent[ATTACKER])  # it was answered
    assert told(hub)[before:] == []
    shown = [each.id for state in hub.got(OWNER, State) for each in state.operations]
    assert {"op_1", "op_2", "op_3"} <= set(shown)
    assert any("op_2" in state.removed for state in hub.got(OWNER, State))


def test_a_resume_point_shows_no_more(hub: Bench) -> None:
    """Whoever says that it was there before is shown what it may see, and that is nothing."""
    hub.publish(SOURCE, secret("op_2", "succeeded", 2))
    hub.stored("op_2", 2)
    hub.seconds += hub.limits.recent_s
    hub.wait(2)
    before = len(told(hub))
    hub.say(ATTACKER, Subscribe(id="s", resume=ResumePoint(epoch=hub.epoch, revision=0)))
    hub.wait(1)
    assert told(hub)[before:] == []


@pytest.mark.parametrize("message", [Command(request="r", operation="op_1", action="cancel")])
def test_it_is_not_commanded_either(hub: Bench, message: ClientMessage) -> None:
    """The answer is the same as for an operation that does not exist, or that the token commands nothing."""
    hub.say(ATTACKER, message)
    (error,) = hub.got(ATTACKER, Error)
    assert error.code in {"not_found", "forbidden"}
    assert "Secret" not in error.message
    assert hub.got(SOURCE, Command) == []
    assert hub.got(ATTACKER, CommandResult) == []


def test_an_end_is_not_told_to_it(hub: Bench) -> None:
    """Nor does it make the publisher tell more, as if somebody watched who may."""
    demanded = hub.got(SOURCE, Demand)[-1].operations
    hub.say(ATTACKER, Presence(visible=True, focused=True, can_notify=True))
    hub.say(ATTACKER, Subscribe(id="s", max_rate_hz=50.0))
    hub.publish(SOURCE, secret("op_1", "failed", 2))
    hub.wait(3)
    assert hub.got(ATTACKER, NotifyRequest) == []
    assert hub.got(SOURCE, Demand)[-1].operations == demanded
