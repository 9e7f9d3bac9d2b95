"""`current()`: report to whatever is around, from a function that was not told of it."""

from typing import TYPE_CHECKING, Any, Final, Union, cast

from progress_kit.tracker import context
from progress_kit.tracker.values import Metrics, Real

if TYPE_CHECKING:
    from progress_kit.tracker.iterables import Track
    from progress_kit.tracker.stages import Stage
    from progress_kit.tracker.tracker import ProgressTracker

    Place = Union[ProgressTracker, Stage, Track[Any], "Nothing"]  # noqa: UP007 - a name for the type checker only


class Nothing:
    """What `current` returns where nothing is tracked: takes every report, and does nothing. It is false."""

    id: Final = None
    state: Final = "pending"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<nothing is tracked here>"

    @property
    def message(self) -> str:
        """Always empty; what is set is forgotten."""
        return ""

    @message.setter
    def message(self, value: object) -> None:
        del value

    @property
    def metrics(self) -> Metrics:
        """A new, empty mapping each time."""
        return Metrics()

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Do nothing."""

    def cancel(self, reason: str | None = None) -> None:
        """Do nothing."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def raise_if_cancelled(self) -> None:
        """Do nothing."""


_NOTHING: Final = Nothing()


def current() -> "Place":
    """Return the innermost tracker, stage or tracked loop around the caller; where there is none, a no-op object.

    All of them have `id`, `state`, `message`, `metrics`, `advance(n=1, total=None)`, `cancel()` and
    `raise_if_cancelled()`. Functions, asyncio tasks and `asyncio.to_thread` are inside of what they were called in; a
    new thread is not.
    """
    return cast("Place", next(context.places(), _NOTHING))
