"""Pausing: work waits at its next step, takes nothing twice and skips nothing, and its time stands still."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

import pytest

import progress_kit as pk
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import cursors
from progress_kit.tracker.hold import Hold


class Pause:
    """What the test does while the work stands, called in the work's own thread instead of the waiting."""

    def __init__(self) -> None:
        self.at: Callable[[], None] = lambda: pytest.fail("nothing should stand here")
        self.times = 0

    def wait(self) -> None:
        """Take the place of `Hold.wait`."""
        self.times += 1
        self.at()


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Work that comes to a pause calls `pause.at` there, once in each round of its waiting."""
    pause = Pause()
    monkeypatch.setattr(Hold, "wait", lambda _hold: pause.wait())
    return pause


def _generator() -> Iterator[int]:
    yield from range(10)


MAKERS: list[Callable[[], Iterable[int]]] = [
    lambda: list(range(10)),
    lambda: tuple(range(10)),
    lambda: range(10),
    lambda: dict.fromkeys(range(10)),
    _generator,
]
EVERY_FORM = pytest.mark.parametrize("make", MAKERS, ids=["list", "tuple", "range", "dict", "generator"])
EVERY_CURSOR = pytest.mark.parametrize(
    "how",
    [{"movable": True}, {"movable": False}],
    ids=["with the interpreter's lock", "free-threaded, or slices that cannot be read"],
)


@EVERY_FORM
@EVERY_CURSOR
def test_a_paused_loop_stands_before_its_next_item_and_goes_on_with_it(
    make: Callable[[], Iterable[int]],
    how: dict[str, bool],
    publisher: RecordingPublisher,
    pause: Pause,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often it is paused, the body sees each item once and in order, and the count is that of what is done."""
    monkeypatch.setattr(cursors.cursor, "__kwdefaults__", how)
    seen: list[int] = []
    counted: list[tuple[str, str, object]] = []

    def at() -> None:
        (snapshot,) = publisher.sample()
        (stage,) = snapshot.stages
        assert snapshot.actions == ("cancel", "resume")
        counted.append((snapshot.state, stage.state, stage.done))
        assert publisher.command(snapshot.id, "resume") is None
        assert publisher.sample()[0].stages[0].done == len(seen)

    pause.at = at
    for item in pk.track(make(), "Work"):
        seen.append(item)
        (snapshot,) = publisher.sample()
        assert (snapshot.state, snapshot.stages[0].done) == ("running", item)
        assert snapshot.actions == ("cancel", "pause")
        if item in {2, 3, 9}:
            assert publisher.command(snapshot.id, "pause") is None
            assert publisher.sample()[0].actions == ("cancel", "resume")
            assert publisher.sample()[0].state == "running"  # until it comes to the pause
    assert seen == list(range(10))
    assert counted == [("paused", "paused", 3), ("paused", "paused", 4), ("paused", "paused", 10)]
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 10, 10)


