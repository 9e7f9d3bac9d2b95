"""When one stage will be done, from its own course."""

from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Final

from progress_kit.eta.course import Course
from progress_kit.eta.hindcast import Past, View, look
from progress_kit.eta.pool import LAST, Pool, credit, tail
from progress_kit.eta.work import COSTS, EXPONENTS, Sums, Work

_FRESH: Final = 1.04
"""A view of the course is good until the stage's own time has grown by this factor."""
_TINY: Final = 1e-12
_LINEAR: Final = EXPONENTS.index(1.0)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds left, in the middle, and how unsure that is: the standard deviation of their logarithm.

    `by_cost` tells how much of it rests on costs, 0 to 1; `tail` by how much the last workers prolong it, as a factor.
    """

    left_s: float
    unsure: float
    by_cost: float = 0.0
    tail: float = 1.0


class StageForecast:
    """One stage: fed with what is done as its time goes by, asked for what is left."""

    __slots__ = ("_busy_s", "_fresh_until_s", "_pool", "_seen_s", "_step", "_totals", "_view", "course", "share")

    def __init__(self, width: int) -> None:
        self.course = Course(width)
        self.share = 0.0
        self._totals: tuple[float, ...] | None = None
        self._step: tuple[float, ...] = ()
        self._pool: Pool | None = None
        self._busy_s = self._seen_s = 0.0
        self._view: View | None = None
        self._fresh_until_s = -1.0

    def see(self, done: float, total: float | None, work: Work | None, pool: Pool | None) -> None:
        """Take in what is done now. What a pool's running tasks have done of their part counts too."""
        costs = work.done if work is not None else ()
        if pool is not None and pool.running:
            done, costs = self._with_running(done, costs, pool)
        self.course.see(done, costs)
        self._pool = pool
        if total is None or not isfinite(total) or total <= 0:
            self._totals = None
            return
        here = self.course.here
        if self._totals is None or total != self._totals[0]:
            self._fresh_until_s = -1.0
        self._totals = (total, *(work.total if work is not None else ()))
        self.share = min(1.0, here[0] / total)
        step = (min(max(1.0, here[0] / max(self.course.moves, 1)), total), *(work.step if work is not None else ()))
        self._step = (0.0,) * len(step) if pool is not None and pool.running else step

    def _with_running(self, done: float, costs: Sums, pool: Pool) -> tuple[float, Sums]:
        self._busy_s += max(0.0, self.course.now_s - self._seen_s) * len(pool.running)
        self._seen_s = self.course.now_s
        busy_s = self._busy_s or _TINY
        by_cost = bool(costs) and costs[_LINEAR] > 0
        pace_s = busy_s / costs[_LINEAR] if by_cost else busy_s / max(done, 0.5)
        more = list(costs)
        for task in pool.running:
            known = by_cost and len(task.cost) == len(costs)
            part = credit(task.elapsed_s, (task.cost[_LINEAR] if known else 1.0) * pace_s)
            done += part
            if known:
                for i, cost in enumerate(task.cost):
                    more[i] += part * cost
        return done, tuple(more)

    def rate(self) -> float | None:
        """Return how many items a second it does of late; None before two movements."""
        course = self.course
        if course.moves < 2 or not course.spacing_s:  # noqa: PLR2004 - two points make a line
            return None
        last = len(course.cells) - 1
        start = min(last - last // 8, max(0, int(last * (1 - 4 / course.moves))))
        start = max(0, min(start, last - 1))
        span_s = course.now_s - start * course.spacing_s
        items = course.here[0] - course.cells[start][0]
        return items / span_s if span_s > 0 and items > 0 else None

    def outlook(self) -> Outlook | None:
        """Return what is left; None if the total is unknown or nothing has moved yet."""
        course, totals = self.course, self._totals
        if totals is None or course.moves < 1 or course.now_s <= 0:
            return None
        past = Past(course, totals)
        here = past.shares(course.here)
        if self._step[0]:
            # Whatever is being worked on is done in part, the more the longer it has taken.
            age_s = course.now_s - course.moved_s
            there = past.shares(tuple([a + b for a, b in zip(course.here, self._step, strict=True)]))
            recent = past.at(max(past.first, past.last * 3 // 4))
            spent_s = max(course.moved_s - max(past.first, past.last * 3 // 4) * course.spacing_s, _TINY)
            here = [
                now + (then - now) * credit(age_s, (then - now) * spent_s / max(now - before, _TINY))
                for now, then, before in zip(here, there, recent, strict=True)
            ]
        if self._view is None or course.now_s > self._fresh_until_s:
            rough_s = course.now_s * (1 - here[0]) / max(here[0], _TINY)
            if self._view is not None:
                rough_s = self._mix(past, here, self._view)[0]
            self._view = look(past, rough_s)
            self._fresh_until_s = course.now_s * _FRESH
        left_s, between = self._mix(past, here, self._view)
        factor = 1.0
        shared = self._shared()
        if shared is not None:
            factor, alone_s = shared
            # With costs it is known what each worker has still to do; without, the present speed has its say too.
            left_s = alone_s if len(totals) > 1 else sqrt(left_s * factor * alone_s)
        noise = 0.5 / sqrt(course.moves)
        unsure = sqrt(self._view.error**2 + between * between + noise * noise)
        return Outlook(left_s, unsure, sum(self._view.measures[COSTS:]), factor)

    def _mix(self, past: Past, here: list[float], view: View) -> tuple[float, float]:
        """Return the seconds that are left as all views together say, and how far these are from each other."""
        course = self.course
        middle = square = whole = 0.0
        used = [(i, weight) for i, weight in enumerate(view.measures) if weight]
        for window, window_weight in view.windows:
            start = max(past.first, past.last - window) if window else past.first
            span_s = max(course.now_s - start * course.spacing_s, _TINY)
            before = past.at(start)
            for i, measure_weight in used:
                rate = max(here[i] - before[i], 1e-9) / span_s
                said = log(max(1.0 - here[i], 1e-9) / rate)
                weight = window_weight * measure_weight
                whole += weight
                middle += weight * said
                square += weight * said * said
        middle /= whole
        return exp(middle), sqrt(max(0.0, square / whole - middle * middle))

    def _shared(self) -> tuple[float, float] | None:
        """Return how much longer the last worker takes than all would, and how long that is by the mean speed."""
        pool, totals = self._pool, self._totals
        if pool is None or pool.workers <= 1 or totals is None or not pool.running or self._busy_s <= 0:
            return None
        here = self.course.here
        at = _LINEAR
        if len(totals) > 1 and self._view is not None:
            weights = self._view.measures[COSTS:]
            at = weights.index(max(weights))
        by_cost = len(totals) > 1 and here[1 + at] > 0
        pace_s = self._busy_s / (here[1 + at] if by_cost else max(here[0], 0.5))
        left = []
        for task in pool.running:
            known = by_cost and len(task.cost) > at
            expected_s = (task.cost[at] if known else 1.0) * pace_s
            # A task that takes longer than expected takes longer still; all the more if nothing was known of it.
            least_s = max(0.15 * expected_s, (0.15 if known else 0.6) * task.elapsed_s)
            left.append(max(expected_s - task.elapsed_s, least_s))
        done, whole = (here[1 + at], totals[1 + at]) if by_cost else (here[0], totals[0])
        # The parts done of running tasks are in `done`; what is left of them is not to be counted twice.
        waits_s = max(0.0, (whole - done) * pace_s - sum(left))
        if by_cost and pool.waiting:
            waiting = [cost[at] * pace_s for cost in pool.waiting[-LAST:]]
        else:
            waiting = [pace_s] * min(LAST, round(waits_s / pace_s)) if pace_s > 0 else []
        last_s, even_s = tail(left, waiting, pool.workers, max(0.0, waits_s - sum(waiting)))
        return (last_s / even_s if even_s > 0 else 1.0), last_s
