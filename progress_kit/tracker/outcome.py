"""How something ended, by the exception that ended it."""

import sys
from typing import Final, Literal, NamedTuple

from progress_kit.errors import OperationCancelled
from progress_kit.model import MESSAGE_LENGTH, NAME_LENGTH, Failure, shorten
from progress_kit.tracker.early_exit import CallSite, last_uncaught

EndState = Literal["succeeded", "failed", "cancelled"]

_GRACE_S: Final = 0.2
"""How long it may take until an exception that left a loop has reached the top."""


class Outcome(NamedTuple):
    """How an operation or stage ended."""

    state: EndState
    error: Failure | None = None
    ended_early: bool = False

    @classmethod
    def of(cls, error: BaseException | None) -> "Outcome":
        """Return what `error`, which left a ``with`` block or a function, says of it.

        A generator that is closed is no failure: it is left as a loop is by `break`.
        """
        if error is None:
            return cls("succeeded")
        if isinstance(error, GeneratorExit):
            return cls("succeeded", ended_early=True)
        if isinstance(error, _cancellations()):
            return cls("cancelled")
        return cls("failed", failure(error))


def _cancellations() -> tuple[type[BaseException], ...]:
    found: list[type[BaseException]] = [KeyboardInterrupt, OperationCancelled]
    # What has not been imported cannot have raised either.
    for module, name in (("asyncio", "CancelledError"), ("trio", "Cancelled")):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            found.append(kind)
    return tuple(found)


def failure(error: BaseException) -> Failure:
    """Return type and message of `error`, whatever its ``__str__`` does."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - whatever it is, the user's code goes on
        message = "(the exception's message could not be read)"
    return Failure(type=shorten(type(error).__name__, NAME_LENGTH), message=shorten(message, MESSAGE_LENGTH))


class LoopWatch:
    """Finds out how a bare loop ended, of which nothing tells but its iterator and the exception that ended it.

    An exception that left the loop is not seen itself; but if nobody catches it, it is kept by the interpreter (or by
    IPython, at the end of the cell) a moment later. That also tells of a loop whose iterator the traceback keeps alive.
    """

    __slots__ = ("_instruction", "_left_at", "_site")

    def __init__(self, site: CallSite) -> None:
        self._site = site
        self._instruction: int | None = None
        self._left_at: float | None = None

    def left_by_exception(self, instruction: int, now: float) -> None:
        """An exception left the loop at `instruction`."""
        self._instruction, self._left_at = instruction, now

    def __call__(self, now: float) -> Outcome | None:
        """Return how the loop ended; None while it may still be running, or that may still become known."""
        error = last_uncaught()
        if error is not None and self._site.was_left_by(error, self._instruction):
            return Outcome.of(error)
        if self._left_at is not None and now - self._left_at > _GRACE_S:
            return Outcome(
                "failed", Failure(type="Exception", message="An exception left the loop; the program caught it.")
            )
        return None
