"""What the runs of one kind say about the next one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, log
from statistics import stdev
from typing import Final

from progress_kit.eta.work import EXPONENTS, Sums
from progress_kit.model import Prior, Quantiles, StagePrior

STEPS: Final = tuple(step / 10 for step in range(1, 10))
BY_SIZE: Final = 0.8
"""A stage's time goes with its size to this power: some stages take as long whatever their size; most do not."""
ENOUGH: Final = 5
"""Fewer moments than this make no course."""
_MANY: Final = 5
_SOME: Final = 3
"""With so many runs their differences tell something, with so many all."""


@dataclass(frozen=True, slots=True)
class StageRun:
    """What one stage of one run that succeeded was: its items, its seconds, and their costs, summed, if known.

    `course` is the share of its time that had passed when a tenth, two tenths ... of the items were done, if known.
    """

    name: str
    items: float
    seconds: float
    costs: Sums | None = None
    course: Sequence[float] = ()


def quantiles(values: Sequence[float]) -> Quantiles:
    """Return the 10th, 50th and 90th percentile of one or more values, interpolated between neighbours."""
    ordered = sorted(values)

    def at(share: float) -> float:
        below, beyond = divmod(share * (len(ordered) - 1), 1)
        low = ordered[int(below)]
        return low + (ordered[min(int(below) + 1, len(ordered) - 1)] - low) * beyond

    return at(0.1), at(0.5), at(0.9)


def learn(runs: Sequence[Sequence[StageRun]]) -> Prior | None:
    """Return what these runs, the oldest first, say of the next one; None if there are none."""
    if not runs:
        return None
    names = list(dict.fromkeys(stage.name for run in runs for stage in run))
    return Prior(
        runs=len(runs),
        total_s=quantiles([sum(stage.seconds for stage in run) for run in runs]),
        stages=tuple(_stage(name, [stage for run in runs for stage in run if stage.name == name]) for name in names),
    )


def _stage(name: str, runs: Sequence[StageRun]) -> StagePrior:
    counted = [run.seconds / run.items for run in runs if run.items > 0]
    costs = [run.costs[EXPONENTS.index(1.0)] for run in runs if run.costs is not None]
    exponent, per_cost = _per_cost(runs)
    return StagePrior(
        name=name,
        duration_s=quantiles([run.seconds for run in runs]),
        cost_exponent=exponent,
        seconds_per_cost=per_cost,
        seconds_per_item=quantiles(counted)[1] if counted else None,
        cost=quantiles(costs)[1] if costs else None,
        course=_course(runs),
        spread=_spread(runs, exponent),
    )


def _spread(runs: Sequence[StageRun], exponent: float | None) -> float | None:
    """Return the standard deviation of the logarithm of seconds, as far as it does not come from the runs' sizes."""
    found = []
    for run in runs:
        size = run.items
        if exponent is not None and run.costs is not None:
            size = run.costs[EXPONENTS.index(exponent)]
        if run.seconds > 0 and size < inf:
            found.append(log(run.seconds) - BY_SIZE * log(size if size > 0 else 1.0))
    return stdev(found) if len(found) > 1 else None


def _course(runs: Sequence[StageRun]) -> tuple[float, ...]:
    """Return the course between those of all runs."""
    known = [run.course for run in runs if len(run.course) == len(STEPS)]
    return tuple([quantiles(shares)[1] for shares in zip(*known, strict=True)]) if known else ()


def course_of(marks: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    """Return the course of a stage from (share of its time, share of its work done), in the order of time.

    Empty where there are too few to tell.
    """
    found: list[float] = []
    at = done = 0.0
    seen = 0
    for time, share in (*marks, (1.0, 1.0)):
        seen += 1
        while len(found) < len(STEPS) and share >= STEPS[len(found)]:
            part = (STEPS[len(found)] - done) / (share - done) if share > done else 1.0
            found.append(min(1.0, max(0.0, at + part * (time - at))))
        at, done = time, max(done, share)
    return tuple(found) if seen > ENOUGH else ()


def _per_cost(runs: Sequence[StageRun]) -> tuple[float | None, float | None]:
    """Return the exponent with which runs differ least in their seconds per cost; 1 where they do not tell."""
    best: tuple[float, float, float] | None = None
    for exponent in EXPONENTS:
        found = []
        for run in runs:
            total = run.costs[EXPONENTS.index(exponent)] if run.costs is not None else 0.0
            if 0 < total < inf and run.seconds > 0:
                found.append(run.seconds / total)
        if not found:
            continue
        spread = (max(found) / min(found)) if len(found) >= _SOME else 1.0
        # Few runs tell little: then proportional is the best guess.
        score = log(spread) * min(1.0, len(found) / _MANY) + abs(log(exponent))
        if best is None or score < best[0]:
            best = (score, exponent, quantiles(found)[1])
    return (None, None) if best is None else best[1:]
