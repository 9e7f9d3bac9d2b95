"""Work that several workers share: what the running tasks have done of their part, and how long the last ones take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from math import sqrt
from typing import Final

from progress_kit.eta.work import Sums

LAST: Final = 48
"""So many of the tasks that wait are placed one by one, the last ones; those before keep all workers busy alike."""


@dataclass(frozen=True, slots=True)
class Running:
    """A task that runs: for how long it has, in seconds, and its cost for each exponent where costs are known."""

    elapsed_s: float
    cost: Sums = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """The workers of a stage, the tasks that run now, and the costs of those that wait, in the order of their turn.

    Of those that wait the last 48 are enough, which are the ones that may keep one worker busy after the others.
    """

    workers: int = 1
    running: Sequence[Running] = ()
    waiting: Sequence[Sums] = field(default=())


def credit(elapsed: float, expected: float) -> float:
    """Return which part of a task is done that has run for `elapsed` out of about `expected`; never all of it."""
    if expected <= 0:
        return 0.0
    share = elapsed / expected
    return share / sqrt(1.0 + share * share)


def tail(left: Sequence[float], waiting: Sequence[float], workers: int, early: float = 0.0) -> tuple[float, float]:
    """Return how long it takes until all is done, and how long if the workers could share every task evenly.

    `left` is what the running tasks still need, `early` the work that is done next, in small pieces, and `waiting` the
    last tasks, in the order in which they will be taken.
    """
    workers = max(1, workers)
    free = sorted(left)[-workers:]
    free = [0.0] * (workers - len(free)) + free
    even = (sum(free) + early + sum(waiting)) / workers
    if early > 0:
        free = _level(free, early)
    heapify(free)
    for task in waiting:
        heapreplace(free, free[0] + task)
    return max(even, *free), even


def _level(free: list[float], work: float) -> list[float]:
    """Pour `work` over the workers, those that are free first."""
    level = whole = work
    for count, each in enumerate(free):
        if count and level <= each:
            break
        whole += each
        level = whole / (count + 1)
    return [max(each, level) for each in free]
