import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import pytest

import progress_kit as pk
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import cursors


def _endless() -> Iterator[int]:
    while True:
        yield 1


@pytest.mark.parametrize(
    "make",
    [lambda: list(range(10)), lambda: range(10), lambda: tuple(range(10)), lambda: dict.fromkeys(range(10)), _endless],
    ids=["list", "range", "tuple", "dict", "generator"],
)
@pytest.mark.parametrize(
    "how",
    [{"movable": True}, {"movable": False}],
    ids=["with the interpreter's lock", "free-threaded, or slices that cannot be read"],
)
def test_a_cancelled_loop_ends_at_its_next_step(
    make: Callable[[], Iterable[int]],
    how: dict[str, bool],
    publisher: RecordingPublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A viewer's cancel raises `OperationCancelled` in the loop itself, before the body runs again."""
    monkeypatch.setattr(cursors.cursor, "__kwdefaults__", how)
    bodies = 0
    with pytest.raises(pk.OperationCancelled, match="too slow"):  # noqa: PT012 - the block is what is tested
        for _ in pk.track(make(), "Endless"):
            bodies += 1
            if bodies == 3:
                (snapshot,) = publisher.sample()
                assert snapshot.actions == ("cancel", "pause")
                assert publisher.command(snapshot.id, "cancel", "too slow", "ann") is None
                assert publisher.sample()[0].actions == ()
    assert bodies == 3
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].state, ended.stages[0].done) == ("cancelled", "cancelled", 3)
    assert ended.stages[0].total in {10, None}  # and not what was done


def test_a_cancel_from_another_thread_stops_a_tight_loop(publisher: RecordingPublisher) -> None:
    """A loop without any call in its body is stopped from outside, too."""
    started = threading.Event()

    def cancel() -> None:
        started.wait()
        (snapshot,) = publisher.sample()
        publisher.command(snapshot.id, "cancel")

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(pk.OperationCancelled):  # noqa: PT012 - the block is what is tested
        for number in pk.track(_endless()):
            if number and not started.is_set():
                started.set()
    thread.join()
    assert publisher.ended[0].state == "cancelled"


def test_a_list_that_grows_is_stopped_too(publisher: RecordingPublisher) -> None:
    """Also where the list grew after the cancel."""
    todo = [0]
    with pytest.raises(pk.OperationCancelled):  # noqa: PT012 - the block is what is tested
        for item in pk.track(todo):
            todo.append(item + 1)
            (snapshot,) = publisher.sample()
            if item == 2:
                publisher.command(snapshot.id, "cancel")
                todo.append(4)
    assert todo == [0, 1, 2, 3, 4]


def test_an_async_loop_is_cancelled(publisher: RecordingPublisher) -> None:
    """An ``async for`` ends at its next step."""

    async def ticks() -> AsyncIterator[int]:
        while True:
            await asyncio.sleep(0)
            yield 1

    async def main() -> None:
        async for _ in pk.track(ticks()):
            pk.current().cancel("enough")

    with pytest.raises(pk.OperationCancelled, match="enough"):
        asyncio.run(main())
    assert publisher.ended[0].state == "cancelled"


def test_a_stage_sees_the_cancel_where_it_counts(publisher: RecordingPublisher) -> None:
    """`advance` and `raise_if_cancelled` are where a stage learns of it; so is the next stage's beginning."""
    with pytest.raises(pk.OperationCancelled), pk.ProgressTracker("Work") as tracker:  # noqa: PT012 - the block is what is tested
        with tracker.stage("analysis") as stage:
            stage.advance()
            tracker.cancel()
            with pytest.raises(pk.OperationCancelled):
                tracker.raise_if_cancelled()
            with pytest.raises(pk.OperationCancelled):
                pk.current().advance()
            with pytest.raises(pk.OperationCancelled):
                stage.done = 4
        with tracker.stage("planning"):
            pytest.fail("the next stage must not begin")
    (ended,) = publisher.ended
    assert ended.state == "cancelled"
    assert [stage.state for stage in ended.stages][:3] == ["pending", "succeeded", "pending"]


def test_cancelling_the_whole_cancels_its_parts(publisher: RecordingPublisher) -> None:
    """A nested operation and its loop stop with the one around them."""
    with pytest.raises(pk.OperationCancelled), pk.ProgressTracker("Whole") as whole:  # noqa: PT012 - the block is what is tested
        for number in pk.track(range(10), "Part"):
            if number == 1:
                whole.cancel()
    assert {ended.name: ended.state for ended in publisher.ended} == {"Part": "cancelled", "Whole": "cancelled"}
    assert publisher.ended[0].parent == publisher.ended[1].id


def test_a_nested_loop_stops_when_its_operation_is_cancelled(publisher: RecordingPublisher) -> None:
    """The innermost loop need not come to its end first."""
    inner = 0
    with pytest.raises(pk.OperationCancelled):  # noqa: PT012 - the block is what is tested
        for _ in pk.track(range(10)):
            for number in pk.track(range(100), "rows"):
                inner += 1
                if number == 5:
                    publisher.command(publisher.sample()[0].id, "cancel")
    assert inner == 6


def test_work_that_is_done_before_it_notices_has_succeeded(publisher: RecordingPublisher) -> None:
    """A cancel is a request: what ends without ever looking has done all its work."""
    with pk.ProgressTracker("Quick") as tracker:
        tracker.cancel()
    tracker.cancel()
    assert publisher.ended[0].state == "succeeded"
