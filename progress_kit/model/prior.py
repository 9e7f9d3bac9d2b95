"""What earlier runs of a kind say about the next one."""

from typing import Annotated

from msgspec import Meta, Struct

from progress_kit.model.snapshot import MAX_STAGES, Count, Name, Positive, Seconds, Share

Quantiles = tuple[Seconds, Seconds, Seconds]
"""The 10th, 50th and 90th percentile."""
Course = Annotated[tuple[Share, ...], Meta(max_length=9)]
"""The share of a stage's time that has passed when one tenth, two tenths ... nine tenths of it are done."""


class StagePrior(Struct, frozen=True, kw_only=True):
    """How long a stage took in earlier runs, and how its time grew with its cost.

    The model is seconds = `seconds_per_cost` x cost ** `cost_exponent`; both are None where no run had costs.
    `cost` is what such a stage costs in all, in the median. `seconds_per_item` is None where nothing was counted.
    `course` is empty where it is unknown. `spread` is how far the runs are apart beyond what their sizes explain, the
    standard deviation of the logarithm of their seconds; None where one run is all there is.
    """

    name: Name
    duration_s: Quantiles
    cost_exponent: Positive | None = None
    seconds_per_cost: Seconds | None = None
    seconds_per_item: Seconds | None = None
    cost: Seconds | None = None
    course: Course = ()
    spread: Seconds | None = None


class Prior(Struct, frozen=True, kw_only=True):
    """How long the runs of one kind took that succeeded: all in all, and by stage. `runs` is how many there were."""

    runs: Count
    total_s: Quantiles
    stages: Annotated[tuple[StagePrior, ...], Meta(max_length=MAX_STAGES)] = ()
