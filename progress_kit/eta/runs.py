"""What the runs of one kind that are over say of the next one."""

from collections.abc import Sequence
from typing import Final

from progress_kit.eta.learning import StageRun, learn, quantiles
from progress_kit.eta.work import EXPONENTS
from progress_kit.model import MAX_STAGES, Prior, Snapshot, Stage
from progress_kit.protocol.messages import StageRecord

RUNS: Final = 50
"""How many runs count, the newest."""
Run = tuple[Snapshot, Sequence[StageRecord]]
"""The end of a run, and what its stages told."""


def of_runs(runs: Sequence[Run]) -> Prior | None:
    """Return what these runs, the oldest first, say of the next one; None if they say nothing.

    Pauses are in no time of theirs.
    """
    totals = [run.elapsed_s for run, _ in runs if run.elapsed_s is not None]
    learnt = learn([_stages(*run) for run in runs])
    if not totals or learnt is None:
        return None
    return Prior(runs=len(totals), total_s=quantiles(totals), stages=learnt.stages[:MAX_STAGES])


def _stages(run: Snapshot, told: Sequence[StageRecord]) -> list[StageRun]:
    by_name = {record.name: record for record in told}
    return [
        _stage(stage, stage.elapsed_s, by_name.get(stage.name))
        for stage in run.stages
        if stage.state == "succeeded" and stage.elapsed_s is not None
    ]


def _stage(stage: Stage, seconds: float, told: StageRecord | None) -> StageRun:
    if told is None:
        return StageRun(stage.name, stage.done, seconds)
    sums = {each.exponent: each.total for each in told.costs}
    costs = tuple(sums[exponent] for exponent in EXPONENTS if exponent in sums)
    return StageRun(stage.name, stage.done, seconds, costs if len(costs) == len(EXPONENTS) else None, told.course)
