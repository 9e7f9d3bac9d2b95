"""When tasks fail: what it means for the others, for the loop and for the end of the block."""

# ruff: noqa: PT012 - it is the end of a block that raises
# mypy: disable-error-code="unused-awaitable"

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

import progress_kit as pk
from progress_kit.errors import OperationCancelled, TaskSkippedError, TaskTimeoutError
from progress_kit.scheduler import ParallelTaskScheduler
from progress_kit.testing import RecordingPublisher

pytestmark = pytest.mark.usefixtures("publisher")


def fail(number: int) -> int:
    """Always."""
    raise ValueError(number)


def fail_if_odd(number: int) -> int:
    """Now and then."""
    return fail(number) if number % 2 else number


class Flaky:
    """Fails the first few times."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.calls = 0

    def __call__(self, *_: object) -> int:
        self.calls += 1
        if self.calls <= self.left:
            raise OSError(f"attempt {self.calls}")
        return self.calls


def test_a_failure_ends_the_block_with_an_exception_group(publisher: RecordingPublisher) -> None:
    """And the operation has failed."""
    with pytest.raises(ExceptionGroup) as caught, ParallelTaskScheduler("Fails", max_workers=1) as scheduler:
        scheduler.submit(fail, 7)
    (error,) = caught.value.exceptions
    assert isinstance(error, ValueError)
    assert error.args == (7,)
    assert publisher.ended[-1].state == "failed"


def test_three_failures_at_once_are_all_in_the_group() -> None:
    """None of them hides another one."""
    together = threading.Barrier(3)

    def work(number: int) -> int:
        together.wait()
        return fail(number)

    with pytest.raises(ExceptionGroup) as caught, ParallelTaskScheduler("Three", max_workers=3) as scheduler:
        for number in range(3):
            scheduler.submit(work, number)
    assert sorted(error.args for error in caught.value.exceptions) == [(0,), (1,), (2,)]


def test_after_a_failure_nothing_new_is_begun() -> None:
    """What waits is cancelled; with `on_error="raise"`, the default."""
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            fail(number)

    with pytest.raises(ExceptionGroup), ParallelTaskScheduler("Stop", max_workers=1) as scheduler:
        tasks = [scheduler.submit(work, number) for number in range(20)]
    assert len(begun) <= 2  # one may have been on its way already
    assert [task.state for task in tasks].count("cancelled") >= 18
    with pytest.raises(CancelledError):
        tasks[-1].result()


def test_a_running_task_is_asked_to_stop_after_a_failure() -> None:
    """It learns of it at its next step."""
    begun = threading.Event()

    def endless() -> None:
        begun.set()
        while True:
            pk.current().advance()

    def failing() -> None:
        begun.wait()
        fail(1)

    with pytest.raises(ExceptionGroup) as caught, ParallelTaskScheduler("Stop", max_workers=2) as scheduler:
        task = scheduler.submit(endless)
        scheduler.submit(failing)
    assert len(caught.value.exceptions) == 1
    assert task.state == "cancelled"


def test_a_failure_in_map_is_raised_in_the_loop_and_in_the_group() -> None:
    """`try` inside the block sees the exception itself; the block ends with the group."""
    results: list[int] = []
    with (
        pytest.raises(ExceptionGroup) as caught,
        ParallelTaskScheduler("Map", max_workers=1) as scheduler,
        pytest.raises(ValueError, match="3"),
    ):
        results.extend(scheduler.map(fail_if_odd, [0, 2, 3, 4]))
    assert results in ([0, 2], [0], [])  # a later failure may stop earlier tasks that had not begun
    assert [error.args for error in caught.value.exceptions] == [(3,)]


def test_collect_lets_the_others_go_on_and_raises_at_the_end() -> None:
    """All failures are in the group."""
    with (
        pytest.raises(ExceptionGroup, match="5 tasks of 'Collect' failed") as caught,
        ParallelTaskScheduler("Collect", max_workers=2, on_error="collect") as scheduler,
    ):
        tasks = list(scheduler.as_completed(fail_if_odd, range(10)))
        assert sorted(task.item for task in tasks if task.state == "succeeded") == [0, 2, 4, 6, 8]
    assert len(caught.value.exceptions) == 5


def test_continue_raises_nothing(publisher: RecordingPublisher) -> None:
    """The tasks tell; a map has the exceptions in the places of the results."""
    with ParallelTaskScheduler("Continue", max_workers=2, on_error="continue") as scheduler:
        results = list(scheduler.map(fail_if_odd, range(4)))
        task = scheduler.submit(fail, 9)
    assert [results[0], results[2]] == [0, 2]
    assert isinstance(results[1], ValueError)
    assert isinstance(task.error, ValueError)
    assert scheduler.report.counts == {"succeeded": 2, "failed": 3}
    assert publisher.ended[-1].state == "succeeded"


def test_what_needs_a_failed_task_is_skipped_with_the_cause() -> None:
    """Also what needs that in turn."""
    with ParallelTaskScheduler("Skip", max_workers=2, on_error="continue") as scheduler:
        bad = scheduler.submit(fail, 1, name="bad")
        child = scheduler.submit(abs, bad, name="child")
        grandchild = scheduler.submit(abs, child, name="grandchild")
        late = scheduler.submit(abs, grandchild)
    assert [task.state for task in (bad, child, grandchild, late)] == ["failed", "skipped", "skipped", "skipped"]
    assert child.cause is bad
    with pytest.raises(TaskSkippedError, match="child was not run: it needs bad, which failed") as caught:
        child.result()
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_task_for_always_runs_last_whatever_happens() -> None:
    """As a `finally` does; after a failure too."""
    order: list[str] = []
    with pytest.raises(ExceptionGroup), ParallelTaskScheduler("Always", max_workers=4) as scheduler:
        scheduler.submit(order.append, "clean up", when="always")
        scheduler.submit(order.append, "work")
        scheduler.submit(fail, 1)
    assert order[-1] == "clean up"


def test_a_task_for_always_gets_errors_in_the_places_of_results() -> None:
    """It can see what went wrong."""
    with ParallelTaskScheduler("Always", max_workers=1, on_error="continue") as scheduler:
        good, bad = scheduler.submit(abs, -3), scheduler.submit(fail, 1)
        seen = scheduler.submit(lambda *each: each, good, bad, when="always")
        result = seen.result()
    assert result[0] == 3
    assert isinstance(result[1], ValueError)


def test_a_failed_task_is_tried_again_and_counts_its_attempts() -> None:
    """`retries` is how often; the last exception is the one that counts."""
    flaky, hopeless = Flaky(2), Flaky(9)
    with ParallelTaskScheduler("Retry", max_workers=1, retries=2, backoff=0, on_error="continue") as scheduler:
        task = scheduler.submit(flaky)
        lost = scheduler.submit(hopeless, retries=1)
    assert (task.result(), task.attempt) == (3, 3)
    assert (hopeless.calls, lost.attempt) == (2, 2)
    assert str(lost.error) == "attempt 2"


def test_waiting_for_another_attempt_holds_no_worker() -> None:
    """Another task runs meanwhile, on the only worker."""
    retried, other = threading.Event(), threading.Event()

    def work() -> None:
        if not retried.is_set():
            retried.set()
            raise OSError
        assert other.wait(30)

    with ParallelTaskScheduler("Back-off", max_workers=1, backoff=0.05) as scheduler:
        first = scheduler.submit(work, retries=1)
        retried.wait()
        scheduler.submit(other.set)
    assert first.attempt == 2


def test_a_timeout_counts_from_the_start_of_the_task() -> None:
    """A task that waited long for a worker has all of its time."""
    release = threading.Event()

    def endless() -> None:
        while True:
            pk.current().raise_if_cancelled()
            release.wait(0.01)

    with ParallelTaskScheduler("Timeout", max_workers=1, on_error="continue") as scheduler:
        slow = scheduler.submit(endless, timeout=0.1)
        waiting = [scheduler.submit(abs, number, timeout=0.05) for number in range(5)]
    assert slow.state == "failed"
    with pytest.raises(TaskTimeoutError, match=r"endless took longer than 0\.1 s"):
        slow.result()
    assert [task.state for task in waiting] == ["succeeded"] * 5


def test_a_task_that_ignores_its_timeout_is_abandoned_and_its_worker_replaced() -> None:
    """The others are not kept waiting for it."""
    release = threading.Event()
    with ParallelTaskScheduler("Stuck", max_workers=1, on_error="continue", cancel_grace=0.05) as scheduler:
        stuck = scheduler.submit(release.wait, timeout=0.05)
        assert scheduler.submit(abs, -1).result() == 1
        assert stuck.state == "abandoned"
        release.set()
    with pytest.raises(TaskTimeoutError):
        stuck.result()


def test_an_exception_of_the_block_passes_unchanged(publisher: RecordingPublisher) -> None:
    """And cancels what has not ended."""
    error = KeyError("mine")
    gate = threading.Event()
    with pytest.raises(KeyError) as caught, ParallelTaskScheduler("Block", max_workers=1) as scheduler:
        scheduler.submit(gate.wait)
        waiting = scheduler.submit(abs, 1, name="waiting", cost=0)
        later = scheduler.submit(abs, 1)
        gate_opener = threading.Timer(0.05, gate.set)
        gate_opener.start()
        raise error
    assert caught.value is error
    assert later.cancelled()
    assert waiting.done()
    assert publisher.ended[-1].state == "failed"


def test_an_exception_of_the_block_beside_failures_is_in_the_group_with_them() -> None:
    """Nothing is lost."""
    with pytest.raises(ExceptionGroup) as caught, ParallelTaskScheduler("Both", max_workers=1) as scheduler:
        scheduler.submit(fail, 1).exception()
        raise KeyError("mine")
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


def test_keyboard_interrupt_stays_bare(publisher: RecordingPublisher) -> None:
    """Even where a task has failed too; the operation is cancelled."""
    scheduler = ParallelTaskScheduler("Interrupt", max_workers=1, on_error="collect")
    with pytest.raises(KeyboardInterrupt), scheduler:
        scheduler.submit(fail, 1).exception()
        raise KeyboardInterrupt
    assert publisher.ended[-1].state == "cancelled"


def interrupt_then_obey(*_: object) -> None:
    """What a user does with Ctrl-C or the stop button, while a task runs."""
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pk.current().raise_if_cancelled()


WAITS: dict[str, Callable[[ParallelTaskScheduler], object]] = {
    "result": lambda scheduler: scheduler.submit(interrupt_then_obey).result(),
    "map": lambda scheduler: list(scheduler.map(interrupt_then_obey, [1])),
    "as_completed": lambda scheduler: list(scheduler.as_completed(interrupt_then_obey, iter([1]))),
    "end of the block": lambda scheduler: scheduler.submit(interrupt_then_obey),
}


@pytest.mark.parametrize("how", WAITS)
def test_an_interrupt_ends_every_kind_of_waiting(how: str, publisher: RecordingPublisher) -> None:
    """The task is asked to stop, and that is waited for."""
    with pytest.raises(KeyboardInterrupt), ParallelTaskScheduler("SIGINT", max_workers=1) as scheduler:
        WAITS[how](scheduler)
    assert scheduler.report.counts == {"cancelled": 1}
    assert publisher.ended[-1].state == "cancelled"


def test_a_second_interrupt_leaves_at_once() -> None:
    """What ignores the first one is abandoned, whatever its grace."""
    release = threading.Event()

    def work() -> None:
        while not scheduler.driver.plan.closing:
            release.wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        while not pk.current().cancelled:  # type: ignore[union-attr] # it is a task
            release.wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        release.wait()

    with pytest.raises(KeyboardInterrupt), ParallelTaskScheduler("Twice", max_workers=1, cancel_grace=1e6) as scheduler:
        task = scheduler.submit(work)
    assert task.state == "abandoned"
    release.set()


def test_cancelling_the_scheduler_ends_its_loops(publisher: RecordingPublisher) -> None:
    """By `OperationCancelled`, which makes the operation cancelled."""
    with pytest.raises(OperationCancelled, match="enough"), ParallelTaskScheduler("Cancel", max_workers=2) as scheduler:
        for number, _ in enumerate(scheduler.map(abs, range(10_000_000))):
            if number == 100:
                scheduler.cancel("enough")
    assert publisher.ended[-1].state == "cancelled"


def test_a_cancel_from_outside_is_raised_at_the_end_of_the_block(publisher: RecordingPublisher) -> None:
    """As when somebody clicks on cancel in the panel."""
    begun = threading.Event()

    def work() -> None:
        begun.set()
        while True:
            pk.current().raise_if_cancelled()

    with pytest.raises(OperationCancelled), ParallelTaskScheduler("Outside", max_workers=1) as scheduler:
        task = scheduler.submit(work)
        begun.wait()
        assert publisher.command(scheduler.id, "cancel") is None
    assert task.state == "cancelled"
    assert publisher.ended[-1].state == "cancelled"


def test_a_task_that_ignores_cancel_is_abandoned_after_its_grace() -> None:
    """It is never shown as stopped."""
    begun, release = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        release.wait()

    with ParallelTaskScheduler("Deaf", max_workers=1, cancel_grace=0.05) as scheduler:
        task = scheduler.submit(deaf)
        begun.wait()
        scheduler.cancel()
    assert task.state == "abandoned"
    release.set()


def test_one_task_may_be_cancelled() -> None:
    """One that waits never begins; the others go on."""
    gate = threading.Event()
    with ParallelTaskScheduler("One", max_workers=1) as scheduler:
        scheduler.submit(gate.wait)
        tasks = [scheduler.submit(abs, number) for number in range(5)]
        assert tasks[4].cancel()
        gate.set()
        assert [task.result() for task in tasks[:4]] == [0, 1, 2, 3]
    assert tasks[4].cancelled()
