"""The scheduler in an event loop, and tasks that are coroutines."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest

import progress_kit as pk
from progress_kit.errors import OperationCancelled, TaskAbandonedError, TaskTimeoutError, UsageError
from progress_kit.scheduler.parallel_processor import ParallelTaskScheduler

pytestmark = pytest.mark.usefixtures("publisher")

ENGINES = ["async", "threads", "processes"]


async def square(number: int) -> int:
    """Return a square, later."""
    await asyncio.sleep(0)
    return number * number


def double(number: int) -> int:
    """Return the double, now."""
    return 2 * number


async def forever() -> None:
    """Never end."""
    await asyncio.Event().wait()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until something is true."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)


# ---------------------------------------------------------------- results


def test_coroutines_are_tasks() -> None:
    """`map` hands out results in the order of the inputs, `as_completed` all tasks, a task can be awaited."""

    async def main() -> None:
        async with ParallelTaskScheduler("Squares", engine="async", max_workers=4) as scheduler:
            assert [result async for result in scheduler.map(square, range(20))] == [n * n for n in range(20)]
            tasks = [task async for task in scheduler.as_completed(square, range(20), timeout=30)]
            assert sorted(task.result() for task in tasks) == [n * n for n in range(20)]
            four = scheduler.submit(square, 2)
            assert await scheduler.submit(square, four) == 16
        assert scheduler.state == "succeeded"
        assert scheduler.snapshot().stages[0].done == 42

    asyncio.run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_can_be_awaited(engine: str) -> None:
    """`async for` and `await` work on every engine."""

    async def main() -> None:
        async with ParallelTaskScheduler("Doubles", engine=engine, max_workers=2) as scheduler:
            assert [result async for result in scheduler.map(double, range(9))] == [2 * n for n in range(9)]
            tasks = [task async for task in scheduler.as_completed(double, range(9))]
            assert sorted(task.result() for task in tasks) == [2 * n for n in range(9)]
            assert await scheduler.submit(double, 4) == 8
        assert scheduler.state == "succeeded"

    asyncio.run(main())


def test_the_loop_goes_on_while_a_task_is_awaited() -> None:
    """What is awaited here can only end because other parts of the loop go on meanwhile."""
    gate = threading.Event()

    async def open_gate() -> None:
        gate.set()

    async def main() -> None:
        async with ParallelTaskScheduler("Gate", engine="threads", max_workers=1) as scheduler:
            task = scheduler.submit(gate.wait, 30)
            asyncio.get_running_loop().call_soon(asyncio.ensure_future, open_gate())
            assert await task
            gate.clear()
            _ = scheduler.submit(gate.wait, 30)
            opener = asyncio.create_task(open_gate())
        assert opener.done()

    asyncio.run(main())


@pytest.mark.parametrize("awaited", [partial(square, 3), lambda: square(3)])
def test_whatever_returns_an_awaitable_is_awaited(awaited: Callable[[], Any]) -> None:
    """Partials of coroutine functions and lambdas that call one are tasks as these are."""

    async def main() -> None:
        async with ParallelTaskScheduler("Squares", engine="async") as scheduler:
            assert await scheduler.submit(awaited) == 9

    asyncio.run(main())


def test_no_more_than_max_workers_run_at_a_time() -> None:
    """`max_workers` bounds how many coroutines have begun and not ended."""
    running, most = 0, 0

    async def count(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1

    async def main() -> None:
        async with ParallelTaskScheduler("Count", engine="async", max_workers=3) as scheduler:
            async for _ in scheduler.as_completed(count, range(30)):
                pass

    asyncio.run(main())
    assert most == 3


def test_other_functions_run_beside_the_loop() -> None:
    """A function that is no coroutine runs in a thread, where it knows its task and the context variables too."""
    user: ContextVar[str] = ContextVar("user")

    def report() -> tuple[str, int]:
        pk.current().advance(2, total=4)
        return user.get(), threading.get_ident()

    async def main() -> None:
        user.set("Ada")
        async with ParallelTaskScheduler("Beside", engine="async") as scheduler:
            name, thread = await scheduler.submit(report)
        assert name == "Ada"
        assert thread != threading.get_ident()

    asyncio.run(main())


def test_without_a_loop_the_engine_brings_its_own() -> None:
    """With a plain ``with`` the coroutines run in a thread's event loop, which ends with the block."""
    with ParallelTaskScheduler("Squares", engine="async", max_workers=2) as scheduler:
        assert list(scheduler.map(square, range(9))) == [n * n for n in range(9)]
        assert scheduler.submit(double, 4).result() == 8
    assert not [thread for thread in threading.enumerate() if thread.name == "progress_kit tasks"]


