"""Operations as OpenTelemetry spans."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from progress_kit.model import Failure, HubInfo, Snapshot, Stage
from progress_kit_jupyter.tracing import Tracing

from .conftest import Hub

BEGUN = 1_700_000_000.0


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Return the exporter of the process's provider for the time of one test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def _seconds(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9 - BEGUN, span.end_time / 1e9 - BEGUN


def test_an_operation_is_a_span_with_its_stages_in_it(exporter: InMemorySpanExporter) -> None:
    """Times are those of the run, not those of its report; stages that were skipped have none."""
    Tracing().ended(
        Snapshot(
            id="op_1",
            name="Résumé",
            kind="resume",
            state="failed",
            error=Failure(type="ValueError", message="bad row"),
            started_at=BEGUN,
            ended_at=BEGUN + 10.0,
            stages=(
                Stage(name="read", state="succeeded", started_s=0.5, elapsed_s=4.0),
                Stage(name="write", state="failed", started_s=4.5, elapsed_s=5.5),
                Stage(name="tidy", state="skipped"),
            ),
        )
    )
    read, write, whole = exporter.get_finished_spans()
    assert [each.name for each in (read, write, whole)] == ["read", "write", "Résumé"]
    assert [_seconds(each) for each in (read, write, whole)] == [(0.5, 4.5), (4.5, 10.0), (0.0, 10.0)]
    assert whole.parent is None
    assert read.parent == write.parent == whole.get_span_context()
    assert dict(whole.attributes or {}) == {
        "progress_kit.name": "Résumé",
        "progress_kit.kind": "resume",
        "progress_kit.outcome": "failed",
        "error.type": "ValueError",
    }
    assert (whole.status.status_code, whole.status.description) == (StatusCode.ERROR, "ValueError: bad row")
    assert [each.status.status_code for each in (read, write)] == [StatusCode.OK, StatusCode.ERROR]


def test_times_that_nobody_told_are_the_hubs(exporter: InMemorySpanExporter) -> None:
    """An operation that another language publishes may have no more than a name and a state."""
    hub = HubInfo(changed_at=BEGUN + 10.0)
    Tracing().ended(Snapshot(id="op_1", name="A", state="cancelled", elapsed_s=4.0, paused_s=1.0, hub=hub))
    (span,) = exporter.get_finished_spans()
    assert _seconds(span) == (5.0, 10.0)
    assert span.status.status_code == StatusCode.UNSET


def test_an_exporter_that_fails_is_logged_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The hub goes on."""

    class Broken:
        def start_span(self, *_: Any, **__: Any) -> None:
            raise OSError("no disk")

    monkeypatch.setattr(trace, "get_tracer", lambda *_: Broken())
    Tracing().ended(Snapshot(id="op_1", name="A", state="succeeded"))
    (record,) = caplog.records
    assert (record.levelno, "op_1" in record.getMessage()) == (logging.WARNING, True)


@pytest.mark.parametrize("server_options, spans", [({"ProgressKit": {"tracing": True}}, 1), ({}, 0)])
async def test_only_where_it_is_switched_on(
    exporter: InMemorySpanExporter, hub: Hub, server_options: dict[str, Any], spans: int
) -> None:
    """An end that comes over the wire is a span once, however often it is repeated."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await publisher.publish("op_1", "succeeded", 1)
        await publisher.receive("ack")
        await publisher.publish("op_1", "succeeded", 1)
        await publisher.receive("ack")
    assert len(exporter.get_finished_spans()) == spans
