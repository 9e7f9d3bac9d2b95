import threading
from collections.abc import Callable

import duckdb
import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]
Answer = float | tuple[float | None, float | None] | None


class Asked:
    """Something that can be asked; `again` waits until what was set has been asked for and taken in."""

    def __init__(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self._times = threading.Semaphore(0)

    def __call__(self) -> Answer:
        self._times.release()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def again(self, answer: Answer | Exception) -> None:
        """Answer so from now on."""
        self.answer = answer
        while self._times.acquire(blocking=False):
            pass
        # The answer to the second question after that is the new one, and the first has been taken in by then.
        for _ in range(3):
            assert self._times.acquire(timeout=30)


def test_a_block_is_an_operation(running: Running, publisher: RecordingPublisher) -> None:
    """As far as the answers say: fractions, pairs, or nothing, which leaves it as it was."""
    asked = Asked(0.25)
    with pk.poll(asked, "Import", interval_s=0.01, unit="rows"):
        asked.again(0.25)
        snapshot = running()
        assert (snapshot.name, snapshot.fraction, snapshot.stages[0].unit) == ("Import", 0.25, "rows")
        asked.again((30, 60))
        assert (running().stages[0].done, running().stages[0].total) == (30, 60)
        for nothing in (None, -1, float("nan"), (None, 7)):
            asked.again(nothing)
            assert (running().stages[0].done, running().stages[0].total) == (30, 60)
        asked.again((40, None))
        assert (running().stages[0].done, running().stages[0].total) == (40, None)
    assert publisher.ended[0].state == "succeeded"


def test_with_a_total_the_answer_is_a_count(running: Running, publisher: RecordingPublisher) -> None:
    """Such as a percentage; a block that ends well has done all."""
    asked = Asked(43)
    with pk.poll(asked, interval_s=0.01, total=100):
        asked.again(43)
        assert (running().stages[0].done, running().stages[0].total) == (43, 100)
        assert running().name == "test_with_a_total_the_answer_is_a_count"
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.ended_early) == ("succeeded", 100, False)


def test_what_cannot_be_asked_harms_nobody(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """One warning; the work goes on, and so does asking."""
    asked = Asked(LookupError("gone"))
    with pk.poll(asked, "Import", interval_s=0.01):
        asked.again(0.5)
        assert running().fraction == 0.5
        asked.again(43)
        assert running().fraction == 0.5
    assert caplog.text.count("LookupError('gone')") == 1


def test_an_exception_fails_it(publisher: RecordingPublisher) -> None:
    """With type and message."""
    with pytest.raises(KeyError), pk.poll(lambda: 0.5):
        raise KeyError("x")
    (ended,) = publisher.ended
    assert ended.error is not None
    assert (ended.state, ended.error.type) == ("failed", "KeyError")


def test_cancel(running: Running, publisher: RecordingPublisher) -> None:
    """What interrupts the work is called until it ends; what that raises passes, and the operation is cancelled."""
    interruptions = threading.Semaphore(0)

    def work() -> None:
        with pk.poll(lambda: 0.5, interval_s=0.01, on_cancel=interruptions.release):
            publisher.command(running().id, "cancel")
            for _ in range(3):
                assert interruptions.acquire(timeout=30)
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        work()
    assert publisher.ended[0].state == "cancelled"


def test_nested(publisher: RecordingPublisher) -> None:
    """Inside of a stage it is a counter of that, and our loops inside of it are counters beside."""
    asked = Asked((1, 3))
    tracker = pk.ProgressTracker("Report", ["query"])
    with tracker, tracker.stage("query"), pk.poll(asked, "rows", interval_s=0.01):
        asked.again((1, 3))
        list(pk.track(range(2), "columns"))
    assert set(publisher.ended[0].stages[0].counters) == {
        Counter(name="rows", done=3, total=3, unit=""),
        Counter(name="columns", done=2, total=2, unit=""),
    }


def test_a_query_of_duckdb(publisher: RecordingPublisher) -> None:
    """The example of the documentation: its progress is asked for while it runs, and it can be interrupted."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET enable_progress_bar = true; SET enable_progress_bar_print = false")

    def query() -> None:
        with pk.poll(
            connection.query_progress, "Big join", interval_s=0.05, total=100, on_cancel=connection.interrupt
        ) as poll:
            poll.cancel()
            connection.execute("SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b").fetchall()

    with pytest.raises(duckdb.InterruptException):
        query()
    connection.close()
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Big join", "cancelled")]


@pytest.mark.parametrize(
    "arguments",
    [{"ask": 7}, {"interval_s": 0}, {"interval_s": float("nan")}, {"total": -1}, {"name": 7}, {"notify": "no word"}],
    ids=["ask", "zero", "nan", "total", "name", "notify"],
)
def test_arguments_are_checked(arguments: dict[str, object]) -> None:
    """Where the call is made."""
    with pytest.raises(pk.InvalidValueError):
        pk.poll(**{"ask": lambda: 0.5, **arguments})  # type: ignore[arg-type] # that is what is tested
