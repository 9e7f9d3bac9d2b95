"""Nothing of an operation is ever interpreted: hostile texts in every field, wherever Python shows them."""

import contextlib
import json
import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import progress_kit as pk
from progress_kit.display import html, mime_bundle, plain
from progress_kit.display.terminal import Terminal
from progress_kit.errors import ProtocolError
from progress_kit.model import Failure, Snapshot, Stage
from progress_kit.protocol import decode_client, decode_snapshot, encode
from progress_kit.protocol.messages import Publish
from progress_kit.testing import RecordingPublisher
from progress_kit.tqdm import tqdm
from tests.attack.hostile import DANGEROUS, PAYLOAD, TAG, hostile_snapshot
from tests.hub.bench import Bench

STATES = ["pending", "running", "paused", "succeeded", "failed", "cancelled"]
LENGTH = 10_000


def texts(value: object) -> list[str]:
    """All texts in a JSON value, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in texts(each)]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def dangerous_in(text: str) -> set[str]:
    """The characters in a text that may not reach a screen."""
    return DANGEROUS.intersection(text)


class Elements(HTMLParser):
    """What a browser would make of markup: its elements, the attributes' names, the text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def published(snapshot: Snapshot) -> Snapshot:
    """Return what the hub makes of a snapshot that was published."""
    hub = Bench()
    hub.publisher(1)
    hub.publish(1, snapshot)
    (row,) = hub.rows
    return decode_snapshot(row.snapshot)


def test_the_snapshot_is_hostile_in_every_text() -> None:
    """So that the tests here are worth something."""
    sent = json.loads(encode(hostile_snapshot()))
    hostile = [text for text in texts(sent) if text.startswith("=")]
    assert len(hostile) >= 24
    assert all(dangerous_in(text) for text in hostile if len(text) > 190)


def test_the_hub_replaces_what_could_deceive_in_every_field() -> None:
    """Control and bidirectional characters never get to a subscriber or into the store; markup stays as it was."""
    kept = json.loads(encode(published(hostile_snapshot())))
    assert [text for text in texts(kept) if dangerous_in(text)] == []
    assert sum(f"<{TAG}>" in text for text in texts(kept)) >= 24


@pytest.fixture(autouse=True)
def publisher() -> Iterator[RecordingPublisher]:
    """Nothing is sent from here: the publisher only records."""
    with RecordingPublisher() as recording:
        yield recording


@pytest.mark.parametrize("state", STATES)
def test_static_html_has_no_element_of_an_operation(state: Any) -> None:
    """Every text is text: the markup has the elements and attributes that we wrote, and those alone."""
    for snapshot in (hostile_snapshot(state=state), published(hostile_snapshot(state=state))):
        shown = Elements(html(snapshot))
        assert shown.tags <= {"div", "b"}
        assert shown.attributes <= {"style", "role", "title"} | {
            f"aria-{name}" for name in ("label", "valuemin", "valuemax", "valuenow", "valuetext")
        }
        assert f"<{TAG}>" in shown.text
        assert dangerous_in(html(snapshot)) == set()


@pytest.mark.parametrize("state", STATES)
def test_a_bundle_is_hostile_to_no_reader(state: Any) -> None:
    """Each representation of a notebook's output, also as it is saved."""
    bundle = mime_bundle(hostile_snapshot(state=state), "h_1", widget="model")
    for kind in ("text/html", "text/plain"):
        assert dangerous_in(bundle[kind]) == set()
    json.dumps(bundle).encode()


@pytest.mark.parametrize("state", STATES)
def test_no_escape_reaches_the_terminal(state: Any) -> None:
    """Neither colours nor titles nor a bell: what is written is printable, but for our own carriage return."""
    screen = StringIO()
    terminal = Terminal(screen)
    for name in ("op_1", "op_2"):
        terminal.show(replace(hostile_snapshot(state="running"), id=name), None)
        terminal.show(replace(hostile_snapshot(state=state), id=name), None)
    assert dangerous_in(screen.getvalue()) <= {"\r", "\n"}
    assert "\x1b" not in screen.getvalue()
    assert plain(hostile_snapshot(state=state)).isprintable()


def test_a_text_that_is_a_format_is_no_format(caplog: pytest.LogCaptureFixture) -> None:
    """Braces and percent signs are shown as they are."""
    caplog.set_level(logging.DEBUG)
    snapshot = hostile_snapshot(
        name="%s {0} {state} %(name)s", state="failed", error=Failure(type="E", message="%d {}")
    )
    for shown in (plain(snapshot), Elements(html(snapshot)).text):
        assert "%s {0} {state} %(name)s" in shown
        assert "%d {}" in shown


def test_the_library_shortens_ten_thousand_characters_in_every_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a program names things, its snapshot is within the limits, and nothing is raised into its loop."""
    long = f"{PAYLOAD}\ud800" * (LENGTH // len(PAYLOAD))
    tracker = pk.ProgressTracker(long, kind=long, stages={long: 1.0})
    with contextlib.suppress(ValueError), tracker:
        tracker.message = long
        tracker.metrics[long] = 1.0
        with tracker.stage(long, total=2, unit=long) as stage:
            stage.message = long
            for _ in pk.track(range(1), long, unit=long):
                pass
            for _ in tqdm(range(1), desc=long, unit=long, postfix={long: long}, file=StringIO()):
                pass
            raise ValueError(long)
    snapshot = tracker.snapshot()
    sent = encode(snapshot)
    assert len(sent) < 32 * 1024
    message = decode_client(b'{"type":"publish","operations":[' + sent + b"]}", limit=256 * 1024)
    assert isinstance(message, Publish)
    assert [text for text in texts(json.loads(sent)) if dangerous_in(text)] == []
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("field", ["name", "message", "kind", "stage"])
def test_the_hub_refuses_ten_thousand_characters(field: str) -> None:
    """It does not repair: who sends that is no library of ours."""
    frame = json.dumps(
        {"type": "publish", "operations": [{"id": "o", "name": "x", "state": "running", field: "x" * LENGTH}]}
    )
    with pytest.raises(ProtocolError, match="Expected `str` of length <="):
        decode_client(frame, limit=256 * 1024)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(STATES))
def test_any_name_is_text_everywhere(name: str, state: Any) -> None:
    """Not only the tricks that are known."""
    snapshot = Snapshot(
        id="op_1",
        name=name,
        state=state,
        message=name,
        stages=(Stage(name=name),),
        error=Failure(type=name, message=name),
    )
    shown = Elements(html(snapshot))
    assert shown.tags <= {"div", "b"}
    assert dangerous_in(html(snapshot) + plain(snapshot)) == set()
    screen = StringIO()
    Terminal(screen).show(snapshot, None)
    assert dangerous_in(screen.getvalue()) <= {"\r", "\n"}
