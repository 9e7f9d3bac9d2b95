"""Where a loop is, read and moved from outside while it runs on C iterators alone.

A list, tuple or range is iterated as it is: its iterator's `length_hint` tells how much is left, and another thread can
move it to its end, which stops the loop without a test in each step. Anything else runs through an `itertools.islice`
that never comes to its own end; where the interpreter's slices cannot be read, through `itertools.compress` beside an
`itertools.repeat` of one object, whose `length_hint` is read instead. A loop that was stopped can go on with the rest.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import compress, islice, repeat
from typing import Any, Final, Generic, Protocol, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

ENDLESS: Final = sys.maxsize // 2
"""More than any loop can take; half of what a counter can hold, so that a step beyond it does no harm."""

_SEEKABLE: Final = frozenset({list, tuple, range})
_ITERATORS: Final[frozenset[type]] = frozenset(type(iter(kind())) for kind in (list, tuple)) | {type(iter(range(0)))}

_call: Final[Callable[[Callable[[], Any]], Any]] = operator.call

FREE_THREADED: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Without the interpreter's lock no thread may move an iterator that another one is using."""


class Cursor(Protocol[T_co]):
    """One pass over an iterable: the loop runs on `iterator`; any thread may ask and stop, one at a time."""

    @property
    def iterator(self) -> Iterator[T_co]:
        """What the loop runs on."""

    @property
    def resumable(self) -> bool:
        """Whether `rest` takes up every item, and each once."""

    @property
    def stopped(self) -> bool:
        """Whether it was stopped; `rest` undoes it."""

    def taken(self) -> int:
        """How many items the loop has taken, the one that it is working on included."""

    def stop(self, reached: Callable[[], None]) -> None:
        """End the loop at its next step, or let it call `reached` there. Once more is no error."""

    def rest(self) -> Iterator[T_co]:
        """Return what a loop that was stopped, and has come to that end, runs on from there."""


def cursor(iterable: Iterable[T], *, movable: bool = not FREE_THREADED) -> Cursor[T]:
    """Return the cheapest cursor for `iterable`; `movable`: iterators may be read and moved while they run."""
    if movable and type(iterable) in _SEEKABLE:
        iterator = iter(iterable)
        # A range of numbers beyond 64 bits has another iterator.
        if type(iterator) in _ITERATORS:
            return Seek(cast("Sequence[T]", iterable), iterator)
    if movable and slices_can_be_read():
        return Slice(iterable)
    return Gated(iterable)


class Seek(Generic[T]):
    """Over a list, tuple or range, by the position of its own iterator."""

    __slots__ = ("_end", "_items", "iterator")

    def __init__(self, items: Sequence[T], iterator: Iterator[T]) -> None:
        self._items = items
        self._end: int | None = None
        self.iterator = iterator

    @property
    def resumable(self) -> bool:
        """See `Cursor`."""
        return type(self._items) is not list or lists_can_be_read()

    @property
    def stopped(self) -> bool:
        """See `Cursor`."""
        return self._end is not None

    def taken(self) -> int:
        """See `Cursor`."""
        if self._end is not None:
            return self._end
        return max(0, len(self._items) - operator.length_hint(self.iterator))

    def stop(self, reached: Callable[[], None]) -> None:
        """See `Cursor`.

        The loop may take a step between any two of our own, but not within one call of C functions, nor between the
        reading and the writing of two fields in one line.
        """
        del reached
        # The C iterators have no common protocol, hence Any.
        iterator = cast("Any", self.iterator)
        hint, to_end = iterator.__length_hint__, partial(iterator.__setstate__, sys.maxsize)
        if self._end is not None:
            to_end()  # again: a list may have grown since
            return
        self._end = self.taken()
        if type(self._items) is list and lists_can_be_read():
            # Beyond any end, where a list that grows does not come to.
            index = _field(self.iterator, _LIST_INDEX)
            end, index.value = index.value, sys.maxsize
            # One that has come to its end by itself may tell nothing more.
            self._end = end if end >= 0 else len(self._items)
        else:
            steps: tuple[Callable[[], Any], ...] = (self._items.__len__, hint, to_end)
            size, left, _ = map(_call, steps)
            self._end = size - left

    def rest(self) -> Iterator[T]:
        """See `Cursor`."""
        iterator = iter(self._items)
        cast("Any", iterator).__setstate__(self.taken())
        self.iterator, self._end = iterator, None
        return iterator


