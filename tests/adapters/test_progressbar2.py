import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import progressbar
import progressbar.bar
import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("progressbar2") as handle:
        yield handle


def bar(**options: Any) -> progressbar.ProgressBar:
    """A bar that is written to where nobody sees it."""
    return progressbar.ProgressBar(**{"fd": io.StringIO()} | options)


def test_a_loop_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """Counted item by item, and named by its prefix."""
    for number in bar(prefix="Parsing: ")(range(10)):
        if number == 4:
            assert (running().name, running().stages[0].done, running().stages[0].total) == ("Parsing", 4, 10)
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 10, False)


def test_counting_by_hand(running: Running, publisher: RecordingPublisher) -> None:
    """From whatever number it begins."""
    with bar(min_value=10, max_value=20) as each:
        each.start()
        each.update(13)
        assert (running().stages[0].done, running().stages[0].total) == (3, 10)
        each.increment(2)
        assert running().stages[0].done == 5
    with bar(max_value=progressbar.UnknownLength) as each:
        each.update(3)
        assert running().stages[0].total is None
    assert [ended.state for ended in publisher.ended] == ["succeeded", "succeeded"]


def test_how_it_ends(publisher: RecordingPublisher) -> None:
    """A `break` is no failure; an exception is one, of a block with its type."""
    for _ in bar(prefix="break")(range(4)):
        break

    def work() -> None:
        with bar(prefix="block", max_value=3) as each:
            each.update(1)
            raise KeyError("x")

    with pytest.raises(KeyError):
        work()

    def again() -> None:
        for _ in bar(prefix="loop")(range(4)):
            raise LookupError

    with pytest.raises(LookupError):
        again()
    for operation in announce.running():
        operation.settle(last=True)
    assert [(ended.name, ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("break", "succeeded", True),
        ("block", "failed", False),
        ("loop", "failed", False),
    ]


def test_nested(publisher: RecordingPublisher) -> None:
    """Our loops inside of it are nested counters."""
    for _ in bar()(range(2)):
        list(pk.track(range(3), "lines"))
    assert publisher.ended[0].stages[0].counters == (Counter(name="lines", done=3, total=3, unit=""),)


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """It raises before the next item, and at the next `update`."""

    def work() -> None:
        for number in bar()(range(9)):
            publisher.command(running().id, "cancel")
            assert number == 0

    with pytest.raises(pk.OperationCancelled):
        work()
    for operation in announce.running():
        operation.settle(last=True)

    def again() -> None:
        with bar(max_value=9) as each:
            each.update(1)
            publisher.command(running().id, "cancel")
            each.update(2)

    with pytest.raises(pk.OperationCancelled):
        again()
    assert [ended.state for ended in publisher.ended] == ["cancelled", "cancelled"]


def test_the_text_is_unchanged_unless_ours_is_asked_for(publisher: RecordingPublisher) -> None:
    """Then nothing is written."""
    file = io.StringIO()
    list(bar(fd=file, prefix="Parsing")(range(3)))
    assert "Parsing" in file.getvalue()
    file = io.StringIO()
    with pk.capture("progressbar2", output="ours"):
        list(bar(fd=file)(range(3)))
    assert file.getvalue() == ""
    assert len(publisher.ended) == 2


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(progressbar.bar):
        pk.capture("progressbar2").release()
