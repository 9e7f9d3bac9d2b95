import math

import pytest

from progress_kit.eta import CostSums, Estimator, StageRun, Work, course_of, learn
from progress_kit.model import Prior, Stage


def run(seconds: float, sizes: list[float] | None = None, items: float = 100) -> list[StageRun]:
    """One stage of a run; the costs are those of its items."""
    return [StageRun("main", items, seconds, CostSums(sizes).work(len(sizes)).sums() if sizes else None)]


def told(prior: Prior | None) -> Prior:
    """A prior that must be there."""
    assert prior is not None
    return prior


def test_no_runs_tell_nothing() -> None:
    """Without history there is no prior."""
    assert learn([]) is None


def test_runs_tell_how_long_they_took() -> None:
    """Quantiles over the runs, of the whole and of each stage, and the time per item."""
    prior = told(learn([run(10), run(20), run(30)]))
    assert prior.runs == 3
    assert prior.total_s == pytest.approx((12, 20, 28))
    (stage,) = prior.stages
    assert stage.duration_s == prior.total_s
    assert stage.seconds_per_item == pytest.approx(0.2)
    assert stage.cost is stage.cost_exponent is None


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_runs_tell_how_time_goes_with_cost(exponent: float) -> None:
    """From runs of different sizes the exponent is found; one run is taken as proportional."""
    runs = [run(0.1 * 20 * size**exponent, [size] * 20) for size in (1.0, 2.0, 5.0, 9.0, 20.0)]
    (stage,) = told(learn(runs)).stages
    assert stage.cost_exponent == exponent
    assert stage.seconds_per_cost == pytest.approx(0.1)
    assert told(learn(runs[:1])).stages[0].cost_exponent == 1


def test_a_run_of_known_cost_is_foretold_by_it() -> None:
    """Ten times the cost of the runs before, at as many items: most of ten times the time."""
    prior = learn([run(10, [1.0] * 100)] * 5)
    sums = CostSums([10.0] * 100)
    estimator = Estimator(prior=prior)
    estimator.update(0, [Stage(name="main", state="running", total=100)], costs={"main": sums.work(0)})
    found = estimator.estimate()
    assert found is not None
    assert found.p50_s == pytest.approx(63, rel=0.1)


def test_costs_too_large_for_a_number_are_infinite() -> None:
    """Sums by large exponents may leave what a float can hold; they are never an error."""
    assert math.isinf(Work((1.0,) * 5, (1.0,) * 5, (0.0,) * 5, 1e200).sums()[-1])
    assert CostSums([], 10).until(5) == (0.0,) * 5
    assert learn([run(10, [1e200] * 3)]) is not None


def test_a_course_is_the_share_of_time_at_each_tenth() -> None:
    """Half of it in a quarter of the time; the rest evenly. Between the moments it is taken as even."""
    marks = [(0.0, 0.0), (0.1, 0.2), (0.25, 0.5), (0.4, 0.6), (0.55, 0.7), (0.7, 0.8)]
    assert course_of(marks) == pytest.approx((0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.55, 0.7, 0.85))
    assert course_of(marks[:3]) == ()


def test_the_course_of_several_runs_is_the_one_between() -> None:
    """Runs whose course is unknown do not count."""
    low, high = (0.1,) * 9, (0.3,) * 9
    runs = [[StageRun("main", 10, 1.0, None, course)] for course in (low, (0.2,) * 9, high, ())]
    assert told(learn(runs)).stages[0].course == pytest.approx((0.2,) * 9)


def test_history_that_arrives_on_the_way_counts() -> None:
    """The server's answer comes when the run has begun; the course of earlier runs is used from then on."""
    course = (0.2, 0.4, 0.6, 0.8, 0.9, 0.92, 0.94, 0.96, 0.98)
    estimator = Estimator()
    for i in range(60):
        estimator.update(float(i), [Stage(name="main", state="running", done=0.6 * i, total=100)])
    before = estimator.estimate()
    estimator.prior = learn([[StageRun("main", 100, 100.0, None, course)]] * 4)
    after = estimator.estimate()
    assert estimator.prior is not None
    assert before is not None
    assert after is not None
    assert after.basis == ("history", "rate")
    assert after.p50_s < before.p50_s


def test_runs_tell_how_far_they_are_apart() -> None:
    """Runs of different sizes, each of which takes as long for its size, are not apart; one run tells nothing of it."""
    alike = [run(10 * size**0.8, items=100 * size) for size in (1, 2, 5)]
    apart = [run(seconds, [size] * 10) for seconds, size in ((10, 1.0), (20, 1.0), (40, 1.0))]
    assert told(learn(alike)).stages[0].spread == pytest.approx(0, abs=1e-9)
    assert told(learn(apart)).stages[0].spread == pytest.approx(math.log(2))
    assert told(learn(alike[:1])).stages[0].spread is None
    assert told(learn([run(0), run(1)])).stages[0].spread is None
