"""How often somebody wants to hear of which operation, and what is told at once all the same. Pure."""

from collections.abc import Mapping
from typing import Final

from progress_kit.model import Snapshot

_EARLY_S: Final = 0.05
"""An operation is sent so much earlier than it is wanted, rather than a sample later."""
_Mark = tuple[str, str | None, tuple[str, ...]]


class Wanted:
    """What one connection is to be told, of the operations that it has been told of."""

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}
        """Operation → how often per second somebody wants to hear of it; any rate will do for the others."""
        self._marks: dict[str, tuple[_Mark, float]] = {}
        """Operation → what of it is told at once when it changes, and when it was sent last."""

    def clear(self) -> None:
        """Begin anew, on another connection."""
        self._rates.clear()
        self._marks.clear()

    def demand(self, rates: Mapping[str, float]) -> None:
        """Take in how often per second these operations are wanted."""
        self._rates.update(rates)

    def told(self, snapshot: Snapshot, now: float) -> None:
        """Take note that this was sent at monotonic second `now`."""
        self._marks[snapshot.id] = _mark(snapshot), now

    def drop(self, operation: str) -> None:
        """Forget an operation."""
        self._rates.pop(operation, None)
        self._marks.pop(operation, None)

    def is_due(self, snapshot: Snapshot, now: float) -> bool:
        """Whether somebody wants to hear of it by now; changes of state always are told."""
        rate_hz, told = self._rates.get(snapshot.id), self._marks.get(snapshot.id)
        if rate_hz is None or told is None:
            return True
        mark, sent = told
        return now - sent >= 1.0 / rate_hz - _EARLY_S or _mark(snapshot) != mark


def _mark(snapshot: Snapshot) -> _Mark:
    """Return what of an operation is told at once when it changes."""
    return snapshot.state, snapshot.stage, tuple(stage.state for stage in snapshot.stages)
