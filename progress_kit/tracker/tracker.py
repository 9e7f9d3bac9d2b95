"""`ProgressTracker`: an operation with stages, as a ``with`` block."""

import sys
from types import CodeType, TracebackType
from typing import Self

from progress_kit.tracker import context, values
from progress_kit.tracker.front import Front
from progress_kit.tracker.hold import may_wait
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.outcome import Outcome
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.values import NotifyArgument, Real, Stages


class ProgressTracker(Front):
    """One operation: it begins with its ``with`` (or ``async with``) block and ends with it.

    `stages` are names, or names with weights; default: `DEFAULT_STAGES` with equal weights. They may be entered in
    any order, one at a time; those that were not entered when the operation succeeds are skipped. `kind` is the key
    under which runs are compared, default ``name@file:function``. `notify` says when the end is announced:
    ``"default"`` (the viewer's settings), ``"always"``, ``"failure"``, ``"never"``, or a number: if it took longer
    than so many seconds.

    An exception makes the operation failed; `KeyboardInterrupt`, `OperationCancelled` and `asyncio.CancelledError`
    make it cancelled. All of them pass unchanged. Raises `InvalidValueError` and `DuplicateStageError` for what
    cannot be meant.
    """

    def __init__(
        self,
        name: str,
        stages: Stages | None = None,
        *,
        kind: str | None = None,
        notify: NotifyArgument = "default",
        _code: CodeType | None = None,
    ) -> None:
        weights = values.stages(stages)
        self.operation = Operation(
            values.name(name, "an operation's name"),
            weights,
            code=_code or sys._getframe(1).f_code,
            kind=None if kind is None else values.name(kind, "kind"),
            notify=values.notify(notify),
            weights_given=hasattr(stages, "keys") or len(weights) == 1,
        )
        self._outer: context.Entry | None = None

    def __repr__(self) -> str:
        return f"<ProgressTracker {self.operation.name!r} {self.state}>"

    def stage(self, name: str, *, total: Real | None = None, unit: str = "") -> Stage:
        """Return a stage, to be entered by ``with`` or counted by its `track`; raises `UnknownStageError`."""
        return self.operation.stage(name).describe(total=total, unit=unit)

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Count in the stage that is running; where none is, there is nothing to count.

        Waits while the operation is paused, and raises `OperationCancelled`.
        """
        self.operation.check()
        stage = self.operation.current
        if stage is not None:
            stage.advance(n, total)

    def cancel(self, reason: str | None = None) -> None:
        """Ask the operation to stop; it does so where it counts or asks next. Once it has ended nothing happens."""
        self.operation.cancel(reason)

    def pause(self) -> None:
        """Ask the operation and its parts to wait where they count or ask next, until `resume`.

        Tracked loops wait before their next item; code that runs on an event loop waits in ``async for`` only. The
        pause counts neither as time elapsed nor for the time left.
        """
        self.operation.pause()

    def resume(self) -> None:
        """Let the operation go on, and whatever was paused along with it."""
        self.operation.resume()

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the operation to stop; wait here while it is paused."""
        self.operation.check()

    @property
    def counting(self) -> None:
        """Between its stages there is nothing that a loop could count in."""

    def __enter__(self) -> Self:
        self.operation.waits = may_wait(sys._getframe(1))
        self.operation.begin(context.operation())
        self._outer = context.push(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        context.pop(self, self._outer)
        self.operation.finish(Outcome.of(error))

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __del__(self) -> None:
        # Entered without a block and dropped: nothing tells how it went.
        operation = getattr(self, "operation", None)
        if operation is not None and operation.state == "running":
            operation.finish(Outcome("succeeded", ended_early=True), here=False)
