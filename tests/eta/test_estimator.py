import math
import pickle
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from progress_kit.eta import CostSums, Estimator, Pool, Running, Work
from progress_kit.model import Estimate, Prior, Stage, StagePrior, StageState


def running(done: float, total: float | None, name: str = "main") -> Stage:
    """A stage that runs."""
    return Stage(name=name, state="running", done=done, total=total)


def watch(estimator: Estimator, counts: Sequence[tuple[float, float]], total: float | None) -> list[Estimate | None]:
    """Show a stage's counts at their times, and return what is said after each."""
    said = []
    for at_s, done in counts:
        estimator.update(at_s, [running(done, total)])
        said.append(estimator.estimate())
    return said


def last(counts: Sequence[tuple[float, float]], total: float | None) -> Estimate | None:
    """Show a stage's counts at their times, and return what is said at the end."""
    estimator = Estimator()
    for at_s, done in counts:
        estimator.update(at_s, [running(done, total)])
    return estimator.estimate()


def run(work: Callable[[float], float], until: float, steps: int = 400) -> Estimate:
    """Return what is said at a share of the time of a run of 100 s that has done `work(share)` of 1,000 items."""
    found = watch(
        Estimator(), [(100 * until * i / steps, 1_000 * work(until * i / steps)) for i in range(steps + 1)], 1_000
    )[-1]
    assert found is not None
    return found


def p50(found: Estimate | None) -> float:
    """The middle of an estimate that must be there."""
    assert found is not None
    return found.p50_s


# ---------------------------------------------------------------- what it handles


@given(per_s=st.floats(0.2, 1e6), total_s=st.floats(20, 1e5), share=st.floats(0.2, 0.9))
def test_any_steady_speed_is_found(per_s: float, total_s: float, share: float) -> None:
    """The end of a steady loop is foretold within 10 % of its whole time, whatever its speed and length."""
    until_s = share * total_s
    counts = [(until_s * i / 100, per_s * until_s * i / 100) for i in range(101)]
    assert until_s + p50(last(counts, per_s * total_s)) == pytest.approx(total_s, rel=0.1)


@pytest.mark.parametrize(
    "work, until, within",
    [
        pytest.param(lambda t: t**0.5, 0.5, 0.15, id="items that take ever longer"),
        pytest.param(lambda t: 1 - (1 - t) ** 0.5, 0.6, 0.35, id="items that take ever less"),
        pytest.param(lambda t: 0.4 + 0.6 * t if t > 0 else 0.0, 0.3, 0.25, id="a cached prefix"),
        pytest.param(lambda t: max(0.0, t - 0.1) / 0.9, 0.4, 0.25, id="a warm-up"),
        pytest.param(lambda t: t * 1.5 if t < 0.5 else 0.75 + (t - 0.5) * 0.5, 0.75, 0.2, id="a change of speed"),
        pytest.param(lambda t: (math.floor(t * 20) + min(1, (t * 20 % 1) * 2)) / 20, 0.47, 0.2, id="stop and go"),
    ],
)
def test_work_that_is_not_even(work: Callable[[float], float], until: float, within: float) -> None:
    """The foretold end is near the true one, in parts of the whole time."""
    assert 100 * until + p50(run(work, until)) == pytest.approx(100, abs=100 * within)


def costs_of(sizes: Sequence[float], done: int) -> dict[str, Work]:
    """The costs of the stage of which so many items are done."""
    return {"main": CostSums(sizes).work(done)}


def by_cost(sizes: Sequence[float], seconds: Sequence[float], until: int) -> tuple[Estimate, float]:
    """Return what is said after `until` items of which sizes are known, and the truth."""
    estimator, at_s = Estimator(), 0.0
    sums = CostSums(sizes)
    for done in range(until + 1):
        estimator.update(at_s, [running(done, len(sizes))], costs={"main": sums.work(done)})
        at_s += seconds[done]
    found = estimator.estimate()
    assert found is not None
    return found, sum(seconds[until:])


