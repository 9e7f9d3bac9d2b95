"""What a stage that is done tells of later runs of the same kind: what its items cost, and how its time went."""

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from progress_kit.eta import Estimator
    from progress_kit.protocol.messages import StageRecord
    from progress_kit.tracker.stages import Stage


def of_stage(stage: "Stage", estimator: "Estimator | None") -> "StageRecord | None":
    """Return what `stage` tells; None if that is no more than its duration. Without an `estimator` nobody looked."""
    work = stage.by_cost()
    course = () if estimator is None else estimator.course(stage.name)
    if work is None and not course:
        return None
    from progress_kit.eta import EXPONENTS
    from progress_kit.protocol.messages import PowerSum, StageRecord

    sums = () if work is None else zip(EXPONENTS, work.sums(), strict=True)
    costs = tuple(PowerSum(exponent, total) for exponent, total in sums if total > 0 and isfinite(total))
    return StageRecord(name=stage.name, costs=costs, course=course)
