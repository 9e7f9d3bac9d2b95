import pytest

from progress_kit.eta import Pool, Running
from progress_kit.eta.tasks import Durations, residual, unknown
from progress_kit.eta.work import EXPONENTS


@pytest.mark.parametrize(
    "expected_s, spread, ran_s, left_s",
    [
        pytest.param(10, 0.5, 0, 10, id="has just begun"),
        pytest.param(0, 0.5, 3, 0, id="nothing is expected of it"),
        pytest.param(10, 0.1, 2, 8, id="runs as expected"),
        pytest.param(10, 0.5, 10, 4, id="should be done by now"),
        pytest.param(10, 0.5, 40, 4.6, id="is late, and will be later"),
        pytest.param(10, 0.1, 40, 0.2, id="later than tasks ever are"),
    ],
)
def test_the_longer_a_task_is_late_the_longer_it_takes_still(
    expected_s: float, spread: float, ran_s: float, left_s: float
) -> None:
    """What is left, in the median, of a task that has run for so long; the more durations differ, the more."""
    assert residual(expected_s, spread, ran_s) == pytest.approx(left_s, rel=0.25)


def test_unknown_tasks_have_the_mean_and_the_spread_that_was_seen() -> None:
    """Most are short and a few long, in no order; together they take as long as if all were alike."""
    tasks = unknown(40, 2.0, 1.0)
    assert sum(tasks) == pytest.approx(80)
    assert max(tasks) > 8
    assert min(tasks) < 0.5
    assert tasks != sorted(tasks)
    assert unknown(0, 2.0, 1.0) == []


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_durations_are_learned_from_tasks_that_have_gone(exponent: float) -> None:
    """The task that is missing has ended. Seconds that go with a power of the cost have no spread by it."""
    durations = Durations()
    for number in range(100):
        cost = 1.0 + number % 10
        took = Running(cost**exponent - 0.5, (cost,) * 5)
        stays = Running(50.0, (1.0,) * 5)
        after = Running(50.5, (1.0,) * 5)
        durations.see(Pool(2, [took, stays]), Pool(2, [after, Running(0.1, (2.0,) * 5)]), 0.5)
    assert durations.count == 100
    assert durations.spread(exponent) < 0.15
    assert durations.spread(exponent + 1) > 0.5


def test_a_task_that_took_no_time_tells_nothing() -> None:
    """The clock stood still."""
    durations = Durations()
    durations.see(Pool(1, [Running(0.0)]), Pool(1, []), 0.0)
    assert durations.count == 0


def test_learning_ends_when_enough_was_seen() -> None:
    """A pool of a million tasks costs no more than one of some hundred."""
    durations = Durations()
    for _ in range(1_000):
        durations.see(Pool(1, [Running(1.0)]), Pool(1, []), 0.1)
    assert durations.count == 300
