"""A token does only what its scopes say: each kind of token against each type of message."""

from typing import Final, get_args

import pytest
from msgspec import Struct

from progress_kit.model import Snapshot
from progress_kit.protocol.limits import HELLO_BYTES
from progress_kit.protocol.messages import (
    ClientMessage,
    Command,
    CommandResult,
    Error,
    Execution,
    Heartbeat,
    Hello,
    Notified,
    Ping,
    Pong,
    Presence,
    Publish,
    Read,
    Refresh,
    Scope,
    Subscribe,
    TaskUpdate,
    Timeline,
    Unsubscribe,
    WatchCells,
)
from tests.hub.bench import Bench

ANYBODY: Final = "anybody"
PUBLISHER: Final = "a publisher"
WORKER: Final = "a worker"
EXAMPLES: Final[list[tuple[ClientMessage, str]]] = [
    (Publish(operations=(Snapshot(id="op_new", name="x", state="running", seq=1),)), PUBLISHER),
    (Heartbeat(), PUBLISHER),
    (Timeline(operation="op_1", spans=()), PUBLISHER),
    (CommandResult(request="c1", ok=True), PUBLISHER),
    (TaskUpdate(operation="op_1", tasks=()), WORKER),
    (Subscribe(id="s"), "subscribe"),
    (Command(request="r", operation="op_1", action="cancel"), "command"),
    (Presence(visible=True, focused=True, can_notify=True), "subscribe, not shared"),
    (Notified(id="n", shown="toast"), "subscribe, not shared"),
    (Read(ids="all"), "subscribe, not shared"),
    (Execution(kernel_id="k", request="m", cell_id="c", notebook="a.ipynb"), "subscribe or command, not shared"),
    (WatchCells(after_s=1.0), "subscribe or command, not shared"),
    (Unsubscribe(id="s"), ANYBODY),
    (Refresh(token="?"), ANYBODY),
    (Ping(), ANYBODY),
    (Pong(), ANYBODY),
    (Hello(token="?", client="c"), ANYBODY),
]
TOKENS: Final[dict[str, tuple[tuple[Scope, ...], str | None]]] = {
    "publish": (("publish",), None),
    "subscribe": (("subscribe",), None),
    "command": (("command",), None),
    "subscribe and command": (("subscribe", "command"), None),
    "a share link": (("subscribe",), "op_1"),
    "a task's": (("publish",), "op_1"),
}


def is_allowed(rule: str, scopes: tuple[Scope, ...], *, shared: bool) -> bool:
    """Whether one who subscribes or commands may say it; such a connection never publishes."""
    if rule == WORKER:
        return shared and scopes == ("publish",)
    wanted, _, whole = rule.partition(", not ")
    return rule == ANYBODY or (any(each in scopes for each in wanted.split(" or ")) and not (whole and shared))


def test_every_type_of_message_is_looked_at_here() -> None:
    """A new message needs a line above, and so a thought about who may say it."""
    assert {type(message) for message, _ in EXAMPLES} == set(get_args(ClientMessage))


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    "message, rule", EXAMPLES, ids=lambda each: type(each).__name__ if isinstance(each, Struct) else ""
)
def test_a_message_needs_its_scope(token: str, message: ClientMessage, rule: str) -> None:
    """Without it the answer is `forbidden`, and nothing is done: no state changes, no command is forwarded."""
    hub = Bench()
    hub.publisher(1)
    hub.publish(1, Snapshot(id="op_1", name="x", state="running", seq=1, actions=("cancel",)))
    scopes, operation = TOKENS[token]
    hub.connect(2, hub.token(*scopes, operation=operation))
    revision, rows, told = hub.manager.revision, list(hub.rows), len(hub.sent[1])
    if isinstance(message, Refresh):
        message = Refresh(token=hub.token(*scopes, operation=operation))
    hub.say(2, message)
    refused = [error.code for error in hub.got(2, Error)] == ["forbidden"]
    assert refused is not is_allowed(rule, scopes, shared=operation is not None)
    if refused:
        assert hub.closed == {}
        assert (hub.manager.revision, hub.rows, len(hub.sent[1])) == (revision, rows, told)
        assert hub.executed == []


@pytest.mark.parametrize("token", TOKENS)
def test_only_a_whole_publishers_token_begins_a_session(token: str) -> None:
    """Neither a share link nor a task's token, and none without the scope."""
    hub = Bench()
    scopes, operation = TOKENS[token]
    hub.connect(1, hub.token(*scopes, operation=operation), session="s_1")
    assert (hub.closed == {}) is (token == "publish")
    assert hub.closed in ({}, {1: 4403})


@pytest.mark.parametrize("token", TOKENS)
def test_before_hello_nothing_else_is_heard(token: str) -> None:
    """Whatever opened the connection: the first frame is a small hello, or it is closed."""
    from progress_kit.hub import Connected

    for message, _ in EXAMPLES:
        if not isinstance(message, Hello):
            hub = Bench()
            hub.handle(Connected(1))
            hub.say(1, message)
            assert hub.closed == {1: 4400}
    hub = Bench()
    hub.handle(Connected(1))
    scopes, operation = TOKENS[token]
    hub.say(1, Hello(token=hub.token(*scopes, operation=operation), client="x" * 150))
    assert hub.closed == {}
    assert HELLO_BYTES == 4_096


def test_a_task_token_speaks_for_its_own_operation_only() -> None:
    """Neither for another one of the same user, nor for one of the same id that belongs to somebody else."""
    hub = Bench()
    hub.publisher(1)
    for operation in ("op_1", "op_2"):
        hub.publish(1, Snapshot(id=operation, name="x", state="running", seq=1))
    hub.connect(2, hub.token("publish", operation="op_2"))
    hub.connect(3, hub.token("publish", operation="op_1", sub="mallory"))
    for conn in (2, 3):
        hub.say(conn, TaskUpdate(operation="op_1", tasks=()))
    assert [error.code for error in hub.got(2, Error)] == ["forbidden"]
    assert [error.code for error in hub.got(3, Error)] == ["not_found"]
    assert hub.got(1, TaskUpdate) == []


def test_a_share_link_locks_nobody_out() -> None:
    """Connections by a link are counted by the link: as many as it opens, its owner's own pages come in."""
    hub = Bench()
    link = hub.token("subscribe", operation="op_1")
    most = hub.limits.subscribers_per_user
    for conn in range(1, most + 11):
        hub.connect(conn, link)
    assert hub.closed == dict.fromkeys(range(most + 1, most + 11), 4429)
    hub.subscriber(1_000)
    assert 1_000 not in hub.closed


@pytest.mark.parametrize("frame", ['{"type":"telepathy"}', '{"type":"state"}', '{"type":"ping"}'])
def test_a_flood_of_any_frames_ends_its_own_connection(frame: str) -> None:
    """What the hub does not know is counted like what it knows: the answers to it cannot fill its memory."""
    from progress_kit.hub import Received

    hub = Bench(auto_writable=False)
    hub.subscriber(1)
    hub.subscriber(2)
    for _ in range(5_000):
        hub.handle(Received(1, frame))
    assert hub.closed == {1: 4429}
    assert len(hub.sent[1]) < 300
