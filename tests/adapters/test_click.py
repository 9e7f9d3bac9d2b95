import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import click
import pytest
from click import _termui_impl

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("click") as handle:
        yield handle


def test_a_loop_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """Also where there is no terminal, where click itself does not count."""
    with click.progressbar(range(10), label="Parsing", file=io.StringIO()) as bar:
        for number in bar:
            if number == 4:
                assert (running().name, running().stages[0].done, running().stages[0].total) == ("Parsing", 4, 10)
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 10, False)


def test_counting_by_hand(running: Running, publisher: RecordingPublisher) -> None:
    """What click has counted but not drawn yet counts too; less than the length is an early end."""
    with click.progressbar(length=10, update_min_steps=5, file=io.StringIO()) as bar:
        bar.update(3)
        assert running().stages[0].done == 3
        bar.update(4)
        assert running().stages[0].done == 7
    assert (publisher.ended[0].state, publisher.ended[0].ended_early) == ("succeeded", True)


def test_an_exception_fails_it(publisher: RecordingPublisher) -> None:
    """With type and message."""

    def work() -> None:
        with click.progressbar(range(3), file=io.StringIO()) as bar:
            for _ in bar:
                raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "KeyError")


def test_nested(publisher: RecordingPublisher) -> None:
    """Our loops inside of it are nested counters."""
    with click.progressbar(range(2), label="files", file=io.StringIO()) as bar:
        for _ in bar:
            list(pk.track(range(3), "lines"))
    assert publisher.ended[0].stages[0].counters == (Counter(name="lines", done=3, total=3, unit=""),)


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """It raises before the next item, and at the next `update`."""

    def work() -> None:
        with click.progressbar(range(9), file=io.StringIO()) as bar:
            for number in bar:
                publisher.command(running().id, "cancel")
                assert number == 0

    with pytest.raises(pk.OperationCancelled):
        work()

    def again() -> None:
        with click.progressbar(length=9, file=io.StringIO()) as bar:
            publisher.command(running().id, "cancel")
            bar.update(1)

    with pytest.raises(pk.OperationCancelled):
        again()
    assert [ended.state for ended in publisher.ended] == ["cancelled", "cancelled"]


def test_the_text_is_unchanged_unless_ours_is_asked_for(publisher: RecordingPublisher) -> None:
    """Then nothing is written; a bar that the program hides is no operation."""
    file = io.StringIO()
    with click.progressbar(range(2), label="Parsing", file=file) as bar:
        list(bar)
    assert file.getvalue() == "Parsing\n"
    with pk.capture("click", output="ours"), click.progressbar(range(2), label="Parsing", file=file) as bar:
        list(bar)
    assert file.getvalue() == "Parsing\n"
    assert len(publisher.ended) == 2
    with click.progressbar(range(2), hidden=True) as bar:
        list(bar)
    assert len(publisher.ended) == 2


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(_termui_impl):
        pk.capture("click").release()
