"""The workers that share a stage: what their running tasks have done of their part, and when the last one is free."""

from math import exp
from typing import Final, NamedTuple

from progress_kit.eta.bounds import MOST, number
from progress_kit.eta.pool import LAST, Pool, credit, tail
from progress_kit.eta.tasks import Durations, residual, unknown
from progress_kit.eta.work import EXPONENTS

_LINEAR: Final = EXPONENTS.index(1.0)
_TINY: Final = 1e-12
_SKEWED: Final = 0.25
"""The median of durations is below their mean by the spread's square times so much, in logarithms."""
_ALONE: Final = 0.3
"""How much the last task's own spread counts where it runs alone at the end."""
_LEAST: Final = 1e-3

Done = tuple[float, ...]
"""What is done of a stage: the items, then the sums of costs."""


class Finish(NamedTuple):
    """When a crew is done: seconds left, by which factor the last worker prolongs it, and how unsure that makes it."""

    left_s: float
    tail: float
    unsure: float


class Counts(NamedTuple):
    """What is done by ended tasks alone, what with the parts done of those that run, and what there is in all."""

    ended: Done
    here: Done
    totals: Done


class Crew:
    """Who works on a stage now, and how long tasks have taken so far."""

    __slots__ = ("_looked_s", "durations", "pool")

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.durations = Durations()
        self._looked_s = 0.0

    def look_at(self, pool: Pool | None, now_s: float, *, moved: bool) -> None:
        """Take in who works now; `moved` tells whether a task has ended since the last time."""
        if moved and self.pool is not None and pool is not None:
            self.durations.see(self.pool, pool, now_s - self._looked_s)
        self.pool, self._looked_s = pool, now_s

    @property
    def busy(self) -> float:
        """The share of the workers that have something to do; all of it where that is unknown."""
        pool = self.pool
        if pool is None or not pool.running:
            return 1.0
        return min(1.0, len(pool.running) / max(pool.workers, 1))

    def with_running(self, done: Done, spent_s: float, later_s: float = 0.0) -> Done:
        """Return what is done with the done parts of what runs, `later_s` after anybody looked.

        `spent_s` is how long all workers together would have needed for what is done.
        """
        pool = self.pool
        if pool is None or not pool.running:
            return done
        spent_s = (spent_s or _TINY) * max(pool.workers, 1)
        running, width = pool.running, len(done) - 1
        if not width or done[1 + _LINEAR] <= 0 or {len(task.cost) for task in running} != {width}:
            pace_s = spent_s / max(done[0], 0.5)
            return done[0] + sum([credit(task.elapsed_s + later_s, pace_s) for task in running]), *done[1:]
        pace_s = spent_s / done[1 + _LINEAR]
        items, one, two, three, four, five = done
        for task in running:
            cost = task.cost
            part = credit(task.elapsed_s + later_s, cost[_LINEAR] * pace_s)
            items += part
            # Exponent by exponent, without a loop: it runs for each task with each update.
            one += part * cost[0]
            two += part * cost[1]
            three += part * cost[2]
            four += part * cost[3]
            five += part * cost[4]
        found = items, one, two, three, four, five
        return found if 0 <= sum(found) <= MOST and min(found) >= 0 else done

    def finish(self, even_s: float, at: int | None, counts: Counts, later_s: float) -> Finish:
        """Return when the last worker will be done.

        `even_s` is how long it would take if all could share every task. `at` is the number of the exponent that costs
        count by, None where they do not count; `later_s` has passed since anybody looked.
        """
        pool = self.pool
        if pool is None or pool.workers <= 1 or not pool.running:
            return Finish(even_s, 1.0, 0.0)
        which = 0 if at is None else 1 + at
        whole = counts.totals[which]
        pace_s = even_s * pool.workers / max(whole - counts.here[which], _TINY * whole, 1e-300)
        left, unsure, running = [], 0.0, 0.0
        for task in pool.running:
            known = at is not None and len(task.cost) > at
            size = number(task.cost[at]) if at is not None and known else 1.0
            spread = self.durations.spread(EXPONENTS[at] if at is not None and known else 0.0)
            mean_s = size * pace_s
            median_s = mean_s * exp(-_SKEWED * spread * spread)
            left.append(max(residual(median_s, spread, task.elapsed_s + later_s), _LEAST * mean_s))
            running += size
            if left[-1] >= max(left) > 0:
                unsure = min(1.0, spread * mean_s / left[-1])
        waits_s = max(0.0, whole - counts.ended[which] - running) * pace_s
        if at is not None and pool.waiting:
            waiting = [number(cost[at]) * pace_s for cost in pool.waiting[-LAST:] if len(cost) > at]
        else:
            waiting = unknown(min(LAST, round(waits_s / pace_s)), pace_s, self.durations.spread(0.0)) if pace_s else []
        last_s, shared_s = tail(left, waiting, pool.workers, max(0.0, waits_s - sum(waiting)))
        prolonged = max(1.0, last_s / shared_s) if shared_s > 0 else 1.0
        return Finish(last_s, prolonged, _ALONE * unsure * (1.0 - 1.0 / prolonged))