SIZES = [float(1 + (i * 7919) % 97) for i in range(200)]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_costs_are_used_and_their_exponent_is_learned(exponent: float) -> None:
    """Large files at the end are expected, whether time goes with the size, its root or its square."""
    sizes = sorted(SIZES)
    found, truth = by_cost(sizes, [0.01 * size**exponent for size in sizes], 100)
    assert found.p50_s == pytest.approx(truth, rel=0.3)
    assert "cost" in found.basis


def test_costs_that_mean_nothing_lose_against_the_number_of_items() -> None:
    """Each item takes a second, whatever is said of its cost, which grows by the cube."""
    sizes = [float(i + 1) ** 3 for i in range(200)]
    found, truth = by_cost(sizes, [1.0] * 200, 100)
    assert found.p50_s == pytest.approx(truth, rel=0.35)


def test_the_unit_of_cost_means_nothing() -> None:
    """Bytes or gigabytes: the answer is the same."""
    seconds = [0.01 * size for size in SIZES]
    one, _ = by_cost(SIZES, seconds, 80)
    other, _ = by_cost([size * 1e9 for size in SIZES], seconds, 80)
    assert one.p50_s == pytest.approx(other.p50_s, rel=1e-6)


@given(scale=st.floats(1e-3, 1e5))
def test_time_scales(scale: float) -> None:
    """A run that takes a thousand times as long is foretold a thousand times as long."""
    counts = [(i / 10 + 0.03 * (i % 3), float(i)) for i in range(100)]
    one, other = last(counts, 300), last([(at_s * scale, done) for at_s, done in counts], 300)
    assert one is not None
    assert other is not None
    assert other.p50_s == pytest.approx(one.p50_s * scale, rel=0.02)
    assert one.p90_s is not None
    assert other.p90_s == pytest.approx(one.p90_s * scale, rel=0.02)


def test_a_pause_does_not_count() -> None:
    """A minute of pause changes nothing; while it lasts, nothing is predicted."""
    estimator = Estimator()
    before = watch(estimator, [(i / 10, i) for i in range(101)], 200)[-1]
    for i in range(1, 61):
        estimator.update(10 + i, [Stage(name="main", state="paused", done=100, total=200)])
        assert estimator.estimate() is None
    estimator.update(70.1, [running(101, 200)])
    assert p50(estimator.estimate()) == pytest.approx(p50(before), rel=0.05)
    assert estimator.rates()["main"] == pytest.approx(10, rel=0.05)


def test_an_unknown_total_has_a_rate_and_no_end() -> None:
    """Without a total there is no basis for an end."""
    estimator = Estimator()
    assert set(watch(estimator, [(i / 10, i) for i in range(50)], None)) == {None}
    assert estimator.rates()["main"] == pytest.approx(10, rel=0.1)


def test_a_growing_total_is_followed() -> None:
    """More work is found on the way: what is left is counted anew."""
    estimator = Estimator()
    watch(estimator, [(i / 10, i) for i in range(101)], 200)
    seen = watch(estimator, [(10 + i / 10, 100 + i) for i in range(1, 60)], 1_000)
    assert p50(seen[-1]) == pytest.approx(84, rel=0.15)


def test_a_stall_makes_it_longer_and_less_sure() -> None:
    """When nothing moves any more the end moves away."""
    estimator = Estimator()
    watch(estimator, [(i / 10, i) for i in range(101)], 200)
    moving = estimator.estimate()
    stuck = estimator.estimate(40)
    assert p50(stuck) > 1.5 * p50(moving)


def test_a_counter_that_was_set_back_starts_anew() -> None:
    """The user may set `done`; what was before says nothing about what comes."""
    estimator = Estimator()
    watch(estimator, [(i / 10, 100 * i) for i in range(50)], 10_000)
    seen = watch(estimator, [(5 + i / 10, i) for i in range(100)], 10_000)
    assert seen[0] is None
    assert p50(seen[-1]) == pytest.approx(990, rel=0.15)


