import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import alive_progress.core.progress
import pytest
from alive_progress import alive_bar, alive_it

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("alive-progress") as handle:
        yield handle


@pytest.fixture
def quiet() -> dict[str, Any]:
    """Options of a bar that is written to where nobody sees it."""
    return {"file": io.StringIO(), "force_tty": False, "enrich_print": False}


def test_a_bar_is_an_operation(running: Running, publisher: RecordingPublisher, quiet: dict[str, Any]) -> None:
    """With title, count and text; less than the total is an early end."""
    with alive_bar(10, title="Parsing", unit=" files", **quiet) as bar:
        bar(3)
        bar.text = "a.csv"
        snapshot = running()
        assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Parsing", 3, 10)
        assert (snapshot.message, snapshot.stages[0].unit) == ("a.csv", "files")
        assert snapshot.kind == "Parsing@test_alive_progress.py:test_a_bar_is_an_operation"
        bar.title = "Indexing"
        assert running().message == "Indexing · a.csv"
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early) == ("succeeded", True)


def test_the_other_modes(running: Running, quiet: dict[str, Any]) -> None:
    """Unknown totals, and percentages set by hand, with a total or without."""
    with alive_bar(**quiet) as bar:
        bar()
        assert (running().stages[0].done, running().stages[0].total) == (1, None)
    with alive_bar(manual=True, **quiet) as bar:
        bar(0.25)
        assert running().fraction == 0.25
    with alive_bar(200, manual=True, **quiet) as bar:
        bar(0.25)
        assert (running().stages[0].done, running().stages[0].total) == (50, 200)


def test_a_loop(running: Running, publisher: RecordingPublisher, quiet: dict[str, Any]) -> None:
    """`alive_it` counts its items; nested bars are nested counters."""
    for number in alive_it(range(4), title="Outer", **quiet):
        if number == 2:
            assert running().stages[0].done == 2
        for _ in pk.track(range(3), "inner"):
            pass
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 4, False)
    assert ended.stages[0].counters == (Counter(name="inner", done=3, total=3, unit=""),)


def test_how_it_ends(publisher: RecordingPublisher, quiet: dict[str, Any]) -> None:
    """A `break` is no failure; an exception is one, of a block with its type."""
    for _ in alive_it(range(4), title="break", **quiet):
        break
    with pytest.raises(KeyError), alive_bar(4, title="block", **quiet):
        raise KeyError("x")

    def work() -> None:
        for _ in alive_it(range(4), title="loop", **quiet):
            raise LookupError

    with pytest.raises(LookupError):
        work()
    for operation in announce.running():
        operation.settle(last=True)
    assert [(ended.name, ended.state) for ended in publisher.ended] == [
        ("break", "succeeded"),
        ("block", "failed"),
        ("loop", "failed"),
    ]


def test_cancel(running: Running, publisher: RecordingPublisher, quiet: dict[str, Any]) -> None:
    """It raises at the next count."""

    def work() -> None:
        for number in alive_it(range(9), **quiet):
            publisher.command(running().id, "cancel")
            assert number == 0

    with pytest.raises(pk.OperationCancelled):
        work()
    assert publisher.ended[0].state == "cancelled"


def test_the_text_is_unchanged_unless_ours_is_asked_for(publisher: RecordingPublisher, quiet: dict[str, Any]) -> None:
    """Then nothing is written, and the count goes on; a bar that the program disables is no operation."""
    with alive_bar(2, title="Parsing", **quiet) as bar:
        bar(2)
    text = quiet["file"].getvalue()
    assert "Parsing |" in text
    with pk.capture("alive_progress", output="ours"), alive_bar(2, title="Parsing", **quiet) as bar:
        bar(2)
    assert quiet["file"].getvalue() == text
    assert [ended.stages[0].done for ended in publisher.ended] == [2, 2]
    with alive_bar(2, disable=True, **quiet) as bar:
        bar()
    assert len(publisher.ended) == 2


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(alive_progress.core.progress):
        pk.capture("alive_progress").release()
