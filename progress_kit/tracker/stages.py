"""A stage and what counts in it. Counters are plain attributes: the loop that counts never locks and asks no time."""

import sys
from collections.abc import AsyncIterable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeVar

from progress_kit import model
from progress_kit.errors import OperationEndedError, StageOrderError
from progress_kit.model import MAX_COUNTERS, MESSAGE_LENGTH, StageState, shorten
from progress_kit.tracker import context, values
from progress_kit.tracker.costs import CostArgument, Costs
from progress_kit.tracker.outcome import EndState, Outcome
from progress_kit.tracker.values import Amount, Real

if TYPE_CHECKING:
    from progress_kit.eta import Work
    from progress_kit.tracker.iterables import Track
    from progress_kit.tracker.operation import Operation

T = TypeVar("T")


class Position(Protocol):
    """Where a loop is, read from outside; see `counting.Loop`."""

    def consumed(self) -> Amount:
        """How many items the loop has taken."""

    def done(self) -> Amount:
        """How many of them are done."""

    @property
    def waits(self) -> bool:
        """Whether it may be kept waiting."""

    def stop(self) -> None:
        """End the loop at its next step."""


class Count:
    """Done out of total: what was counted by hand, plus where the loops that count here are."""

    __slots__ = ("_costs", "_costs_from", "_done", "_loops", "_total", "name", "total_given", "unit")

    def __init__(self, name: str, unit: str = "") -> None:
        self.name = name
        self.unit = unit and shorten(unit, model.NAME_LENGTH)
        self.total_given = False
        self._done: Amount = 0
        self._total: Amount | None = None
        self._loops: dict[Position, Amount | None] = {}
        self._costs: Costs | None = None
        self._costs_from: Amount = 0

    def read(self) -> Amount:
        """How much is done now."""
        if not self._loops:
            return self._done
        return max(0, self._done + sum(loop.done() for loop in tuple(self._loops)))

    def expect(self, total: Amount | None) -> None:
        """Take `total` as it is, instead of what loops promise."""
        self._total, self.total_given = total, True

    @property
    def looping(self) -> bool:
        """Whether a loop is counting here."""
        return bool(self._loops)

    def begin_loop(self, loop: Position, length: Amount | None, costs: Costs | None = None) -> None:
        """Let `loop` count here; its length is added to the total unless the caller gave one."""
        self._costs, self._costs_from = (None if self._loops else costs), self._done
        if not self.total_given:
            known = self._total
            if known is None and not self._loops:
                known = self._done
            self._total = None if known is None or length is None else known + length
        self._loops[loop] = length

    def end_loop(self, loop: Position, *, body_done: bool, complete: bool) -> None:
        """Take over the count of `loop`, with its last item if the `body_done` its work on it.

        A complete one corrects a total that its length had promised.
        """
        if loop not in self._loops:
            return
        length = self._loops.pop(loop)
        count = loop.consumed() if body_done else loop.done()
        self._done = max(0, self._done + count)
        if complete and not self.total_given:
            if not self._loops:
                self._total = self._done
            elif self._total is not None and length is not None:
                self._total += count - length

    def by_cost(self) -> "Work | None":
        """Return what is done by cost; None where costs are unknown or not those of the whole."""
        costs = self._costs
        if costs is None or len(self._loops) > 1 or self._costs_from:
            return None
        return costs.work(self.read())

    def stop_loops(self, *, to_wait: bool) -> None:
        """Make the loops that count here end at their next step; `to_wait`: only those that may be kept waiting."""
        for loop in tuple(self._loops):
            if loop.waits or not to_wait:
                loop.stop()

    @property
    def waiting(self) -> tuple[bool, ...]:
        """Of each loop that counts here, whether it may be kept waiting."""
        return tuple([loop.waits for loop in tuple(self._loops)])

    def settle(self) -> None:
        """At the end: more done than there should be means that the total was wrong."""
        for loop in tuple(self._loops):
            self.end_loop(loop, body_done=False, complete=False)
        if self._total is not None and self._done > self._total:
            self._total = self._done

    def key(self) -> tuple[object, ...]:
        """Return what a change is seen by."""
        return (self.name, self.read(), self._total, self.unit)

    def counter(self) -> model.Counter:
        """Return the count as a nested counter of a snapshot."""
        return model.Counter(name=self.name, done=self.read(), total=self._total, unit=self.unit)