# ---------------------------------------------------------------- stages, history, workers


def plan(done: float, *, totals: bool) -> list[Stage]:
    """Three stages, of which the first took 10 s."""
    total = 100 if totals else None
    return [
        Stage(name="a", state="succeeded", done=100, total=100, elapsed_s=10.0),
        running(done, 100, "b"),
        Stage(name="c", total=total),
    ]


def through(estimator: Estimator, *, totals: bool) -> Estimate | None:
    """Show 10 s of the first stage and 5 s of the second, at 10 items a second."""
    for i in range(101):
        estimator.update(i / 10, [running(i, 100, "a"), Stage(name="b", total=100), plan(0, totals=totals)[2]])
    for i in range(51):
        estimator.update(10 + i / 10, plan(i, totals=totals))
    return estimator.estimate()


def test_stages_of_which_nothing_is_known_are_not_guessed() -> None:
    """Without total, weight or history of a stage to come, nothing is said; any of them is a basis."""
    assert through(Estimator(), totals=False) is None
    assert p50(through(Estimator(), totals=True)) == pytest.approx(15, rel=0.1)
    assert p50(through(Estimator(weights_given=True), totals=False)) == pytest.approx(15, rel=0.1)


def prior(runs: int = 5, last_s: float = 40.0) -> Prior:
    """Earlier runs of the plan, of which the last stage was the longest."""
    names = {"a": 10.0, "b": 10.0, "c": last_s}
    return Prior(
        runs=runs,
        total_s=(54.0, 60.0, 66.0),
        stages=tuple(
            StagePrior(name=name, duration_s=(0.9 * s, s, 1.1 * s), seconds_per_item=s / 100)
            for name, s in names.items()
        ),
    )


def test_history_knows_the_stages_to_come() -> None:
    """The last stage is the longest, as it has always been."""
    found = through(Estimator(prior=prior()), totals=False)
    assert p50(found) == pytest.approx(45, rel=0.15)
    assert found is not None
    assert "history" in found.basis
    assert found.slowdown is None


def test_a_run_of_other_stages_is_foretold_by_the_whole() -> None:
    """Of its last stage history knows nothing; what a run takes in all is a basis, until that has passed."""
    other = Prior(runs=3, total_s=(54.0, 60.0, 66.0), stages=(StagePrior(name="a", duration_s=(0.0, 0.0, 0.0)),))
    estimator = Estimator(prior=other)
    assert p50(through(estimator, totals=False)) == pytest.approx(45, rel=0.1)
    for i in range(1, 60):
        estimator.update(15 + i, plan(50 + i / 2, totals=False))
    assert estimator.estimate() is None


def test_a_stage_that_outlasts_its_weight_has_no_end() -> None:
    """The user gave it half the weight of the one before, and it has no total: after that time, nothing is known."""
    estimator = Estimator(weights_given=True)
    for i in range(101):
        estimator.update(i / 10, [running(i, 100, "a"), Stage(name="b", weight=0.5)])
    ended = replace(running(100, 100, "a"), state="succeeded", elapsed_s=10.0)
    for i in range(1, 20):
        estimator.update(10.0 + i, [ended, replace(running(i, None, "b"), weight=0.5)])
    assert estimator.estimate() is None


def test_history_speaks_from_the_first_moment() -> None:
    """Before anything has moved, history alone is the basis."""
    estimator = Estimator(prior=prior())
    estimator.update(0, [running(0, 100, "a"), Stage(name="b", total=100), Stage(name="c", total=100)])
    found = estimator.estimate()
    assert p50(found) == pytest.approx(60, rel=0.1)
    assert found is not None
    assert found.basis == ("history",)


