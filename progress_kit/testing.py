"""Public fakes for tests of code that reports progress: a clock that is set by hand, and a publisher that only records.

    with RecordingPublisher() as publisher:
        my_function()
    assert [snapshot.state for snapshot in publisher.ended] == ["succeeded"]

Both are ``with`` blocks; nothing leaves the process, and no thread runs.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from progress_kit import clock
from progress_kit.errors import OperationNotFoundError
from progress_kit.model import Action, Snapshot
from progress_kit.tracker import announce

if TYPE_CHECKING:
    from progress_kit.protocol.messages import Span, StageRecord
    from progress_kit.publisher import Sink, Source


class FakeClock:
    """A clock that stands still until it is told to go on; use it as a ``with`` block.

    It replaces the time of the whole process for progress_kit, and for nothing else.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._start = wall
        self._passed = 0.0
        self._real = (clock.monotonic, clock.wall, clock.sleep)

    def __enter__(self) -> Self:
        clock.monotonic, clock.wall, clock.sleep = self.monotonic, self.wall, self.advance
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        clock.monotonic, clock.wall, clock.sleep = self._real

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._passed += seconds

    def monotonic(self) -> float:
        """Seconds that have passed."""
        return self._passed

    def wall(self) -> float:
        """The same as seconds since the Unix epoch."""
        return self._start + self._passed


class RecordingPublisher:
    """Takes the place of the publisher and of every display; use it as a ``with`` block.

    Nothing leaves the process, and no thread runs: snapshots are taken when `sample` is called, and at each end.
    """

    hub_id: None = None

    def __init__(self) -> None:
        self._open: dict[str, Source] = {}
        self._seen: dict[str, list[Snapshot]] = {}
        self.timelines: dict[str, tuple[Span, ...]] = {}
        """Operation → which task ran where and when, as it was reported."""
        self.told: dict[str, tuple[StageRecord, ...]] = {}
        """Operation → what its stages tell later runs."""
        self.ended: list[Snapshot] = []
        """The last snapshot of each operation that has ended, in the order of the ends."""

    def __enter__(self) -> Self:
        announce.use(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        announce.use(None)

    def add(self, source: "Source", sink: "Sink | None" = None) -> None:
        """Called when an operation begins."""
        del sink
        self._open[source.id] = source
        self._take(source)

    def end(self, source: "Source") -> None:
        """Called when an operation has ended."""
        if self._open.pop(source.id, None) is not None:
            self.ended.append(self._take(source))

    def timeline(self, operation: str, spans: "Iterable[Span]", stages: "Sequence[StageRecord]" = ()) -> None:
        """Called when it is known which task of an operation ran where and when, and what it tells later runs."""
        self.timelines[operation], self.told[operation] = tuple(spans), tuple(stages)

    def sample(self) -> list[Snapshot]:
        """Return the state of every operation that is running, as the publisher's thread would take it now."""
        return [self._take(source) for source in tuple(self._open.values())]

    def snapshots(self) -> list[Snapshot]:
        """Return the state of all operations, the ended ones first."""
        return [*self.ended, *self.sample()]

    def history(self, operation: str) -> list[Snapshot]:
        """Return every different snapshot that was taken of `operation`, in order."""
        return list(self._seen.get(operation, ()))

    def command(self, operation: str, action: Action, reason: str | None = None, by: str | None = None) -> str | None:
        """Do what a viewer's button does; return None if the operation accepts it, else why not."""
        if operation not in self._open:
            raise OperationNotFoundError(f"no operation {operation!r} is running; there are {list(self._open)}")
        return self._open[operation].command(action, reason, by)

    def flush(self, timeout_s: float) -> bool:
        """Return at once: there is nothing to send."""
        del timeout_s
        return True

    def _take(self, source: "Source") -> Snapshot:
        snapshot = source.sample()
        seen = self._seen.setdefault(snapshot.id, [])
        if not seen or seen[-1] is not snapshot:
            seen.append(snapshot)
        return snapshot
