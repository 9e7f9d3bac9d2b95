"""As `tqdm.asyncio`: bars for ``async for`` and for awaitables, as operations."""

from typing import Any

from tqdm.asyncio import tqdm_asyncio as _tqdm_asyncio

from progress_kit.tqdm import std

__all__ = ["tarange", "tqdm", "tqdm_asyncio", "trange"]


class tqdm_asyncio(std.tqdm, _tqdm_asyncio):  # type: ignore[misc] # tqdm ships no types
    """A bar for plain and asynchronous iterables; with `gather` and `as_completed`."""


def tarange(*args: Any, **kwargs: Any) -> tqdm_asyncio:
    """Return ``tqdm(range(*args), **kwargs)``."""
    bar: tqdm_asyncio = tqdm_asyncio(range(*args), **kwargs)
    return bar


tqdm = tqdm_asyncio
trange = tarange
