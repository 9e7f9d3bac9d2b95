import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import Any

import pytest

from progress_kit.tracker import cursors
from progress_kit.tracker.cursors import (
    ENDLESS,
    Cursor,
    Gated,
    Seek,
    Slice,
    cursor,
    lists_can_be_read,
    slices_can_be_read,
)


def _never() -> None:
    raise AssertionError("the loop was not asked to end by itself")


def _seek(items: Iterable[int]) -> Cursor[int]:
    numbers = list(items)
    return Seek(numbers, iter(numbers))


CURSORS = pytest.mark.parametrize("make", [_seek, Slice, Gated], ids=["seek", "slice", "gated"])


def test_this_interpreter_tells_how_far_slices_and_lists_are() -> None:
    """If this fails, loops over generators still work, but slower, and those over lists offer no pause."""
    assert slices_can_be_read()
    assert lists_can_be_read()


@pytest.mark.parametrize(
    "iterable, kind",
    [([1], Seek), ((1,), Seek), (range(1), Seek), (range(2**70), Slice), ({1}, Slice), (iter([1]), Slice)],
)
def test_the_cheapest_cursor_is_taken(iterable: Iterable[int], kind: type[Any]) -> None:
    """Lists, tuples and ranges are iterated as they are."""
    assert isinstance(cursor(iterable), kind)
    assert isinstance(cursor(iterable, movable=False), Gated)


@CURSORS
def test_the_position_is_read_from_outside(make: Callable[[Iterable[int]], Cursor[int]]) -> None:
    """Before, while and after the loop runs."""
    loop = make(range(5))
    assert loop.taken() == 0
    assert [loop.taken() for _ in loop.iterator] == [1, 2, 3, 4, 5]
    assert loop.taken() == 5


def _breaks() -> Iterator[int]:
    yield from range(3)
    raise ValueError("bad file")


@pytest.mark.parametrize("make", [Slice, Gated], ids=["slice", "gated"])
def test_the_position_survives_an_exception_of_the_iterable(make: Callable[[Iterable[int]], Cursor[int]]) -> None:
    """So that a failed operation says in which item it failed."""
    loop = make(_breaks())
    with pytest.raises(ValueError, match="bad file"):
        list(loop.iterator)
    assert loop.taken() == 3


@pytest.mark.parametrize("make", [_seek, Slice], ids=["seek", "slice"])
def test_a_stopped_loop_ends_at_its_next_step(make: Callable[[Iterable[int]], Cursor[int]]) -> None:
    """And keeps its count; to stop it once more changes nothing."""
    loop = make(range(5))
    assert [next(loop.iterator), next(loop.iterator)] == [0, 1]
    loop.stop(_never)
    loop.stop(_never)
    assert list(loop.iterator) == []
    assert loop.taken() == 2


def test_a_gated_loop_ends_by_the_exception_of_whom_it_asks() -> None:
    """The item that was taken meanwhile is lost, and not counted."""

    def ended() -> None:
        raise KeyError("cancelled")

    loop = Gated(range(5))
    assert next(loop.iterator) == 0
    loop.stop(ended)
    with pytest.raises(KeyError, match="cancelled"):
        next(loop.iterator)
    assert loop.taken() == 1


def test_an_item_on_its_way_when_a_slice_is_stopped_arrives_and_counts() -> None:
    """The stop comes while the generator makes its second item; there is no third."""
    asked, stopped = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        asked.set()
        assert stopped.wait(10)
        yield 1
        raise AssertionError("one item too many was asked for")

    loop = Slice(items())

    def stop() -> None:
        assert asked.wait(10)
        loop.stop(_never)
        stopped.set()

    thread = threading.Thread(target=stop)
    thread.start()
    assert list(loop.iterator) == [0, 1]
    thread.join()
    assert loop.taken() == 2
    assert ENDLESS < 2**62


@pytest.mark.parametrize(
    "make",
    [
        lambda: cursor(list(range(50))),
        lambda: cursor(tuple(range(50))),
        lambda: cursor(range(50)),
        lambda: cursor(iter(range(50))),
    ],
    ids=["list", "tuple", "range", "iterator"],
)
def test_the_rest_is_exact_wherever_the_loop_was_when_it_was_stopped(make: Callable[[], Cursor[int]]) -> None:
    """The loop's thread may take a step between any two lines of the stop: no item is lost, and none comes twice."""
    assert lists_can_be_read()
    loop = make()
    running = loop.iterator
    taken = [next(running)]
    before = sys.gettrace()

    def step(frame: FrameType, event: str, arg: object) -> Any:
        del event, arg
        if frame.f_code.co_filename == cursors.__file__:
            taken.extend(islice(running, 1))
            return step
        return None

    sys.settrace(step)
    try:
        loop.stop(_never)
    finally:
        sys.settrace(before)
    assert len(taken) > 2
    assert loop.stopped
    assert list(running) == []
    assert loop.taken() == len(taken)
    assert taken + list(loop.rest()) == list(range(50))
    assert loop.taken() == 50


def test_a_stopped_list_may_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its position can be read it ends all the same; elsewhere it does when it is stopped once more."""
    for readable in (True, False):
        monkeypatch.setattr(cursors, "lists_can_be_read", lambda readable=readable: readable)
        numbers = [0, 1, 2]
        loop = cursor(numbers)
        assert loop.resumable is readable
        assert next(loop.iterator) == 0
        loop.stop(_never)
        numbers.append(3)
        if not readable:
            loop.stop(_never)
        assert list(loop.iterator) == []
        assert list(loop.rest()) == [1, 2, 3]


def test_a_gated_loop_waits_with_its_next_item() -> None:
    """It is asked in its own thread; when that returns, the item arrives."""
    asked = []

    def reached() -> None:
        asked.append(loop.taken())
        loop.rest()

    loop = Gated(range(4))
    assert next(loop.iterator) == 0
    loop.stop(reached)
    loop.stop(reached)
    assert list(loop.iterator) == [1, 2, 3]
    assert asked == [1]
    assert loop.taken() == 4
