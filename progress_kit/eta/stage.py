"""When one stage will be done, from its own course."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Final

from progress_kit.eta.course import Course
from progress_kit.eta.crew import Counts, Crew, Finish
from progress_kit.eta.hindcast import Past, View, look
from progress_kit.eta.pool import credit
from progress_kit.eta.why import Facts
from progress_kit.eta.work import COSTS, EXPONENTS, Work

_FRESH: Final = 1.04
"""A view of the course is good until the stage's own time has grown by this factor."""
_TINY: Final = 1e-12
_STILL: Final = 4.0
"""How many times as long as the time without a movement a window is at least."""
_FROM: Final = 0.2
_UNTIL: Final = 0.76
"""Of the opinions on what is left, in their order, those count between these shares of the weight."""
_PASSES: Final = 0.9
"""Where costs tell how long the work should take, what slows it down is taken to pass: what is left is shorter than the
middle of the opinions by so much of how far those of the windows are apart. Workers who share a stage even that out
themselves."""
_FEW: Final = 0.5
"""How unsure one movement leaves it; so many make it less by their root."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds left, in the middle, and how unsure that is: the standard deviation of their logarithm.

    `by_cost` tells how much of it rests on costs, 0 to 1; `facts` what else there is to say.
    """

    left_s: float
    unsure: float
    by_cost: float = 0.0
    facts: Facts | None = None


