import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator

import pytest

import progress_kit as pk
from progress_kit.model import Failure
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import announce

CAUGHT = Failure(type="Exception", message="An exception left the loop; the program caught it.")


def _break() -> None:
    for number in pk.track([1, 2, 3]):
        if number == 2:
            break


def _return() -> int | None:
    for number in pk.track([1, 2, 3]):
        if number == 2:
            return number
    return None


def _break_in_finally() -> None:
    for _ in pk.track(range(3)):
        try:
            break
        finally:
            pass


def _break_while_handling() -> None:
    try:
        raise KeyError  # noqa: TRY301 - that is the case
    except KeyError:
        for _ in pk.track([1, 2]):
            break


def _break_after_catching() -> None:
    for _ in pk.track([1, 2]):
        try:
            raise KeyError  # noqa: TRY301 - that is the case
        except KeyError:
            break


def _one_of_it() -> None:
    next(iter(pk.track([1, 2])))


def _shorter_partner() -> None:
    assert list(zip(pk.track([1, 2, 3]), [4], strict=False)) == [(1, 4)]


def _found_early() -> None:
    assert any(number == 1 for number in pk.track([1, 2]))


def _closed_generator() -> None:
    def numbers() -> Generator[int, None, None]:
        for number in pk.track([1, 2]):
            yield number + 1

    generator = numbers()
    next(generator)
    generator.close()


@pytest.mark.parametrize(
    "leave",
    [
        _break,
        _return,
        _break_in_finally,
        _break_while_handling,
        _break_after_catching,
        _one_of_it,
        _shorter_partner,
        _found_early,
        _closed_generator,
    ],
)
def test_leaving_a_loop_is_no_failure(leave: Callable[[], object], publisher: RecordingPublisher) -> None:
    """A `break`, a `return` and whatever takes no more items end a loop as succeeded, early."""
    leave()
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.error) == ("succeeded", True, None)
    assert ended.fraction == 1.0
    assert ended.stages[0].done in {0, 1}


def _fail(_: object) -> int:
    raise ValueError("bad row")


def _raise_in_body() -> None:
    for _ in pk.track([1, 2]):
        raise ValueError("bad row")


def _raise_in_call() -> None:
    for number in pk.track(range(2)):
        _fail(number)


def _raise_in_with() -> None:
    from contextlib import nullcontext

    with nullcontext():
        for number in pk.track({1, 2}):
            _fail(number)


def _raise_in_inner_loop() -> None:
    for number in pk.track([1, 2]):
        for _ in [1, 2]:
            _fail(number)


def _raise_past_finally() -> None:
    try:
        for number in pk.track([1, 2]):
            _fail(number)
    finally:
        gc.collect()


def _raise_by_item_assignment() -> None:
    row: object = ()
    for number in pk.track([1, 2]):
        row[number] = _fail(number)  # type: ignore[index]


def _raise_in_the_iterable() -> None:
    def rows() -> Iterator[int]:
        yield 1
        _fail(2)

    for _ in pk.track(rows()):
        pass


def _raise_in_await() -> None:
    async def fail_later() -> None:
        await asyncio.sleep(0)
        raise ValueError("bad row")

    async def main() -> None:
        for _ in pk.track([1, 2]):
            await fail_later()

    asyncio.run(main())


def _raise_in_async_for() -> None:
    async def main() -> None:
        async for number in pk.track([1, 2]):
            _fail(number)

    asyncio.run(main())


FAILURES = [
    _raise_in_body,
    _raise_in_call,
    _raise_in_with,
    _raise_in_inner_loop,
    _raise_past_finally,
    _raise_by_item_assignment,
    _raise_in_the_iterable,
    _raise_in_await,
    _raise_in_async_for,
]


