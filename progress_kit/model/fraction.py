"""How far an operation is, as one number. Computed here only: nothing else in Python or TypeScript derives it."""

from collections.abc import Iterable, Mapping
from typing import Final

from progress_kit.model.snapshot import Stage

_BY_COUNT: Final[Mapping[str, float]] = {}


def stage_fraction(stage: Stage) -> float | None:
    """Return how far `stage` is, 0 to 1; None if that cannot be said."""
    if stage.state in {"succeeded", "skipped"}:
        return 1.0
    if stage.state == "pending":
        return 0.0
    if stage.total is None:
        return None
    if stage.total == 0:
        return 1.0
    return min(1.0, stage.done / stage.total)


def operation_fraction(state: str, stages: Iterable[Stage], known: Mapping[str, float] = _BY_COUNT) -> float | None:
    """Return Σ weight × stage fraction / Σ weight, 0 to 1.

    `known` has fractions of running stages, by name, that say more than their counts. A running stage of unknown total
    counts as 0. None if nothing is known: no stage has a total and none has ended.
    """
    if state == "succeeded":
        return 1.0
    weighted = whole = 0.0
    counted = False
    for stage in stages:
        fraction = stage_fraction(stage)
        if stage.state in {"running", "paused"}:
            fraction = known.get(stage.name, fraction)
        counted = counted or stage.total is not None or stage.state in {"succeeded", "skipped"}
        weighted += stage.weight * (fraction or 0.0)
        whole += stage.weight
    if not counted or whole <= 0:
        return None
    return min(1.0, weighted / whole)
