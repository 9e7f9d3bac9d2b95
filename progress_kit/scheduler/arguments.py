"""Tasks among the arguments of other tasks: they are dependencies, and their results take their places."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from progress_kit.scheduler.task import Call, Task

_HOLDERS: Final = frozenset({Task, list, tuple, dict})


def needed(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Sequence[Task[Any]]:
    """Return the tasks among the arguments of a call, each once."""
    for value in args:
        if type(value) in _HOLDERS:
            break
    else:
        if not kwargs:
            return ()
    return list(dict.fromkeys(tasks_in((*args, *kwargs.values()))))


def tasks_in(values: Iterable[Any]) -> Iterator[Task[Any]]:
    """Yield the tasks among values, also those inside of lists, tuples and dicts of the plain types, at any depth."""
    for value in values:
        kind = type(value)
        if kind is Task:
            yield value
        elif kind is list or kind is tuple:
            yield from tasks_in(value)
        elif kind is dict:
            yield from tasks_in(value.values())


def resolve(task: Call) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of a task with the results in their places; for one that runs always, errors too."""
    assert task.call is not None
    _, args, kwargs = task.call
    return tuple(_value(arg) for arg in args), {name: _value(arg) for name, arg in kwargs.items()}


def _value(value: Any) -> Any:  # noqa: ANN401 - any argument
    kind = type(value)
    if kind is Task:
        # It has ended, though the thread that tells everybody else may not have come to it.
        return value.outcome()
    if kind is list:
        return [_value(each) for each in value]
    if kind is tuple:
        return tuple([_value(each) for each in value])
    if kind is dict:
        return {key: _value(each) for key, each in value.items()}
    return value
