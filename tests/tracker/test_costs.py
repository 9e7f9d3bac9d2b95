import logging
import math
from collections.abc import Iterator

import pytest

import progress_kit as pk
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import costs


def test_the_time_left_follows_the_cost(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """After the 20 cheap items half of the work is still to come, and the estimate says so; the count stays items."""
    sizes = [1.0] * 20 + [20.0]
    for number, size in enumerate(pk.track(sizes, cost=lambda size: size)):
        (snapshot,) = publisher.sample()
        if number == 20:
            break
        clock.advance(size)
    assert (snapshot.stages[0].done, snapshot.stages[0].total) == (20, 21)
    assert snapshot.stages[0].rate == pytest.approx(1.0, rel=0.1)
    assert snapshot.estimate is not None
    assert snapshot.estimate.basis == ("cost", "rate")
    assert snapshot.estimate.p50_s == pytest.approx(20.0, rel=0.15)


def test_costs_in_a_stage(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """`stage.track` takes `cost` too."""
    with pk.ProgressTracker("Work", ["only"]) as tracker:
        for size in tracker.stage("only").track([1.0, 1.0, 8.0], cost=lambda size: size):
            (snapshot,) = publisher.sample()
            clock.advance(size)
    assert snapshot.estimate is not None
    assert snapshot.estimate.p50_s == pytest.approx(8.0, rel=0.1)


def test_a_bad_cost_counts_as_the_mean(caplog: pytest.LogCaptureFixture) -> None:
    """NaN, less than nothing, no number and an exception are unknown; one warning tells how many."""
    answers = iter([4.0, math.nan, -1.0, "big", None, 2.0])

    def cost(_: int) -> float:
        answer = next(answers)
        if answer is None:
            raise OSError("gone")
        return answer  # type: ignore[return-value] # wrong on purpose

    found = costs.ask(range(6), cost)
    assert found is not None
    assert [found.until(number) for number in range(7)] == [0, 4, 7, 10, 13, 16, 18]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "the cost of 4 items is unknown" in caplog.text


def test_asking_takes_a_tenth_of_a_second_at_most(clock: FakeClock) -> None:
    """What was not asked in time counts as the mean of what was."""
    asked = []

    def slow(item: int) -> float:
        asked.append(item)
        clock.advance(0.03)
        return 2.0

    found = costs.ask(range(1_000_000), slow)
    assert found is not None
    assert asked == [0, 1, 2, 3]
    assert found.total == 2_000_000.0


def test_costs_are_asked_of_sequences_only() -> None:
    """A generator's items are not taken before the loop does."""

    def rows() -> Iterator[int]:
        yield from (1, 2, 3)

    assert list(pk.track(rows(), cost=float)) == [1, 2, 3]
    assert costs.ask(rows(), float) is None
    assert costs.ask([], float) is None
    assert costs.ask([0, 0], float) is None


def test_a_cost_must_be_a_function() -> None:
    """Anything else is refused where it is given."""
    with pytest.raises(pk.InvalidValueError, match="cost is 'size'"):
        pk.track([1], cost="size")  # type: ignore[call-overload]


def test_the_cost_by_type(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """`cost=True` and `cost=pk.cost` know it by the items' types: here texts by their words."""
    texts = ["one"] * 20 + ["word " * 20]
    for cost in (True, pk.cost):
        for number, text in enumerate(pk.track(texts, cost=cost)):
            (snapshot,) = publisher.sample()
            if number == 20:
                break
            clock.advance(len(text.split()))
        assert snapshot.estimate is not None
        assert snapshot.estimate.p50_s == pytest.approx(20.0, rel=0.15)


def test_items_that_have_no_cost_count_as_the_mean(caplog: pytest.LogCaptureFixture) -> None:
    """A cost of None is no mistake; where no item has one, the number of items tells the time left, as without."""
    found = costs.ask([[1, 2], 3, [1, 2, 3, 4]], pk.cost)
    assert found is not None
    assert [found.until(number) for number in range(4)] == [0, 2, 5, 9]
    assert costs.ask([1, 2, 3], pk.cost) is None
    assert not caplog.records


def test_no_cost_is_asked_unless_wanted() -> None:
    """None and False mean so."""
    assert costs.function(None) is None
    assert costs.function(False) is None  # noqa: FBT003 - what a user may write
