"""`tracked()`: each call of a function as an operation."""

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from types import CodeType, TracebackType
from typing import Any, ParamSpec, TypeVar, cast, overload

from progress_kit.errors import InvalidValueError
from progress_kit.tracker import naming, values
from progress_kit.tracker.iterables import STAGE
from progress_kit.tracker.tracker import ProgressTracker
from progress_kit.tracker.values import NotifyArgument, Stages

P = ParamSpec("P")
R = TypeVar("R")


@overload
def tracked(name: Callable[P, R]) -> Callable[P, R]: ...


@overload
def tracked(
    name: str | None = None,
    *,
    stages: Stages | None = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def tracked(
    name: Callable[P, R] | str | None = None,
    *,
    stages: Stages | None = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make each call of a function an operation, called `name` (default: the function's name as people write).

    It has one stage, which runs all the time: tracked loops inside are its counters, and `current()` is it. With
    `stages` it has those instead, and `current()` is the tracker. Functions, coroutine functions, and generators of
    both kinds (from the first item asked for to the end) can be decorated. `kind` and `notify` are those of
    `ProgressTracker`.
    """
    if callable(name):
        return tracked()(name)
    from inspect import unwrap

    # Checked where it is written, not at the first call.
    if stages is not None:
        values.stages(stages)
    values.notify(notify)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if not callable(function):
            raise InvalidValueError(f"@tracked decorates a function, not {function!r}")
        title = naming.function_name(getattr(function, "__name__", "")) if name is None else values.name(name, "name")

        code = getattr(unwrap(function), "__code__", _code_of_call(function))

        def run() -> _Run:
            return _Run(ProgressTracker(title, stages or (STAGE,), kind=kind, notify=notify, _code=code), not stages)

        return cast("Callable[P, R]", functools.wraps(function)(_wrapper(function, run)))

    return decorate


class _Run:
    """One call: the tracker's block, and that of its only stage."""

    def __init__(self, tracker: ProgressTracker, single: bool) -> None:  # noqa: FBT001 - private
        self._tracker = tracker
        self._stage = tracker.stage(STAGE) if single else None

    def __enter__(self) -> None:
        self._tracker.__enter__()
        if self._stage is not None:
            self._stage.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stage is not None:
            self._stage.__exit__(kind, error, traceback)
        self._tracker.__exit__(kind, error, traceback)


def _wrapper(function: Callable[..., Any], run: Callable[[], _Run]) -> Callable[..., Any]:  # noqa: C901 - four forms of functions
    import inspect

    if inspect.iscoroutinefunction(function):

        async def coroutine(*args: object, **kwargs: object) -> object:
            with run():
                return await function(*args, **kwargs)

        return coroutine
    if inspect.isasyncgenfunction(function):

        async def async_generator(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
            with run():
                async with aclosing(function(*args, **kwargs)) as inner:
                    step = inner.asend(None)
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            sent = yield item
                        except GeneratorExit:
                            raise
                        except BaseException as error:  # noqa: BLE001 - whatever it is, the user's code goes on
                            step = inner.athrow(error)
                        else:
                            step = inner.asend(sent)

        return async_generator
    if inspect.isgeneratorfunction(function):

        def generator(*args: object, **kwargs: object) -> Generator[object, object, object]:
            with run():
                return (yield from function(*args, **kwargs))

        return generator

    def call(*args: object, **kwargs: object) -> object:
        with run():
            return function(*args, **kwargs)

    return call


def _code_of_call(function: Callable[..., Any]) -> CodeType:
    """Return the code that names the kind of something callable that is no function, such as a partial or an object."""
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its code is wanted
    code: CodeType = getattr(call, "__code__", _wrapper.__code__)
    return code
