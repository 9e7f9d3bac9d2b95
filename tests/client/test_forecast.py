"""How long a run will take that has not begun."""

import pytest

from progress_kit.client import forecast
from progress_kit.model import Prior, StagePrior


def stage(name: str = "main", **known: float) -> StagePrior:
    """A stage that took about 100 s."""
    return StagePrior(name=name, duration_s=(90.0, 100.0, 110.0), **known)  # type: ignore[arg-type]


def prior(*stages: StagePrior) -> Prior:
    """What ten runs say."""
    total_s = 100.0 * max(1, len(stages))
    return Prior(runs=10, total_s=(0.9 * total_s, total_s, 1.1 * total_s), stages=stages)


# A hundred items of cost 50 each, at 0.02 s per cost.
COSTED = stage(seconds_per_item=1.0, seconds_per_cost=0.02, cost_exponent=1.0, cost=5_000.0)
COUNTED = stage(seconds_per_item=1.0)
SQUARE = stage(seconds_per_item=1.0, seconds_per_cost=0.0004, cost_exponent=2.0, cost=5_000.0)


@pytest.mark.parametrize("known", [prior(COSTED), prior(COUNTED), prior(stage()), prior()])
def test_without_a_cost_it_takes_what_it_usually_does(known: Prior) -> None:
    """Whatever is known of the earlier runs."""
    found = forecast(known)
    assert found is not None
    assert found.p50_s == pytest.approx(100, rel=0.2)
    assert found.p10_s is not None
    assert found.p90_s is not None
    assert found.p10_s < found.p50_s < found.p90_s
    assert found.basis == ("history",)


@pytest.mark.parametrize(
    "known, cost",
    [
        (prior(COSTED), 10_000),
        (prior(COSTED), [100.0] * 100),
        (prior(COSTED), [50.0] * 200),
        (prior(COUNTED), 200),
        (prior(COUNTED), [7.0] * 200),
        (prior(SQUARE), 10_000),
        (prior(SQUARE), [50.0] * 200),
    ],
)
def test_twice_the_work_takes_about_twice_as_long(known: Prior, cost: float | list[float]) -> None:
    """The work is the sum of the costs, all the costs, or, where no earlier run had costs, the number of items."""
    found, usual = forecast(known, cost), forecast(known)
    assert found is not None
    assert usual is not None
    assert found.p50_s / usual.p50_s == pytest.approx(2, rel=0.3)
    assert ("cost" in found.basis) == (known.stages[0].cost is not None)


def test_dearer_items_take_what_their_cost_tells() -> None:
    """Where time goes with the square of an item's cost, items twice as dear take four times as long."""
    found, usual = forecast(prior(SQUARE), [100.0] * 100), forecast(prior(SQUARE))
    assert found is not None
    assert usual is not None
    assert found.p50_s / usual.p50_s == pytest.approx(4, rel=0.4)


def test_only_what_has_costs_grows_with_them() -> None:
    """The other stages take as long as ever."""
    both = prior(stage("load"), COSTED)
    found, usual = forecast(both, 10_000), forecast(both)
    assert found is not None
    assert usual is not None
    assert found.p50_s - usual.p50_s == pytest.approx(100, rel=0.5)


def test_a_cost_that_says_nothing_changes_nothing() -> None:
    """Where earlier runs neither had costs nor counted, how much there is to do tells nothing."""
    assert forecast(prior(stage()), 10_000) == forecast(prior(stage()))


def test_nothing_to_do_takes_no_time() -> None:
    """Or next to none."""
    found = forecast(prior(COSTED), 0)
    assert found is not None
    assert found.p50_s < 5
