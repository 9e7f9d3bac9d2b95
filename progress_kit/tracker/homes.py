"""Where a loop counts: in an operation of its own, in a counter of the stage around it, or in a stage it was given."""

import sys
from weakref import ref

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.tracker import context
from progress_kit.tracker.context import Place
from progress_kit.tracker.counting import Pausable
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.outcome import LoopWatch, Outcome
from progress_kit.tracker.stages import Count, Stage


class Home:
    """A place where loops count, from `open` to `close`, or for a bare loop to `left`.

    This one is a nested counter, whose end nobody is told: the stage around it sees the exception itself.
    """

    __slots__ = ("_outer", "_place", "count", "operation", "stage")

    def __init__(self, place: Place, stage: Stage, count: Count) -> None:
        self.operation: Operation = stage.operation
        self.stage = stage
        self.count = count
        # Weak, because the place holds its home: a generator that is looped over would not be closed by a `break`.
        self._place = ref(place)
        self._outer: context.Entry | None = None

    def open(self, site: CallSite | None) -> None:
        """Begin; `site` is where the loop stands, None for a ``with`` block."""
        del site
        place = self._place()
        if place is not None:
            self._outer = context.push(place)

    def close(self, error: BaseException | None) -> None:
        """End as `error` says."""
        del error
        self._pop()

    def _pop(self) -> None:
        place = self._place()
        if place is not None:
            context.pop(place, self._outer)

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """End after a bare loop that was left early."""
        del exception_at, in_loop
        self.close(None)

    @property
    def alive(self) -> bool:
        """Whether it can count."""
        return self.stage.alive


class OwnOperation(Home):
    """An operation of one stage, which begins and ends with the loop."""

    __slots__ = ("_watch",)

    def __init__(self, place: Place, operation: Operation) -> None:
        (stage,) = operation.stages.values()
        super().__init__(place, stage, stage)
        self._watch: LoopWatch | None = None

    def open(self, site: CallSite | None) -> None:
        """Begin the operation and its stage."""
        if site is not None:
            self.watch(site)
        self.operation.begin(context.operation())
        self.operation.enter(self.stage)
        super().open(site)

    def watch(self, site: CallSite) -> None:
        """Find out how a bare loop at `site` ends."""
        self.operation.pending_outcome = self._watch = LoopWatch(site)

    def close(self, error: BaseException | None) -> None:
        """End the operation, and the stage with it."""
        super().close(error)
        self.operation.finish(Outcome.of(error))

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """End the operation, or, after an exception, let it end when it is known which one that was."""
        self._pop()
        if exception_at is not None and _task_is_cancelled():
            self.operation.finish(Outcome("cancelled"), here=in_loop)
        elif exception_at is not None and self._watch is not None:
            self._watch.left_by_exception(exception_at, clock.monotonic())
        else:
            self.operation.finish(Outcome("succeeded", ended_early=True), here=in_loop)


class GivenStage(Home):
    """A stage: one that is running already goes on afterwards, another one begins and ends with the loop."""

    __slots__ = ("_entered",)

    def __init__(self, place: Place, stage: Stage) -> None:
        super().__init__(place, stage, stage)
        self._entered = False

    def open(self, site: CallSite | None) -> None:
        """Enter the stage, unless it is running."""
        del site
        if not self.stage.alive:
            self.stage.__enter__()
            self._entered = True

    def close(self, error: BaseException | None) -> None:
        """Leave the stage if it was entered here."""
        if self._entered:
            self.stage.__exit__(None, error, None)

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """Leave the stage; after an exception it ends as the tracker's block does, which sees the exception."""
        del in_loop
        if exception_at is None:
            self.close(None)
        elif self._entered:
            self.stage.loose = True


class Pass:
    """One pass of a loop through its home; `held` says that a ``with`` block, not the loop, closes the home."""

    __slots__ = ("_held", "_home", "_loop", "_place")

    def __init__(self, place: Place, home: Home, loop: Pausable, *, held: bool) -> None:
        self._home = home
        self._place = place  # kept while the loop runs, as nobody else does where it was not given a name
        self._loop = loop
        self._held = held

    def call_again(self) -> None:
        """The loop begins: a cancel or a pause that was asked for before is for it, too."""
        operation = self._home.operation
        if operation.called:
            with operation.lock:
                operation.call_again()

    def hold_up(self) -> bool:
        """The loop was stopped from outside: wait while that is a pause. Return whether it goes on."""
        self._loop.stand()
        return self._home.operation.hold_up(self._loop.go_on)

    async def hold_up_async(self) -> bool:
        """Do the same without keeping the event loop."""
        self._loop.stand()
        return await self._home.operation.hold_up_async(self._loop.go_on)

    def exhausted(self) -> None:
        """The loop came to its end, or was stopped: then `OperationCancelled` goes into it."""
        operation = self._home.operation
        self._count(body_done=True, complete=not operation.cancelled)
        try:
            operation.raise_if_cancelled()
        except OperationCancelled as error:
            if not self._held:
                self._home.close(error)
            raise
        if not self._held:
            self._home.close(None)

    def broken(self, error: BaseException) -> None:
        """The iterable raised `error`."""
        self._count(body_done=True, complete=False)
        if not self._held:
            self._home.close(error)

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """The loop was left before its end."""
        self._count(body_done=False, complete=False)
        if not self._held:
            self._home.left(exception_at=exception_at, in_loop=in_loop)
        elif exception_at is None and isinstance(self._home, OwnOperation):
            self._home.operation.ended_early = True

    def _count(self, *, body_done: bool, complete: bool) -> None:
        with self._home.operation.lock:
            self._home.count.end_loop(self._loop, body_done=body_done, complete=complete)


def _task_is_cancelled() -> bool:
    """Whether the asyncio task that is running was told to stop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop is running in this thread
        return False
    return task is not None and task.cancelling() > 0
