from collections.abc import Callable

import pytest

from progress_kit.eta import CostSums, Estimator, Pool, Running
from progress_kit.eta.calm import Reason
from progress_kit.eta.why import Facts, duration, why
from progress_kit.model import Stage


@pytest.mark.parametrize(
    "facts, text",
    [
        pytest.param(Facts(60), "", id="nothing to tell"),
        pytest.param(Facts(60, busy=1, workers=8, waiting=False, tail=4), "waiting for the last one", id="the last"),
        pytest.param(Facts(60, "files", busy=2, workers=8, waiting=False, tail=2), "2 slow files left", id="two"),
        pytest.param(Facts(60, busy=5, workers=8, waiting=False, tail=2), "5 of 8 workers still busy", id="some"),
        pytest.param(Facts(60, busy=2, workers=8, waiting=False, tail=1.1), "", id="all workers end together"),
        pytest.param(Facts(60, busy=8, workers=8, tail=2), "a long one comes near the end", id="a long one waits"),
        pytest.param(Facts(60, still_s=40, step_s=1), "nothing done for 40 s", id="stuck"),
        pytest.param(Facts(60, still_s=40, step_s=20), "", id="a long step is usual"),
        pytest.param(Facts(6000, still_s=40, step_s=1), "", id="a short stop in a long run"),
        pytest.param(Facts(60, pace=0.5, since_s=170), "slower since 3 min", id="slower"),
        pytest.param(Facts(60, pace=2, since_s=8000), "faster since 2 h", id="faster"),
        pytest.param(Facts(60, "files", larger=3), "the last files are larger", id="larger"),
        pytest.param(Facts(60, larger=0.5), "the last items are smaller", id="smaller"),
        pytest.param(Facts(60, longer=2), "the items take ever longer", id="longer"),
        pytest.param(Facts(60, longer=0.5), "the items take ever less time", id="shorter"),
    ],
)
def test_a_reason_is_given_where_there_is_one(facts: Facts, text: str) -> None:
    """One short reason, the most important; none where nothing is remarkable."""
    assert why(facts) == text


@pytest.mark.parametrize("seconds, text", [(0, "1 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (9000, "2 h")])
def test_durations_are_told_in_one_unit(seconds: float, text: str) -> None:
    """Nobody needs seconds beside hours."""
    assert duration(seconds) == text


def said(seconds: Callable[[int], float], until: int, sizes: list[float] | None = None) -> str:
    """Return the reason that is given after `until` of 400 files which take so many seconds each."""
    estimator, at_s = Estimator(), 0.0
    sums = CostSums(sizes) if sizes else None
    for done in range(until + 1):
        stage = Stage(name="main", state="running", done=done, total=400, unit="files")
        estimator.update(at_s, [stage], costs={"main": sums.work(done)} if sums else {})
        at_s += seconds(done)
    found = estimator.estimate()
    assert found is not None
    return found.why


def test_steady_work_needs_no_reason() -> None:
    """A second each, more or less: at no time is there anything to explain."""
    assert {said(lambda i: 0.8 + 0.4 * (i * 7919 % 97) / 97, until) for until in range(50, 400, 50)} == {""}


def test_a_change_of_speed_is_told() -> None:
    """From file 150 on everything takes three times as long."""
    assert said(lambda i: 1.0 if i < 150 else 3.0, 250).startswith("slower since 5 min")
    assert said(lambda i: 3.0 if i < 150 else 1.0, 350).startswith("faster since 3 min")


def test_large_files_at_the_end_are_told() -> None:
    """The files are sorted by size: the time goes to the last ones, or went to the first."""
    sizes = [1.0 + i for i in range(400)]
    assert said(lambda i: 0.01 * sizes[i], 200, sizes) == "the last files are larger"
    assert said(lambda i: 0.01 * sizes[-1 - i], 200, sizes[::-1]) == "the last files are smaller"


def test_work_that_takes_ever_longer_is_told() -> None:
    """Nothing is known of the files, but each takes longer than the one before."""
    assert said(lambda i: 0.001 * i**2, 250) == "the files take ever longer"


def test_the_last_workers_are_told() -> None:
    """All tasks are done but one, which was known to be long, and three of four workers have nothing to do."""
    sums = CostSums([1.0] * 40 + [30.0])
    estimator = Estimator()
    for t in range(14):
        done = min(4 * t, 40)
        run = (
            [Running(0.0, sums.one(i)) for i in range(done, done + 4)] if done < 40 else [Running(t - 10, sums.one(40))]
        )
        waiting = [sums.one(i) for i in range(done + 4, 41)]
        stage = Stage(name="main", state="running", done=done, total=41)
        estimator.update(float(t), [stage], costs={"main": sums.work(done)}, pools={"main": Pool(4, run, waiting)})
    found = estimator.estimate()
    assert found is not None
    assert found.why == "waiting for the last one"


def test_reasons_do_not_flicker() -> None:
    """What comes and goes is shown when it has held for a while; its numbers are always the newest."""
    reason = Reason()
    assert reason.show(100, "slower since 40 s") == "slower since 40 s"
    assert reason.show(101, "") == ""
    assert reason.show(102, "slower since 42 s") == "slower since 42 s"
    assert reason.show(103, "faster since 9 s") == ""
    assert reason.show(107, "faster since 12 s") == "faster since 12 s"
