import asyncio
import asyncio.taskgroups
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("asyncio") as handle:
        yield handle


def test_a_task_group_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """It has as many tasks as were made; loops in its tasks are nested counters."""

    async def loop() -> None:
        for _ in pk.track(range(3), "loop"):
            pass

    async def main() -> None:
        gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(gate.wait())
            await group.create_task(loop(), name="the loop")
            await asyncio.sleep(0)
            snapshot = running()
            assert (snapshot.stages[0].done, snapshot.stages[0].total, snapshot.stages[0].unit) == (1, 2, "tasks")
            assert snapshot.name == "main"
            gate.set()

    asyncio.run(main())
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done) == ("succeeded", 2)
    assert ended.stages[0].counters == (Counter(name="loop", done=3, total=3, unit=""),)


def test_a_task_that_fails(publisher: RecordingPublisher) -> None:
    """It fails the group, with the exceptions that the group raises."""

    async def fail() -> None:
        raise LookupError

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "ExceptionGroup")


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """It cancels all tasks, and the one that the group is in."""
    ends: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("task")
            raise

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            await asyncio.sleep(0)
            publisher.command(running().id, "cancel")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert ends == ["task"]
    assert publisher.ended[0].state == "cancelled"


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(asyncio.taskgroups):
        pk.capture("asyncio").release()
