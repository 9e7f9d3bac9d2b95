"""`track()`: any iterable as an operation, at the speed of a bare loop."""

import operator
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from copy import copy
from types import CodeType, TracebackType
from typing import Generic, TypeVar, cast, overload

from progress_kit.errors import InvalidValueError, StageOrderError
from progress_kit.model import Notify, OperationState, Snapshot
from progress_kit.tracker import context, costs, naming, values
from progress_kit.tracker.costs import CostArgument
from progress_kit.tracker.counting import AsyncLoop, Loop, run, run_async
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.homes import GivenStage, Home, OwnOperation, Pass
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.values import Amount, Metrics, NotifyArgument, Real

T = TypeVar("T")

STAGE = "main"
"""The one stage of a loop that is an operation of its own."""
_DEFAULT = Notify()


class Track(Generic[T]):
    """An iterable that reports how far a loop over it is. Each loop, or each ``with`` block around loops, is one run.

    Outside of any stage a run is an operation of its own; inside a running stage, or another tracked loop, it is a
    nested counter of that one. Where it has a `with` block, that block ends the run and sees the exception; a bare
    loop that is left by `break` counts as succeeded, `ended_early`.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_cost",
        "_free",
        "_given",
        "_held",
        "_home",
        "_iterable",
        "_kind",
        "_name",
        "_notify",
        "_total",
        "_unit",
    )

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        name: str | None,
        *,
        total: Real | None,
        unit: str,
        cost: CostArgument[T],
        kind: str | None = None,
        notify: Notify = _DEFAULT,
        code: CodeType,
        stage: Stage | None = None,
    ) -> None:
        if not (hasattr(iterable, "__iter__") or hasattr(iterable, "__aiter__") or hasattr(iterable, "__getitem__")):
            raise InvalidValueError(f"{iterable!r} cannot be looped over; to count to a number, track range(number)")
        self._iterable = iterable
        self._name = values.name(name, "name") if name else None
        self._total = None if total is None else values.total(total, 0, "total")
        self._unit = values.label(unit, "unit") if unit else ""
        self._cost = costs.function(cost)
        self._kind = None if kind is None else values.name(kind, "kind")
        self._notify = notify
        self._code = code
        self._given = stage
        self._home: Home | None = None
        self._held = False
        self._free = [None]
        """Empty while a thread opens a run."""

    # ---------------------------------------------------------------- looping

    def __iter__(self) -> Iterator[T]:
        site = CallSite.of(sys._getframe(1))
        loop = Loop(cast("Iterable[T]", self._iterable))
        passed = self._begin(loop, site)
        steps = run(loop, passed, site)
        passed.call_again()
        return steps

    def __aiter__(self) -> AsyncIterator[T]:
        site = CallSite.of(sys._getframe(1))
        loop = AsyncLoop(self._iterable)
        passed = self._begin(loop, site)
        passed.call_again()
        return run_async(loop, passed, site)

    def _begin(self, loop: "Loop[T] | AsyncLoop[T]", site: CallSite) -> Pass:
        place, home = self, self._home
        if home is None or not self._held:
            place, home = self._run(site)
        length = self._total if self._total is not None else _length(self._iterable)
        # Asked after the beginning: it is part of what the operation does.
        asked = None if self._cost is None else costs.ask(cast("Iterable[T]", self._iterable), self._cost)
        with home.operation.lock:
            home.count.unit = home.count.unit or self._unit
            home.count.begin_loop(loop, length, asked)
        return Pass(place, home, loop, held=self._held)

    def _run(self, site: CallSite) -> "tuple[Track[T], Home]":
        """Open a run that begins: here, or in a copy where another one goes on, such as a loop around this one."""
        try:
            self._free.pop()  # one step, so that of two threads only one has it
        except IndexError:
            place = copy(self)
            return place, place._open(site)  # noqa: SLF001 - our own class
        try:
            place = copy(self) if self.alive else self
            return place, place._open(site)  # noqa: SLF001 - as above
        finally:
            self._free.append(None)

    def _open(self, site: CallSite | None) -> Home:
        home = self._home = self._make_home()
        home.open(site)
        return home

    def _make_home(self) -> Home:
        if self._given is not None:
            return GivenStage(self, self._given)
        around = context.stage()
        if around is not None:
            return Home(self, around, around.nest(self._name or self._unit or naming.loop_name(self._code), self._unit))
        operation = Operation(
            self._name or naming.loop_name(self._code),
            _STAGES,
            code=self._code,
            kind=self._kind,
            notify=self._notify,
            weights_given=True,
        )
        return OwnOperation(self, operation)

    def __enter__(self) -> "Track[T]":
        if self._held:
            raise StageOrderError("this loop's `with` block is open already; make another track() for another run")
        self._open(None)
        self._held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held = False
        if self._home is not None:
            self._home.close(error)

    def __len__(self) -> int:
        return len(cast("Sized", self._iterable))

    def __bool__(self) -> bool:
        return bool(self._iterable)

    # ---------------------------------------------------------------- what the loop's body may use

    @property
    def alive(self) -> bool:
        """Whether a run of it is going on, in this process."""
        return self._home is not None and self._home.alive

    @property
    def operation(self) -> Operation | None:
        """The operation that it counts in, or did last; None before the first loop."""
        return None if self._home is None else self._home.operation

    @property
    def counting(self) -> Stage | None:
        """The stage that it counts in, or did last; None before the first loop."""
        return None if self._home is None else self._home.stage

    @property
    def id(self) -> str | None:
        """The operation's id; None before the first loop."""
        return None if self.operation is None else self.operation.id

    @property
    def state(self) -> OperationState:
        """The operation's state; ``pending`` before the first loop."""
        return "pending" if self.operation is None else self.operation.visible_state

    def snapshot(self) -> Snapshot | None:
        """Return the operation's whole state at this moment, frozen; None before the first loop."""
        return None if self.operation is None else self.operation.sample()

    @property
    def message(self) -> str:
        """What is going on; set it in the loop's body or its ``with`` block."""
        return "" if self.operation is None else self.operation.message

    @message.setter
    def message(self, value: object) -> None:
        if self.operation is not None:
            self.operation.message = value

    @property
    def metrics(self) -> Metrics:
        """Named numbers that are shown live; before the first loop they go nowhere."""
        return Metrics() if self.operation is None else self.operation.metrics

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Wait while paused, raise `OperationCancelled` if asked to stop; the loop counts itself."""
        del n, total
        self.raise_if_cancelled()

    def cancel(self, reason: str | None = None) -> None:
        """Ask the running loop to stop: at its next step it raises `OperationCancelled`."""
        if self.operation is not None:
            self.operation.cancel(reason)

    def pause(self) -> None:
        """Ask the running loop to wait at its next step, until `resume`."""
        if self.operation is not None:
            self.operation.pause()

    def resume(self) -> None:
        """Let the loop go on."""
        if self.operation is not None:
            self.operation.resume()

    def raise_if_cancelled(self) -> None:
        """Raise `OperationCancelled` if someone asked the loop to stop; wait here while it is paused."""
        if self.operation is not None:
            self.operation.check()


_STAGES = {STAGE: 1.0}


@overload
def track(
    iterable: Iterable[T],
    name: str | None = None,
    *,
    total: Real | None = None,
    unit: str = "",
    cost: CostArgument[T] = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Track[T]: ...


@overload
def track(
    iterable: AsyncIterable[T],
    name: str | None = None,
    *,
    total: Real | None = None,
    unit: str = "",
    cost: CostArgument[T] = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Track[T]: ...


def track(  # noqa: PLR0913 - all but the first by keyword
    iterable: Iterable[T] | AsyncIterable[T],
    name: str | None = None,
    *,
    total: Real | None = None,
    unit: str = "",
    cost: CostArgument[T] = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> Track[T]:
    """Return `iterable`, with a progress bar wherever this operation is watched; for ``for`` and ``async for``.

    `name` is what people see, default: the function that the loop is in. `total` is the number of items, default
    ``len(iterable)``, else unknown; a wrong one is corrected when the loop ends. `unit` names the items. `cost`, such
    as `os.path.getsize`, says how much work an item is, in any unit; True stands for `pk.cost`, which knows it by the
    item's type. It is asked for sequences only, before the first item and for 0.1 s at most, and makes the time left
    follow cost instead of number. `kind` and `notify` are those of `ProgressTracker`. The loop runs at the speed of a
    bare one, raises what it would raise without, and `OperationCancelled` if someone asks it to stop. Raises
    `InvalidValueError` for an argument that cannot be meant.
    """
    return Track(
        iterable,
        name,
        total=total,
        unit=unit,
        cost=cost,
        kind=kind,
        notify=_DEFAULT if notify == "default" else values.notify(notify),
        code=sys._getframe(1).f_code,
    )


def _length(iterable: object) -> Amount | None:
    """Return how many items there are, if it says so; whatever goes wrong in asking, the loop goes on."""
    try:
        # -1 is no length: 0 would be taken for a known one.
        length = operator.length_hint(iterable, -1)
    except Exception:  # noqa: BLE001 - whatever it is, the user's code goes on
        return None
    return length if length > 0 or (length == 0 and isinstance(iterable, Sized)) else None
