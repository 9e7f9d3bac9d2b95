"""`poll`: progress that can only be asked for, such as that of a database query, as an operation."""

import logging
import sys
import threading
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Final, Self

from progress_kit.errors import InvalidValueError, OperationCancelled
from progress_kit.model import Snapshot
from progress_kit.tracker import naming, values
from progress_kit.tracker.mirror import Mirror
from progress_kit.tracker.seen import Seen
from progress_kit.tracker.values import Amount, NotifyArgument, Real

Answer = Real | tuple[Real | None, Real | None] | None
Ask = Callable[[], Answer]

_LEAST_INTERVAL_S: Final = 0.01
_LAST_ANSWER_S: Final = 1.0
_log = logging.getLogger("progress_kit")


class Poll:
    """Asks in a thread of its own, from the beginning of its ``with`` block to the end; one block is one operation."""

    def __init__(  # noqa: PLR0913 - made by `poll` alone
        self,
        ask: Ask,
        name: str,
        *,
        interval_s: float,
        total: Amount | None,
        unit: str,
        on_cancel: Callable[[], object] | None,
        kind: str | None,
        notify: NotifyArgument,
        code: CodeType,
    ) -> None:
        self._ask = ask
        self._name = name
        self._interval_s = interval_s
        self._unit = unit
        self._on_cancel = on_cancel
        self._kind = kind
        self._notify = values.notify(notify)
        self._code = code
        self._counts = total is not None
        self._done: Amount = 0
        self._total: Amount | None = total
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._mirror: Mirror[Poll] | None = None
        self._over = self._warned = False

    def __enter__(self) -> Self:
        self._mirror = Mirror(
            self,
            Poll._look,
            self._name,
            self._unit,
            code=self._code,
            silent=False,
            kind=self._kind,
            notify=self._notify,
            on_cancel=self._wake.set,
        )
        self._thread = threading.Thread(target=self._go_on_asking, name="progress-kit-poll", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        mirror, thread = self._mirror, self._thread
        if mirror is None or thread is None:
            return
        self._over = True
        self._wake.set()
        # What is asked may be closed after the block, in the middle of an answer; but it may hang as well.
        thread.join(_LAST_ANSWER_S)
        if error is not None and mirror.operation.cancelled:
            error = OperationCancelled(str(error))  # whatever the work raised when it was interrupted
        elif error is None and self._total is not None:
            self._done = self._total
        mirror.close(error)

    @property
    def id(self) -> str | None:
        """The operation's id; None before the block."""
        return None if self._mirror is None else self._mirror.id

    def snapshot(self) -> Snapshot | None:
        """Return the operation's whole state at this moment, frozen; None before the block."""
        return None if self._mirror is None else self._mirror.operation.sample()

    def cancel(self, reason: str | None = None) -> None:
        """Ask the operation to stop: `on_cancel` is called."""
        if self._mirror is not None:
            self._mirror.cancel(reason)

    def _look(self) -> Seen:
        return Seen(self._done, self._total)

    def _go_on_asking(self) -> None:
        while not self._over:
            try:
                self._take(self._ask())
            except Exception as error:  # noqa: BLE001 - whatever it is, the work that is watched goes on
                self._warn(f"raised {error!r}")
            self._wake.wait(self._interval_s)
            self._wake.clear()
            self._tell_cancel()

    def _tell_cancel(self) -> None:
        mirror = self._mirror
        if self._on_cancel is not None and mirror is not None and mirror.operation.cancelled and not self._over:
            try:
                self._on_cancel()
            except Exception as error:  # noqa: BLE001 - as above
                self._warn(f"could not be cancelled: {error!r}")

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, tuple):
            done, total = values.plain(answer[0]), values.plain(answer[1])
        else:
            done, total = values.plain(answer), self._total if self._counts else 1
            if done is not None and total is not None and done > total and not self._counts:
                self._warn(
                    f"answered {answer!r}; that is no fraction from 0 to 1: give total=, or a pair (done, total)"
                )
                return
        if done is not None and not self._over:
            self._done, self._total = done, total

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("progress_kit: what is polled for %r %s", self._name, text)


def poll(  # noqa: PLR0913 - most by keyword
    ask: Ask,
    name: str | None = None,
    *,
    interval_s: float = 1.0,
    total: Real | None = None,
    unit: str = "",
    on_cancel: Callable[[], object] | None = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Poll:
    """Show the work of a ``with`` block by asking how far it is, every `interval_s` seconds, in a thread.

        with pk.poll(connection.query_progress, "Big join", total=100, on_cancel=connection.interrupt):
            connection.execute(query)

    `ask` returns a fraction from 0 to 1, or with `total` how much is done, or a pair (done, total); None, a negative
    number, and whatever it raises mean that it does not know. `on_cancel` is called, in that thread, once someone asks
    the operation to stop, and every `interval_s` until the block ends: it may come before there is something to
    interrupt. What the block raises then makes it cancelled and passes unchanged. `name` is by default the
    function that the block is in; `kind` and `notify` are those of `ProgressTracker`. Inside of an operation it is a
    nested counter. Raises `InvalidValueError` for an argument that cannot be meant.
    """
    if not callable(ask):
        raise InvalidValueError(f"{ask!r} cannot be asked; give a function without arguments")
    seconds = values.number(interval_s, "interval_s")
    if not _LEAST_INTERVAL_S <= seconds <= threading.TIMEOUT_MAX:
        raise InvalidValueError(f"interval_s is {interval_s!r}; give a number of seconds from {_LEAST_INTERVAL_S}")
    code = sys._getframe(1).f_code
    return Poll(
        ask,
        values.name(name, "name") if name else naming.loop_name(code),
        interval_s=float(seconds),
        total=None if total is None else values.total(total, 0, "total"),
        unit=values.label(unit, "unit"),
        on_cancel=on_cancel,
        kind=None if kind is None else values.name(kind, "kind"),
        notify=notify,
        code=code,
    )
