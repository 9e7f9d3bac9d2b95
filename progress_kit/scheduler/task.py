"""`Task`: one piece of work of a scheduler, and the future of its result."""

import os
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from progress_kit.errors import TaskAbandonedError, TaskSkippedError
from progress_kit.model import NAME_LENGTH, shorten
from progress_kit.scheduler.engines.base import Job, TaskProgress
from progress_kit.scheduler.plan_node import Group, Node

if TYPE_CHECKING:
    from progress_kit.scheduler.driver import Driver
    from progress_kit.scheduler.feed import Arrivals

T = TypeVar("T")

NOTHING: Final[Any] = object()
"""The `item` of a task that was made by `submit`."""
_NO_KWARGS: Final[Mapping[str, Any]] = {}


class Call(Node):
    """A function with its arguments, as a task of the plan: all of a task that nobody outside can have."""

    error: BaseException | None
    value: object
    arrivals: "Arrivals | None" = None
    index: int = 0
    item: Any = NOTHING
    resolve: Callable[["Call"], tuple[tuple[Any, ...], Mapping[str, Any]]] | None = None
    """Puts results of other tasks into the arguments; None where there are none."""

    def __init__(  # noqa: PLR0913, PLR0917 - a million of them are made, so there is no detour
        self,
        driver: "Driver",
        group: Group,
        number: int,
        cost: float | None,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        name: str | None = None,
    ) -> None:
        self.driver = driver
        self.group = group
        self.number = number
        self.cost = cost
        self.call: tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]] | None = (function, args, kwargs)
        self._name = name

    def __repr__(self) -> str:
        return f"<Task {self.number} {self.name!r} {self.state}>"

    @property
    def name(self) -> str:
        """What people call it: what was given, else the item (a path by its last part), else the function."""
        if self._name is None:
            self._name = _name(self)
        return self._name

    # ---------------------------------------------------------------- for the driver

    def job(self) -> Job:
        """Return the attempt that is to run now."""
        assert self.call is not None
        function, args, kwargs = self.call
        if self.resolve is not None:
            args, kwargs = self.resolve(self)
        return Job(self.key, function, args, kwargs, self.name)

    def outcome(self) -> object:
        """Return the result, or the exception in its place; for one that the plan has ended, be it a moment ago."""
        return self.value if self.state == "succeeded" else self.failure()

    def settle(self) -> None:
        """Tell everybody who waits: the plan has ended it."""
        self.call = self.resolve = None
        arrivals = self.arrivals
        if arrivals is not None:
            self.arrivals = None
            arrivals.settled(self)

    def failure(self) -> BaseException:
        """Return why there is no result."""
        if self.state == "cancelled":
            return CancelledError()
        if self.error is None:
            cause = self.cause
            if cause is None:
                self.error = TaskAbandonedError(f"{self.name} was abandoned")
            else:
                self.error = TaskSkippedError(
                    f"{self.name} was not run: it needs {cause.name}, which {_ENDS[cause.state]}"
                )
                self.error.__cause__ = cause.error
        return self.error


