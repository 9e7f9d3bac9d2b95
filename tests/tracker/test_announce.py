import gc
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

import progress_kit as pk
from progress_kit import display, publisher
from progress_kit.model import Origin, Snapshot
from progress_kit.publisher import Sink, Source
from progress_kit.settings import Settings
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import announce


class Broken(RecordingPublisher):
    """Raises wherever it is called."""

    def add(self, source: Source, sink: Sink | None = None) -> None:  # noqa: ARG002 - as the original
        raise OSError("no thread")

    def end(self, source: Source) -> None:  # noqa: ARG002 - as the original
        raise OSError("no network")


def test_a_broken_publisher_is_one_warning(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong beside the loop, the loop gets the same items, and the log one warning of each kind."""
    monkeypatch.setattr(announce._state, "warned", set())
    with Broken():
        for _ in range(3):
            assert list(pk.track([1, 2, 3])) == [1, 2, 3]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert {record.name for record in caplog.records} == {"progress_kit"}


class Screen:
    """What `display.open_sink` returns in these tests."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def __call__(self, snapshot: Snapshot, hub_id: str | None) -> None:
        assert hub_id == "h_test"
        self.shown.append((snapshot.state, threading.current_thread().name))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, publisher: RecordingPublisher) -> Screen:
    """A display in place of the notebook's or the terminal's, and a publisher that samples nothing by itself."""
    screen = Screen()
    real = sys.modules["progress_kit.publisher"]
    monkeypatch.setattr(publisher, "hub_id", "h_test", raising=False)
    monkeypatch.setattr(announce._state, "outlet", None)
    monkeypatch.setattr(real, "get", lambda: publisher)
    monkeypatch.setattr(display, "open_sink", lambda _command: screen)
    monkeypatch.setattr(display, "origin", lambda: Origin(cell_id="c1"))
    return screen


def test_the_end_is_shown_by_the_thread_that_ends_it(
    screen: Screen, clock: FakeClock, publisher: RecordingPublisher
) -> None:
    """Before the cell is over its output has the final state, as programs that run notebooks need it."""
    for _ in pk.track([1, 2]):
        clock.advance(0.3)
    assert screen.shown == [("succeeded", threading.current_thread().name)]
    assert publisher.ended[0].origin.cell_id == "c1"


def test_a_collected_loop_is_not_shown_by_its_collector(
    screen: Screen, clock: FakeClock, publisher: RecordingPublisher
) -> None:
    """A garbage collection may come in the middle of anything, a display too: the publisher's thread shows that end."""
    holder: dict[str, object] = {"loop": iter(pk.track([1, 2]))}
    holder["itself"] = holder
    clock.advance(1)
    del holder
    gc.collect()
    assert [ended.state for ended in publisher.ended] == ["succeeded"]
    assert not screen.shown


def test_a_short_loop_shows_nothing(screen: Screen, clock: FakeClock) -> None:
    """What has ended well within half a second was never there; 10,000 of them stay quiet."""
    for _ in range(100):
        for _ in pk.track([1, 2]):
            clock.advance(0.001)
    assert not screen.shown


def test_switched_off_nothing_is_shown(screen: Screen, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """``PROGRESS_KIT=off`` opens no display, however long a loop takes and however it ends."""
    monkeypatch.setattr(announce, "_settings", lambda: Settings(enabled=False))
    for _ in pk.track([1, 2]):
        clock.advance(1)
    assert not screen.shown


def test_a_failure_is_shown_however_short(screen: Screen, clock: FakeClock) -> None:
    """A failed operation always is worth seeing."""
    with pytest.raises(ZeroDivisionError), pk.track([1, 2]) as numbers:  # noqa: PT012 - the block is what is tested
        for number in numbers:
            clock.advance(0.001)
            _ = number / 0
    assert [state for state, _ in screen.shown] == ["failed"]


def test_after_a_cell_the_loops_that_it_ended_are_known(
    monkeypatch: pytest.MonkeyPatch, publisher: RecordingPublisher
) -> None:
    """IPython's end of a cell is where a bare loop learns which exception ended it."""
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setattr(announce._state, "hooked", False)
    shell: Any = InteractiveShell.instance()
    try:
        shell.run_cell("import progress_kit as pk")
        shell.run_cell("for number in pk.track([1, 2], 'Cell'):\n    number / 0")
    finally:
        InteractiveShell.clear_instance()
    (ended,) = publisher.ended
    assert (ended.name, ended.state) == ("Cell", "failed")
    assert ended.error is not None
    assert ended.error.type == "ZeroDivisionError"


def test_switched_off() -> None:
    """``PROGRESS_KIT=off`` leaves the loop as it is: no thread, no output, and still a state of its own."""
    program = """
import threading
from typing import Any
import progress_kit as pk
with pk.ProgressTracker("Work") as tracker:
    assert list(tracker.stage("analysis").track([1, 2])) == [1, 2]
    assert [snapshot.name for snapshot in pk.operations()] == ["Work"]
assert tracker.state == "succeeded"
assert threading.active_count() == 1
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PROGRESS_KIT": "off"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_publisher_is_the_process_s_own() -> None:
    """Where nothing is put in its place, operations go to `progress_kit.publisher`."""
    announce.use(None)
    assert announce.outlet() is publisher.get()
