"""Counting at C speed: a loop runs on C iterators alone, and its position is read from outside (see `cursors`)."""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar
from weakref import ref

from progress_kit.tracker.cursors import cursor
from progress_kit.tracker.early_exit import CallSite

T = TypeVar("T")


class Loop(Generic[T]):
    """One pass over `iterable`: `iterator` is what the loop runs on.

    `stop`, from any thread, makes it end at its next step.
    """

    __slots__ = ("_cursor", "finisher", "iterator")

    def __init__(self, iterable: Iterable[T]) -> None:
        self._cursor = cursor(iterable)
        self.iterator = self._cursor.iterator
        self.finisher: Callable[[], Finisher | None] = _no_finisher

    def consumed(self) -> int:
        """How many items the loop has taken, the one that it is working on included."""
        return self._cursor.taken()

    def done(self) -> int:
        """How many items are done: all that were taken but the one that is being worked on."""
        return max(0, self.consumed() - 1)

    def stop(self) -> None:
        """End the loop at its next step; once more is no error."""
        self._cursor.stop(self._reached)

    def _reached(self) -> None:
        finisher = self.finisher()
        if finisher is not None:
            finisher.reached()  # raises OperationCancelled


def _no_finisher() -> None:
    """Return what a loop has before it runs."""


class AsyncLoop(Generic[T]):
    """The same for ``async for``, over an asynchronous iterable or a plain one."""

    __slots__ = ("_source", "_stopped", "_taken")

    def __init__(self, iterable: AsyncIterable[T] | Iterable[T]) -> None:
        self._source: AsyncIterator[T] = aiter(iterable) if isinstance(iterable, AsyncIterable) else _Plain(iterable)
        self._taken = 0
        self._stopped = False

    async def step(self) -> T:
        """Return the next item; raises what the iterable raises, and `StopAsyncIteration` when stopped."""
        if self._stopped:
            raise StopAsyncIteration
        item = await anext(self._source)
        self._taken += 1
        return item

    def consumed(self) -> int:
        """See `Loop`."""
        return self._taken

    def done(self) -> int:
        """See `Loop`."""
        return max(0, self._taken - 1)

    def stop(self) -> None:
        """See `Loop`."""
        self._stopped = True


class Owner(Protocol):
    """What is told how a loop ended; exactly one of the three is called, once."""

    def exhausted(self) -> None:
        """All items were taken, or the loop was stopped; may raise `OperationCancelled` into the loop."""

    def broken(self, error: BaseException) -> None:
        """The iterable itself raised `error`, which goes on into the loop."""

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """The loop was left before its end; must not raise.

        `exception_at` is the instruction at which an exception left it, None if none did or nothing tells. `in_loop`
        is False if the call comes from anywhere but the loop's own function, perhaps from a garbage collection amid
        something else.
        """


class Finisher:
    """The last link of a loop's chain: reached, it tells the owner of the end; destroyed before, of an early leave."""

    __slots__ = ("__weakref__", "_owner", "_site")

    def __init__(self, owner: Owner, site: CallSite) -> None:
        self._owner: Owner | None = owner
        self._site = site

    def __iter__(self) -> "Finisher":
        return self

    def __next__(self) -> Any:  # noqa: ANN401 - it never returns
        self.reached()
        raise StopIteration

    def reached(self) -> None:
        """The loop has come to its end."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.exhausted()

    def broken(self, error: BaseException) -> None:
        """The iterable raised `error`."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.broken(error)

    def __del__(self) -> None:
        owner, self._owner = self._owner, None
        if owner is None:
            return
        try:
            frame = sys._getframe(1)
        except ValueError:  # the interpreter itself lets go, at its end
            frame = None
        owner.left(
            exception_at=self._site.left_by_exception_at(frame),
            in_loop=self._site.is_left_in(frame),
        )


class _AsyncSteps(Generic[T]):
    """What an ``async for`` statement runs on."""

    __slots__ = ("_finisher", "_loop")

    def __init__(self, loop: AsyncLoop[T], finisher: Finisher) -> None:
        self._loop = loop
        self._finisher = finisher

    def __aiter__(self) -> "_AsyncSteps[T]":
        return self

    async def __anext__(self) -> T:
        try:
            return await self._loop.step()
        except StopAsyncIteration:
            self._finisher.reached()
            raise
        except BaseException as error:
            self._finisher.broken(error)
            raise


class _Plain(Generic[T]):
    """A plain iterable as an asynchronous one."""

    __slots__ = ("_iterator",)

    def __init__(self, iterable: Iterable[T]) -> None:
        self._iterator = iter(iterable)

    def __aiter__(self) -> "_Plain[T]":
        return self

    async def __anext__(self) -> T:
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None


def run(loop: Loop[T], owner: Owner, site: CallSite) -> Iterator[T]:
    """Return the iterator for a ``for`` statement over `loop`; it tells `owner` how the loop ends."""
    finisher = Finisher(owner, site)
    # Weak, because the finisher must be destroyed with the loop's iterator to notice that the loop was left.
    loop.finisher = ref(finisher)
    return chain(loop.iterator, finisher)


def run_async(loop: AsyncLoop[T], owner: Owner, site: CallSite) -> AsyncIterator[T]:
    """Return the iterator for an ``async for`` statement over `loop`; it tells `owner` how the loop ends."""
    return _AsyncSteps(loop, Finisher(owner, site))