class Task(Call, Future[T]):
    """One piece of work, as `submit` and `as_completed` return it: a `concurrent.futures.Future` that knows more.

    What is known, and never to be set from outside: `name`, `stage`, `cost`, `state` (``pending``, ``running``,
    ``succeeded``, ``failed``, ``cancelled``, ``skipped``, ``abandoned``), `attempt` (from 1), `worker`, `duration_s`
    (of the last attempt, by the worker's clock), `error` (the exception, None if it succeeded), `traceback` (the
    worker's, as text, where the exception's own did not travel), `cause` (for a skipped one the task that it needed),
    and `item` (what `as_completed` took from its input). It can be awaited, and given to other tasks as an argument.

    `result()` raises the function's own exception, `CancelledError` (of `concurrent.futures`) for a cancelled task, and
    `TaskSkippedError`, `TaskTimeoutError`, `TaskAbandonedError` or `WorkerLostError`. A task that waits so for another
    one of its scheduler, on threads or in an event loop, gives its place to others until it goes on; in an executor's
    threads, which nobody can add to, the last one that would wait gets a `UsageError` instead.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a million of them are made, so there is no detour
        self,
        driver: "Driver",
        group: Group,
        number: int,
        cost: float | None,
        function: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        name: str | None = None,
    ) -> None:
        Future.__init__(self)
        super().__init__(driver, group, number, cost, function, args, kwargs, name)

    def __repr__(self) -> str:
        return super().__repr__()

    def __reduce__(self) -> Any:  # noqa: ANN401 - it never returns
        raise TypeError(
            f"{self!r} cannot be sent to another process; give it to `submit` as an argument, "
            "in a list, tuple or dict if need be, and the function gets its result"
        )

    @property
    def progress(self) -> TaskProgress | None:
        """How far the running task says that it is, by `pk.current()` or a loop; None if it has said nothing."""
        return self.driver.progress().get(self.key)

    # ---------------------------------------------------------------- as a future

    def running(self) -> bool:
        """Whether it is running."""
        self.driver.look()
        return self.state == "running"

    def cancel(self) -> bool:
        """Ask it to stop; return whether it will surely not run.

        One that waits never begins. One that runs is told, and stops at its next `advance` or `raise_if_cancelled`, or
        is stopped harder after a while where the engine can: then this returns False, and `state` tells what became of
        it.
        """
        self.driver.cancel([self])
        return self.cancelled()

    def result(self, timeout: float | None = None) -> T:
        """Return what the function returned; wait for it, at most `timeout` seconds (then `TimeoutError`)."""
        if self.call is None:  # it has been settled, so that there is nothing to wait for
            return super().result()
        lent = self._wait(timeout)
        try:
            return super().result(timeout)
        finally:
            if lent:
                self.driver.take_back()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception that `result` raises, None if it succeeded; wait for it, at most `timeout` seconds."""
        lent = self._wait(timeout)
        try:
            return super().exception(timeout)
        finally:
            if lent:
                self.driver.take_back()

    def __await__(self) -> Generator[Any, None, T]:
        from asyncio import wrap_future

        lent = not self.done() and self.driver.lend()
        try:
            return (yield from wrap_future(self).__await__())
        finally:
            if lent:
                self.driver.take_back()

    def _wait(self, timeout: float | None) -> bool:
        """See that this thread may wait; return whether it is a task's own, whose place others have meanwhile."""
        if self.done():
            return False
        self.driver.look()
        self.driver.check_wait(self, timeout)
        return timeout != 0 and not self.done() and self.driver.lend()

    # ---------------------------------------------------------------- for the driver

    def outcome(self) -> object:
        """Return the result, or the exception in its place; for a task that the plan has ended, be it a moment ago."""
        value = self.value  # before it is asked whether it has been handed over
        if self.state == "succeeded":
            return Future.result(self) if self.done() else value
        return self.error or self.failure()

    def settle(self) -> None:
        """Tell everybody who waits: the plan has ended it."""
        state = self.state
        try:
            if state == "succeeded":
                Future.set_result(self, cast("T", self.value))
                self.value = None
            elif state == "cancelled":
                Future.cancel(self)
                Future.set_running_or_notify_cancel(self)
            else:
                Future.set_exception(self, self.failure())
        except InvalidStateError:
            pass  # somebody has given it a result of his own
        finally:
            super().settle()


_ENDS: Final = {
    "failed": "failed",
    "cancelled": "was cancelled",
    "skipped": "was skipped",
    "abandoned": "was abandoned",
}


def is_consequence(error: BaseException) -> bool:
    """Whether a failed task has only been met again by who asked for another one's result."""
    return isinstance(error, CancelledError | TaskSkippedError)


def _name(task: Call) -> str:
    item = task.item
    if type(item) is int:
        return str(item)
    if type(item) is str and item:
        text = item
    elif hasattr(item, "__fspath__"):
        text = os.path.basename(os.fspath(item)) or str(item)  # noqa: PTH119 - any PathLike, bytes too
    else:
        function = task.call[0] if task.call is not None else None
        text = getattr(function, "__name__", None) or type(function).__name__
    text = str(text)
    return text if len(text) < NAME_LENGTH and text.isprintable() else shorten(text, NAME_LENGTH)
