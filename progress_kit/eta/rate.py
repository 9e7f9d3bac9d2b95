"""The plain estimate: how much is left, divided by how fast it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, isfinite

from progress_kit.eta.pace import Pace
from progress_kit.model import Estimate, Stage, is_terminal

_SETTLED_S = 0.3
"""Seconds that a stage must have been watched before its speed says anything."""
_CALM_S = 1.5
"""The shown end follows a new estimate with this time constant,"""
_NEWS = 0.25
"""unless what is left differs by more than this share of it."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What can be said at one moment.

    `rates` has the units per second of every stage, None where unknown; `estimate` is None where there is no basis.
    """

    rates: dict[str, float | None] = field(default_factory=dict)
    estimate: Estimate | None = None


class RateEstimator:
    """Estimate one operation from the speed of its counters.

    With several stages their shares of the time must be known: `weights_given` says that the user gave the weights.
    Without them nothing is said before the last stage.
    """

    def __init__(self, *, weights_given: bool) -> None:
        self._weights_given = weights_given
        self._paces: dict[str, tuple[Pace, float]] = {}
        self._now_s = 0.0
        self._end_s: float | None = None

    def update(self, elapsed_s: float, stages: Sequence[Stage]) -> Estimates:
        """Take in the stages at `elapsed_s` seconds after the operation's start, and say what follows.

        To be called several times a second; each call costs a few microseconds a stage.
        """
        passed_s = max(0.0, elapsed_s - self._now_s)
        self._now_s += passed_s
        rates = {stage.name: self._rate(stage, passed_s) for stage in stages}
        remaining_s = self._remaining_s(stages)
        if not remaining_s or not isfinite(remaining_s):  # all is counted, and yet it goes on: nobody knows how long
            self._end_s = None
            return Estimates(rates)
        return Estimates(rates, Estimate(p50_s=self._calm(remaining_s, passed_s), basis=("rate",)))

    def _rate(self, stage: Stage, passed_s: float) -> float | None:
        if is_terminal(stage.state):
            self._paces.pop(stage.name, None)
            return stage.done / stage.elapsed_s if stage.done > 0 and stage.elapsed_s else None
        if stage.state == "pending":
            return None
        pace, since_s = self._paces.get(stage.name, (None, 0.0))
        if pace is None or stage.done < pace.done:  # set back by the user: what was before says nothing now
            pace, since_s = self._paces[stage.name] = (Pace(stage.done, self._now_s), self._now_s)
        if stage.state == "paused":
            pace.wait(passed_s)
            return None
        pace.see(stage.done, self._now_s)
        return pace.rate if self._now_s - since_s >= _SETTLED_S else None

    def _remaining_s(self, stages: Sequence[Stage]) -> float | None:
        open_stages = [stage for stage in stages if not is_terminal(stage.state)]
        if not open_stages or any(stage.state == "paused" for stage in open_stages):
            return None
        current, later = open_stages[0], open_stages[1:]
        if not later:
            return self._of_stage(current)
        return self._of_plan(stages, current, later) if self._weights_given else None

    def _of_stage(self, stage: Stage) -> float | None:
        """Seconds that a running stage of known total still takes."""
        if stage.total is None or stage.name not in self._paces:
            return None
        pace, since_s = self._paces[stage.name]
        if self._now_s - since_s < _SETTLED_S:
            return None
        return pace.remaining_s(max(0.0, stage.total - stage.done))

    def _of_plan(self, stages: Sequence[Stage], current: Stage, later: Sequence[Stage]) -> float | None:
        """Seconds of the running stage and of those that wait, by the time that a unit of weight has taken so far."""
        ended = [stage for stage in stages if stage.state == "succeeded" and stage.elapsed_s is not None]
        spent_s = sum(stage.elapsed_s or 0.0 for stage in ended)
        weight = sum(stage.weight for stage in ended)
        here_s = self._of_stage(current)
        if here_s is not None:
            spent_s += here_s + (current.elapsed_s or 0.0)
            weight += current.weight
        if weight <= 0 or spent_s <= 0:
            return None
        per_weight_s = spent_s / weight
        if here_s is None:
            here_s = current.weight * per_weight_s - (current.elapsed_s or 0.0)
            if here_s <= 0:  # it takes longer than planned, and nobody knows how long
                return None
        return here_s + sum(stage.weight for stage in later) * per_weight_s

    def _calm(self, remaining_s: float, passed_s: float) -> float:
        """Move the shown end towards the new one: small whims of a counter do not reach the eye, news do at once."""
        end_s = self._now_s + remaining_s
        shown_s = None if self._end_s is None else self._end_s - self._now_s
        if shown_s is None or abs(remaining_s - shown_s) > _NEWS * remaining_s:
            self._end_s = end_s
        else:
            self._end_s = end_s - (remaining_s - shown_s) * exp(-passed_s / _CALM_S)
        return self._end_s - self._now_s
