import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

import progress_kit as pk
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("futures") as handle:
        yield handle


def fail() -> None:
    """A call that goes wrong."""
    raise LookupError


def test_an_executor_in_a_block_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """It has as many calls as were submitted, and ends with the block; calls that fail are told."""
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(str, range(4))) == ["0", "1", "2", "3"]
        futures.wait([executor.submit(fail)])
        snapshot = running()
        assert snapshot.name == "test_an_executor_in_a_block_is_an_operation"
        assert snapshot.stages[0].total == 5
        gate = threading.Event()
        executor.submit(gate.wait, 30)
        assert (running().stages[0].total, running().stages[0].unit) == (6, "calls")
        gate.set()
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.message) == ("succeeded", 6, "1 failed")


def test_an_executor_without_a_block(publisher: RecordingPublisher) -> None:
    """It is an operation while there is something left to do."""
    executor = ThreadPoolExecutor(2)
    assert publisher.snapshots() == []
    gate = threading.Event()
    calls = [executor.submit(gate.wait, 30) for _ in range(3)]
    assert [snapshot.stages[0].total for snapshot in publisher.sample()] == [3]
    gate.set()
    futures.wait(calls)
    executor.shutdown()
    assert [(ended.state, ended.stages[0].done) for ended in publisher.ended] == [("succeeded", 3)]


def test_processes(publisher: RecordingPublisher) -> None:
    """Their calls are counted here."""
    import multiprocessing

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert list(executor.map(str, range(3))) == ["0", "1", "2"]
    assert [(ended.state, ended.stages[0].done) for ended in publisher.ended] == [("succeeded", 3)]


def test_an_exception_in_the_block_fails_it(publisher: RecordingPublisher) -> None:
    """Such as that of a call whose result was asked for."""

    def work() -> None:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(fail).result(30)

    with pytest.raises(LookupError):
        work()
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "LookupError")


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """Calls that have not begun never do, and no further one can be submitted."""
    begun, gate = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        gate.wait(30)

    def work() -> None:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(first)
            begun.wait(30)
            waiting = executor.submit(fail)
            publisher.command(running().id, "cancel")
            with pytest.raises(futures.CancelledError):
                waiting.result(30)
            gate.set()
            executor.submit(fail)

    with pytest.raises(pk.OperationCancelled):
        work()
    assert publisher.ended[0].state == "cancelled"


def test_inside_a_stage(publisher: RecordingPublisher) -> None:
    """It is a nested counter of that."""
    with pk.ProgressTracker("Report", ["pages"]) as tracker, tracker.stage("pages"), ThreadPoolExecutor(1) as executor:
        executor.map(str, range(3))
    (counter,) = publisher.ended[0].stages[0].counters
    assert (counter.name, counter.done, counter.total) == ("test_inside_a_stage", 3, 3)


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions; and what is not asked for by name is not captured."""
    captured.release()
    with untouched(futures._base, futures.thread, futures.process):
        pk.capture("futures").release()
    before = ThreadPoolExecutor.submit
    with pk.capture():
        assert ThreadPoolExecutor.submit is before
