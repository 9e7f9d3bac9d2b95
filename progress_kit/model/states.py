"""The states of operations, stages and tasks, and the one table of what may follow what."""

from typing import Final, Literal

OperationState = Literal["pending", "running", "paused", "succeeded", "failed", "cancelled"]
StageState = Literal["pending", "running", "paused", "succeeded", "failed", "cancelled", "skipped"]
TaskState = Literal["pending", "running", "paused", "succeeded", "failed", "cancelled", "skipped", "abandoned"]
Lease = Literal["ok", "stale", "lost"]

TERMINAL: Final[frozenset[str]] = frozenset({"succeeded", "failed", "cancelled", "skipped", "abandoned"})
"""States that are final."""

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"running", "paused", "succeeded", "failed", "cancelled", "skipped"}),
    "running": frozenset({"paused", "succeeded", "failed", "cancelled", "abandoned"}),
    "paused": frozenset({"running", "succeeded", "failed", "cancelled", "abandoned"}),
    **{state: frozenset[str]() for state in TERMINAL},
}
"""State → states that may follow. A viewer may see fewer steps than there were, since snapshots are conflated."""


def is_terminal(state: str) -> bool:
    """Whether `state` is final."""
    return state in TERMINAL


def may_follow(old: str, new: str) -> bool:
    """Whether something in state `old` may next be in state `new` (the same state always may)."""
    return old == new or new in TRANSITIONS[old]
