"""What comes from outside, with its numbers within bounds, so that nothing that follows has to think of them."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from progress_kit.eta.bounds import LEAST, MOST, number
from progress_kit.eta.pool import Pool, Running
from progress_kit.eta.work import EXPONENTS, Work
from progress_kit.model import Prior, Quantiles, Stage

_WORKERS: Final = 10_000
_WIDTH: Final = len(EXPONENTS)


def stage(found: Stage) -> Stage:
    """Return a stage of which everything that counts is within bounds."""
    total = found.total
    if _fits(found.done) and _fits(found.weight) and (total is None or _fits(total)):
        return found
    return replace(
        found,
        done=number(found.done),
        weight=number(found.weight),
        total=None if total is None or not LEAST <= total <= MOST else total,
    )


def work(found: Work) -> Work | None:
    """Return what is done by cost; None, as if there were no costs, if any of it is out of bounds."""
    parts = found.done, found.total, found.step
    if LEAST <= found.unit <= MOST and all(len(part) == _WIDTH for part in parts) and _sums_fit(parts):
        return found
    return None


def pool(found: Pool) -> Pool:
    """Return a pool whose workers and times are within bounds. Its costs are looked at where they are used."""
    if 1 <= found.workers <= _WORKERS and all(0 <= task.elapsed_s <= MOST for task in found.running):
        return found
    workers = found.workers if 1 <= found.workers <= _WORKERS else _WORKERS if found.workers > 1 else 1
    return Pool(workers, [Running(number(task.elapsed_s), task.cost) for task in found.running], found.waiting)


def prior(found: Prior | None) -> Prior | None:
    """Return what earlier runs say, within bounds."""
    if found is None:
        return None
    return replace(
        found,
        runs=int(number(found.runs)),
        total_s=_ordered(found.total_s),
        stages=tuple(
            replace(
                each,
                duration_s=_ordered(each.duration_s),
                seconds_per_cost=None if each.seconds_per_cost is None else number(each.seconds_per_cost),
                seconds_per_item=None if each.seconds_per_item is None else number(each.seconds_per_item),
                spread=None if each.spread is None else number(each.spread),
                course=tuple(min(number(share), 1.0) for share in each.course),
            )
            for each in found.stages
        ),
    )


def _fits(value: float) -> bool:
    return value == 0 or LEAST <= value <= MOST


def _sums_fit(costs: Sequence[Sequence[float]]) -> bool:
    """Whether these are numbers, none of them negative or too large."""
    return all(0 <= each <= MOST for cost in costs for each in cost)


def _ordered(found: Quantiles) -> Quantiles:
    low, middle, high = sorted(map(number, found))
    return low, middle, high
