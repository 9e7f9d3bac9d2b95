"""How long a run will take that has not begun, from what earlier ones took. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from progress_kit.eta import EXPONENTS, CostSums, Estimator, Work
from progress_kit.model import Estimate, Prior, Stage, StagePrior

_TINY: Final = 1e-9


def forecast(prior: Prior, cost: float | Sequence[float] | None = None) -> Estimate | None:
    """Return how long the next run takes; None if `prior` does not say.

    `cost` is what the run's items cost together, or the costs of all items. Without it the run is taken to be like the
    earlier ones. Where earlier runs had no costs, an item costs 1: then `cost` is the number of items.
    """
    costed = [stage for stage in prior.stages if _cost(stage)]
    counted = costed or [stage for stage in prior.stages if _items(stage)]
    usual = sum((_cost if costed else _items)(stage) for stage in counted)
    each = CostSums(cost) if isinstance(cost, Sequence) and len(costed) == 1 else None
    whole = None if cost is None else _whole(cost, number=not costed)
    ratio = 1.0 if whole is None or usual <= 0 else max(whole / usual, _TINY)
    stages, works = [], {}
    for stage in prior.stages:
        grown = ratio if stage in counted else 1.0
        total = len(each) if each is not None and stage in costed else _items(stage) * grown
        stages.append(Stage(name=stage.name, total=total or None))
        if stage in costed:
            works[stage.name] = each.work(0) if each is not None else _work(stage, grown)
    estimator = Estimator(prior=prior)
    estimator.update(0.0, stages or (Stage(name="main"),), costs=works)
    found = estimator.estimate()
    return found if found is None or cost is None or not costed else replace(found, basis=("cost", *found.basis))


def _whole(cost: float | Sequence[float], *, number: bool) -> float:
    if not isinstance(cost, Sequence):
        return cost
    return len(cost) if number else sum(cost)


def _items(stage: StagePrior) -> float:
    """Return how many items such a stage usually has; 0 if that is unknown."""
    return stage.duration_s[1] / stage.seconds_per_item if stage.seconds_per_item else 0.0


def _cost(stage: StagePrior) -> float:
    """Return what such a stage usually costs; 0 if that is unknown."""
    return (stage.cost or 0.0) if stage.seconds_per_cost and stage.cost_exponent in EXPONENTS else 0.0


def _work(stage: StagePrior, grown: float) -> Work:
    """Return the work of a stage whose items are like those of earlier runs, and `grown` times as many."""
    nothing = (0.0,) * len(EXPONENTS)
    total = stage.duration_s[1] / (stage.seconds_per_cost or 1.0) * grown
    return Work(nothing, (total,) * len(EXPONENTS), nothing)
