"""Operations as OpenTelemetry spans: one for each that has ended, with its stages as children.

They go to the tracer provider that the process has; without one they go nowhere. Which exporter that is, is set up as
for any other program: by ``opentelemetry-instrument jupyter lab``, or in the server's configuration file.
"""

import logging
from typing import TYPE_CHECKING, Final

from progress_kit.model import Snapshot, Stage
from progress_kit_jupyter._version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import StatusCode

log: Final = logging.getLogger("progress_kit")

_NS: Final = 1_000_000_000


class Tracing:
    """Makes spans. Raises ImportError where OpenTelemetry is not installed."""

    def __init__(self) -> None:
        from opentelemetry import trace

        self._tracer = trace.get_tracer("progress_kit", __version__)

    def ended(self, snapshot: Snapshot) -> None:
        """Make the span of an operation that has ended; whatever an exporter does about it, nothing is raised."""
        try:
            self._make(snapshot)
        except Exception as error:  # noqa: BLE001 - not ours, and the hub has to go on
            log.warning("The span of operation %s was not made: %s", snapshot.id, type(error).__name__)

    def _make(self, snapshot: Snapshot) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        start, end = times(snapshot)
        # An end is news by itself: it belongs to no trace that is open in the server at this moment.
        span = self._tracer.start_span(
            snapshot.name,
            Context(),
            attributes={
                "progress_kit.name": snapshot.name,
                "progress_kit.kind": snapshot.kind or "",
                "progress_kit.outcome": snapshot.state,
            },
            start_time=round(start * _NS),
        )
        within = set_span_in_context(span, Context())
        for stage in snapshot.stages:
            if stage.started_s is not None:
                self._make_stage(stage, within, start, end)
        error = snapshot.error
        if error is not None:
            span.set_attribute("error.type", error.type)
        span.set_status(*_status(snapshot.state, "" if error is None else f"{error.type}: {error.message}"))
        span.end(round(end * _NS))

    def _make_stage(self, stage: Stage, within: "Context", start: float, end: float) -> None:
        begun = min(start + (stage.started_s or 0.0), end)
        left = end if stage.elapsed_s is None else min(begun + stage.elapsed_s, end)
        attributes = {"progress_kit.name": stage.name, "progress_kit.outcome": stage.state}
        span = self._tracer.start_span(stage.name, within, attributes=attributes, start_time=round(begun * _NS))
        span.set_status(*_status(stage.state, ""))
        span.end(round(left * _NS))


def times(snapshot: Snapshot) -> tuple[float, float]:
    """Return when an operation began and ended (wall-clock seconds), by its publisher's clock where that is told."""
    hub = snapshot.hub
    end = snapshot.ended_at if snapshot.ended_at is not None or hub is None else hub.changed_at
    end = end or 0.0
    start = snapshot.started_at
    if start is None:
        start = end - (snapshot.elapsed_s or 0.0) - snapshot.paused_s
    return min(start, end), end


def _status(state: str, description: str) -> "tuple[StatusCode, str | None]":
    from opentelemetry.trace import StatusCode

    match state:
        case "failed":
            return StatusCode.ERROR, description or None
        case "succeeded":
            return StatusCode.OK, None
        case _:
            return StatusCode.UNSET, None
