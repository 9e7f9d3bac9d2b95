import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from functools import partial
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.model import Failure
from progress_kit.testing import RecordingPublisher


def test_a_function_is_an_operation(publisher: RecordingPublisher) -> None:
    """Each call is one, with arguments, result, name and docstring untouched."""

    @pk.tracked("Nightly report", notify="always")
    def report(day: str, *, pages: int) -> str:
        """Write the report."""
        assert pk.current().id is not None
        return f"{day}: {pages}"

    assert report("Monday", pages=3) == "Monday: 3"
    assert report("Tuesday", pages=4) == "Tuesday: 4"
    assert (report.__name__, report.__doc__) == ("report", "Write the report.")
    assert [(ended.name, ended.state, ended.notify.when) for ended in publisher.ended] == [
        ("Nightly report", "succeeded", "always")
    ] * 2
    assert publisher.ended[0].kind == ("Nightly report@test_tracked.py:test_a_function_is_an_operation.<locals>.report")


def test_without_parentheses_it_is_called_by_the_function(publisher: RecordingPublisher) -> None:
    """The name is the function's, as people write."""

    @pk.tracked
    def nightly_report() -> None: ...

    nightly_report()
    assert publisher.ended[0].name == "Nightly report"


def test_loops_inside_are_counters(publisher: RecordingPublisher) -> None:
    """The operation has one stage, which tracked loops in the function belong to."""

    @pk.tracked("Work")
    def work() -> None:
        for _ in pk.track(range(3), "rows"):
            pass
        pk.current().message = "nearly done"

    work()
    (ended,) = publisher.ended
    assert [(stage.name, stage.state, stage.message) for stage in ended.stages] == [
        ("main", "succeeded", "nearly done")
    ]
    assert ended.stages[0].counters[0].done == 3


def test_with_stages_the_function_enters_them(publisher: RecordingPublisher) -> None:
    """`current()` is the tracker then."""

    @pk.tracked(stages={"load": 1, "train": 8})
    def train() -> None:
        tracker = pk.current()
        assert isinstance(tracker, pk.ProgressTracker)
        with tracker.stage("train", total=2) as stage:
            stage.advance(2)

    train()
    assert [stage.state for stage in publisher.ended[0].stages] == ["skipped", "succeeded"]


def test_an_exception_passes_unchanged(publisher: RecordingPublisher) -> None:
    """What the function raises is what the caller catches, and why the operation failed."""
    error = LookupError("no such day")

    @pk.tracked
    def report() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        report()
    assert caught.value is error
    assert publisher.ended[0].error == Failure(type="LookupError", message="no such day")


def test_coroutine_functions(publisher: RecordingPublisher) -> None:
    """The operation lasts as long as the coroutine runs; a cancel is one."""

    @pk.tracked
    async def fetch(seconds: float) -> int:
        await asyncio.sleep(seconds)
        return 7

    async def main() -> None:
        assert await fetch(0) == 7
        task = asyncio.create_task(fetch(60))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert [ended.state for ended in publisher.ended] == ["succeeded", "cancelled"]


def test_generator_functions(publisher: RecordingPublisher) -> None:
    """From the first item to the end; `send` and the result go through; closing early is no failure."""

    @pk.tracked
    def numbers() -> Generator[object, object, str]:
        got = yield 1
        yield got
        return "end"

    generator: Any = numbers()
    assert not publisher.snapshots()
    assert next(generator) == 1
    assert generator.send("sent") == "sent"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    left: Any = numbers()
    next(left)
    left.close()
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("succeeded", False),
        ("succeeded", True),
    ]


def test_async_generator_functions(publisher: RecordingPublisher) -> None:
    """The same for asynchronous ones; what is thrown in reaches the function."""
    log: list[str] = []

    @pk.tracked
    async def numbers() -> AsyncIterator[object]:
        try:
            got = yield 1
            yield got
        except KeyError:
            log.append("caught")
            yield "after"
        finally:
            log.append("closed")

    async def main() -> None:
        generator: Any = numbers()
        assert await anext(generator) == 1
        assert await generator.asend("sent") == "sent"
        assert await generator.athrow(KeyError()) == "after"
        assert [item async for item in generator] == []
        left: Any = numbers()
        await anext(left)
        await left.aclose()
        assert log == ["caught", "closed", "closed"]

    asyncio.run(main())
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("succeeded", False),
        ("succeeded", True),
    ]


def test_other_callables(publisher: RecordingPublisher) -> None:
    """Methods, partial functions and objects with `__call__` can be decorated."""

    class Report:
        @pk.tracked
        def write(self) -> int:
            return 1

        def __call__(self) -> int:
            return 2

    def add(one: int, other: int) -> int:
        return one + other

    callables: list[Callable[[], int]] = [
        Report().write,
        pk.tracked("object")(Report()),
        pk.tracked(partial(add, 1, 2)),
    ]
    assert [each() for each in callables] == [1, 2, 3]
    assert [ended.name for ended in publisher.ended] == ["Write", "object", "Function"]


def test_a_wrong_argument_is_refused_where_it_is_written() -> None:
    """Not at the first call, which may be at night."""
    with pytest.raises(pk.InvalidValueError, match="weight"):
        pk.tracked(stages={"load": 0})
    with pytest.raises(pk.InvalidValueError, match="notify"):
        pk.tracked(notify="loudly")
    with pytest.raises(pk.InvalidValueError, match="not 3"):
        pk.tracked("Report")(3)  # type: ignore[arg-type]