def test_a_run_that_is_slower_than_usual_says_so() -> None:
    """Three times slower than a dozen earlier runs, all along: said with the factor. With one earlier run: not said."""
    for runs, expected in ((12, 3.0), (1, None)):
        estimator = Estimator(prior=prior(runs))
        for i in range(101):
            estimator.update(3 * i / 10, [running(i, 100, "a"), Stage(name="b", total=100), Stage(name="c", total=100)])
            found = estimator.estimate()
        assert found is not None
        assert found.slowdown == (None if expected is None else pytest.approx(expected, rel=0.35))


@pytest.mark.parametrize(
    "unit, cost, left_s",
    [
        pytest.param("files", 0.0, 26.0, id="three times as many files"),
        pytest.param("", 0.0, 14.0, id="three times as many of something"),
        pytest.param("pages", 0.0, 14.0, id="three times as many of something else"),
        pytest.param("pages", 5.0, 84.0, id="each of which costs five times as much"),
    ],
)
def test_a_stage_to_come_is_guessed_by_its_size(unit: str, cost: float, left_s: float) -> None:
    """The stage before took 11 s for 100 files. What counts the same, or has costs too, takes the longer."""
    estimator = Estimator()
    sums, later = CostSums([1.0] * 100), CostSums([cost] * 300)
    for i in range(102):
        stages = [
            replace(running(i, 100, "a"), unit="files", state="running" if i < 100 else "succeeded"),
            Stage(name="b", total=300, unit=unit),
        ]
        costs = {"a": sums.work(min(i, 100)), "b": later.work(0)} if cost else {}
        estimator.update(0.11 * min(i, 100), stages, costs=costs)
    assert p50(estimator.estimate()) == pytest.approx(left_s, rel=0.15)


def test_a_stage_that_counts_nothing_runs_down() -> None:
    """It usually takes 40 s. After 30 s about 10 are left, after 60 s some more are to be expected."""
    left = []
    for seconds in (30, 60):
        estimator = Estimator(prior=prior(20))
        through(estimator, totals=False)
        ended = [replace(each, state="succeeded", done=100, elapsed_s=10.0) for each in plan(50, totals=False)[:2]]
        estimator.update(20, [*plan(50, totals=False)[:2], Stage(name="c")])
        estimator.update(20.1, [*ended, Stage(name="c", state="running")])
        estimator.update(20 + seconds, [*ended, Stage(name="c", state="running")])
        left.append(p50(estimator.estimate()))
    assert left[0] == pytest.approx(11, rel=0.25)
    assert 1 < left[1] < 15


def test_a_stage_that_lasts_beyond_its_guess_lasts_longer_still() -> None:
    """A single item, of which nothing is known: the longer it takes, the longer it is expected to take."""
    estimator, left = Estimator(), []
    ended = replace(running(100, 100, "a"), state="succeeded", elapsed_s=10.0)
    for i in range(101):
        estimator.update(i / 10, [running(i, 100, "a"), Stage(name="b", total=1)])
    for seconds in (10, 20, 40):
        estimator.update(10 + seconds, [ended, replace(running(0, 1, "b"))])
        left.append(p50(estimator.estimate()))
    assert left == sorted(left)


def test_a_long_task_at_the_end_is_waited_for() -> None:
    """Four workers, 40 tasks of 1 s and a last one of 20 s: the end is that of the last one, and it is said why."""
    sizes = [1.0] * 40 + [20.0]
    sums = CostSums(sizes)
    estimator = Estimator()
    for t in range(11):
        done = 4 * min(t, 9)
        run = [Running(float(t - done / 4), sums.one(i)) for i in range(done, min(done + 4, 41))]
        pool = Pool(4, run, [sums.one(i) for i in range(done + 4, 41)])
        estimator.update(float(t), [running(done, 41)], costs={"main": sums.work(done)}, pools={"main": pool})
    found = estimator.estimate()
    assert found is not None
    assert found.p50_s == pytest.approx(20, rel=0.35)
    assert "workers" in found.basis
    assert found.why


