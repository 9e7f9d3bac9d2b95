import io
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import dask.callbacks
import dask.diagnostics.progress
import distributed
import distributed.client
import pytest
from dask.base import compute
from dask.delayed import delayed

import progress_kit as pk
from progress_kit.adapters.dask import ProgressCallback
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("dask", "distributed") as handle:
        yield handle


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    """A cluster of two threads in this process."""
    with distributed.Client(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, set_as_default=False
    ) as client:
        yield client


def fail(number: int) -> int:
    """Fail at the third one."""
    if number == 2:
        raise LookupError(number)
    return number


STARTED, GATE = threading.Event(), threading.Event()


def wait_at_the_gate(number: int) -> None:
    """Run until the gate is open."""
    del number
    STARTED.set()
    GATE.wait(30)


def many(function: Callable[[int], Any], count: int = 6) -> Any:
    """Return a computation of so many tasks and one more."""
    task = delayed(function)
    return delayed(list)([task(number) for number in range(count)])


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_a_computation_is_an_operation(scheduler: str, publisher: RecordingPublisher) -> None:
    """The tasks of its graph are counted."""
    assert many(abs).compute(scheduler=scheduler, num_workers=2) == [0, 1, 2, 3, 4, 5]
    (ended,) = publisher.ended
    assert (ended.name, ended.state, ended.ended_early) == ("dask.compute", "succeeded", False)
    assert ended.stages[0].done == ended.stages[0].total
    assert ended.stages[0].done >= 7


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_task_that_fails(scheduler: str, publisher: RecordingPublisher) -> None:
    """Its exception is the operation's."""
    with pytest.raises(LookupError):
        many(fail).compute(scheduler=scheduler)
    (ended,) = publisher.ended
    assert (ended.state, ended.error and ended.error.type) == ("failed", "LookupError")


def test_cancel(running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It is raised before the next task."""
    begun: list[int] = []

    def task(number: int) -> None:
        begun.append(number)
        publisher.command(running().id, "cancel")

    with pytest.raises(pk.OperationCancelled):
        many(task, 50).compute(scheduler="sync")
    assert (len(begun), [ended.state for ended in publisher.ended]) == (1, ["cancelled"])


def test_a_callback_that_is_used(captured: pk.Capture, publisher: RecordingPublisher) -> None:
    """Like Dask's own bar."""
    captured.release()
    with ProgressCallback("Mine"):
        many(abs).compute(scheduler="threads")
    many(abs).compute(scheduler="threads")
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded")]


def test_its_own_bar() -> None:
    """It is drawn as ever, and not where ours is drawn in its place."""

    def drawn() -> str:
        out = io.StringIO()
        with dask.diagnostics.progress.ProgressBar(out=out):  # type: ignore[no-untyped-call] # as above
            many(abs).compute(scheduler="sync")
        return out.getvalue()

    assert "100% Completed" in drawn()
    with pk.capture("dask", output="ours"):
        assert drawn() == ""


def test_futures_that_are_waited_for(client: distributed.Client, publisher: RecordingPublisher) -> None:
    """Each wait is an operation."""
    futures = client.map(abs, range(5), pure=False)
    with client.as_current():
        distributed.wait(futures)
    assert client.gather(futures) == [0, 1, 2, 3, 4]
    found = [(ended.name, ended.state, ended.stages[0].done, ended.stages[0].total) for ended in publisher.ended]
    assert found == [("distributed.wait", "succeeded", 5, 5), ("distributed.gather", "succeeded", 5, 5)]


def test_a_computation_on_the_cluster(client: distributed.Client, publisher: RecordingPublisher) -> None:
    """It is what is waited for that is counted."""
    with client.as_current():
        compute(*[delayed(abs)(-number) for number in range(3)], scheduler=client)  # type: ignore[no-untyped-call] # as above
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 3, 3)


def test_as_completed(client: distributed.Client, publisher: RecordingPublisher) -> None:
    """The loop is the operation; left early, it has ended early."""
    with client.as_current():
        completed = distributed.as_completed(client.map(abs, range(4), pure=False))
        assert sorted(future.result() for future in completed) == [0, 1, 2, 3]
        for _ in distributed.as_completed(client.map(abs, range(4), pure=False)):
            break
    while len(publisher.ended) < 2:  # Dask itself lets go of it a moment later
        GATE.wait(0.01)
    assert [(ended.name, ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("distributed.as_completed", "succeeded", False),
        ("distributed.as_completed", "succeeded", True),
    ]


def test_a_future_that_fails(client: distributed.Client, publisher: RecordingPublisher) -> None:
    """Its exception is the operation's."""
    with pytest.raises(LookupError):
        client.gather(client.map(fail, range(4), pure=False))
    assert [ended.state for ended in publisher.ended] == ["failed"]


def test_a_cancel_cancels_the_futures(
    client: distributed.Client, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """What waits for them raises Dask's error for that."""

    def cancel() -> None:
        assert STARTED.wait(30)
        while not publisher.sample():
            GATE.wait(0.01)
        publisher.command(running().id, "cancel")

    futures = client.map(wait_at_the_gate, range(4), pure=False)
    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(distributed.CancelledError):
            client.gather(futures)
    finally:
        GATE.set()
        thread.join(30)
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_release(captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind, on Dask's list of callbacks neither."""
    captured.release()
    modules = (dask.callbacks, dask.diagnostics.progress, distributed.client)
    with untouched(*modules), pk.capture("dask", "distributed"):
        many(abs).compute(scheduler="sync")
    assert dask.callbacks.Callback.active == set()
