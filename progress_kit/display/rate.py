"""How often what shows operations may send: together at most 20 messages a second, or Jupyter drops output."""

from typing import Any, Final
from weakref import WeakSet

MESSAGES_PER_S: Final = 20
"""Updates of all operations of the process."""

# A module that is executed again, as by `%autoreload 2`, keeps what it holds.
_on_show: "WeakSet[Any]" = globals().get("_on_show") or WeakSet()


def join(shown: object) -> None:
    """Count `shown` among what sends updates, until it leaves or is gone."""
    _on_show.add(shown)


def leave(shown: object) -> None:
    """Count `shown` no longer."""
    _on_show.discard(shown)


def interval_s(per_s: float) -> float:
    """Return how long each of them waits between two updates, if alone it would send `per_s`."""
    return max(1 / per_s, len(_on_show) / MESSAGES_PER_S)
