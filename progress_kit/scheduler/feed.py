"""`Feed`: what `map` and `as_completed` return. It draws inputs as workers can use them, and hands out what is done.

Inputs are drawn in the thread that asks for results, as much as keeps the workers busy and no more. Where all inputs
are there and their costs are known, the most expensive ones go first, whatever the order in which results come out.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence, Sized
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from progress_kit import clock
from progress_kit.errors import OperationCancelled, UsageError
from progress_kit.scheduler.costs import asker
from progress_kit.scheduler.plan_node import Group
from progress_kit.scheduler.task import Call, Task
from progress_kit.tracker.costs import CostArgument

if TYPE_CHECKING:
    from progress_kit.scheduler.asynchronous import AsyncInputs
    from progress_kit.scheduler.driver import Driver

T = TypeVar("T")

WAIT: Final = object()
END: Final = object()

_CHUNK: Final = 64
_CHUNK_S: Final = 0.002
"""Inputs are drawn in chunks of so many, or for so long, before it is seen whether something has completed."""
_AHEAD: Final = 16
"""Results that wait for an earlier one: so many times what is in the plan."""


class Arrivals:
    """The tasks of a feed that have completed; they know this, not the feed, so that one that is left is collected."""

    __slots__ = ("completed", "on_news")

    def __init__(self) -> None:
        self.completed: deque[Call] = deque()
        self.on_news: Callable[[], None] | None = None
        """Called once, from any thread, when a task has completed since it was set."""

    def settled(self, task: Call) -> None:
        """A task has come to its end; called from any thread."""
        self.completed.append(task)
        news, self.on_news = self.on_news, None
        if news is not None:
            news()


class Feed(ABC, Generic[T]):
    """An iterator over results (of `map`) or completed tasks (of `as_completed`), for ``for`` and ``async for``.

    It begins with the first step of the loop; leaving the loop early cancels the rest. At most `buffersize` tasks are
    in work or done and not handed out; by default as many as keep the workers busy.
    """

    _kind: type[Call] = Call
    """What becomes of an input: a future where it is handed out."""

    def __init__(  # noqa: PLR0913 - some by keyword
        self,
        driver: "Driver",
        group: Group,
        function: Callable[..., T],
        iterables: Sequence[Iterable[Any] | AsyncIterable[Any]],
        *,
        cost: CostArgument[Any] = None,
        buffersize: int | None = None,
        name: Callable[..., str] | None = None,
    ) -> None:
        self.driver = driver
        self._group = group
        self._function = function
        self._iterables = iterables
        self._awaits = any(isinstance(each, AsyncIterable) for each in iterables)
        self._cost = asker(cost, len(iterables))
        self._buffersize = buffersize
        self._name = name
        self._inputs: Iterator[tuple[int, tuple[Any, ...], float | None]] | None = None
        self.source: AsyncInputs | None = None
        """Where inputs come from that have to be awaited."""
        self._exhausted = False
        self._expected: int | None = None
        """How many inputs there are; None if that is not known before the last one."""
        self._drawn = 0
        self._handed_out = 0
        self._taken = 0
        self._enough = 0
        """With so many in the plan nothing need be drawn."""
        self.arrivals: Arrivals = Arrivals()
        self._completed = self.arrivals.completed
        self._open: dict[int, Call] = {}
        self._closed = False
        self._signal: SimpleQueue[None] = SimpleQueue()

    # ---------------------------------------------------------------- as an iterator

    def __iter__(self) -> "Feed[T]":
        return self

    def __next__(self) -> Any:  # noqa: ANN401 - a result or a task, as the subclasses say
        signal, arrivals = self._signal, self.arrivals
        if self._awaits:
            raise UsageError("an async iterable among the inputs has to be awaited; use `async for`")
        while True:
            waiting = not self._completed
            if waiting:
                while not signal.empty():
                    signal.get()  # of something that was seen without it
                arrivals.on_news = self._wake  # before it is looked for, so that nothing is missed
            item = self.take()
            if item is WAIT:
                if waiting:
                    self.driver.check_block()
                    lent = self.driver.lend()
                    try:
                        signal.get()
                    finally:
                        if lent:
                            self.driver.take_back()
                continue
            arrivals.on_news = None
            if item is END:
                raise StopIteration
            return item

    def _wake(self) -> None:
        self._signal.put(None)

    def __aiter__(self) -> "Feed[T]":
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - as above
        from progress_kit.scheduler.asynchronous import step

        return await step(self)

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    def close(self) -> None:
        """Leave: what has not begun never will, what runs is asked to stop, no more inputs are drawn."""
        if self._closed:
            return
        self._closed = True
        if self._inputs is None or self.driver.over:
            return
        rest, exhausted = list(self._open.values()), self._exhausted
        self._exhausted = True
        if self.source is not None:
            self.source.close()
        plan, stage = self.driver.plan, self._group.stage
        missing, costs = self._missing()
        self._inputs = iter(())

        def leave(now: float) -> None:
            if missing:
                plan.tally.dropped(stage, "cancelled", count=missing)
            for each in costs:
                plan.tally.dropped(stage, "cancelled", each)
            if not exhausted and self._expected is None:
                plan.tally.exhausted(stage)
            plan.cancel(rest, now)

        self.driver.tell(leave)

    def _missing(self) -> tuple[int, list[float | None]]:
        """Return what was expected and has not been drawn: how many without costs, or the costs."""
        left = 0 if self._expected is None else max(0, self._expected - self._drawn)
        if left and self._cost is not None:
            return 0, [cost for _, _, cost in self._inputs or ()]
        return left, []

    # ---------------------------------------------------------------- what waits for nothing

    def take(self) -> Any:  # noqa: ANN401 - an item, `WAIT` or `END`
        """Return the next item, `WAIT` if it is not there yet, or `END`; draw inputs where there is room.

        Raises what the loop shall see; it is over then.
        """
        if self._closed:
            return END
        try:
            while True:
                item = self._next_item()
                if item is not WAIT:
                    return item
                if not self._draw() and not self._completed:
                    break
        except BaseException:
            self.close()
            raise
        if self._handed_out < self._drawn:
            return WAIT
        if not self._exhausted:
            if self.driver.plan.stopping is None:
                return WAIT
            self.close()
            self._raise_why_stopped()
        self._closed = True
        return END

    @abstractmethod
    def _next_item(self) -> Any:  # noqa: ANN401 - an item or `WAIT`
        """Return what the loop gets next."""

    def _completed_task(self) -> Call | None:
        """Return a task that has ended; raise what ends the loop."""
        try:
            task = self._completed.popleft()
        except IndexError:
            return None
        self._taken += 1
        self._open.pop(task.number, None)
        if self._taken % _CHUNK == 0:
            self._draw()
        state = task.state
        if state != "succeeded":
            self._check(task)
        return task

    def _check(self, task: Call) -> None:
        plan = self.driver.plan
        if task.state == "cancelled" and plan.stopping is not None:
            self._raise_why_stopped()
        if plan.on_error == "raise":
            raise task.failure()

    def _raise_why_stopped(self) -> None:
        plan = self.driver.plan
        culprit = plan.culprit
        if culprit is not None and culprit.error is not None:
            raise culprit.error
        raise OperationCancelled(f"the scheduler was stopped: {plan.stopping}")

    # ---------------------------------------------------------------- drawing inputs

    def _room(self) -> int:
        """Return how many inputs may be drawn now."""
        in_plan = self._drawn - self._taken - len(self._completed)
        if in_plan > self._enough and self._taken % _CHUNK:
            return 0
        plan = self.driver.plan
        wanted = plan.window.room(self._group.pace.mean_s)
        self._enough = max(wanted // 2, plan.workers)
        if in_plan > self._enough:
            return 0
        return min(wanted - in_plan, self._limit(wanted) - (self._drawn - self._handed_out))

    def _limit(self, wanted: int) -> int:
        """Return how many tasks may be drawn and not handed out."""
        return self._buffersize or wanted * 2

    def _draw(self) -> bool:
        """Draw a chunk of inputs; return whether there were any."""
        if self._exhausted:
            return False
        room = self._room()
        if room <= 0 or self.driver.plan.stopping is not None:
            return False
        if self._inputs is None:
            self._begin()
        assert self._inputs is not None
        tasks: list[Call] = []
        until = clock.monotonic() + _CHUNK_S
        try:
            for index, args, cost in self._inputs:
                tasks.append(self._make(index, args, cost))
                if len(tasks) >= min(room, _CHUNK) or clock.monotonic() > until:
                    break
            else:
                if self.source is None or self.source.over:
                    self._end_of_inputs()
        finally:
            if tasks:
                self._drawn += len(tasks)
                self.driver.add(tasks, expected=self._expected is not None and self._drawn <= self._expected)
        return bool(tasks)

    def _make(self, index: int, args: tuple[Any, ...], cost: float | None) -> Call:
        driver = self.driver
        name = None if self._name is None else str(self._name(*args))
        task = self._kind(driver, self._group, next(driver.numbers), cost, self._function, args, name=name)
        task.arrivals, task.index = self.arrivals, index
        task.item = args[0] if len(args) == 1 else args
        self._open[task.number] = task
        return task

    def wants_more(self) -> bool:
        """Whether another input is to be awaited now."""
        if self._closed or self._exhausted or self.driver.plan.stopping is not None:
            return False
        return self._inputs is None or self._room() > 0

    def _begin(self) -> None:
        group, driver = self._group, self.driver
        driver.check_open()
        if self._awaits:
            from progress_kit.scheduler.asynchronous import AsyncInputs

            driver.tell(lambda _: driver.plan.tally.opened(group.stage))
            self._inputs = self.source = AsyncInputs(self._iterables, self._cost)
            return
        self._iterables = cast("Sequence[Iterable[Any]]", self._iterables)
        sized = [len(each) for each in self._iterables if isinstance(each, Sized)]
        items = zip(*self._iterables, strict=False)
        ask = self._cost
        if len(sized) == len(self._iterables):
            total = self._expected = min(sized)
            if ask is None:
                driver.tell(lambda _: driver.plan.tally.submitted(group.stage, None, total))
                self._inputs = ((index, args, None) for index, args in enumerate(items))
                return
            whole = [(index, args, ask(args)) for index, args in enumerate(items)]
            self._expected = len(whole)
            costs = [each[2] for each in whole]

            def expect(_: float) -> None:
                for known in costs:
                    driver.plan.tally.submitted(group.stage, known)

            driver.tell(expect)
            if not self._buffersize:
                largest = max((known for known in costs if known is not None), default=0.0)
                whole.sort(key=lambda each: -(largest if each[2] is None else each[2]))
            self._inputs = iter(whole)
        else:
            driver.tell(lambda _: driver.plan.tally.opened(group.stage))
            self._inputs = ((index, args, None if ask is None else ask(args)) for index, args in enumerate(items))

    def _end_of_inputs(self) -> None:
        self._exhausted = True
        tally, stage = self.driver.plan.tally, self._group.stage
        if self._expected is None:
            self.driver.tell(lambda _: tally.exhausted(stage))


class Completed(Feed[T]):
    """Tasks as they complete."""

    _kind = Task

    def _next_item(self) -> Any:  # noqa: ANN401 - a task or `WAIT`
        task = self._completed_task()
        if task is None:
            return WAIT
        self._handed_out += 1
        return task


class Mapped(Feed[T]):
    """Results in the order of the inputs.

    Where failures do not end the run, the exception stands in the place of the result.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(*args, **kwargs)
        self._early: dict[int, Call] = {}

    def _limit(self, wanted: int) -> int:
        # Results that come early have to be kept; where the expensive ones go first, perhaps all of them.
        if self._buffersize:
            return self._buffersize
        return self._expected if self._expected is not None and self._cost is not None else wanted * _AHEAD

    def _next_item(self) -> Any:  # noqa: ANN401 - a result or `WAIT`
        early = self._early
        while self._handed_out not in early:
            task = self._completed_task()
            if task is None:
                return WAIT
            early[task.index] = task
        task = early.pop(self._handed_out)
        self._handed_out += 1
        return task.outcome()
