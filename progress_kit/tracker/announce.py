"""Where operations are made known: the publisher and the display, imported when the first operation begins.

Whatever goes wrong there is one warning in the log, never an exception in the user's loop.
"""

import atexit
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from progress_kit.model import Snapshot
from progress_kit.tracker.outcome import Outcome

if TYPE_CHECKING:
    from progress_kit.protocol.messages import Span, StageRecord
    from progress_kit.publisher import Sink, Source
    from progress_kit.settings import Settings
    from progress_kit.tracker.operation import Operation

_log = logging.getLogger("progress_kit")


class Outlet(Protocol):
    """What operations are made known to: the publisher, or a recording one in tests."""

    @property
    def hub_id(self) -> str | None:
        """Id of the hub that is connected."""

    def add(self, source: "Source", sink: "Sink | None" = None) -> None:
        """Sample `source` from now on."""

    def timeline(self, operation: str, spans: "Iterable[Span]", stages: "Sequence[StageRecord]" = ()) -> None:
        """Tell which task of an operation that ends now ran where and when, and what it tells later runs."""

    def end(self, source: "Source") -> None:
        """Its sample is terminal now."""

    def snapshots(self) -> list[Snapshot]:
        """Return what is known of this process's operations."""


class _State:
    """What is set up once in a process."""

    def __init__(self) -> None:
        self.outlet: Outlet | None = None  # instead of the publisher, see `use`
        self.hooked = False
        self.running: dict[Operation, Sink | None] = {}
        self.warned: set[str] = set()


_state = _State()


def use(outlet: Outlet | None) -> None:
    """Make operations known to `outlet` alone, without any display; None goes back to the publisher."""
    _state.outlet = outlet


def outlet() -> Outlet:
    """Return what operations are made known to."""
    if _state.outlet is not None:
        return _state.outlet
    from progress_kit import publisher

    return publisher.get()


def running() -> "list[Operation]":
    """Return the operations of this process that have begun and not ended."""
    return [operation for operation in _state.running.copy() if operation.is_here]


def begin(operation: "Operation") -> None:
    """Make it known that `operation` has begun."""
    sink: Sink | None = None
    try:
        if _state.outlet is None and _settings().enabled:
            from progress_kit import display

            operation.origin = display.origin()
            sink = None if operation.silent else display.open_sink(operation.command)
        _state.running[operation] = sink
        target = outlet()
        target.add(operation, sink)
        if sink is not None and _at_once(sink):
            sink(operation.sample(), target.hub_id)
        _hook_exits()
    except Exception:  # noqa: BLE001 - whatever it is, the user's code goes on
        _state.running.setdefault(operation, None)
        _warn("begin", "progress is not shown: an operation could not be made known")


def end(operation: "Operation", snapshot: Snapshot, *, here: bool) -> None:
    """Make the end known; `here`: from this thread too, so that it stands in the cell before the cell ends."""
    sink = _state.running.pop(operation, None)
    try:
        target = outlet()
        if here and sink is not None and (_is_old(snapshot) or _at_once(sink)):
            sink(snapshot, target.hub_id)
        spans, stages = operation.spans(), operation.stage_records()
        if spans is not None or stages:
            target.timeline(operation.id, spans or (), stages)
        target.end(operation)
    except Exception:  # noqa: BLE001 - whatever it is, the user's code goes on
        _warn("end", "the end of an operation could not be made known")


def _is_old(snapshot: Snapshot) -> bool:
    """Whether what ends now is worth a word."""
    return snapshot.state == "failed" or (snapshot.elapsed_s or 0.0) >= _settings().announce_after_s


def _at_once(sink: "Sink") -> bool:
    """Whether `sink` shows operations from their first moment on, and however short they are."""
    return getattr(sink, "at_once", False)


@cache
def _settings() -> "Settings":
    from progress_kit import settings

    return settings.read()


def _warn(topic: str, text: str) -> None:
    if topic not in _state.warned:
        _state.warned.add(topic)
        _log.warning("progress_kit: %s", text, exc_info=True)


# ---------------------------------------------------------------- when a cell or the program ends


def settle(*, last: bool = False) -> None:
    """End the loops of which it is known by now how they ended."""
    for operation in running():
        operation.settle(last=last)


def _hook_exits() -> None:
    """Look once more when a cell has ended, and when the program does."""
    if _state.hooked:
        return
    _state.hooked = True
    # After the publisher has registered its own, so that ours comes first.
    atexit.register(_at_exit)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        after_cell: Callable[[object], None] = lambda _result: settle()  # noqa: E731 - IPython refuses a callback without this argument
        shell.events.register("post_run_cell", after_cell)


def _at_exit() -> None:
    settle(last=True)
    for operation in running():
        operation.message = operation.message or "The program ended before this operation did."
        operation.finish(Outcome("cancelled"))
