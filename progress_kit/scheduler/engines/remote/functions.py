"""Functions on their way to workers: pickled once, before anything runs; an error says what does not pickle."""

import functools
import inspect
import itertools
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from progress_kit.errors import NotPicklableError, UsageError
from progress_kit.scheduler.outcome import dumps

KEPT: Final = 128
"""So many functions are kept pickled; who uses more in turn has them pickled again."""
_DEPTH: Final = 4


class Code:
    """A function as it travels, under a number that stands for it once a worker knows it."""

    __slots__ = ("data", "function", "number")

    def __init__(self, function: Callable[..., Any], number: int, data: bytes) -> None:
        self.function = function  # so that no other one can have its id
        self.number: int = number
        self.data: bytes = data


class Functions:
    """The functions of a scheduler, each pickled when it is first used. Any thread may ask.

    What a function refers to is therefore as it was then: a global variable of a notebook that is changed later keeps
    its old value in the workers.
    """

    def __init__(self) -> None:
        self._codes: OrderedDict[int, Code] = OrderedDict()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def code(self, function: Callable[..., Any]) -> Code:
        """Return how `function` travels; raises `NotPicklableError`, which names it and what does not pickle."""
        with self._lock:
            code = self._codes.get(id(function))
            if code is not None:
                self._codes.move_to_end(id(function))
                return code
        data = pickled(function)  # runs the user's code, so not under the lock
        with self._lock:
            code = self._codes[id(function)] = Code(function, next(self._numbers), data)
            if len(self._codes) > KEPT:
                self._codes.popitem(last=False)
        return code


def pickled(function: Callable[..., Any]) -> bytes:
    """Return `function` as bytes; raises `NotPicklableError`, which names it and what does not pickle.

    Coroutine functions are refused with `UsageError`: nobody would await them in a worker.
    """
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"{title(function)} is a coroutine function, which this engine cannot run; use engine='async'")
    try:
        return dumps(function)
    except Exception as error:
        culprit = next(_culprits(function, _DEPTH), None)
        why = f"{culprit} cannot be pickled" if culprit else "it cannot be pickled"
        raise NotPicklableError(
            f"{title(function)} cannot be sent to another process: {why} ({error}). "
            "Make it inside the function or hand it over in another way, or use engine='threads'"
        ) from error


def title(function: Callable[..., Any]) -> str:
    """Return what to call a function in a message."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return f"{name}()" if isinstance(name, str) else repr(function)


def _culprits(value: object, depth: int) -> Iterator[str]:
    """Yield what inside of a function does not pickle, as deep inside as it can be found."""
    for what, part in _parts(value):
        try:
            dumps(part)
        except Exception:  # noqa: BLE001 - this is what is looked for
            inner = next(_culprits(part, depth - 1), None) if depth else None
            yield f"{what} ({inner})" if inner else f"{what}, a {type(part).__module__}.{type(part).__qualname__},"


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield what something brings along, and what to call it."""
    if isinstance(value, functools.partial):
        yield "its function", value.func
        for name, argument in (*enumerate(value.args), *value.keywords.items()):
            yield f"its argument {name!r}", argument
    elif isinstance(value, types.MethodType):
        yield "its object", value.__self__
    elif isinstance(value, types.FunctionType):
        yield from _variables(value)
    elif hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType):
        for name, attribute in vars(value).items():
            yield f"its attribute {name!r}", attribute


def _variables(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            yield f"its variable {name!r}", cell.cell_contents
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield f"the global variable {name!r}", function.__globals__[name]
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield "the default of an argument", default


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
