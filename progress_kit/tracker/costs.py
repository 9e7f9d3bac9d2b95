"""What the items of a loop cost, asked before it begins: then the time left is told by cost instead of by number."""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeVar

from progress_kit import clock
from progress_kit.errors import InvalidValueError
from progress_kit.tracker import values
from progress_kit.tracker.values import Real

if TYPE_CHECKING:
    from progress_kit.eta import Work

T = TypeVar("T")
CostArgument = Callable[[T], Real | None] | bool | None
"""What tells the cost of an item: a function, or True for `pk.cost`."""

BUDGET_S: Final = 0.1
"""So long the costs of one loop may be asked for; what has not been asked by then counts as the mean."""

_log = logging.getLogger("progress_kit")


class Costs:
    """The costs of a sequence's items, as sums from its start."""

    __slots__ = ("_mean", "_powers", "_sums", "total")

    def __init__(self, known: Iterable[float], length: int) -> None:
        from progress_kit.eta import CostSums

        costs = list(known)
        self._powers = CostSums(costs, length)
        self._sums = list(accumulate(costs, initial=0.0))
        asked = len(self._sums) - 1
        self._mean = self._sums[-1] / asked if asked else 0.0
        self.total = self.until(length)

    def until(self, item: float) -> float:
        """Return the cost of all items before number `item`."""
        asked = len(self._sums) - 1
        return self._sums[int(item)] if item <= asked else self._sums[-1] + (item - asked) * self._mean

    def work(self, done: float) -> "Work":
        """Return where a loop stands that has done `done` items, as the estimator wants to know it."""
        return self._powers.work(done)


def ask(items: Iterable[T], cost: Callable[[T], Real | None]) -> Costs | None:
    """Return what `items` cost; None if that is unknown or nothing at all, or if they are no sequence.

    What is no sequence can perhaps be gone through only once. Runs in the caller's thread, for 0.1 s at most. An item
    whose cost is None counts as the mean of the others; so does one whose cost is no number, negative or NaN, or whose
    cost function raises, and then one warning in the log tells how many there were.
    """
    if not isinstance(items, Sequence):
        return None
    deadline = clock.monotonic() + BUDGET_S
    asked: list[float | None] = []
    troubles: list[Exception] = []
    for item in items:
        try:
            answer = cost(item)
            asked.append(None if answer is None else float(values.amount(answer, "the cost of an item")))
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's code goes on
            troubles.append(error)
            asked.append(None)
        if clock.monotonic() > deadline:
            break
    if troubles:
        _log.warning("progress_kit: the cost of %d items is unknown: %r", len(troubles), troubles[0])
    known = [each for each in asked if each is not None]
    if not any(known):
        return None
    mean = sum(known) / len(known)
    return Costs((mean if each is None else each for each in asked), len(items))


def function(cost: "CostArgument[T]") -> Callable[[T], Real | None] | None:
    """Return the function that tells an item's cost, None for none; True stands for `pk.cost`.

    Raises `InvalidValueError` if `cost` is nothing of this.
    """
    if cost is None or cost is False:
        return None
    if cost is True:
        from progress_kit import complexity

        return complexity.cost
    if not callable(cost):
        raise InvalidValueError(f"cost is {cost!r}; give a function that takes an item and returns a number, or True")
    return cost
