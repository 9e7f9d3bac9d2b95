import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import enlighten  # type: ignore[import-untyped] # it ships none
import pytest
from enlighten import _counter, _manager

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("enlighten") as handle:
        yield handle


@pytest.fixture
def file() -> io.StringIO:
    """What bars are written to."""
    return io.StringIO()


@pytest.fixture
def manager(captured: pk.Capture, file: io.StringIO) -> Iterator[enlighten.Manager]:
    """A manager of bars that nobody sees."""
    manager = enlighten.Manager(stream=file, set_scroll=False, no_resize=True)
    yield manager
    manager.stop()


def test_a_counter_is_an_operation(running: Running, publisher: RecordingPublisher, manager: enlighten.Manager) -> None:
    """With description, unit and count, until it is closed."""
    with manager.counter(total=10, desc="Parsing", unit="files") as counter:
        counter.update(4)
        snapshot = running()
        assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Parsing", 4, 10)
        assert snapshot.stages[0].unit == "files"
        assert snapshot.kind == "Parsing@test_enlighten.py:test_a_counter_is_an_operation"
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [("succeeded", True)]


def test_the_manager_ends_what_is_open(publisher: RecordingPublisher, manager: enlighten.Manager) -> None:
    """Most programs close nothing but that; a second counter is a nested one."""
    first = manager.counter(total=2, desc="files")
    second = manager.counter(total=3, desc="lines")
    for _ in first(range(2)):
        second.count = 0
        list(second(range(3)))
    manager.stop()
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 2, False)
    assert ended.stages[0].counters == (Counter(name="lines", done=3, total=3, unit=""),)


def test_an_exception_fails_it(publisher: RecordingPublisher, manager: enlighten.Manager) -> None:
    """With type and message."""
    with pytest.raises(KeyError), manager.counter(total=3):
        raise KeyError("x")
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "KeyError")


def test_cancel(running: Running, publisher: RecordingPublisher, manager: enlighten.Manager) -> None:
    """It raises at the next `update` that would be drawn."""

    def work() -> None:
        with manager.counter(total=9, min_delta=0) as counter:
            counter.update()
            publisher.command(running().id, "cancel")
            counter.update()

    with pytest.raises(pk.OperationCancelled):
        work()
    assert publisher.ended[0].state == "cancelled"


def test_ours_instead_of_theirs(publisher: RecordingPublisher, manager: enlighten.Manager, file: io.StringIO) -> None:
    """Then nothing is written; a disabled counter is no operation."""
    with manager.counter(total=2, desc="Theirs", min_delta=0) as counter:
        counter.update(2)
    assert "Theirs" in file.getvalue()
    with pk.capture("enlighten", output="ours"), manager.counter(total=2, desc="Ours", min_delta=0) as counter:
        counter.update(2)
    assert "Ours" not in file.getvalue()
    assert [ended.name for ended in publisher.ended] == ["Theirs", "Ours"]
    with manager.counter(total=2, enabled=False) as counter:
        counter.update()
    assert len(publisher.ended) == 2


def test_release_gives_everything_back(
    captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The very same functions."""
    captured.release()
    with untouched(_counter, _manager):
        pk.capture("enlighten").release()
