"""Counting at C speed: a loop runs on C iterators alone, and its position is read from outside (see `cursors`)."""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import chain
from typing import Generic, Protocol, TypeVar
from weakref import ref

from progress_kit.tracker.cursors import cursor
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.hold import is_async
from progress_kit.tracker.stages import Position

T = TypeVar("T")


class Loop(Generic[T]):
    """One pass over `iterable`: `iterator` is what the loop runs on.

    `stop`, from any thread, makes it come to its owner at its next step; `waits`: it may be kept waiting there.
    """

    __slots__ = ("_cursor", "_least", "finisher", "may_wait")

    def __init__(self, iterable: Iterable[T]) -> None:
        self._cursor = cursor(iterable)
        self._least = 0
        self.may_wait = False
        self.finisher: Callable[[], Finisher | None] = _no_finisher

    @property
    def iterator(self) -> Iterator[T]:
        """What the loop runs on, until it comes to an end."""
        return self._cursor.iterator

    @property
    def stopped(self) -> bool:
        """Whether it comes, or has come, to an end that is not its own."""
        return self._cursor.stopped

    def consumed(self) -> int:
        """How many items the loop has taken, the one that it is working on included."""
        return self._cursor.taken()

    def done(self) -> int:
        """How many items are done: all that were taken but the one that is being worked on."""
        return max(self._least, self.consumed() - 1)

    def stop(self) -> None:
        """End the loop at its next step; once more is no error."""
        self._cursor.stop(self._reached)

    def stand(self) -> None:
        """The loop has come to its owner: all that it took is done."""
        self._least = self._cursor.taken()

    def go_on(self) -> None:
        """Let the loop have the rest, in `iterator`."""
        self._cursor.rest()

    @property
    def resumable(self) -> bool:
        """Whether it can go on with all that is left."""
        return self._cursor.resumable

    @property
    def waits(self) -> bool:
        """Whether it may be kept waiting: its code may, and it can go on. Not asked for short loops."""
        return self.may_wait and self.resumable

    def _reached(self) -> None:
        finisher = self.finisher()
        if finisher is not None and not finisher.goes_on():
            finisher.reached()  # raises OperationCancelled


def _no_finisher() -> None:
    """Return what a loop has before it runs."""


class AsyncLoop(Generic[T]):
    """The same for ``async for``, over an asynchronous iterable or a plain one."""

    __slots__ = ("_least", "_source", "_taken", "stopped")

    waits = True

    def __init__(self, iterable: AsyncIterable[T] | Iterable[T]) -> None:
        self._source: AsyncIterator[T] = aiter(iterable) if isinstance(iterable, AsyncIterable) else _Plain(iterable)
        self._taken = self._least = 0
        self.stopped = False

    async def step(self) -> T:
        """Return the next item; raises what the iterable raises."""
        item = await anext(self._source)
        self._taken += 1
        return item

    def consumed(self) -> int:
        """See `Loop`."""
        return self._taken

    def done(self) -> int:
        """See `Loop`."""
        return max(self._least, self._taken - 1)

    def stop(self) -> None:
        """See `Loop`."""
        self.stopped = True

    def stand(self) -> None:
        """See `Loop`."""
        self._least = self._taken

    def go_on(self) -> None:
        """See `Loop`."""
        self.stopped = False


class Pausable(Position, Protocol):
    """A loop that its owner can let go on after a stop."""

    def stand(self) -> None:
        """The loop has come to its owner: all that it took is done."""

    def go_on(self) -> None:
        """Let the loop have the rest."""


class Owner(Protocol):
    """What is told how a loop ended: exactly one of `exhausted`, `broken` and `left` is called, once."""

    def hold_up(self) -> bool:
        """The loop was stopped from outside: wait while that is a pause. Return whether it goes on, else it is over."""

    async def hold_up_async(self) -> bool:
        """Do the same without keeping the event loop."""

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
    """Stands at the end of a loop: reached, it tells the owner of it; destroyed before, of an early leave."""

    __slots__ = ("__weakref__", "_owner", "_site")

    def __init__(self, owner: Owner, site: CallSite) -> None:
        self._owner: Owner | None = owner
        self._site = site

    def goes_on(self) -> bool:
        """Ask the owner of a loop that was stopped from outside; perhaps it waits there."""
        owner = self._owner
        if owner is None:
            return False
        try:
            return owner.hold_up()
        except BaseException as error:  # an interrupt ends the wait
            self.broken(error)
            raise

    async def goes_on_async(self) -> bool:
        """Do the same without keeping the event loop."""
        return self._owner is not None and await self._owner.hold_up_async()

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


class _Links(Finisher, Generic[T]):
    """The links of a loop's chain: all items, and, each time that the loop was stopped and may go on, the rest."""

    __slots__ = ("_loop", "_next")

    def __init__(self, loop: Loop[T], owner: Owner, site: CallSite) -> None:
        super().__init__(owner, site)
        self._loop = loop
        self._next: Iterator[T] | None = loop.iterator

    def __iter__(self) -> "_Links[T]":
        return self

    def __next__(self) -> Iterator[T]:
        link, self._next = self._next, None
        if link is not None:
            return link
        if self._loop.stopped and self.goes_on():
            return self._loop.iterator
        self.reached()
        raise StopIteration


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
            if self._loop.stopped and not await self._finisher.goes_on_async():
                raise StopAsyncIteration  # noqa: TRY301 - as the iterable does
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
    loop.may_wait = not is_async(site.code)
    links = _Links(loop, owner, site)
    # Weak, because the finisher must be destroyed with the loop's iterator to notice that the loop was left.
    loop.finisher = ref(links)
    return chain.from_iterable(links)


def run_async(loop: AsyncLoop[T], owner: Owner, site: CallSite) -> AsyncIterator[T]:
    """Return the iterator for an ``async for`` statement over `loop`; it tells `owner` how the loop ends."""
    return _AsyncSteps(loop, Finisher(owner, site))