def test_a_plain_with_in_a_running_loop() -> None:
    """That works in a notebook's cell too, where a loop is running already."""

    async def cell() -> list[int]:
        with ParallelTaskScheduler("Squares", engine="async") as scheduler:
            return list(scheduler.map(square, range(4)))

    assert asyncio.run(cell()) == [0, 1, 4, 9]


def test_tasks_know_their_progress() -> None:
    """`pk.current()` is the task, in coroutines that take turns as well."""

    async def main() -> None:
        go = asyncio.Event()

        async def work(total: int) -> int:
            pk.current().advance(1, total=total)
            await go.wait()
            return int(pk.current().total or 0)  # type: ignore[union-attr]

        async with ParallelTaskScheduler("Progress", engine="async") as scheduler:
            tasks = [scheduler.submit(work, total) for total in (10, 20)]
            await until(lambda: all(task.progress for task in tasks))
            assert [(task.progress.done, task.progress.total) for task in tasks if task.progress] == [(1, 10), (1, 20)]
            go.set()
            assert [await task for task in tasks] == [10, 20]

    asyncio.run(main())


# ---------------------------------------------------------------- failures and ends


def test_failures_come_in_a_group() -> None:
    """What failed is raised at the end of the block, with a traceback that begins in the task's function."""

    async def fail(number: int) -> None:
        raise ValueError(number)

    async def main() -> None:
        async with ParallelTaskScheduler("Failures", engine="async", on_error="collect") as scheduler:
            for number in range(3):
                _ = scheduler.submit(fail, number)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert [str(error) for error in caught.value.exceptions] == ["0", "1", "2"]
    for error in caught.value.exceptions:
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_frame.f_code.co_name == "fail"


def test_a_cancelled_task_is_cancelled_where_it_waits() -> None:
    """`Task.cancel` reaches a coroutine at once, runs its ``finally``, and leaves the others alone."""
    cleaned: list[str] = []

    async def wait() -> None:
        try:
            await forever()
        finally:
            cleaned.append("up")

    async def main() -> None:
        async with ParallelTaskScheduler("Cancel", engine="async") as scheduler:
            task = scheduler.submit(wait)
            await until(task.running)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await scheduler.submit(square, 3) == 9
        assert task.state == "cancelled"

    asyncio.run(main())
    assert cleaned == ["up"]


def test_a_task_may_end_by_its_own_cancellation() -> None:
    """A coroutine that lets somebody else's `CancelledError` through has ended by it, and nothing else has."""

    async def main() -> None:
        async def lets_through() -> None:
            inner = asyncio.ensure_future(forever())
            inner.cancel()
            await inner

        async with ParallelTaskScheduler("Own", engine="async", on_error="continue") as scheduler:
            task = scheduler.submit(lets_through)
            assert await scheduler.submit(square, 3) == 9
        assert task.state in {"cancelled", "failed"}
        assert scheduler.state == "succeeded"

    asyncio.run(main())


def test_leaving_the_loop_early_cancels_the_rest() -> None:
    """A ``break`` leaves no coroutine behind."""

    async def main() -> None:
        async def work(number: int) -> int:
            if number:
                await forever()
            return number

        async with ParallelTaskScheduler("Break", engine="async", max_workers=4) as scheduler:
            async for task in scheduler.as_completed(work, range(100)):
                assert task.result() == 0
                break
        assert len(asyncio.all_tasks()) == 1
        assert scheduler.state == "succeeded"

    asyncio.run(main())


