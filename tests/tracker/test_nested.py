import asyncio
import contextvars
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

import progress_kit as pk
from progress_kit.model import Counter
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import context as innermost


def test_a_loop_inside_a_stage_is_its_counter(publisher: RecordingPublisher) -> None:
    """A tracked loop in a running stage makes no operation of its own, but a counter inside of that stage."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis"):
        for _ in pk.track(range(5), "rows", unit="rows"):
            (snapshot,) = publisher.sample()
        assert snapshot.stages[1].counters == (Counter(name="rows", done=4, total=5, unit="rows"),)
        assert snapshot.stages[1].done == 0
    assert len(publisher.ended) == 1


def test_a_loop_inside_a_tracked_loop_is_its_counter(publisher: RecordingPublisher) -> None:
    """Loops in loops are one operation; the inner ones of one name take each other's place."""
    for _ in pk.track(range(3), "files"):
        for _ in pk.track(range(2), "rows"):
            for _ in pk.track(range(2), "cells"):
                pass
    (ended,) = publisher.ended
    assert [(counter.name, counter.done) for counter in ended.stages[0].counters] == [("rows", 2), ("cells", 2)]


def test_a_counter_without_a_name_is_called_by_its_unit(publisher: RecordingPublisher) -> None:
    """Unit, else function."""
    for _ in pk.track([1]):
        for _ in pk.track([1], unit="rows"):
            pass
    assert publisher.ended[0].stages[0].counters[0].name == "rows"


def test_a_loop_between_stages_is_an_operation_of_its_own(publisher: RecordingPublisher) -> None:
    """Outside of any stage there is nothing to be a counter of; the tracker is its parent."""
    with pk.ProgressTracker("Work") as tracker:
        for _ in pk.track([1], "Between"):
            pass
    assert [(ended.name, ended.parent) for ended in publisher.ended] == [("Between", tracker.id), ("Work", None)]


def test_a_tracker_inside_a_stage_is_a_part(publisher: RecordingPublisher) -> None:
    """A tracker of its own stays an operation, and knows what it is a part of."""
    with pk.ProgressTracker("Whole") as whole, whole.stage("analysis"), pk.ProgressTracker("Part"):
        pass
    assert publisher.ended[0].parent == whole.id


def test_at_most_16_counters_are_listed(publisher: RecordingPublisher) -> None:
    """More are not shown, finished ones go first, and nothing breaks."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis"):
        for number in range(20):
            for _ in pk.track([1], f"finished {number}"):
                pass
        loops = [iter(pk.track([1, 2], f"running {number}")) for number in range(20)]
        for loop in loops:
            next(loop)
        counters = publisher.sample()[0].stages[1].counters
        assert [counter.name for counter in counters] == [f"running {number}" for number in range(16)]


def test_counters_of_one_name_at_the_same_time_are_numbered() -> None:
    """Parallel loops of the same name are told apart."""

    async def part() -> None:
        async for _ in pk.track([1, 2], "part"):
            await asyncio.sleep(0)

    async def main() -> pk.ProgressTracker:
        with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis"):
            await asyncio.gather(part(), part())
        return tracker

    counters = asyncio.run(main()).snapshot().stages[1].counters
    assert [(counter.name, counter.done) for counter in counters] == [("part", 2), ("part (2)", 2)]


def test_loops_in_threads_are_operations_of_their_own(publisher: RecordingPublisher) -> None:
    """Two threads that loop at the same time do not disturb each other, nor what is around them."""
    barrier = threading.Barrier(2)

    def work(name: str) -> None:
        for _ in pk.track(range(10), name):
            barrier.wait(10)

    with pk.ProgressTracker("Around") as tracker, tracker.stage("analysis"), ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ["left", "right"]))
    assert {ended.name: ended.stages[0].done for ended in publisher.ended[:2]} == {"left": 10, "right": 10}
    assert publisher.ended[2].stages[1].counters == ()


def test_current_is_the_innermost(publisher: RecordingPublisher) -> None:
    """Tracker, stage and loop are found by whatever is called inside of them, and only there."""
    assert not pk.current()
    with pk.ProgressTracker("Work") as tracker:
        assert pk.current() is tracker
        with tracker.stage("analysis") as stage:
            assert pk.current() is stage
            for _ in pk.track([1, 2], "rows"):
                assert pk.current() not in {stage, tracker}
                assert pk.current().id == tracker.id
            assert pk.current() is stage
            for _ in pk.track([1, 2], "rows"):
                break
            assert pk.current() is stage
        assert pk.current() is tracker
    assert not pk.current()


def test_current_reports_from_a_function_that_was_told_nothing() -> None:
    """`advance`, `message` and `metrics` reach the stage around the call."""

    def parse(lines: list[str]) -> None:
        task = pk.current()
        for line in lines:
            task.advance(1, total=len(lines))
            task.message = line
            task.metrics["length"] = len(line)

    parse(["nothing", "is", "tracked"])
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
        parse(["a", "bc"])
        assert (stage.done, stage.total, stage.message, tracker.metrics) == (2, 2, "bc", {"length": 2})


def test_where_nothing_is_tracked_every_report_is_taken() -> None:
    """The no-op object has what the others have, and keeps nothing."""
    nothing = pk.current()
    nothing.message = "lost"
    nothing.metrics["x"] = 1
    nothing.advance(3, total=4)
    nothing.cancel()
    nothing.raise_if_cancelled()
    assert (nothing.id, nothing.message, nothing.metrics) == (None, "", {})


def test_current_follows_into_asyncio_and_to_thread() -> None:
    """A task, and `asyncio.to_thread`, are inside of what they were started in."""

    async def main() -> None:
        with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
            assert await asyncio.create_task(inside()) is stage
            assert await asyncio.to_thread(pk.current) is stage

    async def inside() -> object:
        return pk.current()

    asyncio.run(main())


def test_current_in_a_context_that_outlives_the_operation() -> None:
    """A copied context does not bring an ended operation back."""
    with pk.ProgressTracker("Work"):
        context = contextvars.copy_context()
    assert not context.run(pk.current)


def test_loops_that_end_elsewhere_are_forgotten() -> None:
    """A context in which many loops began that ended outside of it does not grow."""
    context = contextvars.copy_context()
    for _ in range(50):
        loop = context.run(lambda: iter(pk.track([1, 2])))
        del loop
    entry, depth = context[innermost._innermost], 0
    while entry is not None:
        entry, depth = entry.outer, depth + 1
    assert depth == 1


def test_a_generator_that_was_left_is_not_current_any_more() -> None:
    """A tracked loop in a suspended generator is over when the generator is closed."""

    def numbers() -> Generator[int, None, None]:
        yield from pk.track([1, 2])

    generator = numbers()
    next(generator)
    generator.close()
    assert not pk.current()
    with pytest.raises(ZeroDivisionError), pk.ProgressTracker("Work"):
        _ = 1 / 0
    assert not pk.current()
