import logging
import os
import subprocess
import sys
import threading

import pytest
from msgspec.structs import replace

from progress_kit import clock
from progress_kit.display import open_sink, rate
from progress_kit.display.sinks import ThrottledSink
from progress_kit.model import Snapshot


class Screen:
    """Remembers what it was to show."""

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []
        self.hubs: set[str | None] = set()
        self.seen = threading.Condition()

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
        """Show `snapshot`."""
        with self.seen:
            self.shown.append(snapshot)
            self.hubs.add(hub_id)
            self.seen.notify_all()

    def wait_for(self, seq: int) -> None:
        """Wait until the snapshot of this number is shown."""
        with self.seen:
            assert self.seen.wait_for(lambda: any(shown.seq == seq for shown in self.shown), timeout=10)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """The clock of this test."""
    hand = Hand()
    monkeypatch.setattr(clock, "monotonic", hand.monotonic)
    return hand


def at(survey: Snapshot, seq: int) -> Snapshot:
    """The snapshot number `seq` of the operation."""
    return replace(survey, seq=seq)


def test_an_operation_is_updated_at_most_ten_times_a_second(survey: Snapshot, hand: Hand) -> None:
    """However fast snapshots come, ten a second are shown."""
    screen = Screen()
    sink = ThrottledSink(screen)
    for seq in range(1000):
        hand.now = 100 + seq / 1000
        sink(at(survey, seq), None)
    assert len(screen.shown) == 10
    sink(replace(survey, state="cancelled"), None)


def test_with_a_hub_the_output_follows_more_slowly(survey: Snapshot, hand: Hand) -> None:
    """The page shows what the hub says; the output only has to be right in the file."""
    screen = Screen()
    sink = ThrottledSink(screen)
    for seq in range(1000):
        hand.now = 100 + seq / 1000
        sink(at(survey, seq), "h_1")
    assert len(screen.shown) == 2
    sink(replace(survey, state="cancelled"), "h_1")


def test_with_a_hub_a_widget_is_updated_as_often_as_without(survey: Snapshot, hand: Hand) -> None:
    """Its page has not got the labextension, and so does not hear the hub."""

    class Live(Screen):
        is_live = True

    screen = Live()
    sink = ThrottledSink(screen)
    for seq in range(1000):
        hand.now = 100 + seq / 1000
        sink(at(survey, seq), "h_1")
    assert len(screen.shown) == 10
    sink(replace(survey, state="cancelled"), "h_1")


def test_many_operations_share_twenty_messages_a_second(survey: Snapshot, hand: Hand) -> None:
    """Jupyter drops output of a kernel that sends too much; a hundred operations are each updated more rarely."""
    screen = Screen()
    many = [ThrottledSink(screen) for _ in range(100)]
    for sink in many:
        sink(survey, None)  # their first appearance
    screen.shown.clear()
    for tenth in range(1, 101):
        hand.now = 100 + tenth / 10
        for sink in many:
            sink(at(survey, tenth), None)
    assert len(screen.shown) <= 10 * rate.MESSAGES_PER_S + len(many)
    for sink in many:
        sink(replace(survey, state="succeeded"), None)


def test_the_last_snapshot_of_a_burst_is_shown(survey: Snapshot) -> None:
    """If a loop reports much and then nothing for long, what it said last is on the screen."""
    screen = Screen()
    sink = ThrottledSink(screen)
    for seq in range(5):
        sink(at(survey, seq), None)
    screen.wait_for(4)
    # On a busy machine one between may be on the screen as well.
    assert [screen.shown[0].seq, screen.shown[-1].seq] == [0, 4]
    sink(replace(survey, state="cancelled"), None)


def test_an_end_is_shown_at_once_and_nothing_after_it(survey: Snapshot, hand: Hand) -> None:
    """A terminal state is final: a late running snapshot of another thread does not bring the bar back."""
    screen = Screen()
    sink = ThrottledSink(screen)
    sink(at(survey, 1), None)
    sink(at(survey, 2), None)
    sink(replace(survey, state="succeeded", seq=3), None)
    sink(at(survey, 4), None)
    sink(replace(survey, state="failed", seq=5), None)
    assert [(s.seq, s.state) for s in screen.shown] == [(1, "running"), (3, "succeeded")]


def test_an_end_during_a_show_comes_after_it(survey: Snapshot) -> None:
    """A loop may be collected, and end, while the same thread is busy showing it."""
    screen = Screen()

    class Collecting(Screen):
        def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
            if snapshot.state == "running":
                sink(replace(survey, state="cancelled"), None)
            screen.show(snapshot, hub_id)

    sink = ThrottledSink(Collecting())
    sink(survey, None)
    assert [snapshot.state for snapshot in screen.shown] == ["running", "cancelled"]


def test_a_screen_that_fails_is_given_up_with_one_warning(survey: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    """A broken display never raises into the user's loop."""

    class Broken(Screen):
        def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
            super().show(snapshot, hub_id)
            raise OSError("the terminal is gone")

    screen = Broken()
    sink = ThrottledSink(screen)
    with caplog.at_level(logging.WARNING, "progress_kit"):
        sink(survey, None)
        sink(replace(survey, state="failed"), None)
    assert len(screen.shown) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "Progress is not shown here any more: OSError: the terminal is gone"
    ]


def test_a_forked_child_shows_nothing_of_its_parent(survey: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Socket, terminal and lock belong to the process that made them."""
    screen = Screen()
    sink = ThrottledSink(screen)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    sink(survey, None)
    assert screen.shown == []


def test_opening_a_sink_costs_a_short_loop_nothing() -> None:
    """It takes microseconds: the median of a thousand is far below a tenth of a millisecond."""
    program = (
        "import time, statistics, ipykernel.kernelbase\n"
        "from progress_kit.display import open_sink\n"
        "def once():\n"
        "    start = time.perf_counter(); open_sink(); return time.perf_counter() - start\n"
        "print(statistics.median(once() for _ in range(1000)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert float(run.stdout) < 1e-4


def test_a_sink_is_only_opened_where_standard_error_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under pythonw there is no standard error, and a closed one cannot be asked."""
    monkeypatch.setattr(sys, "stderr", None)
    assert open_sink() is None
