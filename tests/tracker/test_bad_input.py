import math
from collections.abc import Callable
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.testing import RecordingPublisher

HTML = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("total", [-1, math.nan, -math.inf, "ten", pytest.param(object(), id="object")], ids=repr)
def test_a_total_that_cannot_be_meant(total: Any) -> None:
    """A negative, NaN or non-number total is refused where it is given, before the loop; the message names it."""
    with pytest.raises(pk.InvalidValueError, match="total"):
        pk.track([1], total=total)
    with pytest.raises(pk.InvalidValueError, match="total of stage 'analysis'"):
        pk.ProgressTracker("Work").stage("analysis", total=total)


def test_a_total_smaller_than_what_is_done() -> None:
    """A total below `done` is refused, and the old one stays."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis", total=9) as stage:
        stage.advance(5)
        with pytest.raises(pk.InvalidValueError, match="5 are done already"):
            stage.total = 4
        assert stage.total == 9


@pytest.mark.parametrize("unknown", [None, math.inf])
def test_an_unknown_total(unknown: float | None) -> None:
    """None and infinity both mean that nobody knows."""
    assert pk.ProgressTracker("Work").stage("analysis", total=unknown).total is None


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf, "8"], ids=repr)
def test_a_weight_must_be_greater_than_zero(weight: Any) -> None:
    """A weight of nothing, less, or no number is refused."""
    with pytest.raises(pk.InvalidValueError, match="weight of stage 'load'"):
        pk.ProgressTracker("Work", stages={"load": weight})


def test_names_of_stages() -> None:
    """Names must differ and be known; a single string is not taken apart into letters."""
    with pytest.raises(pk.DuplicateStageError, match="'a'"):
        pk.ProgressTracker("Work", stages=["a", "b", "a"])
    with pytest.raises(pk.UnknownStageError, match=r"no stage 'z'.*'a', 'b'"):
        pk.ProgressTracker("Work", stages=["a", "b"]).stage("z")
    with pytest.raises(pk.InvalidValueError, match="as a list"):
        pk.ProgressTracker("Work", stages="load")
    with pytest.raises(pk.InvalidValueError, match="0 stages"):
        pk.ProgressTracker("Work", stages=[])
    with pytest.raises(pk.InvalidValueError, match="65 stages"):
        pk.ProgressTracker("Work", stages=[str(number) for number in range(65)])


def test_a_very_long_name_is_cut_visibly(publisher: RecordingPublisher) -> None:
    """10,000 characters become 200, the last of them an ellipsis."""
    for _ in pk.track([1], "x" * 10_000, unit="u" * 10_000):
        pass
    (ended,) = publisher.ended
    assert (len(ended.name), ended.name[-1]) == (200, "…")
    assert (len(ended.stages[0].unit), len(ended.kind or "")) == (200, 200)


def test_html_in_a_name_stays_text(publisher: RecordingPublisher) -> None:
    """A name is text: nothing in it is removed or interpreted; control characters are replaced."""
    with pk.ProgressTracker(HTML, stages=[HTML]) as tracker, tracker.stage(HTML) as stage:
        stage.message = f"{HTML}\x00\u202e"
        (snapshot,) = publisher.sample()
    assert snapshot.name == snapshot.stages[0].name == HTML
    assert snapshot.stages[0].message == f"{HTML}\ufffd\ufffd"


@pytest.mark.parametrize("name", ["", "  ", 100, None], ids=repr)
def test_a_name_must_be_text(name: Any) -> None:
    """A tracker needs a name that says something."""
    with pytest.raises(pk.InvalidValueError, match="name"):
        pk.ProgressTracker(name)


def test_what_is_no_iterable() -> None:
    """A number in the place of an iterable is told what to do instead."""
    with pytest.raises(pk.InvalidValueError, match="track range"):
        pk.track(5)  # type: ignore[call-overload]
    with pytest.raises(pk.InvalidValueError, match="name is 100"):
        pk.track([1], 100)  # type: ignore[call-overload]


@pytest.mark.parametrize("notify", ["sometimes", "longer", -1, math.nan, None], ids=repr)
def test_notify_is_one_of_four_words_or_seconds(notify: Any) -> None:
    """Everything else is refused where it is written."""
    with pytest.raises(pk.InvalidValueError, match="notify"):
        pk.ProgressTracker("Work", notify=notify)


@pytest.mark.parametrize("step", [math.nan, math.inf, -3, "one"], ids=repr)
def test_a_step_that_cannot_be_meant(step: Any) -> None:
    """NaN, and less than nothing done, are refused; the count stays as it was."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
        stage.advance(2)
        with pytest.raises(pk.InvalidValueError, match="stage 'analysis'"):
            stage.advance(step)
        with pytest.raises(pk.InvalidValueError, match="stage 'analysis'"):
            stage.done = step
        assert stage.done == 2


