"""What the plan decides, step by step: told what happens, with the time passed in, it says what to do."""

from progress_kit.errors import OperationCancelled, TaskTimeoutError, WorkerLostError
from progress_kit.scheduler.engines.base import Capabilities, Failed, Finished, Lost, Started, Succeeded
from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.plan_node import Group, Node
from progress_kit.scheduler.tally import Tally


def make(workers: int = 1, **capabilities: bool) -> Plan:
    """Return a plan for an engine whose jobs can only be told to stop."""
    found = Capabilities(stops=("soft",), **capabilities)
    return Plan(Tally(["main"]), workers=workers, capabilities=found, on_error="continue", cancel_grace_s=5.0)


def add(plan: Plan, number: int, group: Group | None = None) -> Node:
    """Add a task."""
    node = Node(group or Group("main"), number)
    plan.add(node, 0.0)
    return node


def test_what_comes_after_a_stop_never_begins() -> None:
    """It is cancelled at once."""
    plan = make()
    plan.stop(1.0, "enough")
    node = add(plan, 0)
    todo = plan.decide()
    assert (node.state, todo.settled, todo.run) == ("cancelled", [node], [])


def test_what_was_cancelled_while_it_waited_is_not_sent() -> None:
    """Its place goes to the next one."""
    plan = make()
    first, second, third, fourth = (add(plan, number) for number in range(4))
    assert plan.decide().run == [[first], [second]]
    plan.cancel([third], 1.0)
    plan.finished(Finished(first.key, "w", Succeeded(None), 1.0), 1.0)
    assert plan.decide().run == [[fourth]]


def test_short_tasks_travel_together_and_long_ones_alone() -> None:
    """As many as fill about 20 ms, and never so many that another worker has none."""
    plan = make(workers=2, batches=True)
    short, long = Group("main"), Group("main")
    short.pace.learn(1e-4, None)
    long.pace.learn(1.0, None)
    for number in range(20):
        add(plan, number, short)
    assert [len(parcel) for parcel in plan.decide().run] == [10, 5, 2, 1]
    for number in range(20, 24):
        add(plan, number, long)
    plan = make(workers=2, batches=True)
    for number in range(4):
        add(plan, number, long)
    assert [len(parcel) for parcel in plan.decide().run] == [1, 1, 1]


def test_a_stuck_task_does_not_keep_those_that_travel_with_it() -> None:
    """They are called back and sent with others, as the same attempt, since they had not begun."""
    plan = make(batches=True, replaces=True)
    group = Group("main", timeout_s=10.0)
    group.pace.learn(1e-4, None)
    stuck, waiting = add(plan, 0, group), add(plan, 1, group)
    assert plan.decide().run == [[stuck, waiting]]
    plan.started(Started(stuck.key, "w"), 0.0)
    plan.tick(10.0)
    assert plan.decide().stop == [(stuck.key, "soft")]
    plan.tick(15.0)
    todo = plan.decide()
    assert (todo.abandon, todo.stop) == ([stuck.key], [(waiting.key, "soft")])
    assert stuck.state == "abandoned"
    assert isinstance(stuck.error, TaskTimeoutError)
    plan.finished(Finished(waiting.key, "w", Failed(OperationCancelled()), 0.0), 15.1)
    assert plan.decide().run == [[waiting]]
    assert waiting.attempt == 1


def test_when_every_worker_is_held_what_waits_fails() -> None:
    """Where no other worker can take the place; it would wait for ever."""
    plan = make()
    stuck, sent, waiting = (add(plan, number, Group("main", timeout_s=1.0)) for number in range(3))
    assert plan.decide().run == [[stuck], [sent]]
    plan.started(Started(stuck.key, "w"), 0.0)
    plan.tick(1.0)
    plan.tick(6.0)
    plan.decide()
    assert [node.state for node in (stuck, sent, waiting)] == ["abandoned", "failed", "failed"]
    assert isinstance(waiting.error, WorkerLostError)
    assert plan.idle


def test_what_a_lost_worker_had_not_begun_runs_elsewhere() -> None:
    """As the same attempt; what it had begun has failed."""
    plan = make(workers=2)
    begun, waiting = add(plan, 0), add(plan, 1)
    plan.decide()
    plan.started(Started(begun.key, "w"), 0.0)
    plan.lost(Lost("w", (begun.key,), (waiting.key,), "it was killed"), 1.0)
    assert plan.decide().run == [[waiting]]
    assert (begun.state, waiting.attempt) == ("failed", 1)
    assert isinstance(begun.error, WorkerLostError)
    assert "it was killed" in str(begun.error)
