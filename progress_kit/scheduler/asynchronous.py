"""The scheduler in an event loop: what has to be waited for is awaited, on every engine, and the loop is never blocked.

An engine tells what is new from threads of its own; here that becomes an event of the loop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import anyio
from anyio import to_thread

from progress_kit.scheduler.engines import Engine
from progress_kit.scheduler.feed import END, WAIT, Feed

if TYPE_CHECKING:
    from progress_kit.scheduler.driver import Driver


class _LoopEngine(Engine, Protocol):
    """An engine whose jobs run in the loop itself."""

    async def closed(self) -> None:
        """Wait until `close` has done its work, for which it cannot wait in the loop's own thread."""


class _News:
    """Something that any thread may tell, and that one task of the loop awaits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self.come = self._told.wait
        self.is_there = self._told.is_set

    def tell(self) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits in it
            self._loop.call_soon_threadsafe(self._told.set)


async def step(feed: Feed[Any]) -> Any:  # noqa: ANN401 - a result or a task, as the feed hands them out
    """Return the next item of a feed when it is there; raises `StopAsyncIteration` at its end."""
    while (item := feed.take()) is WAIT:
        news = _News()
        feed.arrivals.on_news = news.tell
        item = feed.take()  # it may have come just before
        if item is not WAIT:
            feed.arrivals.on_news = None
            break
        if feed.source is not None and feed.wants_more():
            feed.source.draw(news.tell)
        lent = feed.driver.lend()
        try:
            await news.come()
        finally:
            if lent:
                feed.driver.take_back()
    if item is END:
        raise StopAsyncIteration
    return item


Row = tuple[int, tuple[Any, ...], float | None]
"""An input: which one it is, the arguments, their cost."""


class AsyncInputs:
    """Inputs of a feed that have to be awaited: an iterator over those that are there by now, and no more."""

    def __init__(
        self,
        iterables: Sequence[Iterable[Any] | AsyncIterable[Any]],
        cost: Callable[[tuple[Any, ...]], float | None] | None,
    ) -> None:
        self._rows = _zipped(iterables)
        self._cost = cost
        self._count = 0
        self._there: deque[Row] = deque()
        self._error: BaseException | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._then: Callable[[], None] = _nothing
        self.over: bool = False
        """Whether there will be no more."""

    def __iter__(self) -> "AsyncInputs":
        return self

    def __next__(self) -> Row:
        if self._there:
            return self._there.popleft()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def draw(self, then: Callable[[], None]) -> None:
        """Await one more, unless one is awaited already, and call `then`."""
        self._then = then
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.get_running_loop().create_task(self._draw(), name="progress_kit inputs")

    async def _draw(self) -> None:
        try:
            args = await anext(self._rows)
        except StopAsyncIteration:
            self.over = True
        except BaseException as error:  # noqa: BLE001 - it is raised in the loop that asks for results
            self.over, self._error = True, error
        else:
            self._there.append((self._count, args, None if self._cost is None else self._cost(args)))
            self._count += 1
        self._then()

    def close(self) -> None:
        """Draw no more, and let go of the iterables."""
        task = self._drawing
        with suppress(RuntimeError):  # the loop is closed
            if task is not None:
                task.cancel()
            closing = asyncio.get_running_loop().create_task(self._close(task), name="progress_kit inputs")
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)

    async def _close(self, drawing: asyncio.Task[None] | None) -> None:
        if drawing is not None:
            await asyncio.wait((drawing,))
        with suppress(Exception):  # of a generator of the user's that is left early
            await self._rows.aclose()


def _nothing() -> None:
    """Nobody waits."""


_closing: Final[set[asyncio.Task[None]]] = set()
"""The event loop itself keeps its tasks by weak references."""


async def _zipped(iterables: Sequence[Iterable[Any] | AsyncIterable[Any]]) -> AsyncGenerator[tuple[Any, ...], None]:
    """Yield rows as `zip` does."""
    steps = [aiter(each) if isinstance(each, AsyncIterable) else iter(each) for each in iterables]
    try:
        while True:
            row = []
            for each in steps:
                try:
                    row.append(await anext(each) if isinstance(each, AsyncIterator) else next(each))
                except (StopIteration, StopAsyncIteration):
                    return
            yield tuple(row)
    finally:
        for each in steps:
            if hasattr(each, "aclose"):
                await each.aclose()


async def ended(driver: "Driver") -> BaseException | None:
    """Wait until everything has ended; return what interrupted that.

    Once cancelled, all tasks are asked to stop, and that is waited for; cancelled again, they are left.
    """
    idle = _News()
    driver.when_idle(idle.tell)
    interrupt: BaseException | None = None
    # A scope of anyio cancels whatever is awaited in it, again and again: what it has told once is enough.
    with anyio.CancelScope(shield=anyio.current_effective_deadline() == -inf) as scope:
        while not idle.is_there():
            try:
                await idle.come()
            except asyncio.CancelledError as error:
                scope.shield = True
                if interrupt is None:
                    driver.stop("the task that waits for it was cancelled")
                else:
                    driver.abort("the task that waits for it was cancelled twice")
                interrupt = error
    return interrupt


async def end(driver: "Driver", *, wait: bool) -> None:
    """Close the engine, which may take its workers a moment, without blocking the loop."""
    engine = driver.engine
    with anyio.CancelScope(shield=True):
        if engine is None or not engine.capabilities.loop:
            await to_thread.run_sync(partial(driver.end, wait=wait))
            return
        driver.end(wait=wait)
        await cast("_LoopEngine", engine).closed()
