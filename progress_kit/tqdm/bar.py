"""What stands behind a `tqdm` object: an operation of its own or, inside another one, a nested counter of that.

The object counts in `n`; everything that the operation's sampler wants to know it reads from here, so that counting
costs one addition.
"""

import sys
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any, Final, Protocol, TypeVar

from progress_kit.errors import OperationCancelled
from progress_kit.model import NAME_LENGTH, Amount, Notify, OperationState, shorten
from progress_kit.tracker import context, values
from progress_kit.tracker.counting import Loop, run
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.homes import Home, OwnOperation
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.values import Metrics, Real

T = TypeVar("T")

_STAGES: Final = {"main": 1.0}
_DEFAULT: Final = Notify()


class Closable(Protocol):
    """The `tqdm` object."""

    def close(self) -> None:
        """End."""


class Bar:
    """Counts in its `home` from its beginning to `close`. `n` is what was counted but for the loop that is running."""

    __slots__ = ("__weakref__", "_handled", "_home", "_loop", "_texts", "ended", "metrics", "n", "stopped")

    def __init__(self, name: str, unit: str, code: CodeType, *, silent: bool) -> None:
        self.n: Any = 0  # whatever the user's code puts there
        self.stopped = False
        self.ended = False
        # What was being handled when the bar began is not what ended it.
        self._handled = id(sys.exception())
        self._loop: Loop[Any] | None = None
        self._texts: dict[str, str] = {}
        around = context.stage()
        if around is not None:
            self._home = Home(self, around, around.nest(name, unit))
        else:
            operation = Operation(name, _STAGES, code=code, kind=None, notify=_DEFAULT, weights_given=True)
            operation.silent = silent
            self._home = OwnOperation(self, operation)
        self._home.open(None)
        self.metrics: Metrics = self.operation.metrics
        with self.operation.lock:
            self._home.count.unit = unit and shorten(unit, NAME_LENGTH)
            self._home.count.expect(None)
            self._home.count.begin_loop(self, None)

    # ---------------------------------------------------------------- as a place that code may be in

    @property
    def alive(self) -> bool:
        """Whether it counts, in this process."""
        return not self.ended and self._home.alive

    @property
    def operation(self) -> Operation:
        """The operation that it counts in."""
        return self._home.operation

    @property
    def counting(self) -> Stage:
        """The stage that it counts in."""
        return self._home.stage

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.operation.id

    @property
    def state(self) -> OperationState:
        """The operation's state, ``paused`` while it waits."""
        return self.operation.visible_state

    @property
    def message(self) -> str:
        """What the operation says that is going on."""
        return self.operation.message

    @message.setter
    def message(self, value: object) -> None:
        self.operation.message = value

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Wait while paused; raise `OperationCancelled` if asked to stop. Only the `tqdm` object itself counts."""
        del n, total
        self.operation.check()

    def cancel(self, reason: str | None = None) -> None:
        """Ask the operation to stop."""
        self.operation.cancel(reason)

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the operation to stop; wait here while it is paused."""
        self.operation.check()

    # ---------------------------------------------------------------- as a position that is read from outside

    def consumed(self) -> Amount:
        """See `done`: what is counted here is done."""
        return self.done()

    def done(self) -> Amount:
        """How much is done, as a number that can be sent."""
        return values.plain(self.count()) or 0

    @property
    def waits(self) -> bool:
        """Whether it may be kept waiting."""
        loop = self._loop
        return self.operation.waits if loop is None else loop.waits

    def stop(self) -> None:
        """Let the next step look up: it waits, or raises `OperationCancelled`."""
        self.stopped = True
        loop = self._loop
        if loop is not None:
            loop.stop()

    def look_up(self) -> None:
        """Wait while the operation is paused; raise `OperationCancelled` if someone asked it to stop."""
        self.operation.check()
        with self.operation.lock:
            self.stopped = self.operation.called

    def count(self) -> Any:
        """Return what the user's code sees as `n`."""
        loop = self._loop
        return self.n if loop is None else self.n + loop.done()

    def set_count(self, n: Any) -> None:
        """Let the count go on from `n`."""
        loop = self._loop
        self.n = n if loop is None else n - loop.done()

    # ---------------------------------------------------------------- what is told beside the count

    def set_total(self, total: object) -> None:
        """Take a new total; what is no number of things is an unknown one."""
        with self.operation.lock:
            self._home.count.expect(values.plain(total))

    def tell(self, topic: str, text: str) -> None:
        """Show `text` instead of the one that was told under `topic` before."""
        texts = self._texts
        if texts.get(topic) == text:
            return
        texts[topic] = text
        said = " · ".join(filter(None, texts.values())) if len(texts) > 1 else text
        if isinstance(self._home, OwnOperation):
            self.operation.message = said
        elif topic == "description" and text:
            # The message is the outer loop's; a nested counter has its name alone.
            self._home.count.name = shorten(text, NAME_LENGTH)

    # ---------------------------------------------------------------- its life

    def loop(self, iterable: Iterable[T], owner: Closable, site: CallSite) -> Iterator[T]:
        """Return the iterator for a loop over `iterable`, which closes `owner` at its end."""
        loop = self._loop = Loop(iterable)
        if isinstance(self._home, OwnOperation):
            self._home.watch(site)
        return run(loop, _Pass(self, loop, owner), site)

    def end_loop(self, loop: Loop[Any], count: int) -> None:
        """Take over what `loop` has counted."""
        with self.operation.lock:
            if self._loop is loop:
                self._loop = None
                self.n += count

    def close(self, error: BaseException | None) -> None:
        """End as `error` says."""
        if self._settle():
            self._home.close(error)

    def close_here(self) -> None:
        """End; in a ``finally`` the exception that is on its way is the one that ended the work."""
        error = sys.exception()
        self.close(None if id(error) == self._handled else error)

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """End after a loop that was left early."""
        if self._settle():
            self._home.left(exception_at=exception_at, in_loop=in_loop)

    def _settle(self) -> bool:
        if self.ended:
            return False
        self.ended = True
        with self.operation.lock:
            self._home.count.end_loop(self, body_done=True, complete=False)
        return True


class _Pass:
    """One loop over a bar's iterable."""

    __slots__ = ("_bar", "_loop", "_owner")

    def __init__(self, bar: Bar, loop: Loop[Any], owner: Closable) -> None:
        self._bar = bar
        self._loop = loop
        self._owner = owner

    def hold_up(self) -> bool:
        """The loop was stopped from outside: wait while that is a pause. Return whether it goes on."""
        self._loop.stand()
        return self._bar.operation.hold_up(self._loop.go_on)

    async def hold_up_async(self) -> bool:
        """Do the same without keeping the event loop."""
        self._loop.stand()
        return await self._bar.operation.hold_up_async(self._loop.go_on)

    def exhausted(self) -> None:
        """All items were taken, or the operation was cancelled."""
        self._bar.end_loop(self._loop, self._loop.consumed())
        try:
            self._bar.operation.raise_if_cancelled()
        except OperationCancelled as error:
            self._end(error)
            raise
        self._end(None)

    def broken(self, error: BaseException) -> None:
        """The iterable raised `error`."""
        self._bar.end_loop(self._loop, self._loop.consumed())
        self._end(error)

    def left(self, *, exception_at: int | None, in_loop: bool) -> None:
        """The loop was left before its end."""
        self._bar.end_loop(self._loop, self._loop.done())
        self._bar.left(exception_at=exception_at, in_loop=in_loop)
        self._owner.close()

    def _end(self, error: BaseException | None) -> None:
        self._bar.close(error)
        self._owner.close()
