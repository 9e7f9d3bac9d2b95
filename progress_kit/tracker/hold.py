"""A pause: whatever comes to it waits there until it is lifted."""

import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final

from progress_kit import clock

LOOK_S: Final = 0.1
"""So often one who waits looks whether its operation was cancelled or has ended, which lifts no pause."""

_ASYNC: Final = 0x80 | 0x100 | 0x200  # CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR


class Hold:
    """One pause of an operation and its parts; `since` is when the first of them came to it, None before."""

    __slots__ = ("_lifted", "_then", "_until", "since")

    def __init__(self) -> None:
        self.since: float | None = None
        self._until: float | None = None
        self._lifted = threading.Event()
        self._then: list[Callable[[], None]] = []

    @property
    def lifted(self) -> bool:
        """Whether it is over."""
        return self._lifted.is_set()

    def come(self) -> None:
        """Somebody waits from now on."""
        if self.since is None:
            self.since = clock.monotonic()

    def wait(self) -> None:
        """Wait a little, or until it is lifted. An interrupt ends the wait at once."""
        self._lifted.wait(LOOK_S)

    def lift(self) -> None:
        """Let everybody go on, for good."""
        if not self.lifted:
            self._until = clock.monotonic()
            self._lifted.set()
            for callback in self._then:
                callback()

    def then(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must not wait, when it is lifted."""
        self._then.append(callback)

    def stood_s(self, began: float, now: float) -> float:
        """Return how long something that began at `began` has stood here until `now`."""
        if self.since is None:
            return 0.0
        return max(0.0, (now if self._until is None else self._until) - max(self.since, began))


def is_async(code: CodeType) -> bool:
    """Whether `code` runs on an event loop."""
    return bool(code.co_flags & _ASYNC)


def may_wait(frame: FrameType | None) -> bool:
    """Whether the code that called this package may be kept waiting; `frame` is the innermost of the package.

    A coroutine may not: its event loop has others to serve.
    """
    while frame is not None:
        if is_async(frame.f_code):
            return False
        if not frame.f_globals.get("__name__", "").startswith("progress_kit."):
            return True
        frame = frame.f_back
    return True
