import asyncio
import math
import os
import sys
import threading
from collections.abc import Callable

import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.mirror import Mirror
from progress_kit.tracker.seen import Part, Seen

Running = Callable[[], Snapshot]


class Bar:
    """Somebody else's bar."""

    def __init__(self) -> None:
        self.seen: object = Seen(0)

    def step(self) -> str:
        return "counted"

    def look(self) -> Seen:
        assert isinstance(self.seen, Seen)
        return self.seen


def mirror(bar: Bar, name: str = "Bar") -> Mirror[Bar]:
    """Begin to show it."""
    return Mirror(bar, Bar.look, name, code=sys._getframe(1).f_code, steps=("step",), library="somebody")


def test_what_is_seen(running: Running) -> None:
    """Numbers of any kind; what is none is unknown, or left out."""
    bar = Bar()
    shown = mirror(bar)
    bar.seen = Seen(3, 10, "b.csv", "slow", {"loss": 0.5, "bad": "x", "nan": math.nan}, unit="rows")
    snapshot = running()
    assert (snapshot.stages[0].done, snapshot.stages[0].total, snapshot.stages[0].unit) == (3, 10, "rows")
    assert (snapshot.message, dict(snapshot.metrics)) == ("b.csv · slow", {"loss": 0.5})
    bar.seen = Seen("many", -1, "Bar")
    assert (running().stages[0].done, running().stages[0].total, running().message) == (3, None, "")
    shown.close()


def test_a_message_of_the_program_stays(running: Running) -> None:
    """Until the bar says something new."""
    bar = Bar()
    shown = mirror(bar)
    pk.current().message = "from the program"
    assert running().message == "from the program"
    bar.seen = Seen(1, message="from the bar")
    assert running().message == "from the bar"
    shown.close()


def test_parts_come_and_go(running: Running, publisher: RecordingPublisher) -> None:
    """Each is a nested counter; one that is gone keeps its last count."""
    bar = Bar()
    shown = mirror(bar)
    bar.seen = Seen(1, 2, parts={1: Part("a", 1, 4), 2: Part("b", 2)})
    assert running().stages[0].counters == (
        Counter(name="a", done=1, total=4, unit=""),
        Counter(name="b", done=2, total=None, unit=""),
    )
    bar.seen = Seen(1, 2, parts={2: Part("b", 5, 5, "B")})
    assert set(running().stages[0].counters) == {
        Counter(name="a", done=1, total=4, unit=""),
        Counter(name="b", done=5, total=5, unit=""),
    }
    bar.seen = Seen(2, 2, parts={3: Part("a", 7, 7)})
    shown.close()
    assert Counter(name="a", done=7, total=7, unit="") in publisher.ended[0].stages[0].counters


def test_a_bar_that_cannot_be_read(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """It stays where it was, with one warning."""
    bar = Bar()
    shown = mirror(bar)
    bar.seen = Seen(3)
    assert running().stages[0].done == 3
    bar.seen = None
    assert running().stages[0].done == 3
    assert running().stages[0].done == 3
    assert caplog.text.count("cannot be read") == 1
    shown.close()


def test_a_step_is_touched_only_when_it_is_needed(running: Running, publisher: RecordingPublisher) -> None:
    """After a pause the method is the bar's own again."""
    bar = Bar()
    shown = mirror(bar)
    assert "step" not in vars(bar)
    publisher.command(running().id, "pause")
    publisher.command(running().id, "resume")
    assert bar.step() == "counted"
    assert "step" not in vars(bar)
    publisher.command(running().id, "cancel")
    with pytest.raises(pk.OperationCancelled):
        bar.step()
    shown.close()
    assert bar.step() == "counted"


def test_a_coroutine_is_not_kept_waiting(running: Running, publisher: RecordingPublisher) -> None:
    """Its event loop has others to serve; a cancel it learns of."""

    async def main() -> None:
        bar = Bar()
        shown = mirror(bar)
        shown.pause()
        assert bar.step() == "counted"
        publisher.command(running().id, "cancel")
        with pytest.raises(pk.OperationCancelled):
            bar.step()
        shown.close()

    asyncio.run(main())


def test_a_thread_of_the_library_s_own_is_left_alone(publisher: RecordingPublisher) -> None:
    """It would die with a traceback; the loop that it serves is what stops."""
    results: list[str] = []

    class Thread(threading.Thread):
        def run(self) -> None:
            results.append(bar.step())

    Thread.__module__ = "somebody.threads"
    bar = Bar()
    shown = mirror(bar)
    shown.cancel()
    thread = Thread()
    thread.start()
    thread.join(30)
    assert results == ["counted"]
    shown.close()


def test_one_that_has_come_to_its_total_and_is_dropped(publisher: RecordingPublisher) -> None:
    """It has succeeded; any other one has ended early."""
    for seen in (Seen(2, 2), Seen(1, 2), Seen(1)):
        bar = Bar()
        bar.seen = seen
        shown = mirror(bar)
        del bar
        assert shown.ended
    assert [(ended.state, ended.ended_early) for ended in publisher.ended] == [
        ("succeeded", False),
        ("succeeded", True),
        ("succeeded", True),
    ]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_in_a_forked_child_it_is_the_parent_s(publisher: RecordingPublisher) -> None:
    """The child neither counts nor ends it."""
    bar = Bar()
    shown = mirror(bar)
    child = os.fork()
    if child == 0:
        shown.close()
        os._exit(0 if not shown.ended and not publisher.ended and not shown.alive else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    shown.close()
    assert len(publisher.ended) == 1


def test_where_the_loop_is_that_goes_over_what_is_called() -> None:
    """Only a loop right over the call is found."""
    sites: list[bool] = []

    def items(*args: object, **kwargs: object) -> list[int]:
        del args, kwargs
        sites.append(CallSite.after_call(sys._getframe(1)).begins_loop())
        return [1]

    for _ in items():
        pass
    for _ in items(1, key=2):
        pass
    for _ in items(*[1], key=2):
        pass
    for _ in enumerate(items()):
        pass
    kept = items()
    assert (sites, kept) == ([True, True, True, False, False], [1])
