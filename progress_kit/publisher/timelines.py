"""Which task ran where and when, of operations that have ended: kept until the hub has it. Pure."""

from collections.abc import Iterator
from typing import Final

MAX_TIMELINES: Final = 100


class Timelines:
    """Encoded timelines by operation: at most 100, the oldest go first."""

    def __init__(self) -> None:
        self._frames: dict[str, bytes] = {}
        self._untold: dict[str, None] = {}

    def add(self, operation: str, frame: bytes) -> None:
        """Keep `frame`, which the hub has not been sent."""
        self._frames[operation] = frame
        self._untold[operation] = None
        if len(self._frames) > MAX_TIMELINES:
            oldest = next(iter(self._frames))
            del self._frames[oldest]
            self._untold.pop(oldest, None)

    def begin_again(self) -> None:
        """Take all as untold: what was said on an earlier connection may not have arrived."""
        self._untold = dict.fromkeys(self._frames)

    def untold(self) -> Iterator[str]:
        """Yield the operations whose timeline has to be sent."""
        return iter(list(self._untold))

    def get(self, operation: str) -> bytes | None:
        """Return the frame if it has to be sent."""
        return self._frames[operation] if operation in self._untold else None

    def told(self, operation: str) -> None:
        """Take note that it was sent."""
        self._untold.pop(operation, None)

    def settle(self, operation: str) -> None:
        """Take note that the end is stored: what was sent before it is as well."""
        if operation not in self._untold:
            self._frames.pop(operation, None)
