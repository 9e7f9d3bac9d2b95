"""Where a loop is, read and moved from outside while it runs on C iterators alone.

A list, tuple or range is iterated as it is: its iterator's `length_hint` tells how much is left, and another thread can
move it to its end, which stops the loop without a test in each step. Anything else runs through an `itertools.islice`
that never comes to its own end; where the interpreter's slices cannot be read, through `itertools.compress` beside an
`itertools.repeat` of one object, whose `length_hint` is read instead.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import compress, islice, repeat
from typing import Any, Final, Generic, Protocol, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

ENDLESS: Final = sys.maxsize // 2
"""More than any loop can take; half of what a counter can hold, so that a step beyond it does no harm."""

_SEEKABLE: Final = frozenset({list, tuple, range})
_ITERATORS: Final[frozenset[type]] = frozenset(type(iter(kind())) for kind in (list, tuple)) | {type(iter(range(0)))}

FREE_THREADED: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Without the interpreter's lock no thread may move an iterator that another one is using."""


class Cursor(Protocol[T_co]):
    """One pass over an iterable: the loop runs on `iterator`; any thread may ask and stop."""

    @property
    def iterator(self) -> Iterator[T_co]:
        """What the loop runs on."""

    def taken(self) -> int:
        """How many items the loop has taken, the one that it is working on included."""

    def stop(self, ended: Callable[[], None]) -> None:
        """End the loop at its next step, or let it call `ended`, which raises. Once more is no error."""


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

    def taken(self) -> int:
        """See `Cursor`."""
        if self._end is not None:
            return self._end
        return max(0, len(self._items) - operator.length_hint(self.iterator))

    def stop(self, ended: Callable[[], None]) -> None:
        """See `Cursor`; a list may have grown since the last time."""
        del ended
        self._end = self.taken()
        # The C iterators have no common protocol for it, hence Any.
        cast("Any", self.iterator).__setstate__(sys.maxsize)


class Slice(Generic[T]):
    """Over anything, by the count of an `islice`.

    CPython keeps the count in the object and tells it to nobody once the slice has ended, so it is read where it lies.
    """

    __slots__ = ("_count", "_end", "iterator")

    def __init__(self, iterable: Iterable[T]) -> None:
        self._end: int | None = None
        self.iterator = islice(iterable, ENDLESS)
        self._count = _count_of(self.iterator)

    def taken(self) -> int:
        """See `Cursor`."""
        count: int = self._count.value
        # An item may have been on its way when the loop was stopped.
        return count if self._end is None else self._end + count - ENDLESS

    def stop(self, ended: Callable[[], None]) -> None:
        """See `Cursor`."""
        del ended
        if self._end is None:
            self._end = self._count.value
            self._count.value = ENDLESS


class Gated(Generic[T]):
    """Over anything, by a gate beside each item; stopped, the loop takes one item more, which is lost."""

    __slots__ = ("_end", "_gate", "_gates", "iterator")

    def __init__(self, iterable: Iterable[T]) -> None:
        self._end: int | None = None
        self._gate = _Gate()
        self._gates = repeat(self._gate, ENDLESS)
        self.iterator = compress(iterable, self._gates)

    def taken(self) -> int:
        """See `Cursor`."""
        return ENDLESS - operator.length_hint(self._gates) if self._end is None else self._end

    def stop(self, ended: Callable[[], None]) -> None:
        """See `Cursor`."""
        self._end = self.taken()
        self._gate.ended = ended
        self._gate.__class__ = _ShutGate


class _Gate:
    """Stands beside each item that a loop takes; true, as any object is that says nothing else."""

    __slots__ = ("ended",)

    ended: Callable[[], None]


class _ShutGate(_Gate):
    """What a gate becomes when its loop is stopped: asked for its truth, in the loop's own thread, it ends the loop."""

    __slots__ = ()

    def __bool__(self) -> bool:
        self.ended()
        return True


def _count_of(items: "islice[T]") -> Any:  # noqa: ANN401 - a number of C, of a library that is loaded late
    """Return the last field of `items`: how many items it has given, as long as `items` itself is kept."""
    import ctypes

    place = id(items) + islice.__basicsize__ - ctypes.sizeof(ctypes.c_ssize_t)
    return ctypes.c_ssize_t.from_address(place)


@cache
def slices_can_be_read() -> bool:
    """Whether the last field of an `islice` is its count on this interpreter: try it, once.

    The place is inside the object on any build, so that looking there does no harm.
    """
    if sys.implementation.name != "cpython":
        return False
    try:
        probe = islice(repeat(None), ENDLESS)
        count = _count_of(probe)
        seen = [count.value]
        for _ in range(3):
            next(probe)
            seen.append(count.value)
        count.value = ENDLESS
        return seen == [0, 1, 2, 3] and next(probe, "ended") == "ended" and count.value == ENDLESS
    except (ImportError, AttributeError):
        return False
