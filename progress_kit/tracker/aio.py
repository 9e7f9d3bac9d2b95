"""The questions to the hub as coroutines, for asyncio and trio: same names, arguments and errors as without `aio`.

    import progress_kit as pk

    snapshot = await pk.aio.wait(operation, timeout=600)

They ask in a worker thread, so that the event loop goes on; one that is cancelled is not waited for.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from progress_kit.model import Estimate, Snapshot
from progress_kit.tracker import api
from progress_kit.tracker.values import Real

if TYPE_CHECKING:
    from progress_kit.client import History

P = ParamSpec("P")
T = TypeVar("T")


async def operations() -> list[Snapshot]:
    """As `progress_kit.operations`."""
    return await _ask(api.operations)


async def get(id: str) -> Snapshot:  # noqa: A002 - the word that fits
    """As `progress_kit.get`."""
    return await _ask(api.get, id)


async def cancel(id: str, reason: str | None = None) -> None:  # noqa: A002 - the word that fits
    """As `progress_kit.cancel`."""
    await _ask(api.cancel, id, reason)


async def estimate(kind: str, cost: Real | Iterable[Real] | None = None) -> Estimate | None:
    """As `progress_kit.estimate`."""
    return await _ask(api.estimate, kind, cost)


async def history(kind: str | None = None, *, limit: int = 100) -> "History":
    """As `progress_kit.history`."""
    return await _ask(api.history, kind, limit=limit)


async def wait(id: str, timeout: float | None = None) -> Snapshot:  # noqa: A002, ASYNC109 - as `progress_kit.wait`
    """As `progress_kit.wait`."""
    waiting = api.Waiting(id, timeout)
    try:
        return await _ask(waiting.result)
    finally:
        waiting.give_up()


async def _ask(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await anyio.to_thread.run_sync(partial(question, *args, **kwargs), abandon_on_cancel=True)
