"""The exit codes, and how errors and states become them."""

from typing import Final

from progress_kit.errors import (
    HubNotFoundError,
    HubRefusedError,
    HubUnreachableError,
    OperationNotFoundError,
    UsageError,
)
from progress_kit.model import Snapshot, is_terminal

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NO_HUB: Final = 3
REFUSED: Final = 4
NOT_FOUND: Final = 5
CANCELLED: Final = 6
LOST: Final = 7
TIMEOUT: Final = 124
INTERRUPTED: Final = 130

_STATES: Final = {"succeeded": DONE, "failed": FAILED, "cancelled": CANCELLED}
ERRORS: Final[dict[type[Exception], int]] = {
    UsageError: USAGE,
    OperationNotFoundError: NOT_FOUND,
    HubNotFoundError: NO_HUB,
    HubUnreachableError: NO_HUB,
    HubRefusedError: REFUSED,
    TimeoutError: TIMEOUT,
}


def of(snapshot: Snapshot) -> int:
    """Return the exit code that tells how an operation ended; one that did not end is lost."""
    return _STATES[snapshot.state] if is_terminal(snapshot.state) else LOST
