"""A scheduler that is paused: what waits does not begin, what runs waits where it can."""

# mypy: disable-error-code="unused-awaitable"

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.scheduler import ParallelTaskScheduler, Task
from tests.scheduler.engine_desk import until

pytestmark = pytest.mark.usefixtures("publisher")


def work(gate: Path) -> str:
    """Count until the gate is open."""
    task = pk.current()
    gate.with_suffix(".begun").touch()
    while not gate.exists():
        task.advance(1, total=1_000_000)
    return gate.name


def loop(gate: Path) -> str:
    """Do the same by a loop, and let it be seen how far it is."""
    gate.with_suffix(".begun").touch()
    for _ in pk.track(range(1_000_000)):
        if gate.exists():
            break
    return gate.name


def fail(gate: Path) -> None:
    """Fail when the gate is open, without ever asking."""
    gate.with_suffix(".begun").touch()
    until(gate.exists)
    raise ValueError(gate.name)


def begun(gate: Path) -> bool:
    """Whether a task holds there."""
    return gate.with_suffix(".begun").exists()


def paused(scheduler: ParallelTaskScheduler) -> bool:
    """Whether nothing moves any more."""
    return scheduler.state == "paused"


@pytest.fixture(params=["threads", "processes", "thread pool", "process pool"])
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each engine whose jobs can wait."""
    pools: dict[str, Callable[[int], Any]] = {"thread pool": ThreadPoolExecutor, "process pool": ProcessPoolExecutor}
    if request.param not in pools:
        yield request.param
        return
    with pools[request.param](2) as pool:
        yield pool


@pytest.mark.parametrize("function", [work, loop])
def test_what_runs_waits_and_what_waits_does_not_begin(
    engine: Any, function: Callable[[Path], str], tmp_path: Path
) -> None:
    """Tasks that run wait at their next step; time stands still meanwhile; then all goes on to the same results."""
    gates = [tmp_path / name for name in "abc"]
    workers = 2 if isinstance(engine, str) else None
    with ParallelTaskScheduler("Held", engine=engine, max_workers=workers) as scheduler:
        tasks = [scheduler.submit(function, gate) for gate in gates]
        until(lambda: begun(gates[0]) and begun(gates[1]) and scheduler.snapshot().stages[0].tasks.running == 2)  # type: ignore[union-attr] # as it is
        assert scheduler.snapshot().actions == ("cancel", "pause")
        scheduler.pause()
        until(lambda: paused(scheduler))
        for gate in gates:
            gate.touch()
        first, second = scheduler.snapshot(), scheduler.snapshot()
        assert (first.state, first.actions, first.estimate) == ("paused", ("cancel", "resume"), None)
        assert (first.elapsed_s, first.stages[0].state) == (second.elapsed_s, "paused")
        counts = first.stages[0].tasks
        assert counts is not None
        assert (counts.paused, counts.running, counts.pending) == (2, 0, 1)
        assert [task.state for task in first.tasks] == ["paused"] * 2
        assert [task.elapsed_s for task in first.tasks] == [task.elapsed_s for task in second.tasks]
        assert not any(task.done() for task in tasks)
        assert not begun(gates[2])
        scheduler.resume()
        assert [task.result() for task in tasks] == ["a", "b", "c"]
        assert scheduler.state == "running"
    assert scheduler.snapshot().paused_s > 0


def test_it_stands_still_when_its_last_task_does(tmp_path: Path) -> None:
    """A task that never asks runs on to its end; until then the scheduler is running, and can be resumed."""
    deaf, gate = tmp_path / "deaf", tmp_path / "gate"
    with ParallelTaskScheduler("Deaf", max_workers=1, on_error="continue") as scheduler:
        task, after = scheduler.submit(fail, deaf), scheduler.submit(work, gate)
        until(lambda: begun(deaf))
        scheduler.pause()
        snapshot = scheduler.snapshot()
        assert (snapshot.state, snapshot.actions) == ("running", ("cancel", "resume"))
        deaf.touch()
        assert isinstance(task.exception(), ValueError)
        until(lambda: paused(scheduler))
        assert not begun(gate)
        gate.touch()
        scheduler.resume()
        assert after.result() == "gate"


def test_a_cancel_ends_the_pause(tmp_path: Path) -> None:
    """Tasks that wait are told, and what is to run whatever happens does."""
    with ParallelTaskScheduler("Cancelled", max_workers=1) as scheduler:
        tasks = [scheduler.submit(work, tmp_path / name) for name in "ab"]
        last = scheduler.submit(str, "last", when="always")
        until(lambda: begun(tmp_path / "a"))
        scheduler.pause()
        until(lambda: paused(scheduler))
        scheduler.cancel()
    assert [task.state for task in tasks] == ["cancelled", "cancelled"]
    assert last.result() == "last"
    assert scheduler.state == "cancelled"


def test_one_waiting_task_may_be_cancelled(tmp_path: Path) -> None:
    """It learns of it where it waits; the others go on waiting."""
    with ParallelTaskScheduler("One", max_workers=1) as scheduler:
        first, second = (scheduler.submit(work, tmp_path / name) for name in "ab")
        until(lambda: begun(tmp_path / "a"))
        scheduler.pause()
        until(lambda: paused(scheduler))
        first.cancel()
        until(first.done)
        assert first.state == "cancelled"
        assert not begun(tmp_path / "b")
        scheduler.resume()
        (tmp_path / "b").touch()
        assert second.result() == "b"


def test_a_viewer_pauses_and_resumes(tmp_path: Path) -> None:
    """As the panel does, by commands."""
    with ParallelTaskScheduler("Watched", max_workers=1) as scheduler:
        task = scheduler.submit(work, tmp_path / "gate")
        until(lambda: begun(tmp_path / "gate"))
        assert scheduler.operation.command("resume", None, "ann") == "the operation is not paused"
        assert scheduler.operation.command("pause", None, "ann") is None
        until(lambda: paused(scheduler))
        (tmp_path / "gate").touch()
        assert scheduler.operation.command("resume", None, "ann") is None
        assert task.result() == "gate"


def test_it_is_paused_with_the_tracker_around_it(tmp_path: Path) -> None:
    """And goes on with it."""
    with pk.ProgressTracker("Around", stages=["main"]) as tracker, ParallelTaskScheduler("Within") as scheduler:
        task = scheduler.submit(work, tmp_path / "gate")
        until(lambda: begun(tmp_path / "gate"))
        tracker.pause()
        until(lambda: paused(scheduler))
        (tmp_path / "gate").touch()
        tracker.resume()
        assert task.result() == "gate"


def test_a_pause_before_the_block_holds_everything() -> None:
    """Nothing begins before `resume`, and nothing hangs where the block fails meanwhile."""
    task: Task[str] | None = None

    def leave() -> None:
        nonlocal task
        with ParallelTaskScheduler("Early", max_workers=1) as scheduler:
            scheduler.pause()
            task = scheduler.submit(str, 1)
            until(lambda: paused(scheduler))
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        leave()
    assert task is not None
    assert task.state == "cancelled"


def test_coroutines_run_on(tmp_path: Path) -> None:
    """Their loop has others to serve; what has not begun waits."""

    async def coroutine(go: asyncio.Event) -> str:
        await go.wait()
        pk.current().raise_if_cancelled()
        return "went on"

    async def main() -> None:
        go = asyncio.Event()
        async with ParallelTaskScheduler("Loop", engine="async", max_workers=2) as scheduler:
            coroutines = [scheduler.submit(coroutine, go), scheduler.submit(work, tmp_path / "gate")]
            waiting = scheduler.submit(coroutine, go)
            while not begun(tmp_path / "gate"):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
            scheduler.pause()
            go.set()
            assert await coroutines[0] == "went on"
            while not paused(scheduler):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
            assert waiting.state == "pending"
            (tmp_path / "gate").touch()
            scheduler.resume()
            assert await coroutines[1] == "gate"
            assert await waiting == "went on"

    asyncio.run(main())


def test_a_task_that_fails_in_the_pause_ends_it(tmp_path: Path) -> None:
    """The others are told to stop, as ever after a failure, and the block ends."""
    scheduler = ParallelTaskScheduler("Failed", max_workers=2)
    other, failing = (scheduler.submit(each, tmp_path / each.__name__) for each in (work, fail))

    def run() -> None:
        with scheduler:
            until(lambda: begun(tmp_path / "work") and begun(tmp_path / "fail"))
            scheduler.pause()
            (tmp_path / "fail").touch()
            failing.exception()

    with pytest.raises(ExceptionGroup):
        run()
    assert other.state == "cancelled"