@pytest.mark.parametrize("engine", ["async", "threads"])
def test_the_cancellation_of_the_users_own_task_passes_unchanged(engine: str) -> None:
    """Whoever cancels the task around the scheduler gets that very cancellation, and all tasks stop."""

    async def main() -> None:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def coroutine() -> None:
            began.set()
            await forever()

        def function() -> None:
            loop.call_soon_threadsafe(began.set)
            while True:
                pk.current().raise_if_cancelled()
                threading.Event().wait(0.001)

        scheduler = ParallelTaskScheduler("Cancelled", engine=engine)

        async def user() -> None:
            async with scheduler:
                await scheduler.submit(coroutine if engine == "async" else function)

        task = asyncio.create_task(user())
        await began.wait()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert scheduler.state == "cancelled"

    asyncio.run(main())


def test_a_time_limit_around_the_scheduler() -> None:
    """`asyncio.timeout` and anyio's scopes end a scheduler that waits for its tasks, and nothing of theirs is lost."""

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), ParallelTaskScheduler("Limit", engine="async") as scheduler:
                _ = scheduler.submit(forever)
        assert scheduler.state == "cancelled"
        with anyio.move_on_after(0.02) as scope:
            async with ParallelTaskScheduler("Limit", engine="async") as scheduler:
                _ = scheduler.submit(forever)
        assert scope.cancelled_caught
        assert scheduler.state == "cancelled"

    asyncio.run(main())


def test_a_task_that_takes_too_long() -> None:
    """A coroutine is cancelled when its own time is over, counted from its start, and has failed."""

    async def main() -> None:
        async with ParallelTaskScheduler("Slow", engine="async", on_error="continue", max_workers=1) as scheduler:
            tasks = [scheduler.submit(forever, timeout=0.02) for _ in range(2)]
            assert await scheduler.submit(square, 3) == 9
        assert [type(task.error) for task in tasks] == [TaskTimeoutError, TaskTimeoutError]

    asyncio.run(main())


def test_whoever_ignores_it_is_abandoned() -> None:
    """A function that does not stop when it is told to is left behind: its slot goes to others, and the block ends."""
    gate = threading.Event()

    async def main() -> None:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait() -> None:
            loop.call_soon_threadsafe(began.set)
            gate.wait(30)

        async with ParallelTaskScheduler("Deaf", engine="async", max_workers=1, cancel_grace=0.02) as scheduler:
            deaf = scheduler.submit(wait)
            await began.wait()
            deaf.cancel()
            assert await scheduler.submit(square, 3) == 9
            assert deaf.state == "abandoned"
            with pytest.raises(TaskAbandonedError):
                await deaf
        gate.set()

    asyncio.run(main())


def test_cancelling_the_operation() -> None:
    """Whoever cancels the operation, from the panel say, ends the loop with `OperationCancelled`."""

    async def main() -> None:
        scheduler = ParallelTaskScheduler("Stop", engine="async")
        with pytest.raises(OperationCancelled, match="enough"):  # noqa: PT012 - the block is what raises
            async with scheduler:
                await until(scheduler.submit(forever).running)
                scheduler.operation.cancel("enough")
                async for _ in scheduler.as_completed(square, range(3)):
                    pytest.fail("nothing runs any more")
        assert scheduler.state == "cancelled"

    asyncio.run(main())


def test_waiting_without_await_is_refused() -> None:
    """What would block the loop in which the tasks run raises, and says what to write instead."""

    async def main() -> None:
        async with ParallelTaskScheduler("Block", engine="async") as scheduler:
            task = scheduler.submit(square, 3)
            with pytest.raises(UsageError, match="await"):
                task.result()
            with pytest.raises(UsageError, match="async for"):
                next(scheduler.map(square, range(3)))
            assert await task == 9
            assert task.result() == 9

    asyncio.run(main())


