import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import rich.progress
from rich.console import Console
from rich.progress import Progress

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("rich") as handle:
        yield handle


def nowhere() -> Console:
    """A terminal that nobody sees."""
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def test_track_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """Named by its description, and counted item by item."""
    for number in rich.progress.track(range(10), "Parsing", console=nowhere()):
        if number == 4:
            snapshot = running()
            assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Parsing", 4, 10)
            assert snapshot.kind == "Parsing@test_rich.py:test_track_is_an_operation"
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 10, False)


def test_several_tasks_are_nested_counters(running: Running, publisher: RecordingPublisher) -> None:
    """The display is the operation; it is as far as its tasks are on average."""
    with Progress(console=nowhere()) as progress:
        first = progress.add_task("download", total=200)
        progress.update(first, advance=50, description="download a.bin")
        assert (running().name, running().message, running().fraction) == ("download", "download a.bin", 0.25)
        second = progress.add_task("unpack", total=10)
        progress.advance(second, 5)
        stage = running().stages[0]
        assert (stage.done, stage.total) == (0.75, 2)
        assert stage.counters == (
            Counter(name="download a.bin", done=50, total=200, unit=""),
            Counter(name="unpack", done=5, total=10, unit=""),
        )
        progress.remove_task(first)
        progress.update(second, completed=10)
    assert (publisher.ended[0].state, publisher.ended[0].ended_early) == ("succeeded", False)


def test_without_a_total(running: Running) -> None:
    """Then it is unknown."""
    with Progress(console=nowhere()) as progress:
        progress.advance(progress.add_task("waiting", total=None), 3)
        assert (running().stages[0].done, running().stages[0].total) == (3, None)


def test_break_ends_early(publisher: RecordingPublisher) -> None:
    """That is no failure."""
    for number in rich.progress.track(range(10), console=nowhere()):
        if number == 3:
            break
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.name) == ("succeeded", True, "Working...")


def test_an_exception_in_the_loop_fails_it(publisher: RecordingPublisher) -> None:
    """Though rich itself does not see it."""

    def work() -> None:
        for number in rich.progress.track(range(10), console=nowhere()):
            if number == 3:
                raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    for operation in announce.running():
        operation.settle(last=True)
    assert [(ended.state, ended.stages[0].done) for ended in publisher.ended] == [("failed", 3)]


def test_an_exception_in_a_block_fails_it(publisher: RecordingPublisher) -> None:
    """With type and message."""

    def work() -> None:
        with Progress(console=nowhere(), transient=True) as progress:
            for _ in progress.track(range(3)):
                raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "KeyError")


def test_nested(publisher: RecordingPublisher) -> None:
    """Our loops inside of rich's, and rich's inside of our stage, are nested counters."""
    with Progress(console=nowhere()) as progress:
        for _ in progress.track(range(2), description="epochs"):
            for _ in pk.track(range(3), "batches"):
                pass
    with pk.ProgressTracker("Report", ["pages"]) as tracker, tracker.stage("pages"):
        list(rich.progress.track(range(4), "render", console=nowhere()))
    outer, report = publisher.ended
    assert outer.stages[0].counters == (Counter(name="batches", done=3, total=3, unit=""),)
    assert report.stages[0].counters == (Counter(name="render", done=4, total=4, unit=""),)


def test_cancel_stops_the_loop(running: Running, publisher: RecordingPublisher) -> None:
    """Before its next item; and where the count is set by hand, at the next `update` or `advance`."""

    def work() -> None:
        for number in rich.progress.track(range(1000), console=nowhere()):
            if number == 3:
                publisher.command(running().id, "cancel")
            assert number < 5

    with pytest.raises(pk.OperationCancelled):
        work()

    def again() -> None:
        with Progress(console=nowhere()) as progress:
            task = progress.add_task("by hand")
            publisher.command(running().id, "cancel")
            progress.advance(task)

    with pytest.raises(pk.OperationCancelled):
        again()
    assert [ended.state for ended in publisher.ended] == ["cancelled", "cancelled"]


def test_a_paused_display_waits(running: Running, publisher: RecordingPublisher) -> None:
    """At its next step, until it is resumed."""
    with Progress(console=nowhere()) as progress:
        task = progress.add_task("by hand")
        operation = running().id
        publisher.command(operation, "pause")
        thread = threading.Thread(target=progress.advance, args=(task,))
        thread.start()
        while running().state != "paused":
            thread.join(0.01)
            assert thread.is_alive()
        publisher.command(operation, "resume")
        thread.join(10)
        assert running().stages[0].done == 1


def test_a_disabled_display_is_no_operation(publisher: RecordingPublisher) -> None:
    """Who asks for none gets none."""
    list(rich.progress.track(range(3), disable=True))
    assert publisher.snapshots() == []


def test_the_text_is_unchanged(captured: pk.Capture) -> None:
    """What is drawn at the end is what rich draws."""

    def drawn() -> str:
        console = Console(file=io.StringIO(), width=80)
        with Progress(console=console) as progress:
            progress.advance(progress.add_task("Parsing", total=4), 4)
            progress.console.print("in between")
        assert isinstance(console.file, io.StringIO)
        return re.sub(r"\d:\d\d:\d\d|-:--:--", "…", console.file.getvalue())

    text = drawn()
    captured.release()
    assert text == drawn()
    assert "Parsing" in text


def test_ours_instead_of_theirs(running: Running) -> None:
    """Rich draws no bar then, but what the program prints between; the count goes on."""
    console = nowhere()
    with pk.capture("rich", output="ours"), Progress(console=console) as progress:
        for number in progress.track(range(5), description="Parsing"):
            if number == 3:
                progress.console.print("in between")
                assert running().stages[0].done == 3
                assert [operation.silent for operation in announce.running()] == [False]
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "in between\n"


def test_the_bars_of_tqdm_rich_are_tqdm_s(publisher: RecordingPublisher) -> None:
    """They are one operation, not two."""
    from tqdm import TqdmExperimentalWarning
    from tqdm.rich import tqdm

    with pk.capture("tqdm"), pytest.warns(TqdmExperimentalWarning):
        list(tqdm(range(3), desc="one", options={"console": nowhere()}))
    (ended,) = publisher.ended
    assert (ended.name, ended.stages[0].counters) == ("one", ())


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions and classes."""
    captured.release()
    with untouched(rich.progress):
        handle = pk.capture("rich")
        list(rich.progress.track(range(3), console=nowhere()))
        handle.release()
