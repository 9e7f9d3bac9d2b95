"""How long a task takes, as those that have ended tell: what is to be expected of one that still runs or waits."""

from math import erfc, exp, log, sqrt
from operator import attrgetter
from typing import Final

from progress_kit.eta.bounds import LEAST, number
from progress_kit.eta.pool import Pool
from progress_kit.eta.work import EXPONENTS

_FEW: Final = 3
_FEW_SPREAD: Final = 0.5
"""So many tasks of such a spread are taken as seen before any was."""
_ENOUGH: Final = 300
"""After so many tasks nothing new is learned."""
_WIDEST: Final = 3.0
_LINEAR: Final = EXPONENTS.index(1.0)
_ALIKE: Final = 1e-6
_ROOT: Final = sqrt(2.0)
_BEYOND: Final = 5.0
_HIGHEST: Final = 100.0
"""A factor beyond this, as a logarithm, is no duration."""
_LOGISTIC: Final = 1.702
"""A logistic distribution that is narrower by this factor looks like a normal one."""
_GOLDEN: Final = 0.6180339887
"""Multiples of this fall evenly between whole numbers, however many there are."""
_elapsed: Final = attrgetter("elapsed_s")


class Durations:
    """How far apart the durations of tasks are, by themselves and for their cost.

    Only sums are kept, over the logarithms of seconds and cost. Tasks have no name here: one that ran, and is not among
    those that run now, has ended.
    """

    __slots__ = ("_both", "_cost", "_costs", "_second", "_seconds", "count")

    def __init__(self) -> None:
        self.count = 0
        self._second = self._seconds = self._cost = self._costs = self._both = 0.0

    def see(self, before: Pool, now: Pool, passed_s: float) -> None:
        """Take in who works now, `passed_s` after others did."""
        if self.count >= _ENOUGH:
            return
        still = sorted([task.elapsed_s - passed_s for task in now.running])
        at = 0
        for task in sorted(before.running, key=_elapsed):
            alike = _ALIKE * (task.elapsed_s + passed_s)
            while at < len(still) and still[at] < task.elapsed_s - alike:
                at += 1  # it began since
            if at < len(still) and still[at] <= task.elapsed_s + alike:
                at += 1
            elif task.elapsed_s + passed_s > 0:
                cost = number(task.cost[_LINEAR]) if len(task.cost) > _LINEAR else 0.0
                self._count(log(task.elapsed_s + passed_s), log(cost) if cost > 0 else 0.0)

    def _count(self, second: float, cost: float) -> None:
        self.count += 1
        self._second += second
        self._seconds += second * second
        self._cost += cost
        self._costs += cost * cost
        self._both += second * cost

    def spread(self, exponent: float) -> float:
        """Return the standard deviation of the logarithm of seconds per cost to that power, which may be 0."""
        mean, mean_cost = self._second / max(self.count, 1), self._cost / max(self.count, 1)
        square = self._seconds - self._second * mean
        square += exponent * (exponent * (self._costs - self._cost * mean_cost) - 2 * (self._both - mean * self._cost))
        return min(_WIDEST, sqrt((max(0.0, square) + _FEW * _FEW_SPREAD**2) / (self.count + _FEW)))


def residual(expected_s: float, spread: float, ran_s: float) -> float:
    """Return how long a task will still take, in the median, that has run for `ran_s` out of about `expected_s`.

    Durations are taken as lognormal: the longer a task takes beyond what was expected, the longer it takes still.
    """
    if expected_s <= 0 or ran_s <= 0:
        return max(expected_s, 0.0)
    late = log(max(ran_s / expected_s, LEAST)) / max(spread, LEAST)
    if late < -_BEYOND:
        return expected_s - ran_s
    if late > _BEYOND:
        return ran_s * (exp(min(1.0, spread * log(2.0) / late)) - 1.0)
    low, high, half = late, late + _BEYOND, erfc(late / _ROOT) / 2
    for _ in range(12):
        middle = (low + high) / 2
        if erfc(middle / _ROOT) > half:
            low = middle
        else:
            high = middle
    return max(expected_s * exp(min(spread * high, _HIGHEST)) - ran_s, 0.0)


def unknown(count: int, mean_s: float, spread: float) -> list[float]:
    """Return how long so many tasks may take of which nothing is known but the mean, and how far apart such are."""
    shares = [(number * _GOLDEN) % 1.0 for number in range(1, count + 1)]
    found = [(share / (1.0 - share)) ** (spread / _LOGISTIC) for share in shares]
    scale = count * mean_s / sum(found) if found else 0.0
    return [each * scale for each in found]
