"""What an object that counts by itself shows, and how its parts and its loop are followed; see `mirror`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from progress_kit.model import Amount
from progress_kit.tracker import values
from progress_kit.tracker.counting import Loop
from progress_kit.tracker.stages import Count

if TYPE_CHECKING:
    from progress_kit.tracker.mirror import Mirror

_NO_METRICS: Final[Mapping[str, object]] = {}
_NO_PARTS: "Final[Mapping[object, Part]]" = {}


class Part(NamedTuple):
    """One of several bars that an object shows together."""

    name: str
    done: object
    total: object = None
    unit: str = ""


class Seen(NamedTuple):
    """What an object shows. Whatever is no number counts as unknown, and metrics that are none are left out.

    `label` says what it works on and `message` what else it tells; both may change. `parts` are nested counters, by
    keys that stay the same. An empty `unit` leaves the unit as it is.
    """

    done: object = 0
    total: object = None
    label: str = ""
    message: str = ""
    metrics: Mapping[str, object] = _NO_METRICS
    parts: Mapping[object, Part] = _NO_PARTS
    unit: str = ""


class ShownPart:
    """A nested counter that is set from outside."""

    __slots__ = ("_count", "_done")

    waits = False

    def __init__(self, count: Count) -> None:
        self._count = count
        self._done: Amount = 0
        count.expect(None)
        count.begin_loop(self, None)

    def show(self, part: Part) -> None:
        """Take over what is shown."""
        self._done = values.plain(part.done) or 0
        self._count.expect(values.plain(part.total))

    def end(self) -> None:
        """Keep the last count."""
        self._count.end_loop(self, body_done=True, complete=False)

    def consumed(self) -> Amount:
        """See `done`."""
        return self._done

    def done(self) -> Amount:
        """How much is done."""
        return self._done

    def stop(self) -> None:
        """The whole looks up, not its parts."""


class Passing:
    """A loop that goes through an object; its end is not the object's."""

    __slots__ = ("_loop", "_mirror")

    def __init__(self, mirror: "Mirror[Any]", loop: Loop[Any]) -> None:
        self._mirror = mirror
        self._loop = loop

    def hold_up(self) -> bool:
        """The loop was stopped from outside: wait while that is a pause. Return whether it goes on."""
        self._loop.stand()
        return self._mirror.operation.hold_up(self._loop.go_on)

    async def hold_up_async(self) -> bool:
        """Do the same without keeping the event loop."""
        self._loop.stand()
        return await self._mirror.operation.hold_up_async(self._loop.go_on)

    def exhausted(self) -> None:
        """All items were taken, or the operation was cancelled."""
        self._loop.stand()
        self._mirror.operation.raise_if_cancelled()

    def broken(self, error: BaseException) -> None:
        """The iterable raised `error`, which goes to the object first."""

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """The object let go of it."""
