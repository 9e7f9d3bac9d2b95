"""The block of a scheduler: it begins an engine, and ends when everything has, whatever happens in between."""

from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from progress_kit.errors import OperationEndedError, UsageError
from progress_kit.scheduler.driver import Driver
from progress_kit.scheduler.engines import Engine, make_engine
from progress_kit.scheduler.engines.base import TaskContext
from progress_kit.scheduler.operation import outcome_of
from progress_kit.scheduler.verdict import verdict
from progress_kit.tracker import context
from progress_kit.tracker.front import Front
from progress_kit.tracker.outcome import Outcome
from progress_kit.tracker.values import Real

if TYPE_CHECKING:
    from progress_kit.scheduler.feed import Feed


class Block(Front):
    """What is entered, left, interrupted and cancelled of a scheduler; `engine` may only be known later."""

    driver: Driver

    def __init__(self, engine: object, max_workers: int | None) -> None:
        self._spec = engine
        self._max_workers = max_workers
        self._engine: Engine | None = None
        self._feeds: WeakSet[Feed[Any]] = WeakSet()
        self._outer: context.Entry | None = None
        self._own_cancel = False
        self._in_loop = False

    def __enter__(self) -> Self:
        if self.state != "pending":
            raise OperationEndedError(
                f"{self.name!r} was used before ({self.state}); make a new scheduler for each run"
            )
        self.operation.begin(context.operation())
        self._outer = context.push(self)
        try:
            if self._engine is not None:
                self._start(self._engine)
        except BaseException as error:
            context.pop(self, self._outer)
            self.driver.over = True
            self.operation.finish(Outcome.of(error))
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        interrupt = self._come_to_end(error)
        try:
            self.driver.end(wait=self._is_calm(error or interrupt))
        finally:
            self._conclude(error, interrupt)

    async def __aenter__(self) -> Self:
        self._in_loop = True
        if self._engine is not None and self._spec == "async":
            self._engine = self._make("async")
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from progress_kit.scheduler.asynchronous import end, ended

        self._leave(error)
        interrupt = await ended(self.driver)
        try:
            await end(self.driver, wait=error is None and interrupt is None and not self.driver.plan.stopping)
        finally:
            self._conclude(error, interrupt)

    def _leave(self, error: BaseException | None) -> None:
        """Take no more from outside, and let what is there end as `error` says. Waits for nothing."""
        context.pop(self, self._outer)
        for feed in list(self._feeds):
            feed.close()
        if error is not None:
            self.driver.stop(f"the block was left by {type(error).__name__}")
        self.driver.close()

    def _come_to_end(self, error: BaseException | None) -> BaseException | None:
        """Wait until all has ended; return what interrupted that.

        Once interrupted, all tasks are asked to stop, and that is waited for; where they were before, they are left.
        """
        driver, interrupts = self.driver, [] if error is None else [error]
        idle: SimpleQueue[None] = SimpleQueue()  # whose `get` can be interrupted without harm, an Event's `wait` not
        driver.when_idle(lambda: idle.put(None))
        left, heard = False, len(interrupts)
        while True:
            # An interrupt may come at any point of this.
            try:
                driver.recover()
                if not left:
                    self._leave(error)
                    left = True
                if heard < len(interrupts):
                    heard = len(interrupts)
                    what = f"interrupted by {type(interrupts[-1]).__name__}"
                    if heard == 1:
                        driver.stop(what)
                    else:
                        driver.abort(f"{what} while stopping")
                idle.get()
                return interrupts[-1] if interrupts and interrupts[-1] is not error else None
            except BaseException as interrupt:  # noqa: BLE001 - it is raised at the end
                interrupts.append(interrupt)

    def _is_calm(self, error: BaseException | None) -> bool:
        """Whether all has ended by itself, so that the workers may be waited for."""
        return error is None and self.driver.plan.stopping is None

    def _conclude(self, error: BaseException | None, interrupt: BaseException | None) -> None:
        """Tell how it ended, and raise what is to be raised instead of `error`."""
        raised = interrupt or verdict(self.name, self.driver.plan, error, own_cancel=self._own_cancel)
        if raised is None and self.driver.plan.stopping is not None and self.driver.plan.culprit is None:
            self.operation.finish(Outcome("cancelled"))
        else:
            self.operation.finish(outcome_of(raised))
        if raised is not None and raised is not error:
            raise raised from None

    def _make(self, spec: object) -> Engine:
        engine = make_engine(spec, self._max_workers, here=self._in_loop)
        self.driver.plan.workers, self.driver.plan.capabilities = engine.workers, engine.capabilities
        return engine

    def _start(self, engine: Engine) -> None:
        if engine.capabilities.loop and not self._in_loop:
            raise UsageError("this engine runs in the event loop, which `with` would block; use `async with`")
        self.driver.start(engine, TaskContext(self.operation.id, self.name))

    # ---------------------------------------------------------------- as a place that code is in

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Raise `OperationCancelled` if asked to stop. The tasks count, so nothing is counted here."""
        del n, total
        self.raise_if_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the operation to stop."""
        self.operation.raise_if_cancelled()

    @property
    def counting(self) -> None:
        """In the block itself there is nothing that a loop could count in."""
