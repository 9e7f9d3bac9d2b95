"""What tasks have in common by the word of the user, checked: `Terms` in, a `Group` of the plan out."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from progress_kit.errors import InvalidValueError, UnknownStageError
from progress_kit.scheduler.plan_node import Group
from progress_kit.tracker import values


class Terms(NamedTuple):
    """What `submit`, `map` and `as_completed` take beside the function; None stands for the scheduler's default."""

    stage: str | None
    priority: float
    retries: int | None
    timeout: float | None
    always: bool = False


class Groups:
    """The groups of a scheduler with these stages and defaults; tasks of one function on the same terms share one."""

    def __init__(self, stages: Mapping[str, object], *, retries: int, timeout: float | None) -> None:
        self._stages = stages
        self._retries = whole(retries, "retries")
        self._timeout_s = seconds(timeout, "timeout")
        self._known: dict[object, Group] = {}

    def new(self, terms: Terms) -> Group:
        """Return a group of its own; raises `InvalidValueError` and `UnknownStageError`."""
        return Group(
            self._stage(terms.stage),
            priority=float(values.number(terms.priority, "priority")),
            retries=self._retries if terms.retries is None else whole(terms.retries, "retries"),
            timeout_s=self._timeout_s if terms.timeout is None else seconds(terms.timeout, "timeout"),
            always=terms.always,
        )

    def of(self, function: Callable[..., Any], terms: Terms, check: Callable[[Callable[..., Any]], None]) -> Group:
        """Return the group of what runs this function, or one that was made at the same place; `check` a new one."""
        key = (getattr(function, "__code__", None) or type(function), terms)
        group = self._known.get(key)
        if group is None:
            check(function)
            group = self._known[key] = self.new(terms)
        return group

    def _stage(self, name: str | None) -> str:
        if name is None and len(self._stages) == 1:
            return next(iter(self._stages))
        if name is None or name not in self._stages:
            raise UnknownStageError(f"stage is {name!r}; give one of {', '.join(map(repr, self._stages))}")
        return name


def whole(value: object, what: str, least: int = 0) -> int:
    """Return `value` if it is a whole number of at least `least`; raises `InvalidValueError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidValueError(f"{what} is {value!r}; give a whole number of at least {least}")
    return value


def seconds(value: float | None, what: str) -> float | None:
    """Return a time that may be given or not; raises `InvalidValueError` for what is none, or 0."""
    if value is None:
        return None
    number = float(values.amount(value, what))
    if not number:
        raise InvalidValueError(f"{what} is 0; give seconds greater than 0, or None for as long as it takes")
    return number
