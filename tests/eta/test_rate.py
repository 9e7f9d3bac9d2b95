from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from progress_kit.eta import Estimates, RateEstimator
from progress_kit.model import Stage, StageState


def running(done: float, total: float | None = None) -> Stage:
    """A stage at work."""
    return Stage(name="main", state="running", done=done, total=total)


def watch(estimator: RateEstimator, counts: Sequence[tuple[float, float]], total: float | None) -> list[Estimates]:
    """Show `estimator` where the counter stood at each moment."""
    return [estimator.update(at_s, [running(done, total)]) for at_s, done in counts]


def p50(estimates: Estimates) -> float:
    """The estimate that must be there."""
    assert estimates.estimate is not None
    return estimates.estimate.p50_s


def test_a_steady_loop_is_predicted_exactly() -> None:
    """Ten items a second and 1,000 to do: after 20 s there are 80 s left."""
    seen = watch(RateEstimator(weights_given=False), [(i / 10, i) for i in range(201)], 1_000)
    assert seen[-1].rates == {"main": pytest.approx(10, rel=0.01)}
    assert p50(seen[-1]) == pytest.approx(80, rel=0.02)
    assert seen[-1].estimate is not None
    assert seen[-1].estimate.basis == ("rate",)
    assert (seen[-1].estimate.p10_s, seen[-1].estimate.p90_s) == (None, None)


def test_nothing_is_said_without_a_basis() -> None:
    """Before the counter moves, and before it was watched for a moment, rate and estimate are unknown, not 0."""
    estimator = RateEstimator(weights_given=False)
    for at_s, done in [(0.0, 0), (0.1, 0), (0.2, 5), (5.0, 0)]:
        estimates = estimator.update(at_s, [running(done, 100)])
        assert (estimates.rates, estimates.estimate) == ({"main": None}, None)


def test_an_unknown_total_has_a_rate_and_no_estimate() -> None:
    """How long an endless stream takes cannot be said, how fast it flows can."""
    last = watch(RateEstimator(weights_given=False), [(i / 10, i) for i in range(50)], None)[-1]
    assert last.rates["main"] == pytest.approx(10, rel=0.01)
    assert last.estimate is None


def test_all_counted_and_still_running_has_no_estimate() -> None:
    """An iterable that said a wrong length leaves nothing to compute the end from."""
    seen = watch(RateEstimator(weights_given=False), [(i / 10, i) for i in range(60)], 40)
    assert seen[-1].estimate is None


