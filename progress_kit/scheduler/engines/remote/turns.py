"""Telling things one after the other, from any thread, without a thread for it and without waiting for a lock."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Hands items to `do`, in order and never two at the same time.

    Any thread may `put`, also in the middle of `do` and in a finalizer: one of them does what the others bring
    meanwhile.
    """

    def __init__(self, do: Callable[[T], None]) -> None:
        self._do = do
        self._items: deque[T] = deque()
        self._lock = threading.Lock()

    def put(self, item: T) -> None:
        """Work on `item`, or let the thread do so that is at work already."""
        items = self._items
        items.append(item)
        while items:
            if not self._lock.acquire(blocking=False):
                return
            try:
                while items:
                    self._do(items.popleft())
            finally:
                self._lock.release()
