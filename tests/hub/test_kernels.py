"""What the hub makes of the death of a kernel."""

import pytest

from progress_kit.hub import Disconnected, KernelDied, Restored
from progress_kit.model import Failure, OperationState, Origin, Snapshot, Stage, Task, TaskCounts
from progress_kit.protocol.messages import Error, State
from tests.hub.bench import Bench

LOST = Failure(type="Lost", message="Its kernel died.")


def operation(name: str = "op_1", state: OperationState = "running", seq: int = 5, kernel: str = "k_1") -> Snapshot:
    """Return an operation of a kernel, ten seconds old."""
    counts = TaskCounts(running=2, paused=1, failed=1, pending=4)
    return Snapshot(
        id=name,
        name="Work",
        state=state,
        seq=seq,
        stage="b",
        stages=(
            Stage(name="a", state="succeeded", elapsed_s=4.0),
            Stage(name="b", state="running", done=3, rate=2.0, elapsed_s=6.0, tasks=counts),
            Stage(name="c"),
        ),
        tasks=(Task(id="t_1", stage="b", state="running", elapsed_s=1.0), Task(id="t_2", stage="b", state="failed")),
        actions=("cancel",),
        elapsed_s=10.0,
        origin=Origin(kernel_id=kernel),
    )


def shown(hub: Bench, conn: int) -> dict[str, Snapshot]:
    """Return the newest state of each operation that a subscriber was shown, once its rate allows another frame."""
    hub.wait(0.1)
    return {each.id: each for state in hub.got(conn, State) for each in state.operations}


def test_operations_of_a_dead_kernel_have_failed(hub: Bench) -> None:
    """They are `failed` with error type `Lost`, at the moment of the death, in every part; and so they are stored."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, operation())
    hub.wait(3)
    hub.disconnect(1)
    died_at = hub.now.wall
    hub.handle(KernelDied("k_1"))
    seen = shown(hub, 2)["op_1"]
    assert (seen.state, seen.error, seen.seq, seen.stage, seen.actions) == ("failed", LOST, 6, None, ())
    assert (seen.elapsed_s, seen.ended_at) == (13.0, died_at)
    assert [(stage.state, stage.elapsed_s, stage.rate) for stage in seen.stages] == [
        ("succeeded", 4.0, None),
        ("failed", 9.0, None),
        ("pending", None, None),
    ]
    assert seen.stages[1].tasks == TaskCounts(failed=4, pending=4)
    assert [(task.state, task.error) for task in seen.tasks] == [("failed", LOST), ("failed", None)]
    assert (hub.rows[-1].state, hub.rows[-1].seq, hub.rows[-1].ended_at) == ("failed", 6, died_at)


def test_others_are_not_touched(hub: Bench) -> None:
    """What has ended keeps its end; operations of other kernels, or of none, go on."""
    hub.publisher(1)
    hub.subscriber(2)
    plain = Snapshot(id="op_script", name="Script", state="running", seq=1)
    hub.publish(
        1,
        operation("op_done", "succeeded"),
        operation("op_other", kernel="k_2"),
        plain,
        operation("op_paused", "paused"),
    )
    hub.handle(KernelDied("k_1"))
    hub.handle(Disconnected(1))
    seen = shown(hub, 2)
    states = {name: snapshot.state for name, snapshot in seen.items()}
    assert states == {"op_done": "succeeded", "op_other": "running", "op_script": "running", "op_paused": "failed"}


def test_the_time_of_a_paused_operation_stands_still_until_its_kernel_dies(hub: Bench) -> None:
    """A kernel that dies in the morning does not make the night a part of the operation's time."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, operation("op_paused", "paused"))
    hub.wait(3)
    hub.disconnect(1)
    hub.handle(KernelDied("k_1"))
    seen = shown(hub, 2)["op_paused"]
    assert (seen.state, seen.elapsed_s, seen.stages[1].elapsed_s) == ("failed", 10.0, 6.0)


def test_the_last_words_of_a_process_count(hub: Bench) -> None:
    """What it sent before it died is read first: an end in it stands, and is not replaced by a loss."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, operation("op_1"), operation("op_2"))
    hub.handle(KernelDied("k_1"))
    hub.publish(1, operation("op_1", "succeeded", seq=6))
    hub.disconnect(1)
    seen = shown(hub, 2)
    assert (seen["op_1"].state, seen["op_2"].state) == ("succeeded", "failed")


def test_a_connection_that_does_not_close_is_not_waited_for_long(hub: Bench) -> None:
    """A remote kernel's connection may hang: after two seconds the loss is said nevertheless."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, operation())
    hub.handle(KernelDied("k_1"))
    hub.wait(1)
    assert shown(hub, 2)["op_1"].state == "running"
    hub.wait(1)
    assert shown(hub, 2)["op_1"].state == "failed"


def test_the_restarted_kernel_is_another_process(hub: Bench) -> None:
    """Its id is the same; what its new process publishes lives."""
    hub.publisher(1, session="s_old")
    hub.subscriber(2)
    hub.publish(1, operation("op_old"))
    hub.handle(KernelDied("k_1"))
    hub.publisher(3, session="s_new")
    hub.publish(3, operation("op_new"))
    hub.disconnect(1)
    hub.wait(3)
    seen = shown(hub, 2)
    assert (seen["op_old"].state, seen["op_new"].state) == ("failed", "running")


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_this_end_is_final(hub: Bench, state: OperationState) -> None:
    """Nothing revives an operation whose kernel died, as a lost one might be."""
    hub.publisher(1)
    hub.publish(1, operation())
    hub.disconnect(1)
    hub.handle(KernelDied("k_1"))
    hub.publisher(3)
    hub.publish(3, operation(state=state, seq=99))
    assert [error.code for error in hub.got(3, Error)] == ["terminal"]
    hub.subscriber(4)
    assert shown(hub, 4)["op_1"].state == "failed"


def test_a_kernel_that_dies_after_a_restart_of_the_hub(hub: Bench) -> None:
    """What was restored from the store belongs to its kernel as well; without counts it is ended all the same."""
    hub.publisher(1)
    bare = Snapshot(
        id="op_1",
        name="Work",
        state="running",
        stages=(Stage(name="main", state="running"),),
        tasks=(Task(id="t_1", stage="main", state="running"),),
        origin=Origin(kernel_id="k_1"),
    )
    hub.publish(1, bare)
    second = Bench(epoch="e_2")
    second.handle(Restored(hub.rows))
    second.subscriber(2)
    second.handle(KernelDied("k_1"))
    seen = shown(second, 2)["op_1"]
    assert seen.hub is not None
    assert (seen.state, seen.elapsed_s, seen.hub.lease) == ("failed", None, "ok")
    second.handle(KernelDied("k_1"))
    assert len(second.rows) == 1
