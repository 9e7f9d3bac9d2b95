"""Which way of looking at a stage's past would have foretold it best? That one is believed for its future.

A way of looking is a measure of work (`work`) and a window, the time over which its speed is averaged. Both are judged
by what they would have said at many moments of this course about what came after them, over a time as long as what is
left now. Where little was seen, what holds for most work decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from progress_kit.eta.course import Course
from progress_kit.eta.work import COSTS, ITEMS, PROPORTIONAL, likely, measures, share_of_time

_WINDOWS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_GRAIN: Final = 1.35
"""The moments at which measures are judged are so far apart, as a factor."""
_NEAR: Final = 2
"""From each of them, so many on both sides of the one that lies as far ahead as the end lies now are looked at."""
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
_UNDER_WAY: Final = 3
_LATE_START: Final = 6
_BRIEF: Final = 0.05
"""First steps that took so many times as long as those after them, at least three, were a start and no work of the
usual kind; those after them must have lasted for some part of the time."""
_TRUST: Final = 9.0
_TRUST_WITH_COSTS: Final = 3.0
"""How much the loss of a measure counts against it."""
_BURSTS: Final = 2.8
"""Without costs unevenness blurs the losses by so much more: bursts look like a shape."""
_WINDOW_TRUST: Final = 6.0
_WINDOW_PRIOR: Final = 2.0
"""How much the loss of a window counts against it, and as how many moments what is to be expected of it counts."""
_DRIFT: Final = 0.1
_NOISE: Final = 3.0
_GRAIN_NOISE: Final = 0.3
"""The variance that drift adds to a window as long as the whole, and what unevenness and the grain of time add to one
as short as themselves."""
_SPAN_LEFT: Final = 0.5
_SPAN_LAST: Final = 0.4
"""Windows are judged over so much of the time that is left, and of that which has passed."""
_PARTS: Final = 16
"""A change of speed is looked for between so many parts of the course."""
_LOOKS: Final = 6
"""Windows are judged at so many moments at most."""
_TINY: Final = 1e-12
_LEAST: Final = 1e-300


@dataclass(slots=True)
class View:
    """How to look at a stage: a weight for each measure, and one for each window (in cells; 0 is all of it).

    `error` is how far, as a logarithm, predictions over the time that is left would have been from the truth. `pace` is
    the speed since time number `since`, as a multiple of the one before it: 1 where that has not changed for sure. All
    numbers of times hold for cells so far apart as `spacing_s`, of which `first` is where the work began.
    """

    measures: list[float]
    windows: list[tuple[int, float]]
    error: float
    pace: float = 1.0
    since: int = 0
    first: int = 0
    spacing_s: float = 0.0


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

    def __init__(
        self, course: Course, totals: tuple[float, ...], usual: Sequence[float] = (), first: int | None = None
    ) -> None:
        self.course = course
        self.last = len(course.cells) - 1
        self.first = first if first is not None else _after_the_gift(course, totals[0]) or _after_the_start(course)
        self.usual = usual
        self._per_item = 1.0 / max(totals[0], _LEAST)
        self._origin = course.cells[self.first] if self.first else ()
        wholes = tuple([a - b for a, b in zip(totals, self._origin, strict=True)]) if self._origin else totals
        self._scale = [1.0 / whole if whole > _LEAST else 0.0 for whole in wholes]
        self._usual_before = self._usual(self._origin) if self._origin and usual else 0.0
        self._seen: dict[int, list[float]] = {}

    def at(self, cell: int) -> list[float]:
        """Return what was done at time number `cell`."""
        found = self._seen.get(cell)
        if found is None:
            found = self._seen[cell] = self.shares(self.course.cells[cell])
        return found

    def shares(self, cell: tuple[float, ...]) -> list[float]:
        """Return all measures of a cell as shares of the whole."""
        usual = None
        if self.usual:
            usual = (self._usual(cell) - self._usual_before) / max(1.0 - self._usual_before, _TINY)
        if self._origin:
            cell = tuple([max(0.0, a - b) for a, b in zip(cell, self._origin, strict=True)])
        found = [a * b if b else 1.0 for a, b in zip(cell, self._scale, strict=True)]
        return measures(found[0], [min(1.0, each) for each in found[1:]], usual)

    def _usual(self, cell: tuple[float, ...]) -> float:
        return share_of_time(self.usual, cell[0] * self._per_item)


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


def _after_the_start(course: Course) -> int:
    """Return the time number at which the work is under way: after first steps that took much too long, or 0."""
    if course.moves < _UNDER_WAY:
        return 0
    which = PROPORTIONAL if len(course.here) > 1 else ITEMS
    few = (_UNDER_WAY - 1) * course.here[which] / course.moves
    found, most = 0, float(_LATE_START)
    last = len(course.cells) - 1
    for cell in range(max(1, int(course.first_s / course.spacing_s) - 1), last + 1, 1 + last // 32):
        done, passed_s = course.cells[cell][which], course.moved_s - cell * course.spacing_s
        later = course.here[which] - done
        if later < few or passed_s < _BRIEF * course.moved_s:
            break
        faster = later * cell * course.spacing_s / (passed_s * max(done, _TINY))
        if faster > most:
            found, most = cell, faster
    return found


def look(past: Past, left_s: float, uneven: list[float]) -> View:
    """Return how to look at a course that will last about `left_s` seconds more."""
    course = past.course
    spreads = course.spreads()
    with_costs = len(spreads) > 1
    main = PROPORTIONAL if with_costs else ITEMS
    spread_s = spreads[main]
    weights = _judge_measures(past, left_s, uneven, spread_s)
    windows, error = _judge_windows(past, left_s, spread_s, weights)
    return View(weights, windows, error, *_change(past, weights), past.first, course.spacing_s)


def _change(past: Past, weights: list[float]) -> tuple[float, int]:
    """Return by which factor the speed has changed of late, and since which time number; 1 where it has not for sure.

    It has if what came after some moment was slower, or faster, than nearly all that came before it, by more than what
    came before or after differs among itself: work that takes ever longer has no such moment.
    """
    by_cost = weights[COSTS : len(past.course.here)]
    which = COSTS + by_cost.index(max(by_cost)) if by_cost else ITEMS
    edges = sorted({past.first + (past.last - past.first) * i // _PARTS for i in range(_PARTS + 1)})
    if len(edges) <= _PARTS or past.course.moves < 2 * _PARTS:
        return 1.0, 0
    done = [past.at(edge)[which] for edge in edges]
    speeds = [(b - a) / (d - c) for a, b, c, d in zip(done, done[1:], edges, edges[1:], strict=False)]
    found, best = (1.0, 0), 1.0
    for at in range(_PARTS // 4, _PARTS - 1):
        before, after = sorted(speeds[:at]), sorted(speeds[at:])
        odd = len(before) // 8
        low, high = max(before[odd], _TINY), max(before[-1 - odd], _TINY)
        least, most = max(after[0], _TINY), max(after[-1], _TINY)
        apart = max(low / most, least / high) / max(high / low, most / least)
        if apart > best:
            old = (done[at] - done[0]) / (edges[at] - edges[0])
            new = (done[-1] - done[at]) / (edges[-1] - edges[at])
            found, best = (new / old, edges[at]), apart
    return found


def _judge_measures(past: Past, left_s: float, spreads: list[float], spread_s: float) -> list[float]:
    course = past.course
    with_costs = len(spreads) > 1
    scores = likely(costs=with_costs, usual=bool(past.usual))
    if with_costs:
        # Item by item: with the right measure the time of each is in proportion to its work.
        floor = max(spreads) * 1e-4 + _TINY
        least = min(spreads) + floor
        trust = min(course.moves, 30) / (min(course.moves, 30) + 10)
        for i, spread in enumerate(spreads):
            scores[i] -= trust * log((spread + floor) / least)
    losses, seen = _losses(past, left_s, len(scores))
    if seen > 0:
        blur = _BLUR + (1.0 if with_costs else _BURSTS) * sqrt(min(1.0, spread_s / max(course.now_s, _TINY)))
        least = min(losses)
        trust = (_TRUST_WITH_COSTS if with_costs else _TRUST) * seen / (seen + 1.0)
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
    # Moments that lie apart as what is left does from now are those that tell.
    apart = round(log(1.0 + exp(horizon)) / log(_GRAIN))
    seen = 0.0
    for k, early in enumerate(moments):
        here = past.at(early)
        lasted = early - past.first
        start = past.first + min(lasted - 1, int(lasted * 0.7))
        back = past.at(start)
        paces = [log(max(a - b, 1e-9) / (early - start)) for a, b in zip(here, back, strict=True)]
        nearest = max(0, min(k - apart, k - 1 - _NEAR))
        for late in moments[max(0, nearest - _NEAR) : min(k, nearest + _NEAR + 1)]:
            span = late - early
            other = (log(span / lasted) - horizon) / 2.0
            weight = exp(-other * other / 2) * late / moments[0]
            seen += weight
            logs = log(span)
            errors = [
                abs(log(max(a - b, 1e-9)) - pace - logs) for a, b, pace in zip(past.at(late), here, paces, strict=True)
            ]
            losses = [a + weight * min(_WORST, b) for a, b in zip(losses, errors, strict=True)]
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
    uneven_s = _NOISE * spread_s + _GRAIN_NOISE * spacing_s
    expected = [
        sqrt(_DRIFT * length / max(now_s, _TINY) + min(1.0, uneven_s / max(length, _TINY))) for length in lengths
    ]
    span = max(1, int(min(_SPAN_LEFT * left_s / max(spacing_s, _TINY), _SPAN_LAST * last)))
    moments = range(last - span, past.first + 1, -max(1, span // 2))[:_LOOKS]
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
    blended = [
        (loss + _WINDOW_PRIOR * guess) / (seen + _WINDOW_PRIOR) for loss, guess in zip(losses, expected, strict=True)
    ]
    least = min(blended)
    found = softmax([-_WINDOW_TRUST * log((each + _BLUR) / (least + _BLUR)) for each in blended])
    error = sum(weight * each for weight, each in zip(found, blended, strict=True))
    return list(zip([*windows, 0], found, strict=True)), error