def test_a_loop_that_ends_leaves_nothing_running() -> None:
    """A scheduler that was entered and never left is cancelled with its loop."""
    cancelled: list[bool] = []

    async def wait() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> ParallelTaskScheduler:
        scheduler = ParallelTaskScheduler("Left", engine="async")
        await scheduler.__aenter__()
        task = scheduler.submit(wait)
        await until(task.running)
        return scheduler

    scheduler = asyncio.run(main())
    assert cancelled == [True]
    scheduler.__exit__(None, None, None)


# ---------------------------------------------------------------- inputs that have to be awaited


class Numbers:
    """Numbers that come one by one, from an asynchronous generator; it is known how many were drawn, and its end."""

    def __init__(self) -> None:
        self.drawn = 0
        self.closed = asyncio.Event()

    async def __call__(self, most: int | None = None) -> AsyncIterator[int]:
        try:
            while most is None or self.drawn < most:
                self.drawn += 1
                yield self.drawn - 1
                await asyncio.sleep(0)
        finally:
            self.closed.set()


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_may_be_awaited(engine: str) -> None:
    """Of every engine; also several at once, beside usual ones."""

    async def main() -> None:
        async with ParallelTaskScheduler("Awaited", engine=engine, max_workers=2) as scheduler:
            assert [result async for result in scheduler.map(double, Numbers()(20))] == [2 * n for n in range(20)]
            powers = scheduler.map(pow, Numbers()(3), [2, 3, 4, 5])
            assert [result async for result in powers] == [0, 1, 16]
            assert {task.item async for task in scheduler.as_completed(double, Numbers()(5))} == set(range(5))
        assert scheduler.snapshot().stages[0].total == 28

    asyncio.run(main())


def test_an_endless_asynchronous_generator_is_drawn_as_needed() -> None:
    """Leaving the loop closes it."""

    async def main() -> None:
        numbers = Numbers()
        async with ParallelTaskScheduler("Endless", engine="async", max_workers=2) as scheduler:
            async for task in scheduler.as_completed(square, numbers(), buffersize=4):
                if task.result() > 100:
                    break
            await numbers.closed.wait()
        assert numbers.drawn < 30

    asyncio.run(main())


def test_an_exception_of_an_awaited_input_passes_into_the_loop() -> None:
    """After the results that were there."""

    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("no more")

    async def main() -> None:
        async with ParallelTaskScheduler("Broken", engine="async") as scheduler:
            with pytest.raises(ValueError, match="no more"):
                _ = [result async for result in scheduler.map(square, broken())]

    asyncio.run(main())


def test_awaited_inputs_need_a_loop_that_awaits() -> None:
    """A plain `with` refuses them, and so does a plain `for`."""
    with ParallelTaskScheduler("Plain") as scheduler, pytest.raises(UsageError, match="async with"):
        scheduler.map(double, Numbers()(3))

    async def main() -> None:
        async with ParallelTaskScheduler("Loop", engine="async") as scheduler:
            with pytest.raises(UsageError, match="async for"):
                next(scheduler.map(double, Numbers()(3)))

    asyncio.run(main())


def test_a_coroutine_that_awaits_others_gives_its_place_to_them() -> None:
    """However deep, on as many workers as there are."""

    async def fibonacci(scheduler: ParallelTaskScheduler, number: int) -> int:
        if number < 2:
            return number
        parts = [scheduler.submit(fibonacci, scheduler, number - less) for less in (1, 2)]
        return await parts[0] + await parts[1]

    async def both(scheduler: ParallelTaskScheduler) -> int:
        return sum([result async for result in scheduler.map(square, range(4))])

    async def main() -> None:
        async with ParallelTaskScheduler("Fibonacci", engine="async", max_workers=1) as scheduler:
            assert await scheduler.submit(fibonacci, scheduler, 7) == 13
            assert await scheduler.submit(both, scheduler) == 14

    asyncio.run(main())