# ---------------------------------------------------------------- what is shown


def test_the_shown_end_is_calm() -> None:
    """A whim of the counter moves the shown end by less than what it would say itself."""
    estimator = Estimator()
    counts = [(i / 10, float(i)) for i in range(200)]
    before = 19.9 + p50(watch(estimator, counts, 400)[-1])
    estimator.update(20.3, [running(200, 400)])
    assert 20.3 + p50(estimator.estimate()) == pytest.approx(before, rel=0.1)


def test_early_intervals_are_wider() -> None:
    """The same steady course tells less of a hundred times as much than of what is left at the end."""
    counts = [(i / 10, float(i)) for i in range(101)]
    early, late = last(counts, 10_000), last(counts, 105)
    assert early is not None
    assert late is not None
    assert (early.p90_s or 0) / (early.p10_s or 1) > 1.1 * (late.p90_s or 0) / (late.p10_s or 1)


def test_intervals_narrow_towards_the_end() -> None:
    """The later, the surer, in seconds."""
    estimator = Estimator()
    counts = [(i / 10 + 0.04 * (i * 31 % 7), float(i)) for i in range(990)]
    seen = [each for each in watch(estimator, counts, 1_000) if each is not None]
    widths = [(each.p90_s or 0) - (each.p10_s or 0) for each in (seen[100], seen[500], seen[-1])]
    assert widths == sorted(widths, reverse=True)


# ---------------------------------------------------------------- whatever comes


STATES: list[StageState] = ["pending", "running", "paused", "succeeded", "failed", "skipped"]


@given(
    steps=st.lists(
        st.tuples(st.floats(-10, 1e4), st.floats(0, 1e9), st.sampled_from(STATES), st.none() | st.floats(0, 1e12)),
        min_size=1,
        max_size=60,
    ),
    sizes=st.none() | st.lists(st.floats(0, 1e12), min_size=1, max_size=30),
    with_prior=st.booleans(),
    weights_given=st.booleans(),
)
def test_whatever_comes_the_answer_is_unknown_or_an_interval(
    steps: list[tuple[float, float, StageState, float | None]],
    sizes: list[float] | None,
    *,
    with_prior: bool,
    weights_given: bool,
) -> None:
    """No exception, nothing infinite, p10 ≤ p50 ≤ p90: with time that goes back and more done than there is, too."""
    estimator = Estimator(prior=prior() if with_prior else None, weights_given=weights_given)
    sums = CostSums(sizes) if sizes else None
    at_s = 0.0
    for seconds, done, state, total in steps:
        at_s += seconds
        stages = [Stage(name="a", state=state, done=done, total=total), Stage(name="b", weight=2.0)]
        costs = {"a": sums.work(done)} if sums else {}
        pools = {"a": Pool(3, [Running(seconds, sums.one(0))], [sums.one(0)])} if sums and seconds > 0 else {}
        estimator.update(at_s, stages, costs=costs, pools=pools)
        for found in (estimator.estimate(), estimator.estimate(at_s + 1)):
            if found is not None:
                assert found.p10_s is not None
                assert found.p90_s is not None
                assert 0 <= found.p10_s <= found.p50_s <= found.p90_s < math.inf
        for rate in estimator.rates().values():
            assert rate is None or 0 < rate < math.inf


