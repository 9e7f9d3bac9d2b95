"""`ParallelTaskScheduler`: many tasks on any engine, and one operation that tells how far they are.

How it is put together: `plan.Plan` (pure) decides what runs when. `driver.Driver` carries what happens to the plan and
what it wants to the engine, in whatever thread something happens, so that nobody waits for a lock and an event loop may
call everything here. `feed.Feed` draws inputs for `map` and `as_completed`. `operation.SchedulerOperation` is what
viewers see; it reads the `tally`, which the plan keeps.
"""

import sys
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from inspect import iscoroutinefunction
from types import CodeType
from typing import Any, Final, TypeVar, get_args, overload

from progress_kit.errors import (
    DependencyCycleError,
    InvalidValueError,
    UsageError,
)
from progress_kit.scheduler.arguments import needed, resolve
from progress_kit.scheduler.block import Block
from progress_kit.scheduler.driver import Driver
from progress_kit.scheduler.engines import Capabilities, make_engine
from progress_kit.scheduler.engines.base import Printed
from progress_kit.scheduler.feed import Completed, Feed, Mapped
from progress_kit.scheduler.operation import SchedulerOperation
from progress_kit.scheduler.plan import OnError, Plan
from progress_kit.scheduler.plan_node import When
from progress_kit.scheduler.plan_preview import Preview, preview
from progress_kit.scheduler.report import Report
from progress_kit.scheduler.tally import Tally
from progress_kit.scheduler.task import Task
from progress_kit.scheduler.terms import Groups, Terms, whole
from progress_kit.tracker import naming, values
from progress_kit.tracker.costs import CostArgument
from progress_kit.tracker.values import NotifyArgument, Real, Stages

T = TypeVar("T")
F = TypeVar("F", bound=Feed[Any])

_WHENS: Final = get_args(When)
MAIN: Final = "main"
"""The one stage of a scheduler to which no stages are given."""


