"""Which way of looking at a stage's past would have foretold it best? That one is believed for its future.

A way of looking is a measure of work (`work`) and a window, the time over which its speed is averaged. Both are judged
by what they would have said at many moments of this course about what came after them, over a time as long as what is
left now. Where little was seen, what holds for most work decides.
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from progress_kit.eta.course import Course
from progress_kit.eta.work import COSTS, ITEMS, PROPORTIONAL, likely, measures

_WINDOWS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_GRAIN: Final = 1.35
"""The moments at which measures are judged are so far apart, as a factor."""
_BLUR: Final = 0.05
"""Differences below this are no evidence."""
_WORST: Final = 3.0
"""An error, as a logarithm, counts as this at most."""
_NEGLIGIBLE: Final = 0.02
"""A measure with less weight than this is left out."""
_FIRST: Final = 4
"""Before so many cells nothing is judged."""
_GIFT: Final = 0.1
_IN_NO_TIME: Final = 8
"""A tenth of the whole, done so many times as fast as the rest, is no work of this run."""
_TINY: Final = 1e-12


@dataclass(slots=True)
class View:
    """How to look at a stage: a weight for each measure, and one for each window (in cells; 0 is all of it).

    `error` is how far, as a logarithm, predictions over the time that is left would have been from the truth.
    """

    measures: list[float]
    windows: list[tuple[int, float]]
    error: float


def softmax(scores: list[float]) -> list[float]:
    """Return weights that sum up to 1, from their logarithms."""
    most = max(scores)
    weights = [exp(score - most) for score in scores]
    whole = sum(weights)
    return [weight / whole for weight in weights]


class Past:
    """The course as shares of the whole, in all measures.

    What was done in no time at the very beginning, such as what an earlier run has left in a cache, says nothing about
    the rest: the course begins after it, at time number `first`.
    """

    def __init__(self, course: Course, totals: tuple[float, ...]) -> None:
        self.course = course
        self.last = len(course.cells) - 1
        self.first = _after_the_gift(course, totals[0])
        self._origin = course.cells[self.first] if self.first else ()
        self._totals = totals
        self._seen: dict[int, list[float]] = {}

    def at(self, cell: int) -> list[float]:
        """Return what was done at time number `cell`."""
        found = self._seen.get(cell)
        if found is None:
            found = self._seen[cell] = self.shares(self.course.cells[cell])
        return found

    def shares(self, cell: tuple[float, ...]) -> list[float]:
        """Return all measures of a cell as shares of the whole."""
        totals = self._totals
        if self._origin:
            cell = tuple([max(0.0, a - b) for a, b in zip(cell, self._origin, strict=True)])
            totals = tuple([a - b for a, b in zip(totals, self._origin, strict=True)])
        return measures(
            cell[0] / totals[0] if totals[0] > 0 else 1.0,
            [min(1.0, a / b) if b > 0 else 1.0 for a, b in zip(cell[1:], totals[1:], strict=True)],
        )


def _after_the_gift(course: Course, total: float) -> int:
    """Return the time number at which the real work begins: after much was done in almost no time, or 0."""
    last = len(course.cells) - 1
    if last < 2 * _FIRST:
        return 0
    for cell in (1, max(1, last // 32), max(1, last // 16)):
        done, later = course.cells[cell][0], course.here[0] - course.cells[cell][0]
        if done >= _GIFT * total and done * (last - cell) > _IN_NO_TIME * cell * later:
            return cell
    return 0


def look(past: Past, left_s: float) -> View:
    """Return how to look at a course that will last about `left_s` seconds more."""
    course = past.course
    spreads = course.spreads()
    with_costs = len(spreads) > 1
    main = PROPORTIONAL - COSTS + 1 if with_costs else ITEMS
    spread_s = spreads[main]
    weights = _judge_measures(past, left_s, spreads, spread_s)
    windows, error = _judge_windows(past, left_s, spread_s, weights)
    return View(weights, windows, error)


def _judge_measures(past: Past, left_s: float, spreads: list[float], spread_s: float) -> list[float]:
    course = past.course
    with_costs = len(spreads) > 1
    scores = list(likely(costs=with_costs))
    if with_costs:
        # Item by item: with the right measure the time of each is in proportion to its work.
        floor = max(spreads) * 1e-4 + _TINY
        least = min(spreads) + floor
        trust = min(course.moves, 30) / (min(course.moves, 30) + 10)
        for i in range(len(scores)):
            which = spreads[0] if i < COSTS else spreads[i - COSTS + 1]
            scores[i] -= trust * log((which + floor) / least)
    losses, seen = _losses(past, left_s, len(scores))
    if seen > 0:
        blur = _BLUR + sqrt(min(1.0, spread_s / max(course.now_s, _TINY)))
        least = min(losses)
        trust = (3.0 if with_costs else 6.0) * seen / (seen + 1.0)
        for i, loss in enumerate(losses):
            scores[i] -= trust * log((loss + blur) / (least + blur))
    weights = softmax(scores)
    kept = [weight if weight > _NEGLIGIBLE else 0.0 for weight in weights]
    whole = sum(kept)
    return [weight / whole for weight in kept]


def _losses(past: Past, left_s: float, width: int) -> tuple[list[float], float]:
    """Return how wrong each measure was about the time from one moment to a later one, and how much was seen."""
    moments: list[int] = []
    cell = float(past.last)
    while cell >= _FIRST + past.first:
        moments.append(int(cell))
        cell /= _GRAIN
    losses = [0.0] * width
    if len(moments) <= 1:
        return losses, 0.0
    horizon = log(max(left_s, _TINY) / max(past.course.now_s, _TINY))
    horizon = min(horizon, log(moments[0] / moments[-1] - 1))
    seen = 0.0
    for k, early in enumerate(moments):
        here = past.at(early)
        lasted = early - past.first
        start = past.first + min(lasted - 1, int(lasted * 0.7))
        back = past.at(start)
        rates = [max(a - b, 1e-9) / (early - start) for a, b in zip(here, back, strict=True)]
        for late in moments[:k]:
            span = late - early
            weight = exp(-(((log(span / lasted) - horizon) / 2.0) ** 2) / 2) * late / moments[0]
            seen += weight
            there = past.at(late)
            for i in range(width):
                error = abs(log(max(there[i] - here[i], 1e-9) / (rates[i] * span)))
                losses[i] += weight * min(_WORST, error)
    return [loss / seen for loss in losses], seen


def _judge_windows(
    past: Past, left_s: float, spread_s: float, weights: list[float]
) -> tuple[list[tuple[int, float]], float]:
    course, last = past.course, past.last
    spacing_s, now_s = course.spacing_s, course.now_s
    used = [(i, weight) for i, weight in enumerate(weights) if weight]
    done: dict[int, float] = {}

    def at(cell: int) -> float:
        if cell not in done:
            shares = past.at(cell)
            done[cell] = sum(weight * shares[i] for i, weight in used)
        return done[cell]

    # A window has to hold two usual steps; the whole is always one.
    least_s = 2 * course.moved_s / max(course.moves, 1)
    windows = [w for w in _WINDOWS if w < 0.9 * (last - past.first) and now_s - (last - w) * spacing_s >= least_s]
    lengths = [now_s - (last - w) * spacing_s for w in (*windows, last - past.first)]
    # What is to be expected of a window: noise that it does not even out, and drift that it does not follow.
    expected = [
        sqrt(0.1 * length / max(now_s, _TINY) + min(1.0, (spread_s + 0.3 * spacing_s) / max(length, _TINY)))
        for length in lengths
    ]
    span = max(1, int(min(0.5 * left_s / max(spacing_s, _TINY), 0.3 * last)))
    moments = range(last - span, past.first + 1, -max(1, span // 4))[:12]
    losses = [0.0] * len(lengths)
    seen = 0.0
    for k, moment in enumerate(moments):
        weight = exp(-0.1 * k)
        seen += weight
        here = at(moment)
        truth = max(at(moment + span) - here, 1e-9) / span
        for i, window in enumerate([*windows, moment]):
            start = max(past.first, moment - window)
            error = abs(log(max(here - at(start), 1e-9) / (moment - start) / truth))
            losses[i] += weight * min(_WORST, error)
    blended = [(loss + 2 * guess) / (seen + 2) for loss, guess in zip(losses, expected, strict=True)]
    least = min(blended)
    found = softmax([-6 * log((each + _BLUR) / (least + _BLUR)) for each in blended])
    error = sum(weight * each for weight, each in zip(found, blended, strict=True))
    return list(zip([*windows, 0], found, strict=True)), error