@pytest.mark.parametrize("work", FAILURES)
def test_an_exception_that_nobody_catches_is_named(
    work: Callable[[], object], publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare loop that is ended by an exception fails with its type and message, once it has reached the top."""
    with pytest.raises(ValueError, match="bad row") as caught:
        work()
    assert not publisher.ended
    # What the interpreter does before it prints the traceback, and IPython too.
    monkeypatch.setattr(sys, "last_value", caught.value, raising=False)
    announce.settle()
    (ended,) = publisher.ended
    assert (ended.state, ended.error) == ("failed", Failure(type="ValueError", message="bad row"))
    assert ended.stages[0].state == "failed"


@pytest.mark.parametrize("work", FAILURES[:4])
def test_an_exception_that_is_caught_is_a_failure_too(
    work: Callable[[], object], publisher: RecordingPublisher, clock: FakeClock
) -> None:
    """If the exception never reaches the top the loop has failed a moment later, although nobody knows by which one."""
    with pytest.raises(ValueError, match="bad row"):
        work()
    publisher.sample()
    assert not publisher.ended
    clock.advance(0.3)
    publisher.sample()
    assert [(ended.state, ended.error) for ended in publisher.ended] == [("failed", CAUGHT)]


def test_another_exception_is_not_taken_for_it(
    publisher: RecordingPublisher, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older traceback through the same function does not name the failure of this call."""
    for _ in range(2):
        with pytest.raises(ValueError, match="bad row") as caught:
            _raise_in_body()
        monkeypatch.setattr(sys, "last_value", caught.value, raising=False)
        announce.settle()
    assert publisher.ended[1].error == Failure(type="ValueError", message="bad row")
    with pytest.raises(ValueError, match="bad row"):
        _raise_in_body()
    announce.settle()
    clock.advance(0.3)
    announce.settle()
    assert publisher.ended[2].error == CAUGHT


def test_an_interrupt_cancels_a_bare_loop(publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, or interrupting the kernel, ends a loop as cancelled."""
    with pytest.raises(KeyboardInterrupt) as caught:  # noqa: PT012 - the block is what is tested
        for _ in pk.track([1, 2]):
            raise KeyboardInterrupt
    monkeypatch.setattr(sys, "last_value", caught.value, raising=False)
    announce.settle()
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_a_loop_that_a_traceback_keeps_alive_ends_too(
    publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the iterator is a variable the traceback holds it, and still the operation ends when the cell does."""

    def work() -> None:
        numbers = iter(pk.track([1, 2]))
        _fail(next(numbers))

    with pytest.raises(ValueError, match="bad row") as caught:
        work()
    monkeypatch.setattr(sys, "last_value", caught.value, raising=False)
    announce.settle()
    assert [ended.state for ended in publisher.ended] == ["failed"]


def test_a_cancelled_task_cancels_its_bare_loop(publisher: RecordingPublisher) -> None:
    """Asyncio's cancel is no failure, in the body's `await` nor in the iterable's."""

    async def body() -> None:
        for _ in pk.track([1, 2], "body"):
            await asyncio.sleep(60)

    async def slow() -> AsyncIterator[int]:
        await asyncio.sleep(60)
        yield 1

    async def source() -> None:
        async for _ in pk.track(slow(), "source"):
            pass

    async def main() -> None:
        tasks = [asyncio.create_task(body()), asyncio.create_task(source())]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert {ended.name: ended.state for ended in publisher.ended} == {"body": "cancelled", "source": "cancelled"}


def test_a_block_knows_how_it_ended(publisher: RecordingPublisher) -> None:
    """Inside a ``with`` block nothing has to be guessed."""
    with pytest.raises(ValueError, match="bad row"), pk.track([1, 2], "fails") as numbers:  # noqa: PT012 - the block is what is tested
        for number in numbers:
            _fail(number)
    with pk.track([1, 2, 3], "breaks") as numbers:
        for _ in numbers:
            break
    failed, left = publisher.ended
    assert (failed.state, failed.error) == ("failed", Failure(type="ValueError", message="bad row"))
    assert (left.state, left.ended_early) == ("succeeded", True)


def test_a_loop_that_was_collected_has_ended(publisher: RecordingPublisher) -> None:
    """A loop that nobody holds any more, as in a forgotten generator, does not stay running."""

    class Holder:
        pass

    holder = Holder()
    holder.iterator = iter(pk.track([1, 2]))  # type: ignore[attr-defined]
    holder.myself = holder  # type: ignore[attr-defined] # only the garbage collector can end this
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", True)]