@EVERY_CURSOR
def test_a_work_list_that_grows_keeps_its_order(
    how: dict[str, bool], publisher: RecordingPublisher, pause: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended after the pause was asked for, or while the loop stands, comes when it would have come."""
    monkeypatch.setattr(cursors.cursor, "__kwdefaults__", how)
    todo = [0, 1, 2]

    def at() -> None:
        todo.append(99)
        publisher.command(publisher.sample()[0].id, "resume")

    pause.at = at
    seen = []
    for item in pk.track(todo):
        seen.append(item)
        if item < 3:
            publisher.command(publisher.sample()[0].id, "pause")
            todo.append(item + 10)
    assert seen == todo == [0, 1, 2, 10, 99, 11, 99, 12, 99]
    assert pause.times == 3


def test_a_list_whose_position_cannot_be_read_offers_no_pause(
    publisher: RecordingPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a list that grows could not be taken up exactly where it was left, the button is not there."""
    monkeypatch.setattr(cursors, "lists_can_be_read", lambda: False)
    for _ in pk.track([1, 2]):
        (snapshot,) = publisher.sample()
        assert snapshot.actions == ("cancel",)
        reason = publisher.command(snapshot.id, "pause")
        assert reason is not None
        assert "not supported" in reason
        pk.current().pause()
        assert publisher.sample()[0].state == "running"
        pk.current().resume()
    assert publisher.ended[0].stages[0].done == 2


@pytest.mark.parametrize(
    "make",
    [lambda n: list(range(n)), lambda n: tuple(range(n)), range, lambda n: iter(range(n))],
    ids=["list", "tuple", "range", "iterator"],
)
def test_nothing_is_lost_however_the_threads_meet(
    make: Callable[[int], Iterable[int]], publisher: RecordingPublisher
) -> None:
    """A loop that is paused and resumed from another thread, wherever it is, takes every item once."""
    tracked = pk.track(make(50_000))
    over = threading.Event()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def disturb() -> None:
        while not over.is_set():
            tracked.pause()
            tracked.snapshot()
            tracked.resume()

    thread = threading.Thread(target=disturb)
    thread.start()
    expected = 0
    try:
        for item in tracked:
            assert item == expected
            expected += 1
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert expected == 50_000
    assert publisher.ended[0].stages[0].done == 50_000


def test_counting_by_hand_waits_too(publisher: RecordingPublisher, pause: Pause) -> None:
    """`advance`, `done`, `raise_if_cancelled` and the next stage's beginning are where a tracker waits."""
    places: list[object] = []
    with pk.ProgressTracker("Work") as tracker:

        def at() -> None:
            places.append((tracker.state, pause.times))
            tracker.resume()

        pause.at = at
        assert tracker.snapshot().actions == ("cancel",)  # nothing has shown yet that it would wait
        with tracker.stage("analysis", total=9) as stage:
            assert tracker.snapshot().actions == ("cancel",)
            stage.advance()
            assert tracker.snapshot().actions == ("cancel", "pause")
            steps: list[Callable[[], None]] = [
                stage.advance,
                lambda: setattr(stage, "done", 5),
                tracker.raise_if_cancelled,
                tracker.advance,
            ]
            for step in steps:
                tracker.pause()
                step()
                assert tracker.state == "running"
            pk.current().pause()
            pk.current().raise_if_cancelled()
            stage.advance()
            assert stage.done == 7
            tracker.pause()
        with tracker.stage("planning"):
            assert tracker.state == "running"
    assert places == [("paused", number) for number in range(1, 7)]
    assert publisher.ended[0].state == "succeeded"


def test_a_loop_that_begins_after_the_pause_was_asked_for_waits_at_once(
    publisher: RecordingPublisher, pause: Pause
) -> None:
    """A long inner loop does not run through before the outer one stands."""
    stood_at = []
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:

        def at() -> None:
            stood_at.append((stage.done, rows))
            tracker.resume()

        pause.at = at
        rows = 0
        for _ in stage.track(range(2)):
            tracker.pause()
            for _ in pk.track(range(3), "rows"):
                rows += 1
    assert stood_at == [(0, 0), (1, 3)]
    assert publisher.ended[0].stages[1].counters[0].done == 3


def test_time_stands_still_while_it_is_paused(publisher: RecordingPublisher, pause: Pause, clock: FakeClock) -> None:
    """A night's pause counts neither as time elapsed nor for the time left; `paused_s` tells of it."""

    def at() -> None:
        clock.advance(1_000)
        (snapshot,) = publisher.sample()
        assert (snapshot.state, snapshot.elapsed_s, snapshot.estimate) == ("paused", 3.0, None)
        if pause.times == 2:
            publisher.command(snapshot.id, "resume")

    pause.at = at
    for item in pk.track(range(10)):
        if item == 2:
            publisher.command(publisher.sample()[0].id, "pause")
        clock.advance(1)
        (snapshot,) = publisher.sample()
        if item == 4:
            assert (snapshot.elapsed_s, snapshot.paused_s) == (5.0, 2_000.0)
            assert snapshot.estimate is not None
            assert 2 < snapshot.estimate.p50_s < 10
    (ended,) = publisher.ended
    assert (ended.elapsed_s, ended.paused_s, ended.stages[0].elapsed_s) == (10.0, 2_000.0, 10.0)
    assert ended.started_at is not None
    assert ended.ended_at == ended.started_at + 2_010


def test_a_cancel_ends_the_pause(publisher: RecordingPublisher, pause: Pause) -> None:
    """What is cancelled while it stands never goes on."""

    def at() -> None:
        publisher.command(publisher.sample()[0].id, "cancel", "after all")

    pause.at = at
    bodies = 0
    with pytest.raises(pk.OperationCancelled, match="after all"):  # noqa: PT012 - the block is what is tested
        for _ in pk.track(range(10)):
            bodies += 1
            publisher.command(publisher.sample()[0].id, "pause")
    assert (bodies, pause.times) == (1, 1)
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].state, ended.stages[0].done) == ("cancelled", "cancelled", 1)


