"""What an operation learns of earlier runs, says of the time left, and tells later runs."""

from contextlib import nullcontext

import pytest

import progress_kit as pk
from progress_kit.model import Prior, StagePrior
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker.operation import Operation


def prior(*stages: tuple[str, float], **known: float) -> Prior:
    """What four runs say, whose stages took so many seconds."""
    total = sum(seconds for _, seconds in stages)
    return Prior(
        runs=4,
        total_s=(total, total, total),
        stages=tuple(
            StagePrior(name=name, duration_s=(0.9 * each, each, 1.1 * each), **known)  # type: ignore[arg-type]
            for name, each in stages
        ),
    )


def own(publisher: RecordingPublisher) -> Operation:
    """The one operation that is running, as the publisher sees it."""
    (operation,) = publisher._open.values()
    assert isinstance(operation, Operation)
    return operation


def test_it_is_estimated_before_its_first_item(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """As soon as it has learnt what earlier runs took; without that nobody knows."""
    for item in pk.track(range(10), "Thumbnails"):
        if item:
            break
        clock.advance(1)
        assert publisher.sample()[0].estimate is None
        own(publisher).learn(prior(("main", 100.0)))
        (snapshot,) = publisher.sample()
        assert snapshot.estimate is not None
        assert snapshot.estimate.basis == ("history",)
        assert 80 < snapshot.estimate.p50_s < 120


def test_what_it_learns_before_it_is_looked_at_counts(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """The first sample has it already."""
    with pk.ProgressTracker("Report", stages=["load", "write"]):
        own(publisher).learn(prior(("load", 30.0), ("write", 70.0)))
        clock.advance(1)
        assert publisher.sample()[0].estimate is not None


def test_time_that_passes_without_a_count_is_news(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """An estimate is made anew while nothing moves: the run that hangs is seen to be slower than usual."""
    with pk.ProgressTracker("Report", stages={"main": 1}) as tracker, tracker.stage("main", total=10) as stage:
        own(publisher).learn(prior(("main", 10.0), seconds_per_item=1.0))
        for _ in range(5):
            clock.advance(1)
            stage.advance()
            (before,) = publisher.sample()
        clock.advance(0.9)
        assert publisher.sample() == [before]
        for _ in range(60):
            clock.advance(1)
            (after,) = publisher.sample()
        assert after.seq > before.seq + 10
        assert after.estimate is not None
        assert after.estimate.slowdown is not None
        assert after.estimate.slowdown > 2
    assert publisher.ended[0].estimate is None


def test_without_an_estimate_time_alone_is_no_news(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """Nobody is told anything while nothing is known and nothing moves."""
    with pk.ProgressTracker("Report"):
        clock.advance(1)
        (before,) = publisher.sample()
        clock.advance(1000)
        assert publisher.sample() == [before]


def test_its_stages_tell_what_they_cost(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """The sums of the powers of the items' costs; not for a stage without costs, nor where more was counted."""
    with pk.ProgressTracker("Report", stages=["load", "check", "both"]) as tracker:
        for size in tracker.stage("load").track([3.0, 4.0], cost=float):
            clock.advance(size)
            publisher.sample()
        for _ in tracker.stage("check").track([1, 2]):
            clock.advance(1)
        with tracker.stage("both") as both:
            for _ in both.track([5.0], cost=float):
                clock.advance(1)
            for _ in both.track([6.0], cost=float):
                clock.advance(1)
    (told,) = publisher.told[tracker.id]
    assert told.name == "load"
    sums = {each.exponent: each.total for each in told.costs}
    assert list(sums) == [0.5, 0.75, 1.0, 1.4, 2.0]
    assert (sums[1.0], sums[2.0]) == pytest.approx((7.0, 25.0))


def test_its_stages_tell_how_their_time_went(publisher: RecordingPublisher, clock: FakeClock) -> None:
    """At which share of the time each tenth of the items was done: here the second half takes three times as long."""
    for item in pk.track(range(20), "Thumbnails"):
        publisher.sample()
        clock.advance(3 if item >= 10 else 1)
    (told,) = publisher.told[publisher.ended[0].id]
    assert told.name == "main"
    assert told.course == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.125, 0.3, 0.475, 0.65, 0.825], abs=0.15)
    assert list(told.course) == sorted(told.course)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_that_did_not_succeed_tells_nothing(
    publisher: RecordingPublisher, clock: FakeClock, error: type[BaseException]
) -> None:
    """Later runs shall not be measured by it."""
    with pytest.raises(error), pk.ProgressTracker("Report", stages=["load", "fit"]) as tracker:  # noqa: PT012 - as it is
        for _ in tracker.stage("load").track([3.0, 4.0], cost=float):
            clock.advance(1)
        raise error
    assert publisher.told == {}


@pytest.mark.parametrize("where", ["a loop", "a stage"])
def test_costs_and_history_meet(publisher: RecordingPublisher, clock: FakeClock, where: str) -> None:
    """Twice the cost of the earlier runs is about twice their time, before the first item."""
    known = prior(("main", 100.0), seconds_per_item=10.0, seconds_per_cost=1.0, cost_exponent=1.0, cost=100.0)
    found = []
    for cost in (10.0, 20.0):
        tracker = pk.ProgressTracker("Report", stages=["main"])
        with tracker if where == "a stage" else nullcontext():
            items = [cost] * 10
            loop = tracker.stage("main").track(items, cost=float) if where == "a stage" else pk.track(items, cost=float)
            for _ in loop:
                clock.advance(0.01)
                own(publisher).learn(known)
                estimate = publisher.sample()[0].estimate
                assert estimate is not None
                found.append(estimate.p50_s)
                break
    assert found[1] / found[0] == pytest.approx(2, rel=0.3)
