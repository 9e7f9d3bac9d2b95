"""What tells the cost of a task by its arguments, whatever the user's function does."""

import logging
from collections.abc import Callable
from typing import Any, Final, SupportsFloat, cast

from progress_kit.complexity import cost as cost_of
from progress_kit.tracker import values
from progress_kit.tracker.costs import CostArgument
from progress_kit.tracker.costs import function as cost_function

_log: Final = logging.getLogger("progress_kit")


def asker(cost: CostArgument[Any], inputs: int) -> Callable[[tuple[Any, ...]], float | None] | None:
    """Return what tells the cost of a call with some arguments; it never raises, and warns once."""
    function = cost_function(cost)
    if function is None:
        return None
    tell = (
        _sum_of_costs if function is cost_of and inputs > 1 else cast("Callable[..., SupportsFloat | None]", function)
    )
    warned = False

    def ask(args: tuple[Any, ...]) -> float | None:
        nonlocal warned
        try:
            answer = tell(*args)
            return None if answer is None else float(values.amount(answer, "the cost of a task"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the tasks are run
            if not warned:
                warned = True
                _log.warning("progress_kit: the cost of a task is unknown: %r", error)
            return None

    return ask


def _sum_of_costs(*args: object) -> float | None:
    known = [cost for arg in args if (cost := cost_of(arg)) is not None]
    return sum(known) if known else None
