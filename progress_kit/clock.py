"""The only module that asks for the time.

Call through the module (``clock.monotonic()``), so that a test can put its own clock in place.
"""

import time


def wall() -> float:
    """Seconds since the Unix epoch; for showing to people, never for measuring or comparing between machines."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start that never run backwards; for measuring."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Block this thread for `seconds`."""
    time.sleep(seconds)