def test_the_kernel_s_interrupt_ends_the_pause(publisher: RecordingPublisher) -> None:
    """A paused loop sits in no call that an interrupt could not end."""
    standing = threading.Event()
    original = Hold.come

    def come(hold: Hold) -> None:
        original(hold)
        standing.set()

    def interrupt() -> None:
        assert standing.wait(30)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    bodies = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hold, "come", come)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the block is what is tested
            for _ in pk.track([1, 2, 3]):
                bodies += 1
                pk.current().pause()
                thread.start()
        thread.join()
    assert bodies == 1
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done) == ("cancelled", 1)


async def _paused(publisher: RecordingPublisher) -> None:
    while not any(snapshot.state == "paused" for snapshot in publisher.sample()):  # noqa: ASYNC110 - it has to be looked
        await asyncio.sleep(0)


def test_an_async_loop_waits_while_its_event_loop_goes_on(publisher: RecordingPublisher) -> None:
    """Another task sees the pause, and ends it."""
    states = []

    async def ticks() -> AsyncIterator[int]:
        for number in range(4):
            await asyncio.sleep(0)
            yield number

    async def resume() -> None:
        await _paused(publisher)
        states.append(publisher.sample()[0].stages[0].done)
        publisher.command(publisher.sample()[0].id, "resume")

    async def main() -> list[int]:
        seen = []
        async with asyncio.TaskGroup() as tasks:
            async for number in pk.track(ticks()):
                seen.append(number)
                if number == 1:
                    (snapshot,) = publisher.sample()
                    assert snapshot.actions == ("cancel", "pause")
                    publisher.command(snapshot.id, "pause")
                    tasks.create_task(resume())
        return seen

    assert asyncio.run(main()) == [0, 1, 2, 3]
    assert states == [2]
    assert publisher.ended[0].state == "succeeded"


def test_an_async_loop_is_cancelled_while_it_is_paused(publisher: RecordingPublisher) -> None:
    """By a viewer, or by its task."""

    async def loop() -> None:
        async for _ in pk.track([1, 2, 3]):
            pk.current().pause()

    async def end(how: str) -> None:
        task = asyncio.create_task(loop())
        await _paused(publisher)
        if how == "viewer":
            publisher.command(publisher.sample()[0].id, "cancel")
        else:
            task.cancel()
        with pytest.raises((pk.OperationCancelled, asyncio.CancelledError)):
            await task

    for how in ("viewer", "task"):
        asyncio.run(end(how))
        assert publisher.ended[-1].state == "cancelled"
    assert len(publisher.ended) == 2


