"""Processes that run tasks of another process's operation tell it by the hub."""

import pytest

from progress_kit.hub import Received
from progress_kit.hub.workers import KEPT
from progress_kit.model import Snapshot, Task
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Command, Error, Publish, TaskUpdate
from tests.hub.bench import Bench

RUNNING = Snapshot(id="op_1", name="Work", state="running", seq=1, actions=("cancel",))


def update(done: int, task: str = "t1", operation: str = "op_1") -> TaskUpdate:
    """Return how far one task is."""
    return TaskUpdate(operation=operation, tasks=(Task(id=task, stage="main", state="running", done=done),))


@pytest.fixture
def running(hub: Bench) -> Bench:
    """Return a hub with one operation (connection 1), and one worker of it (2)."""
    hub.publisher(1)
    hub.publish(1, RUNNING)
    hub.connect(2, hub.token("publish", operation="op_1"))
    return hub


def test_what_a_worker_says_reaches_the_session(running: Bench) -> None:
    """It alone, which publishes it as its own."""
    running.subscriber(3)
    running.say(2, update(5))
    assert running.got(1, TaskUpdate) == [update(5)]
    assert running.got(3, TaskUpdate) == []


def test_the_newest_is_kept_while_the_session_is_away(running: Bench) -> None:
    """Of each task; it is told once when the session is back."""
    running.disconnect(1)
    running.say(2, update(1))
    running.say(2, update(1, "t2"))
    running.say(2, update(2))
    running.publisher(4)
    [told] = running.got(4, TaskUpdate)
    assert {task.id: task.done for task in told.tasks} == {"t1": 2, "t2": 1}
    running.disconnect(4)
    running.publisher(5)
    assert running.got(5, TaskUpdate) == []


def test_what_is_kept_is_bounded(running: Bench) -> None:
    """The oldest tasks, and the oldest operations, are let go."""
    others = [f"op_{number}" for number in range(2, KEPT + 2)]
    running.publish(1, *(Snapshot(id=each, name="Work", state="running", seq=1) for each in others))
    running.disconnect(1)
    for number in range(KEPT + 1):
        running.wait(0.1)
        running.say(2, update(number, f"t{number}"))
    for number, each in enumerate(others[:-1], 10):
        running.connect(number, running.token("publish", operation=each))
        running.say(number, update(0, operation=each))
        running.disconnect(number)
    running.publisher(3)
    told = {each.operation: each.tasks for each in running.got(3, TaskUpdate)}
    assert [task.id for task in told["op_1"]] == [f"t{number}" for number in range(1, KEPT + 1)]
    assert len(told) == KEPT
    running.disconnect(3)
    for number, each in enumerate(["op_1", *others], 1_000):
        running.connect(number, running.token("publish", operation=each))
        running.say(number, update(0, operation=each))
        running.disconnect(number)
    running.publisher(4)
    assert {each.operation for each in running.got(4, TaskUpdate)} == {*others}


def test_a_worker_may_do_nothing_else(running: Bench) -> None:
    """Neither speak for other operations nor publish; and no other token does what a task token does."""
    running.say(2, update(1, operation="op_2"))
    running.publish(2, RUNNING)
    running.say(1, update(1))
    assert [each.code for each in running.got(2, Error)] == ["forbidden", "forbidden"]
    assert [each.code for each in running.got(1, Error)] == ["forbidden"]
    running.connect(3, running.token("publish", sub="mallory", operation="op_1"))
    running.say(3, update(1))
    assert [each.code for each in running.got(3, Error)] == ["not_found"]
    assert running.got(1, TaskUpdate) == []


def test_a_worker_hears_of_commands(running: Bench) -> None:
    """So that it knows before the session has told it; the session answers."""
    running.subscriber(3)
    running.say(3, Command(request="mine", operation="op_1", action="cancel"))
    assert running.got(2, Command) == running.got(1, Command)
    assert len(running.got(2, Command)) == 1


def test_the_token_is_void_when_the_operation_has_ended(running: Bench) -> None:
    """The worker's connection is closed, what was kept is forgotten, and nobody gets in with it any more."""
    token = running.token("publish", operation="op_1")
    running.disconnect(1)
    running.say(2, update(1))
    running.publisher(3)
    running.disconnect(3)
    running.say(2, update(2))
    running.publisher(4)
    running.publish(4, Snapshot(id="op_1", name="Work", state="succeeded", seq=2))
    assert running.closed[2] == 4401
    running.connect(5, token)
    assert running.closed[5] == 4401


def test_what_is_said_after_the_end_is_refused(running: Bench) -> None:
    """Also where both arrive at once."""
    ended = Publish(operations=(Snapshot(id="op_1", name="Work", state="succeeded", seq=2),))
    events = [Received(1, encode(ended)), Received(2, encode(update(1)))]
    running.take(running.manager.handle_all(events, running.now))
    assert [each.code for each in running.got(2, Error)] == ["terminal"]
    assert running.got(1, TaskUpdate) == []
