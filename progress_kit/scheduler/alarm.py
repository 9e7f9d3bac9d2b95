"""`Alarm`: calls back at a time, from a thread that exists only while there is something to wait for."""

import threading
from collections.abc import Callable
from typing import Final

from progress_kit import clock

_LINGER_S: Final = 1.0
"""So long the thread waits for another time before it ends."""


class Alarm:
    """Calls `ring` once at the earliest time that was set; then it has to be set again."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._at: float | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def set(self, at: float) -> None:
        """Ring at `at`, in monotonic seconds, or at an earlier time that was set before."""
        earlier = self._at
        if earlier is not None and earlier <= at:
            return  # it has not rung yet
        with self._changed:
            if self._closed or (self._at is not None and self._at <= at):
                return
            self._at = at
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="progress_kit timer", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def close(self) -> None:
        """Ring no more; the thread ends by itself."""
        with self._changed:
            self._closed, self._at = True, None
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                wait_s = _LINGER_S if self._at is None else self._at - clock.monotonic()
                if wait_s > 0 and not self._closed:
                    self._changed.wait(wait_s)
                if self._closed or (self._at is None and wait_s > 0):
                    self._thread = None
                    return
                if self._at is None or clock.monotonic() < self._at:
                    continue
                self._at = None
            self._ring()