@pytest.mark.parametrize("period_s", [2, 10])
def test_batches_do_not_make_the_estimate_jump(period_s: int) -> None:
    """A batch every few seconds has one rate and one end, right after a batch and right before the next one."""
    counts = [(i / 10, 32 * period_s * (i // (10 * period_s))) for i in range(1_500)]
    seen = watch(RateEstimator(weights_given=False), counts, 6_400)
    settled = list(zip(counts, seen, strict=True))[500:]
    assert all(estimates.rates["main"] == pytest.approx(32, rel=0.05) for _, estimates in settled)
    ends = [at_s + p50(estimates) for (at_s, _), estimates in settled]
    assert max(ends) - min(ends) < 0.5
    assert ends[-1] == pytest.approx(200, rel=0.005)


def test_bursts_of_many_small_steps_are_smoothed() -> None:
    """Ten quick items and then five seconds of nothing are 2 a second, at every moment of it."""
    counts = [(i / 10, 10 * (i // 50) + min(i % 50, 10)) for i in range(1_000)]
    seen = watch(RateEstimator(weights_given=False), counts, 1_000)
    for estimates in seen[500:]:
        assert estimates.rates["main"] == pytest.approx(2, rel=0.3)


def test_a_stuck_counter_gets_slower_instead_of_counting_down_to_nothing() -> None:
    """When nothing comes any more, the time left grows again and the rate falls, but is never 0."""
    estimator = RateEstimator(weights_given=False)
    before = watch(estimator, [(i / 10, i) for i in range(101)], 200)[-1]
    after = [estimator.update(10 + i / 10, [running(100, 200)]) for i in range(1, 300)]
    assert p50(after[-1]) > 2 * p50(before)
    assert all(estimates.rates["main"] for estimates in after)
    assert after[-1].rates["main"] is not None
    assert after[-1].rates["main"] < 3


def test_a_change_of_speed_is_followed() -> None:
    """A loop that becomes ten times slower shows the new rate within 15 s."""
    counts = [(i / 10, float(i)) for i in range(300)] + [(30 + i / 10, 300 + i / 10) for i in range(150)]
    assert watch(RateEstimator(weights_given=False), counts, 1_000)[-1].rates["main"] == pytest.approx(1, rel=0.3)


def test_a_great_change_is_shown_at_once() -> None:
    """A stage that takes ten times as long as its weight promised is not approached over seconds."""
    estimator = RateEstimator(weights_given=True)
    plan = [Stage(name="load", state="succeeded", weight=1.0, elapsed_s=0.2), Stage(name="look", state="running")]
    for i in range(10):
        last = estimator.update(0.2 + i / 10, [plan[0], replace(plan[1], done=i, total=100, weight=8.0)])
    assert p50(last) == pytest.approx(9.1, rel=0.1)


def test_a_counter_that_was_set_back_starts_anew() -> None:
    """The user may set `done`; what was before says nothing about what comes."""
    estimator = RateEstimator(weights_given=False)
    watch(estimator, [(i / 10, 100 * i) for i in range(50)], 10_000)
    seen = [estimator.update(5 + i / 10, [running(i, 10_000)]) for i in range(100)]
    assert seen[0].estimate is None
    assert seen[-1].rates["main"] == pytest.approx(10, rel=0.01)


def test_a_pause_does_not_count() -> None:
    """A minute of pause changes neither rate nor remaining time; while it lasts, nothing is predicted."""
    estimator = RateEstimator(weights_given=False)
    before = watch(estimator, [(i / 10, i) for i in range(101)], 200)[-1]
    paused = [estimator.update(10 + i, [Stage(name="main", state="paused", done=100, total=200)]) for i in range(1, 61)]
    assert all(estimates.estimate is None for estimates in paused)
    after = estimator.update(70.1, [running(101, 200)])
    assert after.rates["main"] == pytest.approx(before.rates["main"], rel=0.05)
    assert p50(after) == pytest.approx(p50(before), rel=0.05)


def stages(*states: StageState, done: float = 0, elapsed_s: float | None = None) -> list[Stage]:
    """A plan of stages with weights 1, 2, 3 …; those that ended took 10 s for a weight of 1."""
    return [
        Stage(
            name=f"s{i}",
            state=state,
            weight=i + 1.0,
            total=100 if state == "running" else None,
            done=done if state == "running" else 0,
            elapsed_s=10.0 * (i + 1) if state == "succeeded" else elapsed_s if state == "running" else None,
        )
        for i, state in enumerate(states)
    ]


def test_several_stages_without_weights_are_only_predicted_in_the_last_one() -> None:
    """Equal weights that nobody gave say nothing about time."""
    estimator = RateEstimator(weights_given=False)
    for i in range(20):
        assert estimator.update(i / 10, stages("running", "pending", done=i)).estimate is None
    for i in range(20):
        last = estimator.update(2 + i / 10, stages("succeeded", "running", done=i))
    assert p50(last) == pytest.approx(8.1, rel=0.05)


def test_several_stages_with_weights_are_predicted_by_the_time_a_weight_takes() -> None:
    """10 s for weight 1, the running stage of weight 2 is half done after 10 s: 10 s here, 30 s for weight 3."""
    estimator = RateEstimator(weights_given=True)
    for i in range(101):
        last = estimator.update(10 + i / 10, stages("succeeded", "running", "pending", done=i / 2, elapsed_s=i / 10))
    assert p50(last) == pytest.approx(40, rel=0.02)


def test_a_stage_of_unknown_total_counts_with_its_weight_until_it_takes_longer() -> None:
    """A running stage without a total takes its share of the plan; beyond that, nobody knows."""
    estimator = RateEstimator(weights_given=True)

    def at(elapsed_s: float) -> Estimates:
        plan = stages("succeeded", "running", "pending", elapsed_s=elapsed_s)
        plan[1] = Stage(name="s1", state="running", weight=2.0, elapsed_s=elapsed_s)
        return estimator.update(10 + elapsed_s, plan)

    assert p50(at(5)) == pytest.approx(15 + 30)
    assert at(25).estimate is None


def test_an_ended_stage_keeps_its_mean_rate() -> None:
    """What is over is known exactly: 30 items in 6 s."""
    ended = Stage(name="main", state="succeeded", done=30, total=30, elapsed_s=6.0)
    assert RateEstimator(weights_given=False).update(7, [ended]).rates == {"main": 5.0}


@given(
    steps=st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e9)), min_size=1, max_size=60),
    total=st.none() | st.floats(0, 1e12),
    weights_given=st.booleans(),
    back=st.booleans(),
)
def test_whatever_a_counter_does_the_answer_is_unknown_or_a_positive_number(
    steps: list[tuple[float, float]], total: float | None, *, weights_given: bool, back: bool
) -> None:
    """No division by zero, no negative, infinite or zero estimate, and a rate is never 0 by default."""
    estimator = RateEstimator(weights_given=weights_given)
    at_s = done = 0.0
    for seconds, units in steps:
        at_s += seconds
        done = units if back else done + units
        estimates = estimator.update(at_s, [running(done, total), Stage(name="later", weight=2.0)])
        assert estimates.rates["main"] is None or 0 < estimates.rates["main"] < float("inf")
        if estimates.estimate is not None:
            assert 0 <= estimates.estimate.p50_s < float("inf")


@given(per_s=st.floats(0.2, 1e6), total_s=st.floats(20, 1e5), share=st.floats(0.1, 0.9))
def test_any_steady_speed_is_found(per_s: float, total_s: float, share: float) -> None:
    """The end of a steady loop is predicted within 5 %, whatever its speed and length."""
    estimator = RateEstimator(weights_given=False)
    until_s = share * total_s
    for i in range(101):
        at_s = until_s * i / 100
        last = estimator.update(at_s, [running(per_s * at_s, per_s * total_s)])
    assert until_s + p50(last) == pytest.approx(total_s, rel=0.05)