EXTREME = st.sampled_from([0.0, -1.0, 5e-324, 1e-300, 1e-9, 1.0, 3.0, 1e12, 1e30, 1e308, math.inf, -math.inf, math.nan])
ANY = st.floats() | EXTREME | st.integers(-(10**320), 10**320)
SUMS = st.lists(st.floats() | EXTREME, min_size=5, max_size=5).map(tuple) | st.just((1.0,) * 5)
WORK = st.builds(Work, SUMS, SUMS, SUMS, ANY)
POOL = st.builds(
    Pool,
    st.integers(-3, 10**9),
    st.lists(st.builds(Running, ANY, SUMS | st.just(())), max_size=4),
    st.lists(SUMS | st.just(()), max_size=4),
)
PRIOR = st.builds(
    Prior,
    runs=st.integers(0, 20),
    total_s=st.tuples(ANY, ANY, ANY),
    stages=st.lists(
        st.builds(
            StagePrior,
            name=st.sampled_from("ab"),
            duration_s=st.tuples(ANY, ANY, ANY),
            cost_exponent=st.sampled_from([None, 0.5, 1.0, 2.0]),
            seconds_per_cost=st.none() | ANY,
            seconds_per_item=st.none() | ANY,
            course=st.just(()) | st.lists(ANY, min_size=9, max_size=9).map(tuple),
            spread=st.none() | ANY,
        ),
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=50)
@given(
    steps=st.lists(
        st.tuples(ANY, ANY, st.sampled_from(STATES), st.none() | ANY, ANY, WORK | st.none(), POOL | st.none()),
        min_size=1,
        max_size=12,
    ),
    known=st.none() | PRIOR,
    weights_given=st.booleans(),
)
def test_no_number_is_too_strange(
    steps: list[tuple[float, float, StageState, float | None, float, Work | None, Pool | None]],
    known: Prior | None,
    *,
    weights_given: bool,
) -> None:
    """Infinite, negative, tiny and huge counts, times, costs, weights and priors, and NaN: no exception."""
    estimator = Estimator(prior=known, weights_given=weights_given)
    for number, (time, done, state, total, weight, work, pool) in enumerate(steps):
        stages = [
            Stage(name="a", state=state, done=done, total=total, weight=weight, elapsed_s=time),
            Stage(name="b", state=STATES[number % 6], done=number, total=total, weight=weight),
        ]
        at_s = time if number % 2 else number * 1.0
        costs = {} if work is None else {"a": work}
        estimator.update(at_s, stages, costs=costs, pools={} if pool is None else {"a": pool})
        for found in (estimator.estimate(), estimator.estimate(time)):
            assert found is None or 0 <= (found.p10_s or 0) <= found.p50_s <= (found.p90_s or 0) < math.inf
            assert found is None or found.slowdown is None or 1 < found.slowdown < math.inf
        assert all(rate is None or 0 < rate < math.inf for rate in estimator.rates().values())


def test_what_is_left_goes_to_nothing() -> None:
    """Just before the end, next to nothing is left; after it, nothing is said."""
    estimator = Estimator()
    seen = watch(estimator, [(i / 10, float(i)) for i in range(1_001)], 1_000)
    assert p50(seen[-2]) < 0.5
    assert seen[-1] is None or p50(seen[-1]) < 0.05


def test_it_can_be_pickled_at_any_moment() -> None:
    """A copy says the same as the original, now and later."""
    estimator = Estimator(prior=prior())
    watch(estimator, [(i / 10, i) for i in range(50)], 200)
    copy = pickle.loads(pickle.dumps(estimator))  # noqa: S301 - our own
    counts = [(5 + i / 10, 50 + i) for i in range(50)]
    assert watch(copy, counts, 200) == watch(estimator, counts, 200)


def test_memory_is_bounded() -> None:
    """However many updates there are, a few hundred moments are remembered."""
    estimator = Estimator()
    sizes = []
    for number in range(1, 30_001):
        estimator.update(number / 10, [running(number, 1e7)])
        if number in {3_000, 30_000}:
            sizes.append(len(pickle.dumps(estimator)))
    assert sizes[1] < 1.5 * max(sizes[0], 10_000)


def test_a_pool_is_remembered_within_bounds() -> None:
    """However many tasks have ended, how long they took is kept as a few sums, and no more moments are remembered."""
    estimator, sizes = Estimator(), []
    sums = CostSums([1.0 + i % 7 for i in range(1_000)])
    waiting = [sums.one(i) for i in range(48)]
    for number in range(1, 10_001):
        pool = Pool(2, [Running(0.1 * (number % 5), sums.one(number % 1_000))], waiting)
        stage = running(number, 1e6)
        estimator.update(number / 10, [stage], costs={"main": sums.work(number % 1_000)}, pools={"main": pool})
        if number in {1_000, 10_000}:
            sizes.append(len(pickle.dumps(estimator)))
    assert sizes[1] < 2 * sizes[0] < 100_000


def test_a_stop_is_not_taken_for_the_speed_to_come() -> None:
    """After a minute at ten a second, five seconds without a movement prolong it by little more than themselves."""
    estimator = Estimator()
    watch(estimator, [(i / 10, i) for i in range(601)], 1_200)
    assert p50(estimator.estimate(65)) < 80


def test_a_first_step_that_is_no_measure_is_left_out() -> None:
    """Compiling takes ten seconds, each item after it a tenth: after two seconds of that the end is known."""
    counts = [(0.0, 0.0), *[(10 + i / 10, 1.0 + i) for i in range(21)]]
    assert p50(last(counts, 321)) == pytest.approx(30, rel=0.3)


def test_history_knows_the_course_of_a_stage() -> None:
    """The first half of the items has always taken nine tenths of the time."""
    course = (0.2, 0.4, 0.6, 0.8, 0.9, 0.92, 0.94, 0.96, 0.98)
    shape = StagePrior(name="main", duration_s=(90.0, 100.0, 110.0), seconds_per_item=0.5, course=course)
    known = Estimator(prior=Prior(runs=5, total_s=(90.0, 100.0, 110.0), stages=(shape,)))
    blind = Estimator()
    for estimator in (known, blind):
        watch(estimator, [(float(i), i * 0.55) for i in range(91)], 200)
    assert p50(known.estimate()) < 0.7 * p50(blind.estimate())


def test_an_estimator_tells_the_course_of_a_stage() -> None:
    """As the next run's history wants it: the share of the time at each tenth of the items."""
    estimator = Estimator()
    watch(estimator, [(i / 10, min(i, 50) * 1.8 + max(0, i - 50) * 0.2) for i in range(101)], 100)
    assert estimator.course("main") == pytest.approx((0.06, 0.11, 0.17, 0.22, 0.28, 0.33, 0.39, 0.44, 0.5), abs=0.02)
    assert estimator.course("other") == ()


def test_an_ended_stage_keeps_its_mean_rate() -> None:
    """What is over is known exactly: 30 items in 6 s."""
    estimator = Estimator()
    estimator.update(7, [Stage(name="main", state="succeeded", done=30, total=30, elapsed_s=6.0)])
    assert estimator.rates() == {"main": 5.0}
    assert estimator.estimate() is None


def test_stages_that_alternate_share_the_time() -> None:
    """Epochs: 10 steps of training, 2 of validation that take as long each, ten times."""
    estimator = Estimator()
    at_s, train, check = 0.0, 0, 0
    for _ in range(5):
        for step in range(12):
            train, check = (train + 1, check) if step < 10 else (train, check + 1)
            at_s += 1.0
            estimator.update(at_s, [running(train, 100, "train"), running(check, 20, "check")])
    assert p50(estimator.estimate()) == pytest.approx(60, rel=0.25)


def test_a_weight_counts_where_the_user_gave_it() -> None:
    """The stage to come weighs three times as much as the one that took 10 s."""
    estimator = Estimator(weights_given=True)
    for i in range(101):
        estimator.update(i / 10, [running(i, 100, "a"), Stage(name="b", weight=3.0)])
    ended = replace(running(100, 100, "a"), state="succeeded", elapsed_s=10.0)
    estimator.update(10.1, [ended, Stage(name="b", state="running", weight=3.0)])
    assert p50(estimator.estimate()) == pytest.approx(30, rel=0.1)
