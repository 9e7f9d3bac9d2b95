import asyncio
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.model import Failure, Notify
from progress_kit.testing import FakeClock, RecordingPublisher


def test_five_stages_of_equal_weight_by_default(publisher: RecordingPublisher) -> None:
    """Without `stages` there are initialization, analysis, planning, implementation and finalization."""
    with pk.ProgressTracker("Customize résumé") as tracker:
        assert [stage.name for stage in tracker.snapshot().stages] == list(pk.DEFAULT_STAGES)
        with tracker.stage("initialization"):
            assert tracker.snapshot().stage == "initialization"
        assert tracker.snapshot().fraction == pytest.approx(0.2)
    assert tracker.state == "succeeded"
    assert publisher.ended[0].fraction == 1.0
    assert [stage.state for stage in publisher.ended[0].stages] == ["succeeded", *["skipped"] * 4]


def test_weights_say_how_much_of_the_whole_a_stage_is() -> None:
    """A stage of weight 8 of 10, half done, after one of weight 1, makes 50 percent."""
    with pk.ProgressTracker("Train", stages={"load": 1, "train": 8, "test": 1}) as tracker:
        with tracker.stage("load"):
            pass
        with tracker.stage("train", total=10, unit="epochs") as stage:
            stage.advance(5)
            assert tracker.snapshot().fraction == pytest.approx(0.5)
            assert tracker.snapshot().stages[1].unit == "epochs"


def test_counting(clock: FakeClock) -> None:
    """`advance`, `done`, `total` and `message` are shown as they are set, with the times of the stage."""
    with pk.ProgressTracker("Work") as tracker:
        clock.advance(2)
        with tracker.stage("analysis", total=10) as stage:
            clock.advance(3)
            stage.advance()
            stage.advance(2.5)
            stage.message = "reading a.py"
            shown = tracker.snapshot().stages[1]
            assert (shown.done, shown.total, shown.message) == (3.5, 10, "reading a.py")
            assert (shown.started_s, shown.elapsed_s) == (2.0, 3.0)
            stage.done = 1
            stage.advance(-1)
            assert stage.done == 0
            stage.total = 20
            stage.advance(1, total=30)
            assert tracker.snapshot().stages[1].total == 30
            stage.total = None
            assert tracker.snapshot().stages[1].total is None


def test_more_done_than_expected_corrects_the_total_at_the_end() -> None:
    """Counting past the total raises nothing; in the end the total is what was done."""
    with pk.ProgressTracker("Work", ["only"]) as tracker:
        with tracker.stage("only", total=2) as stage:
            stage.advance(5)
            assert tracker.snapshot().fraction == 1.0
        assert (stage.done, stage.total) == (5, 5)


def test_a_stage_that_was_not_all_done_says_so() -> None:
    """A stage that ends well with 1 of 3 done keeps that: nobody knows what happened to the rest."""
    with pk.ProgressTracker("Work", ["only"]) as tracker, tracker.stage("only", total=3) as stage:
        stage.advance()
    assert (tracker.snapshot().stages[0].done, tracker.snapshot().stages[0].total) == (1, 3)


def test_a_loop_in_a_stage_counts_there() -> None:
    """`stage.track` counts in the stage; loops one after another add up."""
    with pk.ProgressTracker("Work") as tracker:
        with tracker.stage("analysis") as stage:
            for _ in stage.track([1, 2, 3]):
                pass
            assert stage.state == "running"
            for _ in stage.track(iter([4, 5])):
                assert stage.total == 5
            assert (stage.done, stage.total) == (5, 5)
        assert not tracker.snapshot().stages[1].counters


def test_a_stage_that_was_not_entered_begins_and_ends_with_its_loop() -> None:
    """``for batch in tracker.stage("implementation").track(batches)`` needs no block of its own."""
    with pk.ProgressTracker("Work") as tracker:
        states = {tracker.stage("implementation").state for _ in tracker.stage("implementation").track(range(3))}
        assert states == {"running"}
        assert tracker.stage("implementation").state == "succeeded"
        for _ in tracker.stage("finalization").track(range(3)):
            break
        assert tracker.stage("finalization").state == "succeeded"
        assert tracker.stage("finalization").done == 0


