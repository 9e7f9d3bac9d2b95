"""Keeps forks out of the middle of what the publisher's thread does.

A forked child has only the thread that forked. Whatever lock another thread held at that moment, of a module that it
was importing or of an operation that it was reading, stays locked in the child for ever.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

WAIT_S: Final = 2.0
"""A fork is never held up for longer."""


class _Guard:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._anew)

    def _before(self) -> None:
        self._held = self._lock.acquire(timeout=WAIT_S)

    def _after(self) -> None:
        if self._held:
            self._held = False
            self._lock.release()

    def _anew(self) -> None:
        self._lock = threading.Lock()
        self._held = False

    def enter(self) -> threading.Lock:
        """Hold forks up until the lock that is returned is released."""
        lock = self._lock
        lock.acquire()  # the caller releases it
        return lock


_guard: Final = _Guard()


@contextmanager
def undivided() -> Iterator[None]:
    """Let no fork happen in the middle of the block. For short blocks that never fork themselves."""
    lock = _guard.enter()
    try:
        yield
    finally:
        lock.release()
