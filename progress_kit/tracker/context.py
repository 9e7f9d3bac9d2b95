"""Where the code that is running stands: in which tracker, stage or loop.

That follows it through function calls and into asyncio's tasks. New threads begin with nothing, so that loops in
threads are operations of their own.
"""

from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import ref

if TYPE_CHECKING:
    from progress_kit.tracker.operation import Operation
    from progress_kit.tracker.stages import Stage


class Place(Protocol):
    """What code may be in: a tracker, a stage, a loop."""

    @property
    def alive(self) -> bool:
        """Whether it is running, in this process."""

    @property
    def operation(self) -> "Operation | None":
        """The operation that it is or belongs to."""

    @property
    def counting(self) -> "Stage | None":
        """The stage in which a loop inside of it counts."""


class Entry(NamedTuple):
    """A place and what is around it. The reference is weak: a tracker that is dropped must be able to end."""

    place: ref[Place]
    outer: "Entry | None"


_innermost: ContextVar[Entry | None] = ContextVar("progress_kit.innermost", default=None)


def push(place: Place) -> Entry | None:
    """Make `place` the innermost one, and return what is around it, for `pop`."""
    outer = _innermost.get()
    # What has ended without a pop, as a loop in a generator may, is forgotten here.
    while outer is not None and _alive(outer) is None:
        outer = outer.outer
    _innermost.set(Entry(ref(place), outer))
    return outer


def pop(place: Place, outer: Entry | None) -> None:
    """Make `outer` the innermost again; nothing happens where `place` is not the innermost, as in another thread."""
    entry = _innermost.get()
    if entry is not None and entry.place() is place:
        _innermost.set(outer)


def places() -> Iterator[Place]:
    """Yield the places that the code is in, the innermost first."""
    entry = _innermost.get()
    while entry is not None:
        place = _alive(entry)
        if place is not None:
            yield place
        entry = entry.outer


def operation() -> "Operation | None":
    """Return the innermost operation, None where there is none."""
    return next((place.operation for place in places()), None)


def stage() -> "Stage | None":
    """Return the stage that the code is in, where a loop is a nested counter. None in a tracker between its stages."""
    return next((place.counting for place in places()), None)


def _alive(entry: Entry) -> Place | None:
    place = entry.place()
    return place if place is not None and place.alive else None
