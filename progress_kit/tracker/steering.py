"""What may be asked of an operation from outside while it runs: to stop, to wait, and to go on.

All of these are requests. The work learns of them at its next step: tracked loops, because their iterators are moved to
an end where they ask; everything else when it counts or asks by itself.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from progress_kit import clock
from progress_kit.errors import OperationCancelled
from progress_kit.model import MESSAGE_LENGTH, Action, OperationState, shorten
from progress_kit.tracker.hold import LOOK_S, Hold, may_wait

if TYPE_CHECKING:
    from progress_kit.tracker.stages import Stage

ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})


class Steered:
    """An operation as far as it can be steered.

    `state` says ``running`` also while it is paused; `visible_state` is what people see. `waits` says that its code
    runs on no event loop, and may be kept waiting.
    """

    __slots__ = (
        "__weakref__",
        "_cancel",
        "_hold",
        "_parts",
        "_pause",
        "_paused_s",
        "_pid",
        "began",
        "current",
        "lock",
        "state",
        "waits",
    )

    name: str

    def __init__(self) -> None:
        self.state: OperationState = "pending"
        self.current: Stage | None = None
        self.began = 0.0
        self.waits = False
        self.lock = threading.RLock()
        self._cancel: str | None = None
        self._hold: Hold | None = None
        self._pause: Hold | None = None  # asked of this one, not of what it is a part of
        self._paused_s = 0.0
        self._parts: WeakSet[Steered] | None = None
        self._pid = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether the operation began in this process; a forked child has only a copy, and reports nothing."""
        return self._pid == os.getpid()

    @property
    def alive(self) -> bool:
        """Whether it is running, paused perhaps, in this process."""
        return self.state == "running" and self.is_here

    @property
    def visible_state(self) -> OperationState:
        """The state as people see it: one that is running may stand still."""
        hold = self._hold
        return "paused" if hold is not None and hold.since is not None and self.held else self.state

    # ---------------------------------------------------------------- what is asked

    def command(self, action: Action, reason: str | None, by: str | None) -> str | None:
        """Do what a viewer asked for; return None if that is under way, else why it cannot be done."""
        if self.state != "running":
            return f"the operation has ended ({self.state})" if self.state in ENDS else "the operation has not begun"
        if action == "cancel":
            self.cancel(reason if by is None else f"{reason or 'asked'} (by {by})")
        elif self._cancel is not None:
            return "the operation is being cancelled"
        elif action == "pause":
            if not (self.pausable or (self.waits and (self.current is None or self.current.pausable is None))):
                return "pause is not supported by what this operation does now"
            self.pause()
        elif not self.held:
            return "the operation is not paused"
        else:
            self.resume()
        return None

    def actions(self) -> tuple[Action, ...]:
        """Return what may be asked now; a pause only where something has shown that it would wait."""
        if self.state != "running" or self._cancel is not None:
            return ()
        if self.held:
            return ("cancel", "resume")
        return ("cancel", "pause") if self.pausable else ("cancel",)

    @property
    def pausable(self) -> bool:
        """Whether something that is going on here would wait."""
        if self.current is not None and self.current.pausable:
            return True
        return any(part.alive and part.pausable for part in tuple(self._parts or ()))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the operation and its parts to stop: their loops end at the next step and raise `OperationCancelled`."""
        with self.lock:
            if self.state in ENDS:
                return
            self._cancel = shorten(reason, MESSAGE_LENGTH) if reason else "asked to stop"
            self.call_again()
            parts = tuple(self._parts or ())
        for part in parts:
            part.cancel(reason)

    def pause(self) -> None:
        """Ask the operation and its parts to wait at their next step; a second time, or after a cancel: nothing."""
        hold = Hold()
        self.hold_at(hold)
        if self._hold is hold:
            self._pause = hold

    def hold_at(self, hold: Hold) -> None:
        """Let the operation and its parts wait at `hold`."""
        with self.lock:
            if self.state in ENDS or self.called:
                return
            if self._hold is not None:
                self._paused_s += self._hold.stood_s(self.began, clock.monotonic())
            self._hold = hold
            self.call_again()
            parts = tuple(self._parts or ())
        for part in parts:
            part.hold_at(hold)

    def resume(self) -> None:
        """Let the operation go on, and all that was paused with it."""
        hold = self._hold
        if hold is not None:
            hold.lift()

    def adopt(self, part: "Steered") -> None:
        """Cancel or pause `part` too when this is."""
        with self.lock:
            if self._parts is None:
                self._parts = WeakSet()
            self._parts.add(part)
            hold = self._hold if self.held else None
        if hold is not None:
            part.hold_at(hold)

    # ---------------------------------------------------------------- where the work asks

    @property
    def cancelled(self) -> bool:
        """Whether someone asked it to stop."""
        return self._cancel is not None

    @property
    def held(self) -> bool:
        """Whether it runs, and someone asked it to wait and not to stop."""
        hold = self._hold
        return hold is not None and not (hold.lifted or self.cancelled) and self.alive

    @property
    def called(self) -> bool:
        """Whether someone asked it to stop or to wait."""
        return self.cancelled or self.held

    def call_again(self) -> None:
        """Tell those that count now; called with the lock, when more may be counting than when it was asked."""
        if self.called and self.state == "running" and self.current is not None:
            self.current.stop(to_wait=not self.cancelled)

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the operation to stop."""
        if self._cancel is not None:
            raise OperationCancelled(f"{self.name} was cancelled: {self._cancel}")

    def check(self) -> None:
        """Wait while the operation is paused, and raise `OperationCancelled` if someone asked it to stop."""
        if self._hold is not None:
            self.hold_up()
        self.raise_if_cancelled()

    def hold_up(self, go_on: Callable[[], None] | None = None) -> bool:
        """Wait while the operation is paused; not in a coroutine, whose event loop has others to serve.

        `go_on` is then called once, unless it was cancelled; return whether it was not.
        """
        waits = self._hold is not None and self.waits and may_wait(sys._getframe(1))
        while True:
            hold = self._hold
            while hold is not None and waits and self.held and self._hold is hold:
                hold.come()
                hold.wait()
            with self.lock:
                if not (waits and self.held):
                    return self._go_on(go_on)

    async def hold_up_async(self, go_on: Callable[[], None]) -> bool:
        """Do the same as a coroutine, whose event loop goes on."""
        import anyio

        while True:
            hold = self._hold
            while hold is not None and self.held and self._hold is hold:
                hold.come()
                await anyio.sleep(LOOK_S)
            with self.lock:
                if not self.held:
                    return self._go_on(go_on)

    def _go_on(self, go_on: Callable[[], None] | None) -> bool:
        if self.cancelled:
            return False
        if go_on is not None:
            go_on()
        return True

    # ---------------------------------------------------------------- its time

    def stood_s(self) -> float:
        """Return for how long it has stood still in all."""
        return self._stood_s(clock.monotonic())

    def now(self) -> float:
        """Return the time by a clock that stands still while the operation does."""
        now = clock.monotonic()
        return now - self._stood_s(now)

    def _stood_s(self, now: float) -> float:
        hold = self._hold
        return self._paused_s + (0.0 if hold is None else hold.stood_s(self.began, now))

    def stand_no_more(self) -> None:
        """Forget the pause at the end, but not how long it was."""
        self._paused_s, self._hold = self.stood_s(), None

    def let_parts_go(self) -> None:
        """Let parts go on that outlast it: nobody else could end a pause that was asked of it. Not with the lock."""
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.lift()
