"""Why an estimate is what it is, or has changed: one short reason, or none."""

from dataclasses import dataclass
from typing import Final

_MATERIAL: Final = 1.3
"""What makes less than such a factor is not worth a word."""
_STUCK: Final = 5.0
_STUCK_PART: Final = 0.1
"""Nothing moves if that lasts so many times as long as a step usually does, and is so large a part of what is left."""
_FEW: Final = 3
_LEAST_S: Final = 2.0
"""What has lasted for less than so many seconds needs no explanation yet."""
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a stage beside its speed; every default says that there is nothing to tell.

    `tail` is the factor by which the last workers prolong it, `still_s` how long nothing has moved and `step_s` how
    long that usually lasts. `larger` is what an item that is left costs, as a multiple of one that is done. `pace` is
    the speed of the last `since_s`, as a multiple of the one before. `longer` is how many times as long the items at
    the end take as those of late, as far as the course so far lets expect.
    """

    left_s: float
    unit: str = ""
    busy: int = 0
    workers: int = 1
    waiting: bool = True
    tail: float = 1.0
    still_s: float = 0.0
    step_s: float = 0.0
    larger: float = 1.0
    pace: float = 1.0
    since_s: float = 0.0
    longer: float = 1.0


def duration(seconds: float) -> str:
    """Return a duration in its largest whole unit."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{round(seconds / _HOUR)} h"


def why(facts: Facts) -> str:
    """Return the one reason that matters most; empty where none does."""
    items = facts.unit or "items"
    ending = facts.busy > 0 and not facts.waiting and facts.tail > _MATERIAL
    stuck = facts.still_s > max(_STUCK * facts.step_s, _STUCK_PART * facts.left_s, _LEAST_S)
    pace = facts.pace if facts.since_s > _LEAST_S else 1.0
    reasons = (
        (ending and facts.busy == 1, "waiting for the last one"),
        (ending and facts.busy <= _FEW, f"{facts.busy} slow {items} left"),
        (ending, f"{facts.busy} of {facts.workers} workers still busy"),
        (stuck, f"nothing done for {duration(facts.still_s)}"),
        (pace < 1 / _MATERIAL, f"slower since {duration(facts.since_s)}"),
        (pace > _MATERIAL, f"faster since {duration(facts.since_s)}"),
        (facts.tail > _MATERIAL, "a long one comes near the end"),
        (facts.larger > _MATERIAL, f"the last {items} are larger"),
        (facts.larger < 1 / _MATERIAL, f"the last {items} are smaller"),
        (facts.longer > _MATERIAL, f"the {items} take ever longer"),
        (facts.longer < 1 / _MATERIAL, f"the {items} take ever less time"),
    )
    return next((text for holds, text in reasons if holds), "")