def test_a_coroutine_that_counts_by_hand_offers_no_pause(publisher: RecordingPublisher) -> None:
    """To wait in it would keep its whole event loop; it goes on, and says that it cannot."""

    async def main() -> None:
        async with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
            stage.advance()
            for _ in stage.track([1, 2]):
                assert tracker.snapshot().actions == ("cancel",)
            reason = publisher.command(tracker.id, "pause")
            assert reason is not None
            assert "not supported" in reason
            tracker.pause()
            stage.advance()
            tracker.raise_if_cancelled()
            for _ in pk.track([1, 2], "rows"):
                tracker.snapshot()
            assert tracker.state == "running"
            tracker.resume()

    asyncio.run(main())
    assert publisher.ended[0].state == "succeeded"


def test_the_whole_is_paused_with_its_parts(publisher: RecordingPublisher, pause: Pause) -> None:
    """A part that stands makes the whole stand; either button lets both go on."""
    states = []

    def at() -> None:
        states.append({snapshot.name: snapshot.state for snapshot in publisher.sample()})
        (whole_or_part.pop()).resume()

    pause.at = at
    with pk.ProgressTracker("Whole") as whole:
        part = pk.track(range(3), "Part")
        whole_or_part: list[pk.ProgressTracker | pk.tracker.Track[int]] = [whole, part]
        for _ in part:
            if whole_or_part:
                assert "pause" in whole.snapshot().actions
                whole.pause()
        assert part.state == "succeeded"
        assert whole.state == "running"
    assert states == [{"Whole": "paused", "Part": "paused"}] * 2


def test_a_part_that_begins_in_a_paused_whole_waits(publisher: RecordingPublisher, pause: Pause) -> None:
    """The pause is for all that the whole does, not for what was there when it was asked for."""
    with pk.ProgressTracker("Whole") as whole:
        pause.at = whole.resume
        whole.pause()
        for _ in pk.track([1], "Part"):
            assert pause.times == 1
    assert [ended.state for ended in publisher.ended] == ["succeeded", "succeeded"]


def test_a_pause_ends_with_what_was_paused(publisher: RecordingPublisher, pause: Pause) -> None:
    """A loop that outlasts the block around it goes on: nobody could resume that any more."""
    with pk.ProgressTracker("Whole") as whole:
        part = iter(pk.track(range(3), "Part"))
        assert next(part) == 0
        whole.pause()
    assert list(part) == [1, 2]
    assert pause.times == 0
    assert [snapshot.state for snapshot in publisher.ended] == ["succeeded", "succeeded"]


def test_a_loop_that_is_left_while_a_pause_is_asked_for_closes_its_generator(publisher: RecordingPublisher) -> None:
    """As any loop that is left by `break`."""
    closed = []

    def numbers() -> Generator[int, None, None]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    for _ in pk.track(numbers()):
        pk.current().pause()
        break
    assert closed == [True]
    assert (publisher.ended[0].state, publisher.ended[0].ended_early) == ("succeeded", True)


def test_what_cannot_be_done_is_refused_with_a_reason(publisher: RecordingPublisher, pause: Pause) -> None:
    """A viewer's button may come too late; asking twice is no error."""
    pause.at = lambda: pytest.fail("it was resumed before it came to the pause")
    with pk.ProgressTracker("Work") as tracker:
        assert publisher.command(tracker.id, "resume") == "the operation is not paused"
        assert publisher.command(tracker.id, "pause") is None
        assert publisher.command(tracker.id, "pause") is None
        tracker.resume()
        tracker.raise_if_cancelled()
        publisher.command(tracker.id, "cancel")
        assert publisher.command(tracker.id, "pause") == "the operation is being cancelled"
        assert publisher.command(tracker.id, "resume") == "the operation is being cancelled"
    operation = tracker.operation
    assert operation.command("pause", None, None) == "the operation has ended (succeeded)"
    tracker.pause()
    tracker.resume()
    assert tracker.state == "succeeded"
    pk.current().pause()
    pk.current().resume()
