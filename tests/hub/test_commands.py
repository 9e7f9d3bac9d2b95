"""From a Cancel button to the publisher and back."""

import pytest

from progress_kit.errors import ProtocolError
from progress_kit.hub import Login
from progress_kit.model import Snapshot
from progress_kit.protocol.messages import Command, CommandResult, Error
from progress_kit.protocol.rest import TokenRequest
from tests.hub.bench import Bench

CANCEL = Command(request="mine", operation="op_1", action="cancel", reason="enough")


@pytest.fixture
def running(hub: Bench) -> Bench:
    """Return a hub with one operation that can be cancelled (connection 1) and one subscriber (2)."""
    hub.publisher(1)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=1, actions=("cancel",)))
    hub.subscriber(2)
    return hub


def test_a_command_reaches_the_publisher_and_its_answer_the_asker(running: Bench) -> None:
    """The publisher is told who asks; the asker sees its own request id."""
    running.say(2, CANCEL)
    (forwarded,) = running.got(1, Command)
    assert (forwarded.operation, forwarded.action, forwarded.reason, forwarded.by) == (
        "op_1",
        "cancel",
        "enough",
        "local",
    )
    running.say(1, CommandResult(request=forwarded.request, ok=True))
    assert running.got(2, CommandResult) == [CommandResult(request="mine", ok=True)]


def test_no_answer_within_ten_seconds_is_a_no(running: Bench) -> None:
    """A late answer is ignored."""
    running.say(2, CANCEL)
    running.wait(11)
    assert running.got(2, CommandResult) == [CommandResult(request="mine", ok=False, error="unsupported")]
    running.say(1, CommandResult(request=running.got(1, Command)[0].request, ok=True))
    assert len(running.got(2, CommandResult)) == 1


def test_what_cannot_be_done_is_said_at_once(running: Bench) -> None:
    """An action that the operation does not offer, a publisher that is away, an operation that has ended."""
    running.say(2, Command(request="r1", operation="op_1", action="pause"))
    running.disconnect(1)
    running.say(2, Command(request="r2", operation="op_1", action="cancel"))
    running.publisher(3)
    running.publish(3, Snapshot(id="op_1", name="Work", state="succeeded", seq=2))
    running.say(2, Command(request="r3", operation="op_1", action="cancel"))
    assert [(result.request, result.error) for result in running.got(2, CommandResult)] == [
        ("r1", "this operation does not support pause"),
        ("r2", "the operation's process is not connected now"),
        ("r3", "the operation has ended"),
    ]


def test_commands_need_their_scope_and_a_visible_operation(running: Bench) -> None:
    """A token without `command` may not; an operation of another user does not exist."""
    running.connect(4, running.token("subscribe"))
    running.say(4, CANCEL)
    running.subscriber(5, sub="mallory")
    running.say(5, CANCEL)
    assert [error.code for error in running.got(4, Error) + running.got(5, Error)] == ["forbidden", "not_found"]
    assert running.got(1, Command) == []


def test_another_publisher_cannot_answer(running: Bench) -> None:
    """Only the session that was asked."""
    running.say(2, CANCEL)
    running.publisher(6, session="s_other")
    running.say(6, CommandResult(request=running.got(1, Command)[0].request, ok=True))
    assert running.got(2, CommandResult) == []


def test_a_command_over_rest(running: Bench) -> None:
    """It is forwarded like any other and answered by the operation's state."""
    request = TokenRequest(scopes=("command", "subscribe"))
    token = running.authority.grant(request, Login("local"), running.now.wall).token
    claims = running.authority.verify(token, running.now.wall)
    name, outputs = running.manager.command(claims, "op_1", "cancel", None, running.now)
    running.take(outputs)
    assert [command.request for command in running.got(1, Command)] == [name]
    with pytest.raises(ProtocolError, match="no such live operation"):
        running.manager.command(claims, "op_2", "cancel", None, running.now)