class Stage(Count):
    """A named part of an operation: enter it with ``with`` (or ``async with``), and count.

    Raises `StageOrderError` if it is entered while another stage, or itself, is running, and `OperationEndedError` if
    it is used after its end. An exception in its block makes it failed, or cancelled, and passes unchanged.
    """

    __slots__ = (
        "__weakref__",
        "_message",
        "_nested",
        "_outer",
        "_stop",
        "began",
        "ended",
        "loose",
        "operation",
        "state",
        "weight",
    )

    def __init__(self, operation: "Operation", name: str, weight: float = 1.0) -> None:
        super().__init__(name)
        self.operation = operation
        self.weight = weight
        self.state: StageState = "pending"
        self.began: float | None = None
        self.ended: float | None = None
        self.loose = False  # its own loop was left by an exception, which will say how the stage ended
        self._message = ""
        self._nested: dict[str, Count] = {}
        self._outer: context.Entry | None = None
        self._stop = True  # one flag says that the quick way is closed: not begun, cancelled or ended

    # ---------------------------------------------------------------- what the loop calls

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Count `n` more as done (a negative number takes back); `total` sets the total along with it.

        This is also where a paused operation waits, and a cancelled one raises `OperationCancelled`.
        """
        if self._stop:
            self._look_up()
        if n != 1:
            n = self._step(n)
        self._done += n
        if total is not None and total != self._total:
            self.total = total

    def _step(self, n: Real) -> Amount:
        step = values.number(n, f"the step of stage {self.name!r}")
        values.amount(self._done + step, f"what is done of stage {self.name!r}")
        return step

    def _look_up(self) -> None:
        self.operation.check()
        if self.state == "pending":
            raise StageOrderError(
                f"stage {self.name!r} has not begun; enter it with `with tracker.stage({self.name!r}):`"
            )
        if self.state != "running":
            raise OperationEndedError(f"stage {self.name!r} has ended ({self.state}); an end is final")
        with self.operation.lock:
            self._stop = self.operation.called

    @property
    def done(self) -> Amount:
        """How much is done; may be set, backwards too."""
        return self.read()

    @done.setter
    def done(self, value: Real) -> None:
        if self._stop:
            self._look_up()
        done = values.amount(value, f"what is done of stage {self.name!r}")
        self._done = done - sum(loop.done() for loop in tuple(self._loops))

    @property
    def total(self) -> Amount | None:
        """How much there is to do; None means unknown. May be set at any time before the end."""
        return self._total

    @total.setter
    def total(self, value: Real | None) -> None:
        if self.state not in {"pending", "running"}:
            self._look_up()
        self._total = values.total(value, self.read(), f"the total of stage {self.name!r}")
        self.total_given = self._total is not None

    @property
    def message(self) -> str:
        """What is going on, shown beside the bar."""
        return self._message

    @message.setter
    def message(self, value: object) -> None:
        self._message = value if type(value) is str else str(value)

    @property
    def metrics(self) -> values.Metrics:
        """The operation's named numbers."""
        return self.operation.metrics

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.operation.id

    def cancel(self, reason: str | None = None) -> None:
        """Ask the operation to stop."""
        self.operation.cancel(reason)

    def pause(self) -> None:
        """Ask the operation to wait at its next step, until `resume`."""
        self.operation.pause()

    def resume(self) -> None:
        """Let the operation go on."""
        self.operation.resume()

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the operation to stop; wait here while it is paused."""
        self.operation.check()

    def track(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        *,
        total: Real | None = None,
        unit: str = "",
        cost: CostArgument[T] = None,
    ) -> "Track[T]":
        """Return `iterable`, counted in this stage as a loop goes over it.

        The stage is entered by the loop if it has not been, and then ends with it. `total`, `unit` and `cost` are as
        for `progress_kit.track`.
        """
        from progress_kit.tracker.iterables import Track

        code = sys._getframe(1).f_code
        return Track(iterable, None, total=total, unit=unit, cost=cost, code=code, stage=self)

    # ---------------------------------------------------------------- its life

    def describe(self, *, total: Real | None, unit: str) -> "Stage":
        """Set what is given of total and unit; what is not stays."""
        if total is not None:
            self.total = total
        if unit:
            self.unit = values.label(unit, f"the unit of stage {self.name!r}")
        return self

    def open(self, now: float) -> None:
        """Begin (the operation has checked that it may)."""
        self.state, self.began, self._stop = "running", now, False

    def shut(self, state: EndState | Literal["skipped"], now: float) -> None:
        """End for good; what was skipped never began."""
        self.settle()
        for count in tuple(self._nested.values()):
            count.settle()
        self.state, self._stop = state, True
        if self.began is not None:
            self.ended = now

    def stop(self, *, to_wait: bool) -> None:
        """Let the next step of whatever counts here find out that the operation is cancelled or, `to_wait`, paused."""
        if self.state == "running":
            self._stop = True
        for count in (self, *tuple(self._nested.values())):
            count.stop_loops(to_wait=to_wait)

    @property
    def pausable(self) -> bool | None:
        """Whether something that counts here would wait; None where nothing has counted yet."""
        loops = [waits for count in (self, *tuple(self._nested.values())) for waits in count.waiting]
        if loops:
            return any(loops)
        return self.operation.waits if self._done else None

    def __enter__(self) -> Self:
        self.operation.enter(self)
        self._outer = context.push(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        context.pop(self, self._outer)
        self.operation.leave(self, Outcome.of(error).state)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    @property
    def alive(self) -> bool:
        """Whether it is running, in this process."""
        return self.state == "running" and self.operation.is_here

    @property
    def counting(self) -> "Stage":
        """Where a loop inside this stage counts."""
        return self

    # ---------------------------------------------------------------- nested counters

    def nest(self, name: str, unit: str) -> Count:
        """Return a nested counter, in the place of a finished one of the same name. At most 16 are listed."""
        nested = self._nested
        listed, number = name, 1
        while listed in nested and nested[listed].looping:
            number += 1
            listed = shorten(f"{name} ({number})", model.NAME_LENGTH)
        count = Count(listed, unit)
        nested.pop(listed, None)
        if len(nested) >= MAX_COUNTERS:
            finished = next((key for key, each in nested.items() if not each.looping), None)
            if finished is None:
                return count
            del nested[finished]
        nested[listed] = count
        return count

    # ---------------------------------------------------------------- reading it

    def key(self) -> tuple[object, ...]:
        """Return what a change is seen by."""
        nested = tuple(count.key() for count in tuple(self._nested.values()))
        return (*super().key(), self.state, self._message, nested)

    def freeze(self, began: float, now: float, *, paused: bool) -> model.Stage:
        """Return the stage as a frozen value; the operation began at `began`, and is perhaps `paused`."""
        ended = now if self.ended is None else self.ended
        return model.Stage(
            name=self.name,
            state="paused" if paused and self.state == "running" else self.state,
            weight=self.weight,
            done=self.read(),
            total=self._total,
            unit=self.unit,
            message=self._message and shorten(self._message, MESSAGE_LENGTH),
            started_s=None if self.began is None else max(0.0, self.began - began),
            elapsed_s=None if self.began is None else max(0.0, ended - self.began),
            counters=tuple(count.counter() for count in tuple(self._nested.values())),
        )