def test_a_total_of_the_stage_is_not_changed_by_its_loops() -> None:
    """Where the caller gave a total, loops fill it."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis", total=10) as stage:
        for _ in stage.track([1, 2, 3]):
            assert stage.total == 10
        assert (stage.done, stage.total) == (3, 10)


def test_stages_in_any_order_and_passed_over_ones_are_skipped_at_the_end() -> None:
    """What was not entered stays pending while the operation runs, and is skipped once it has succeeded."""
    with pk.ProgressTracker("Work", ["a", "b", "c"]) as tracker:
        with tracker.stage("c"):
            pass
        with tracker.stage("a"):
            pass
        assert [stage.state for stage in tracker.snapshot().stages] == ["succeeded", "pending", "succeeded"]
    assert [stage.state for stage in tracker.snapshot().stages] == ["succeeded", "skipped", "succeeded"]


def test_an_exception_fails_stage_and_operation_and_passes_unchanged() -> None:
    """The exception says why, and reaches the caller as it was raised."""
    error = OSError("disk full")
    with (
        pytest.raises(OSError, match="disk full") as caught,
        pk.ProgressTracker("Work") as tracker,
        tracker.stage("analysis"),
    ):
        raise error
    assert caught.value is error
    snapshot = tracker.snapshot()
    assert (snapshot.state, snapshot.error) == ("failed", Failure(type="OSError", message="disk full"))
    assert [stage.state for stage in snapshot.stages] == ["pending", "failed", *["pending"] * 3]


def test_a_failed_loop_fails_its_stage_with_the_operation() -> None:
    """A stage that was entered by its loop ends as the exception says, which the tracker's block sees."""
    with pytest.raises(KeyboardInterrupt), pk.ProgressTracker("Work") as tracker:  # noqa: PT012 - the block is what is tested
        for _ in tracker.stage("analysis").track([1, 2]):
            raise KeyboardInterrupt
    assert tracker.snapshot().stages[1].state == "cancelled"


def test_after_a_caught_failure_the_next_stage_can_begin() -> None:
    """A caller may catch what ended a stage, and go on."""
    with pk.ProgressTracker("Work") as tracker:
        try:
            for _ in tracker.stage("analysis").track([1, 2]):
                raise ValueError  # noqa: TRY301 - that is the case
        except ValueError:
            pass
        with tracker.stage("planning"):
            pass
    assert [stage.state for stage in tracker.snapshot().stages][1:3] == ["failed", "succeeded"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), pk.OperationCancelled("no"), asyncio.CancelledError()], ids=repr
)
def test_what_asks_to_stop_is_no_failure(error: BaseException) -> None:
    """An interrupt and both kinds of cancel end as cancelled, without an error."""
    with pytest.raises(type(error)), pk.ProgressTracker("Work") as tracker, tracker.stage("analysis"):
        raise error
    assert (tracker.state, tracker.snapshot().error) == ("cancelled", None)


def test_an_exception_whose_text_cannot_be_made() -> None:
    """A broken ``__str__`` changes nothing for the caller."""

    class Broken(Exception):  # noqa: N818 - a name for a test
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(Broken), pk.ProgressTracker("Work") as tracker:
        raise Broken
    assert tracker.snapshot().error == Failure(type="Broken", message="(the exception's message could not be read)")


def test_async_blocks() -> None:
    """Trackers and stages are asynchronous context managers as well."""

    async def main() -> pk.ProgressTracker:
        async with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis", total=2) as stage:
            async for _ in stage.track([1, 2]):
                await asyncio.sleep(0)
        return tracker

    snapshot = asyncio.run(main()).snapshot()
    assert (snapshot.state, snapshot.stages[1].done) == ("succeeded", 2)


def test_message_and_metrics(publisher: RecordingPublisher) -> None:
    """Both are shown live; numbers of any kind are made plain, and what is not finite is unknown."""

    class Tensor:
        def __float__(self) -> float:
            return 0.5

    with pk.ProgressTracker("Work") as tracker:
        tracker.message = "writing"
        tracker.metrics["loss"] = 0.31
        tracker.metrics.update({"tensor": Tensor(), "bad": float("nan"), "none": None})
        (snapshot,) = publisher.sample()
    assert snapshot.message == "writing"
    assert snapshot.metrics == {"loss": 0.31, "tensor": 0.5, "bad": None, "none": None}


@pytest.mark.parametrize(
    "notify, expected",
    [
        ("default", Notify()),
        ("always", Notify(when="always")),
        ("failure", Notify(when="failure")),
        ("never", Notify(when="never")),
        (90, Notify(when="longer", after_s=90.0)),
    ],
)
def test_when_the_end_is_announced(notify: Any, expected: Notify) -> None:
    """A word, or the seconds that it must have taken."""
    assert pk.ProgressTracker("Work", notify=notify).snapshot().notify == expected


def test_overlapping_loops_in_one_stage_add_up() -> None:
    """Two asyncio tasks that loop in the same stage at the same time are both counted."""

    async def part(stage: pk.Stage) -> None:
        async for _ in stage.track([1, 2, 3]):
            await asyncio.sleep(0)

    async def main() -> pk.ProgressTracker:
        with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
            await asyncio.gather(part(stage), part(stage))
            assert (stage.done, stage.total) == (6, 6)
        return tracker

    assert asyncio.run(main()).state == "succeeded"