def test_numbers_that_are_too_large_for_the_wire() -> None:
    """Whole numbers beyond 64 bits are shown as the nearest float."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis", total=10**30) as stage:
        stage.advance(10**25)
        assert (stage.done, stage.total) == (1e25, 1e30)
        with pytest.raises(pk.InvalidValueError, match="total"):
            stage.total = 10**400


def test_a_metric_that_is_no_number() -> None:
    """A metric is a number."""
    with pytest.raises(pk.InvalidValueError, match="metric 'loss'"):
        pk.ProgressTracker("Work").metrics["loss"] = "low"  # type: ignore[assignment]


def test_more_metrics_than_can_be_shown(publisher: RecordingPublisher) -> None:
    """The first 64 are shown, the rest is kept to itself."""
    with pk.ProgressTracker("Work") as tracker:
        tracker.metrics.update({str(number): number for number in range(100)})
    assert len(publisher.ended[0].metrics) == 64


def test_stages_follow_each_other() -> None:
    """Nested, repeated and premature stages are refused, and the running one goes on."""
    tracker = pk.ProgressTracker("Work")
    with pytest.raises(pk.StageOrderError, match="has not begun"), tracker.stage("analysis"):
        pytest.fail("the tracker has not begun")
    with tracker:
        with tracker.stage("analysis") as stage:
            with pytest.raises(pk.StageOrderError, match="'planning' was entered while 'analysis' is running"):
                tracker.stage("planning").__enter__()
            with pytest.raises(pk.StageOrderError, match="'analysis' was entered while 'analysis'"):
                stage.__enter__()
            with pytest.raises(pk.StageOrderError, match="has not begun"):
                tracker.stage("planning").advance()
            stage.advance()
        with pytest.raises(pk.OperationEndedError, match="'analysis' has ended"), tracker.stage("analysis"):
            pytest.fail("an end is final")
    assert tracker.state == "succeeded"


def test_after_the_end() -> None:
    """What has ended cannot be counted in, nor begun again."""
    with pk.ProgressTracker("Work") as tracker, tracker.stage("analysis") as stage:
        pass
    uses: list[Callable[[], object]] = [
        stage.advance,
        lambda: setattr(stage, "done", 3),
        lambda: setattr(stage, "total", 3),
    ]
    for use in uses:
        with pytest.raises(pk.OperationEndedError, match="stage 'analysis' has ended"):
            use()
    with pytest.raises(pk.OperationEndedError, match="make a new tracker"), tracker:
        pytest.fail("a tracker is for one run")
    with pytest.raises(pk.OperationEndedError, match="'Work' has ended"), tracker.stage("planning"):
        pytest.fail("nor are its stages")
    assert tracker.state == "succeeded"


def test_a_tracker_is_not_entered_twice() -> None:
    """Nesting a tracker in itself is refused."""
    with pk.ProgressTracker("Work") as tracker:
        with pytest.raises(pk.OperationEndedError, match="used before"):
            tracker.__enter__()
        assert tracker.state == "running"


def test_a_loops_block_is_not_entered_twice() -> None:
    """Nor is a loop's block."""
    with pk.track([1]) as numbers, pytest.raises(pk.StageOrderError, match="open already"):
        numbers.__enter__()
