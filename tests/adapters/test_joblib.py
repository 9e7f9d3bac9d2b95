import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import joblib  # type: ignore[import-untyped] # it ships none
import joblib.parallel  # type: ignore[import-untyped] # as above
import pytest

import progress_kit as pk
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

BACKENDS = ("loky", "threading", "multiprocessing")


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("joblib") as handle:
        yield handle


def call_in_thread() -> list[tuple[str, str, str | None]]:
    """Call joblib in a task, where somebody records already."""
    joblib.Parallel(1)(joblib.delayed(abs)(-n) for n in range(3))
    return []


def call_in_worker() -> list[tuple[str, str, str | None]]:
    """Do the same in another process; return what became of it."""
    with RecordingPublisher() as recording:
        call_in_thread()
    return [(ended.name, ended.state, ended.parent) for ended in recording.ended]


def fail(number: int) -> int:
    """Fail at the third one."""
    if number == 2:
        raise LookupError(number)
    return number


@pytest.mark.parametrize("n_jobs, backend", [(1, "loky"), *((2, backend) for backend in BACKENDS)])
def test_a_call_is_an_operation(n_jobs: int, backend: str, publisher: RecordingPublisher) -> None:
    """Its tasks are counted, whatever runs them."""
    squares = joblib.Parallel(n_jobs, backend=backend)(joblib.delayed(pow)(number, 2) for number in range(6))
    assert squares == [0, 1, 4, 9, 16, 25]
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.name) == ("succeeded", False, "test_a_call_is_an_operation")
    (stage,) = ended.stages
    assert (stage.done, stage.total, stage.unit) == (6, 6, "tasks")


@pytest.mark.parametrize("n_jobs, backend", [(1, "loky"), (2, "loky"), (2, "threading")])
def test_a_task_that_fails(n_jobs: int, backend: str, publisher: RecordingPublisher) -> None:
    """Its exception is the call's."""
    with pytest.raises(LookupError):
        joblib.Parallel(n_jobs, backend=backend)(joblib.delayed(fail)(number) for number in range(6))
    (ended,) = publisher.ended
    assert (ended.state, ended.error and ended.error.type) == ("failed", "LookupError")


def test_the_total_of_a_sized_input_is_known_at_once(running: Callable[[], Snapshot]) -> None:
    """So that there is a percentage from the beginning."""
    seen: list[tuple[float, float | None]] = []

    def look() -> None:
        (stage,) = running().stages
        seen.append((stage.done, stage.total))

    joblib.Parallel(1)([joblib.delayed(look)()] * 3)
    assert seen == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.parametrize("return_as", ["generator", "generator_unordered"])
def test_a_generator_of_results(return_as: str, publisher: RecordingPublisher) -> None:
    """It is over when the last one was taken; left before, it has ended early."""
    results = joblib.Parallel(2, backend="threading", return_as=return_as)(joblib.delayed(abs)(-n) for n in range(4))
    assert publisher.ended == []
    assert sorted(results) == [0, 1, 2, 3]
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", False)]
    left = joblib.Parallel(1, return_as=return_as)(joblib.delayed(abs)(-n) for n in range(4))
    next(left)
    left.close()
    assert [(ended.state, ended.ended_early) for ended in publisher.ended[1:]] == [("succeeded", True)]


def test_a_call_inside_of_a_task_is_a_nested_counter(publisher: RecordingPublisher) -> None:
    """If it runs in the same thread."""

    def inner() -> int:
        return sum(joblib.Parallel(1)(joblib.delayed(abs)(-n) for n in range(3)))

    assert joblib.Parallel(1)([joblib.delayed(inner)()] * 2) == [3, 3]
    (ended,) = publisher.ended
    assert [(counter.done, counter.name) for counter in ended.stages[0].counters] == [(3, "inner")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_inside_of_a_worker_is_a_child(backend: str, publisher: RecordingPublisher) -> None:
    """An operation of its own, in whichever process, that knows what it is a part of."""
    work = joblib.delayed(call_in_thread if backend == "threading" else call_in_worker)
    children = [child for found in joblib.Parallel(2, backend=backend)([work()] * 2) for child in found]
    if backend == "threading":
        children = [(ended.name, ended.state, ended.parent) for ended in publisher.ended[:-1]]
    assert children == [("call_in_thread", "succeeded", publisher.ended[-1].id)] * 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cancel(n_jobs: int, running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """What waits never starts."""
    asked, started = threading.Event(), []

    def task(number: int) -> None:
        started.append(number)
        if number == 0:
            publisher.command(running().id, "cancel")
            asked.set()
        assert asked.wait(30)

    parallel = joblib.Parallel(n_jobs, backend="threading", pre_dispatch=2, batch_size=1)
    with pytest.raises(pk.OperationCancelled):
        parallel(joblib.delayed(task)(number) for number in range(10_000))
    assert len(started) < 10_000
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """As ever, but for how far it is where progress_kit draws that in its place."""

    def work() -> None:
        joblib.Parallel(2, backend="threading", verbose=10)(joblib.delayed(abs)(-n) for n in range(3))

    work()
    assert "finished" in capsys.readouterr().err
    with pk.capture("joblib", output="ours"):
        work()
    printed = capsys.readouterr().err
    assert "Using backend" in printed
    assert "Done" not in printed


def test_release(captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind."""
    captured.release()
    with untouched(joblib.parallel), pk.capture("joblib"):
        joblib.Parallel(1)(joblib.delayed(abs)(-n) for n in range(3))