class ParallelTaskScheduler(Block):
    """Runs many tasks on an engine, and shows them as one operation; a ``with`` or ``async with`` block.

    `engine`: ``"threads"`` (default), ``"processes"``, ``"loky"``, ``"async"``, ``"auto"`` (``async`` for coroutine
    functions, else processes where Python has one lock for all threads, else threads), a `dask.distributed.Client`, or
    any `concurrent.futures.Executor`. `max_workers` says how many tasks run at a time, from 1 to 10,000; by default
    as many as there are processors, for threads four more (32 at most), for ``async`` 100. A Dask client or executor
    has its own number.

    `stages` are names, or names with weights, as of a `ProgressTracker`; they run at the same time, as their tasks'
    dependencies let them. Without any there is one stage, and none need be named.

    `on_error` says what a failed task means: ``"raise"`` (default): no other task is begun, those that run are asked to
    stop, and the end of the block raises an `ExceptionGroup` of what failed; ``"collect"``: the others go on, and the
    end raises the group; ``"continue"``: the others go on, and nothing is raised: `Task.error` and `report` tell. A
    task that needs a failed one is skipped.

    `retries` is how often a failed task is tried again (0 by default), after `backoff` seconds (0.5), then twice as
    long, up to 30 s; meanwhile it holds no worker. `timeout` is how many seconds one attempt may take from its own
    start; None, the default, is without limit. Both can be given for single tasks too. Whoever is asked to stop, by a
    cancel or a timeout, has `cancel_grace` seconds (5); then it is stopped harder where the engine can, and at last
    abandoned.

    `kind` and `notify` are those of `ProgressTracker`. Exceptions of the block pass unchanged, or, where tasks have
    failed too, in the group with theirs; `KeyboardInterrupt` always passes alone. Tasks may be submitted before the
    block, for `plan()`; they begin with it. Raises `InvalidValueError` for an argument that cannot be meant, and
    `EngineMissingError` for an engine that is not installed.
    """

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        name: str | None = None,
        *,
        engine: object = "threads",
        max_workers: int | None = None,
        stages: Stages | None = None,
        on_error: OnError = "raise",
        retries: int = 0,
        timeout: float | None = None,
        backoff: float = 0.5,
        cancel_grace: float = 5.0,
        kind: str | None = None,
        notify: NotifyArgument = "default",
        _code: CodeType | None = None,
    ) -> None:
        if on_error not in get_args(OnError):
            raise InvalidValueError(f"on_error is {on_error!r}; give one of {', '.join(map(repr, get_args(OnError)))}")
        code = _code or sys._getframe(1).f_code
        weights = {MAIN: 1.0} if stages is None else values.stages(stages)
        self._groups = Groups(weights, retries=retries, timeout=timeout)
        super().__init__(engine, max_workers)
        if engine == "auto":
            make_engine("threads", max_workers)  # for what it says of `max_workers`
        else:
            self._engine = make_engine(engine, max_workers)
        plan = Plan(
            Tally(weights),
            on_error=on_error,
            backoff_s=float(values.amount(backoff, "backoff")),
            cancel_grace_s=float(values.amount(cancel_grace, "cancel_grace")),
        )
        if self._engine is not None:
            plan.workers, plan.capabilities = self._engine.workers, self._engine.capabilities
        self.driver: Driver = Driver(plan, show=_show)
        self.operation: SchedulerOperation = SchedulerOperation(
            values.name(name, "an operation's name") if name is not None else naming.loop_name(code),
            weights,
            tally=plan.tally,
            workers=self.driver.workers,
            stop=self._stop,
            pause=self.driver.pause,
            resume=self.driver.resume,
            hear=self.driver.hear,
            progress=self.driver.progress,
            code=code,
            kind=None if kind is None else values.name(kind, "kind"),
            notify=values.notify(notify),
            weights_given=hasattr(stages, "keys") or len(weights) == 1,
        )

    def __repr__(self) -> str:
        return f"<ParallelTaskScheduler {self.name!r} {self.state}>"

    def __reduce__(self) -> Any:  # noqa: ANN401 - it never returns
        raise TypeError(f"{self!r} cannot be sent to another process; a task there may make a scheduler of its own")

    # ---------------------------------------------------------------- giving it work

    @overload
    def submit(
        self,
        function: Callable[..., Coroutine[Any, Any, T]],
        /,
        *args: object,
        stage: str | None = None,
        cost: Real | None = None,
        priority: float = 0.0,
        retries: int | None = None,
        timeout: float | None = None,
        when: When = "success",
        name: str | None = None,
        **kwargs: object,
    ) -> Task[T]: ...

    @overload
    def submit(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        stage: str | None = None,
        cost: Real | None = None,
        priority: float = 0.0,
        retries: int | None = None,
        timeout: float | None = None,
        when: When = "success",
        name: str | None = None,
        **kwargs: object,
    ) -> Task[T]: ...

    def submit(  # noqa: PLR0913 - all but the function and its arguments by keyword
        self,
        function: Callable[..., Any],
        /,
        *args: object,
        stage: str | None = None,
        cost: Real | None = None,
        priority: float = 0.0,
        retries: int | None = None,
        timeout: float | None = None,
        when: When = "success",
        name: str | None = None,
        **kwargs: object,
    ) -> Task[Any]:
        """Run ``function(*args, **kwargs)`` as soon as a worker is free and all it needs is there; return its future.

        Tasks among the arguments, also inside of lists, tuples and dicts, are dependencies: the function gets their
        results. Of the tasks that could run, those of higher `priority` (a number, 0 by default) come first, then those
        whose way to the end costs most (their own `cost`, a number of any unit that is the same for all, and that of
        what needs them; unknown by default), then the older ones.

        `stage` has to be named where there are several. `retries` and `timeout` (seconds for each attempt) stand in the
        place of the scheduler's. `name` is what people call the task; by default that of the function. These keywords
        do not reach the function: where it has one of the same name, give it a `functools.partial`.

        ``when="always"`` lets a task run whatever becomes of the others, also after a failure or a cancel: when what it
        needs has ended (an exception takes the place of a missing result), or, where it needs nothing, last of all.

        May be called from any thread, also in a task that runs here or in a done-callback. Raises `UsageError` for a
        function that the engine cannot run, and for a task of another scheduler, `UnknownStageError`,
        `InvalidValueError` for a number that cannot be meant, and `OperationEndedError` after the end.
        """
        driver = self.driver
        driver.check_open()
        if when not in _WHENS:
            raise InvalidValueError(f"when is {when!r}; give one of {', '.join(map(repr, _WHENS))}")
        terms = Terms(stage, priority, retries, timeout, when == "always")
        group = self._groups.of(function, terms, self._check)
        known = None if cost is None else float(values.amount(cost, "cost"))
        given = None if name is None else values.name(name, "a task's name")
        task = Task(driver, group, next(driver.numbers), known, function, args, kwargs, given)
        dependencies = needed(args, kwargs)
        if dependencies:
            for each in dependencies:
                if each.driver is not driver:
                    raise UsageError(f"{each!r} belongs to another scheduler; give its result() instead of it")
            task.resolve = resolve
        driver.add((task,), dependencies)
        return task

    def submit_graph(self, graph: Mapping[str, tuple[Any, ...]], *, stage: str | None = None) -> dict[str, Task[Any]]:
        """Submit several tasks that need each other, in any order; return them by their names.

        ``{"raw": (load, path), "words": (count, "raw")}``: a tuple of a function and its arguments, where an argument
        that is a name of the graph stands for that task's result. Raises `DependencyCycleError` before anything runs.
        """
        needs = {name: [arg for arg in call[1:] if _is_key(arg, graph)] for name, call in graph.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise DependencyCycleError(f"these tasks need each other: {' → '.join(map(repr, error.args[1]))}") from None
        tasks: dict[str, Task[Any]] = {}
        for name in order:
            function, *args = graph[name]
            given = [tasks[arg] if _is_key(arg, graph) else arg for arg in args]
            tasks[name] = self.submit(function, *given, stage=stage, name=name)
        return {name: tasks[name] for name in graph}

    def map(  # noqa: PLR0913 - all but the function and its inputs by keyword
        self,
        function: Callable[..., T],
        /,
        *iterables: Iterable[Any] | AsyncIterable[Any],
        stage: str | None = None,
        cost: CostArgument[Any] = None,
        priority: float = 0.0,
        retries: int | None = None,
        timeout: float | None = None,
        buffersize: int | None = None,
        name: Callable[..., str] | None = None,
    ) -> Mapped[T]:
        """Return the results of ``function`` for each input, in the order of the inputs; for ``for`` and ``async for``.

        Nothing begins before the loop does. Inputs are drawn as they are needed: an endless generator is welcome, in
        ``async with`` an asynchronous one too; a list with `cost` (a function of the input, or True for `pk.cost`) is
        worked on in the order of cost, the most expensive first. `buffersize` bounds how many tasks are drawn and not
        handed out; by default as many as keep the workers busy. `name` makes a task's name of its input. `stage`,
        `priority`, `retries` and `timeout` are as for `submit`. Leaving the loop early cancels the rest.

        A failed task raises its exception in the loop, or, where `on_error` lets the others go on, its exception stands
        in the place of the result.
        """
        terms = Terms(stage, priority, retries, timeout)
        return self._feed(Mapped, function, iterables, terms, cost=cost, buffersize=buffersize, name=name)

    def as_completed(  # noqa: PLR0913 - all but the function and its inputs by keyword
        self,
        function: Callable[..., T],
        /,
        *iterables: Iterable[Any] | AsyncIterable[Any],
        stage: str | None = None,
        cost: CostArgument[Any] = None,
        priority: float = 0.0,
        retries: int | None = None,
        timeout: float | None = None,
        buffersize: int | None = None,
        name: Callable[..., str] | None = None,
    ) -> Completed[T]:
        """Return the tasks of ``function`` for each input, as they complete; the rest is as for `map`.

        `Task.item` is the input. A failed task raises its exception in the loop, or, where `on_error` lets the others
        go on, is handed out as the others are.
        """
        terms = Terms(stage, priority, retries, timeout)
        return self._feed(Completed, function, iterables, terms, cost=cost, buffersize=buffersize, name=name)

    def plan(self) -> Preview:
        """Return what is still to be done, in its order, and how long that will take; for printing.

        Inputs that `map` and `as_completed` have not drawn yet are not among it.
        """
        return self.driver.ask(lambda now: preview(self.driver.plan, now))

    @property
    def report(self) -> Report:
        """How it went so far: makespan, lower bound, efficiency, what each worker did and what was slow."""
        return self.driver.ask(lambda now: Report.of(self.name, self.driver.plan, now))

    def cancel(self, reason: str | None = None) -> None:
        """Ask everything to stop: what waits never begins, what runs has `cancel_grace` seconds.

        Results that are asked for then raise `CancelledError`, loops `OperationCancelled`; the block's end does not.
        """
        self._own_cancel = True
        self.operation.cancel(reason)

    def pause(self) -> None:
        """Begin nothing more until `resume`; what runs waits at its next `advance`, where the engine can let it.

        It is ``paused`` when nothing moves any more. Pauses count neither as time elapsed, nor for timeouts, nor for
        the time left. A cancel ends the pause.
        """
        self.operation.pause()

    def resume(self) -> None:
        """Go on."""
        self.operation.resume()

    @property
    def capabilities(self) -> Capabilities | None:
        """What the engine can do: how it stops what runs, whether it pauses that; None before ``auto`` has chosen."""
        return None if self._engine is None else self._engine.capabilities

    # ---------------------------------------------------------------- its parts

    def _stop(self, reason: str | None) -> None:
        """Somebody asked the operation to stop."""
        self.driver.stop(reason or "asked to stop")

    def _check(self, function: Callable[..., Any]) -> None:
        """Refuse what the engine cannot run; for ``auto`` this is where it is chosen."""
        if not callable(function):
            raise InvalidValueError(f"{function!r} is no function; give the function, and its arguments after it")
        if self._engine is None:
            self._engine = self._make(_automatic(function))
            if self.operation.alive:
                self._start(self._engine)
        self._engine.check(function)

    def _feed(
        self,
        kind: type[F],
        function: Callable[..., Any],
        iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...],
        terms: Terms,
        **how: Any,  # noqa: ANN401 - they are those of `Feed`
    ) -> F:
        self.driver.check_open()
        if not iterables:
            raise InvalidValueError("there is nothing to go over; give at least one iterable after the function")
        for each in iterables:
            if isinstance(each, AsyncIterable) and not self._in_loop:
                raise UsageError(
                    f"{each!r} has to be awaited, which `with` cannot do; use `async with` and `async for`"
                )
            if not any(hasattr(each, name) for name in ("__iter__", "__getitem__", "__aiter__")):
                raise InvalidValueError(f"{each!r} cannot be looped over")
        if how["buffersize"] is not None:
            whole(how["buffersize"], "buffersize", least=1)
        self._check(function)
        feed = kind(self.driver, self._groups.new(terms), function, iterables, **how)
        self._feeds.add(feed)
        return feed


def _automatic(function: Callable[..., Any]) -> str:
    """Return the engine that fits a function where nobody says."""
    if iscoroutinefunction(function):
        return "async"
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return "processes" if has_lock else "threads"


def _is_key(value: object, graph: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and value in graph


def _show(printed: Printed) -> None:
    """Write what a worker wrote where it would have gone."""
    stream = sys.stdout if printed.stream == "stdout" else sys.stderr
    if stream is not None:
        stream.write(printed.text)
