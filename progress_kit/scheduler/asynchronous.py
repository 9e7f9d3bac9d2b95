"""The scheduler in an event loop: what has to be waited for is awaited, on every engine, and the loop is never blocked.

An engine tells what is new from threads of its own; here that becomes an event of the loop.
"""

import asyncio
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Protocol, cast

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
        await news.come()
    if item is END:
        raise StopAsyncIteration
    return item


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
