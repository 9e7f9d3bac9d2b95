from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from fastprogress import fastprogress  # type: ignore[import-untyped] # it ships none

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("fastprogress") as handle:
        yield handle


def test_a_loop_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """Counted item by item, and called by its function; it can be gone through again."""
    bar = fastprogress.ConsoleProgressBar(range(10), display=False)
    for number in bar:
        if number == 4:
            assert (running().stages[0].done, running().stages[0].total) == (4, 10)
    assert list(bar) == list(range(10))
    assert [(ended.state, ended.stages[0].done, ended.ended_early) for ended in publisher.ended] == [
        ("succeeded", 10, False),
        ("succeeded", 10, False),
    ]
    assert publisher.ended[0].name == "test_a_loop_is_an_operation"


def test_bars_of_a_master_are_nested_counters(publisher: RecordingPublisher) -> None:
    """As epochs and batches."""
    master = fastprogress.ConsoleMasterBar(range(2))
    master.main_bar.display = False
    for _ in master:
        for _ in fastprogress.ConsoleProgressBar(range(3), parent=master):
            pass
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 2, 2)
    assert [(counter.done, counter.total) for counter in ended.stages[0].counters] == [(3, 3)]


def test_counting_by_hand(running: Running, publisher: RecordingPublisher) -> None:
    """`update` is told the count, and the last one ends it."""
    bar = fastprogress.ConsoleProgressBar(range(4), display=False)
    bar.update(0)
    bar.update(2)
    assert running().stages[0].done == 2
    bar.update(4)
    assert (publisher.ended[0].state, publisher.ended[0].stages[0].done) == ("succeeded", 4)


def test_how_it_ends(publisher: RecordingPublisher) -> None:
    """A `break` is no failure, an exception is one, of the iterable with its type."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    for _ in fastprogress.ConsoleProgressBar(range(4), display=False):
        break

    def work() -> None:
        for _ in fastprogress.ConsoleProgressBar(range(4), display=False):
            raise LookupError

    with pytest.raises(LookupError):
        work()
    with pytest.raises(OSError, match="gone"):
        list(fastprogress.ConsoleProgressBar(items(), total=4, display=False))
    for operation in announce.running():
        operation.settle(last=True)
    assert sorted(ended.state for ended in publisher.ended) == ["failed", "failed", "succeeded"]


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """It raises before the next item."""

    def work() -> None:
        for number in fastprogress.ConsoleProgressBar(range(9), display=False):
            publisher.command(running().id, "cancel")
            assert number == 0

    with pytest.raises(pk.OperationCancelled):
        work()
    assert publisher.ended[0].state == "cancelled"


def test_ours_instead_of_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    """The bar is not drawn then."""
    list(fastprogress.ConsoleProgressBar(range(3)))
    assert "100.00% [3/3" in capsys.readouterr().out
    with pk.capture("fastprogress", output="ours"):
        list(fastprogress.ConsoleProgressBar(range(3)))
    assert "[3/3" not in capsys.readouterr().out


def test_inside_our_stage(publisher: RecordingPublisher) -> None:
    """It is a nested counter of that."""
    with pk.ProgressTracker("Train", ["fit"]) as tracker, tracker.stage("fit"):
        list(fastprogress.ConsoleProgressBar(range(3), display=False))
    (counter,) = publisher.ended[0].stages[0].counters
    assert counter == Counter(name="test_inside_our_stage", done=3, total=3, unit="")


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(fastprogress):
        pk.capture("fastprogress").release()