class StageForecast:
    """One stage: fed with what is done as its time goes by, asked for what is left.

    Where several workers share it, its time is theirs: it stands still in part while only some of them have work, so
    that its speed is always that of all.
    """

    __slots__ = ("_done", "_fresh_until_s", "_step", "_totals", "_view", "course", "crew", "share", "unit")

    def __init__(self, width: int) -> None:
        self.course = Course(width)
        self.crew = Crew()
        self.share = 0.0
        self.unit = ""
        self._totals: tuple[float, ...] | None = None
        self._done: tuple[float, ...] = (0.0,) * width
        self._step: tuple[float, ...] = ()
        self._view: View | None = None
        self._fresh_until_s = -1.0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.course.wait(seconds * self.crew.busy)

    def see(self, done: float, total: float | None, work: Work | None) -> None:
        """Take in what is done now. What the running tasks of a crew have done of their part counts too."""
        self._done = (done, *(work.done if work is not None else ()))
        here = self.crew.with_running(self._done, self.course.now_s)
        self.course.see(here[0], here[1:])
        if total is None or not isfinite(total) or total <= 0:
            self._totals = None
            return
        here = self.course.here
        if self._totals is None or total != self._totals[0]:
            self._fresh_until_s = -1.0
        self._totals = (total, *(work.total if work is not None else ()))
        self.share = min(1.0, here[0] / total)
        if self.crew.pool is not None and self.crew.pool.running:
            self._step = ()
        else:
            step = min(max(1.0, here[0] / max(self.course.moves, 1)), total)
            self._step = (step, *(work.step if work is not None else ()))

    def rate(self, loose_s: float = 0.0) -> float | None:
        """Return how many items a second it does of late; None before two movements.

        `loose_s` has passed since then.
        """
        course = self.course
        if course.moves < 2 or not course.spacing_s:  # noqa: PLR2004 - two points make a line
            return None
        last = len(course.cells) - 1
        start = min(last - last // 8, max(0, int(last * (1 - 4 / course.moves))))
        start = max(0, min(start, last - 1))
        span_s = course.now_s + loose_s * self.crew.busy - start * course.spacing_s
        items = course.here[0] - course.cells[start][0]
        return items * self.crew.busy / span_s if span_s > 0 and items > 0 else None

    def outlook(self, loose_s: float = 0.0, later_s: float = 0.0, usual: Sequence[float] = ()) -> Outlook | None:
        """Return what is left; None if the total is unknown or nothing has moved yet.

        `loose_s` has passed since something moved, and `later_s` since anybody looked.
        """
        course, totals = self.course, self._totals
        if totals is None or course.moves < 1:
            return None
        moved_s = course.now_s
        self.wait(loose_s)
        try:
            return self._outlook(self._past(totals, usual), totals, later_s) if course.now_s > 0 else None
        finally:
            course.now_s = moved_s

    def _past(self, totals: tuple[float, ...], usual: Sequence[float]) -> Past:
        view, course = self._view, self.course
        if view is not None and (course.now_s > self._fresh_until_s or view.spacing_s != course.spacing_s):
            self._fresh_until_s = -1.0
            view = None
        return Past(course, totals, usual, None if view is None else view.first)

    def _outlook(self, past: Past, totals: tuple[float, ...], later_s: float) -> Outlook:
        course = self.course
        counted = course.here if self._step else self.crew.with_running(self._done, course.now_s, later_s)
        here = past.shares(counted)
        if self._step:
            # Whatever is being worked on is done in part, the more the longer it has taken.
            age_s = course.now_s - course.moved_s
            there = past.shares(tuple([a + b for a, b in zip(course.here, self._step, strict=True)]))
            recent = past.at(max(past.first, past.last * 3 // 4))
            spent_s = max(course.moved_s - max(past.first, past.last * 3 // 4) * course.spacing_s, _TINY)
            here = [
                now + (then - now) * credit(age_s, (then - now) * spent_s / max(now - before, _TINY))
                for now, then, before in zip(here, there, recent, strict=True)
            ]
        if self._view is not None and len(self._view.measures) != len(here):
            self._view = None
        if self._view is None or course.now_s > self._fresh_until_s:
            rough_s = course.now_s * (1 - here[0]) / max(here[0], _TINY)
            if self._view is not None and self._view.spacing_s == course.spacing_s:
                rough_s = self._mix(past, here, self._view)[0]
            self._view = look(past, rough_s, self._spreads(past))
            self._fresh_until_s = course.now_s * _FRESH
        by_cost = self._view.measures[COSTS : len(totals)]
        at = by_cost.index(max(by_cost)) if sum(by_cost) > 0 else None
        view = self._view
        if at is not None and self.crew.pool is not None:
            only = [0.0] * len(here)
            only[COSTS + at] = 1.0
            view = View(only, view.windows, view.error)
        left_s, between, wavers = self._mix(past, here, view)
        if self.crew.pool is None or self.crew.pool.workers <= 1:
            left_s *= exp(-_PASSES * sum(by_cost) * wavers)
        end = self.crew.finish(left_s, at, Counts(self._done, counted, totals), later_s)
        noise = _FEW / sqrt(course.moves)
        unsure = sqrt(self._view.error**2 + between * between + noise * noise + end.unsure * end.unsure)
        return Outlook(end.left_s, unsure, sum(by_cost), self._facts(past, here, end, at))

    def _facts(self, past: Past, here: list[float], end: Finish, at: int | None) -> Facts:
        course, pool, view = self.course, self.crew.pool, self._view
        shared = pool is not None and pool.workers > 1 and len(pool.running) > 0
        larger = longer = 1.0
        if at is not None and 0 < here[COSTS + at] < 1 and 0 < here[0] < 1:
            larger = (1 - here[COSTS + at]) / (1 - here[0]) * here[0] / here[COSTS + at]
        elif view is not None and len(here) > len(course.here) and 0 < here[0] < 1:
            best = view.measures.index(max(view.measures))
            before = past.at(max(past.first, past.last * 3 // 4))
            passed, items = here[best] - before[best], here[0] - before[0]
            longer = (1 - here[best]) / (1 - here[0]) * items / passed if passed > 0 and items > 0 else 1.0
        return Facts(
            left_s=end.left_s,
            unit=self.unit,
            busy=len(pool.running) if shared and pool is not None else 0,
            workers=pool.workers if pool is not None else 1,
            waiting=pool is None or self._totals is None or self._done[0] + len(pool.running) < self._totals[0],
            tail=end.tail,
            still_s=0.0 if shared else course.now_s - course.moved_s,
            step_s=course.moved_s / max(course.moves, 1),
            larger=larger,
            pace=view.pace if view is not None else 1.0,
            since_s=course.now_s - view.since * course.spacing_s if view is not None else 0.0,
            longer=longer,
        )

    def _spreads(self, past: Past) -> list[float]:
        """Return how unevenly time goes with each measure that is counted: the items, and the costs."""
        if not self.crew.durations.count:
            return past.course.spreads()
        exponents = (0.0, *EXPONENTS) if len(past.course.here) > 1 else (0.0,)
        return [self.crew.durations.spread(exponent) ** 2 for exponent in exponents]

    def _mix(self, past: Past, here: list[float], view: View) -> tuple[float, float, float]:
        """Return the seconds that are left as all views together say, and how far these are from each other.

        The third number is how far the windows alone are from each other, which is how unsteady the speed has been.
        """
        course = self.course
        said: list[tuple[float, float]] = []
        mean = square = 0.0
        used = [(i, weight) for i, weight in enumerate(view.measures) if weight]
        # What stands still now has to be a small part of the window: it tells nothing of the speed later.
        least = int(_STILL * (course.now_s - course.moved_s) / max(course.spacing_s, _TINY))
        for window, window_weight in view.windows:
            start = max(past.first, past.last - max(window, least)) if window else past.first
            span_s = max(course.now_s - start * course.spacing_s, _TINY)
            before = past.at(start)
            each = 0.0
            for i, measure_weight in used:
                left = log(max(1.0 - here[i], 1e-9) / max(here[i] - before[i], 1e-9) * span_s)
                said.append((left, window_weight * measure_weight))
                each += measure_weight * left
            mean += window_weight * each
            square += window_weight * each * each
        middle, apart = _middle(said)
        return exp(middle), apart, sqrt(max(0.0, square - mean * mean))


def _middle(said: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the middle of weighted opinions, and how far they are apart.

    Those at the ends do not count: the middle is the mean of what lies between two shares of the weight.
    """
    said.sort()
    whole = mean = square = 0.0
    for each, weight in said:
        whole += weight
        mean += weight * each
        square += weight * each * each
    mean /= whole
    low, high = _FROM * whole, _UNTIL * whole
    middle = seen = 0.0
    for each, weight in said:
        before = seen
        seen += weight
        part = min(seen, high) - max(before, low)
        if part > 0:
            middle += part * each
    return middle / (high - low), sqrt(max(0.0, square / whole - mean * mean))