class Slice(Generic[T]):
    """Over anything, by the count of an `islice`.

    CPython keeps the count, and where to stop, in the object and tells them to nobody, so they are read and written
    where they lie.
    """

    __slots__ = ("_before", "_source", "iterator", "stopped")

    resumable = True

    def __init__(self, iterable: Iterable[T]) -> None:
        self._source = iter(iterable)
        self.stopped = False
        self.iterator: islice[T]
        # How many were taken before this slice, and its own count.
        self._before: tuple[int, Any]
        self._begin(0)

    def _begin(self, before: int) -> None:
        self.iterator = islice(self._source, ENDLESS)
        self._before = before, _field(self.iterator, _SLICE_COUNT)

    def taken(self) -> int:
        """See `Cursor`; an item may be on its way when the loop is stopped, and counts when it comes."""
        before, count = self._before
        taken: int = before + count.value
        return taken

    def stop(self, reached: Callable[[], None]) -> None:
        """See `Cursor`."""
        del reached
        self.stopped = True
        _field(self.iterator, _SLICE_STOP).value = 0

    def rest(self) -> Iterator[T]:
        """See `Cursor`."""
        self._begin(self.taken())
        self.stopped = False
        return self.iterator


class Gated(Generic[T]):
    """Over anything, by a gate beside each item; stopped, the loop takes one item more, and waits or loses it there."""

    __slots__ = ("_end", "_gate", "_gates", "iterator")

    resumable = True

    def __init__(self, iterable: Iterable[T]) -> None:
        self._end: int | None = None
        self._gate = _Gate()
        self._gates = repeat(self._gate, ENDLESS)
        self.iterator = compress(iterable, self._gates)

    @property
    def stopped(self) -> bool:
        """See `Cursor`."""
        return self._end is not None

    def taken(self) -> int:
        """See `Cursor`."""
        return ENDLESS - operator.length_hint(self._gates) if self._end is None else self._end

    def stop(self, reached: Callable[[], None]) -> None:
        """See `Cursor`."""
        if self._end is None:
            self._end = self.taken()
            self._gate.reached = reached
            self._gate.__class__ = _ShutGate

    def rest(self) -> Iterator[T]:
        """See `Cursor`."""
        self._gate.__class__ = _Gate
        self._end = None
        return self.iterator


class _Gate:
    """Stands beside each item that a loop takes; true, as any object is that says nothing else."""

    __slots__ = ("reached",)

    reached: Callable[[], None]


class _ShutGate(_Gate):
    """What a gate becomes when its loop is stopped: asked for its truth, in the loop's own thread, it asks back."""

    __slots__ = ()

    def __bool__(self) -> bool:
        self.reached()
        return True


_SLICE_COUNT: Final = -1
_SLICE_STOP: Final = -3
_LIST_INDEX: Final = -2


def _field(iterator: Iterator[T], place: int) -> Any:  # noqa: ANN401 - a number of C, of a library that is loaded late
    """Return a field of `iterator`, counted from its last one, as long as `iterator` itself is kept.

    The place is inside the object on any build, so that looking there does no harm.
    """
    import ctypes

    address = id(iterator) + type(iterator).__basicsize__ + place * ctypes.sizeof(ctypes.c_ssize_t)
    return ctypes.c_ssize_t.from_address(address)


@cache
def slices_can_be_read() -> bool:
    """Whether the fields of an `islice` lie where they are expected on this interpreter: try it, once."""
    if sys.implementation.name != "cpython":
        return False
    try:
        probe = islice(repeat(None), ENDLESS)
        count, stop = _field(probe, _SLICE_COUNT), _field(probe, _SLICE_STOP)
        seen = [(count.value, stop.value)]
        for _ in range(3):
            next(probe)
            seen.append((count.value, stop.value))
        if seen != [(taken, ENDLESS) for taken in range(4)]:
            return False
        stop.value = 0
        return next(probe, "ended") == "ended" and count.value == 3  # noqa: PLR2004 - as many as were taken
    except (ImportError, AttributeError):
        return False


@cache
def lists_can_be_read() -> bool:
    """Whether the position of a list's iterator lies where it is expected on this interpreter: try it, once."""
    if sys.implementation.name != "cpython":
        return False
    try:
        items = [0, 1, 2, 3]
        probe = iter(items)
        index = _field(probe, _LIST_INDEX)
        if [index.value, next(probe), index.value, next(probe), index.value] != [0, 0, 1, 1, 2]:
            return False
        index.value = sys.maxsize
        items.append(4)
        return next(probe, "ended") == "ended"
    except (ImportError, AttributeError):
        return False
