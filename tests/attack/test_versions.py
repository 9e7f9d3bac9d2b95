"""Publisher, hub and client one minor version of the protocol apart: what is new to one end is ignored by it."""

import json
from typing import Any, Final

import pytest

from progress_kit.client.session import SubscriberSession
from progress_kit.hub import Connected, Received
from progress_kit.model import Snapshot
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Ack, Error, Ping, Pong, State, Welcome
from progress_kit.publisher.session import PublisherSession
from tests.hub.bench import Bench

# What the first version sent, and nothing that came later.
FIRST: Final[dict[str, Any]] = {
    "id": "op_1",
    "seq": 1,
    "name": "Import",
    "state": "running",
    "stages": [{"name": "main", "state": "running", "done": 3, "total": 10}],
}
# What a later version may add, in every object.
LATER: Final[dict[str, Any]] = {"colour": "blue", "nested": {"deep": [1, {"x": None}]}, "zz_at": 1.5}


def later(value: Any) -> Any:
    """Return `value` as a later version might send it: every object in it has fields that nobody here knows."""
    if isinstance(value, dict):
        # These are maps whose keys are data; a later version has nothing to add there.
        maps = {"metrics", "limits", "known", "durable", "priors"}
        return {key: each if key in maps else later(each) for key, each in value.items()} | LATER
    return [later(each) for each in value] if isinstance(value, list) else value


def say(hub: Bench, conn: int, message: dict[str, Any]) -> None:
    """Send a message as another version wrote it."""
    hub.handle(Received(conn, json.dumps(message)))


def full_snapshot() -> dict[str, Any]:
    """Return a snapshot in which every object that there is occurs."""
    return {
        **FIRST,
        "stages": [{"name": "main", "counters": [{"name": "files"}], "tasks": {"running": 1}}],
        "tasks": [{"id": "t", "stage": "main", "state": "failed", "error": {"type": "E"}}],
        "estimate": {"p50_s": 1.0},
        "origin": {"host": "h"},
        "notify": {"when": "always"},
        "error": {"type": "E"},
    }


@pytest.mark.parametrize("change", [lambda message: message, later], ids=["an older publisher", "a newer publisher"])
def test_a_publisher_of_another_minor_is_understood(change: Any) -> None:
    """It lacks fields or has others: its operation is shown whole, to the end, and stored."""
    hub = Bench()
    hub.subscriber(2)
    hub.handle(Connected(1))
    hello = {"type": "hello", "token": hub.token("publish"), "client": "other/9", "publisher": {"session": "s_1"}}
    say(hub, 1, change(hello))
    assert hub.got(1, Welcome)
    say(hub, 1, change({"type": "publish", "operations": [FIRST if change is not later else full_snapshot()]}))
    say(hub, 1, change({"type": "heartbeat"}))
    say(hub, 1, change({"type": "publish", "operations": [{**FIRST, "seq": 2, "state": "succeeded"}]}))
    hub.stored("op_1", 2)
    hub.wait(2)
    assert hub.closed == {}
    assert hub.got(1, Error) == []
    assert hub.got(1, Ack)[-1].durable == {"op_1": 2}
    seen = [operation for state in hub.got(2, State) for operation in state.operations]
    assert seen[-1].state == "succeeded"
    sent = json.loads(encode(seen[-1]))
    assert set(sent) == set(Snapshot.__struct_fields__)


def test_a_message_of_a_newer_publisher_is_answered_and_the_rest_goes_on() -> None:
    """The hub says `unsupported`; the publisher takes that for no reason to stop."""
    hub = Bench()
    hub.publisher(1)
    say(hub, 1, {"type": "task_notes", "operation": "op_1", "notes": [1, 2]})
    say(hub, 1, {"type": "publish", "operations": [FIRST]})
    (error,) = hub.got(1, Error)
    assert error.code == "unsupported"
    assert hub.closed == {}
    assert len(hub.rows) == 1

    session = PublisherSession("s_1")
    session.connected("token")
    session.received(json.dumps(_welcome()), 0.0)
    session.received(encode(error), 0.0)
    assert session.welcomed
    assert session.sample([Snapshot(id="op_1", name="x", state="running", seq=1)], 1.0)


def _welcome() -> dict[str, Any]:
    hub = Bench()
    hub.publisher(1)
    welcome: dict[str, Any] = json.loads(encode(hub.got(1, Welcome)[0]))
    return welcome


@pytest.mark.parametrize("change", [lambda message: message, later], ids=["the same hub", "a newer hub"])
def test_a_publisher_understands_a_newer_hub(change: Any) -> None:
    """New types and fields are passed over: it publishes, hears commands and believes the acknowledgement."""
    session = PublisherSession("s_1")
    session.connected("token")
    session.received(json.dumps(change(_welcome())), 0.0)
    session.received(json.dumps({"type": "weather", "sky": "blue"}), 0.0)
    session.sample([Snapshot(id="op_1", name="x", state="succeeded", seq=2)], 1.0)
    session.received(
        json.dumps(change({"type": "command", "request": "c1", "operation": "op_1", "action": "cancel"})), 1
    )
    assert session.commands.popleft().action == "cancel"
    assert not session.settled
    session.received(json.dumps(change({"type": "ack", "durable": {"op_1": 2}})), 2.0)
    assert session.settled


@pytest.mark.parametrize("lacking", ["known", "nothing"])
def test_a_publisher_understands_an_older_hub(lacking: str) -> None:
    """What a hub did not say yet has a default."""
    welcome = {key: value for key, value in _welcome().items() if key != lacking}
    session = PublisherSession("s_1")
    session.connected("token")
    session.received(json.dumps(welcome), 0.0)
    assert session.welcomed
    assert session.sample([Snapshot(id="op_1", name="x", state="running", seq=1)], 1.0)


@pytest.mark.parametrize("operation", [FIRST, later(full_snapshot())], ids=["an older hub", "a newer hub"])
def test_a_python_subscriber_understands_a_hub_of_another_minor(operation: dict[str, Any]) -> None:
    """The view holds what it knows of the operation. What TypeScript makes of such frames is in tests/vectors."""
    session = SubscriberSession("token", subscription="s1")
    session.hello()
    for message in (
        _welcome(),
        {"type": "weather", "sky": "blue"},
        {"type": "state", "subscription": "s1", "epoch": "e_1", "revision": 1, "now": 1.0, "reset": True, "more": False}
        | {"operations": [operation], "removed": []},
    ):
        session.received(json.dumps(later(message) if operation is not FIRST else message))
    assert session.view["op_1"].name == "Import"
    assert session.synced


def test_an_older_pages_presence_needs_no_later_fields() -> None:
    """A page that knows neither notebooks nor filters nor a rate is served all the same."""
    hub = Bench()
    hub.connect(1, hub.token("subscribe"))
    say(hub, 1, {"type": "subscribe", "id": "all"})
    say(hub, 1, {"type": "presence", "visible": True, "focused": True, "can_notify": False})
    hub.say(1, Ping())
    assert hub.got(1, State)[0].reset
    assert hub.got(1, Pong)
    assert hub.got(1, Error) == []
