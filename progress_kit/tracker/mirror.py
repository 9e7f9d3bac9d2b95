"""Progress that somebody else's object counts: seen as an operation or, inside of one, as a nested counter of that.

The object is looked at when the operation is sampled, so that it counts as fast as ever.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, Final, Generic, TypeVar
from weakref import ref

from progress_kit.model import NAME_LENGTH, Amount, Notify, OperationState, shorten
from progress_kit.tracker import context, values
from progress_kit.tracker.counting import Loop, run
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.hold import is_async
from progress_kit.tracker.homes import Home, OwnOperation
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.seen import Part, Passing, Seen, ShownPart
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.values import Metrics, Real

S = TypeVar("S")
T = TypeVar("T")

_STAGES: Final = {"main": 1.0}
_DEFAULT: Final = Notify()

_log = logging.getLogger("progress_kit")
_warned: set[object] = set()


class Mirror(Generic[S]):
    """Shows `source`, as `look` finds it, from now on until `close`; what is dropped without has ended early.

    Only a weak reference to `source` is held. `silent`: its own library draws it, so that this program need not.
    `steps` are the methods by which it counts: while the operation is paused they wait, and once it is cancelled they
    raise `OperationCancelled`. They are touched, on `source` alone, only then. `library` is the package that `source`
    comes from. `on_cancel` is called once it is cancelled, in any thread; it must not wait for anything.
    """

    __slots__ = (
        "__weakref__",
        "_done",
        "_handled",
        "_held",
        "_home",
        "_library",
        "_look",
        "_loop",
        "_name",
        "_on_cancel",
        "_parts",
        "_said",
        "_site",
        "_source",
        "_steps",
        "_total",
        "ended",
    )

    def __init__(  # noqa: PLR0913 - most by keyword
        self,
        source: S,
        look: Callable[[S], Seen],
        name: str,
        unit: str = "",
        *,
        code: CodeType,
        silent: bool = True,
        steps: Sequence[str] = (),
        library: str = "progress_kit",
        on_cancel: Callable[[], object] | None = None,
        kind: str | None = None,
        notify: Notify = _DEFAULT,
    ) -> None:
        self.ended = False
        self._source = ref(source, self._dropped)
        self._look = look
        self._name = name
        self._steps = tuple(steps)
        self._library = library
        self._on_cancel = on_cancel
        self._done: Amount = 0
        self._total: Amount | None = None
        self._said = ""
        self._held: dict[str, object] = {}
        self._parts: dict[object, ShownPart] = {}
        self._loop: Loop[Any] | None = None
        self._site: CallSite | None = None
        # What was being handled when it began is not what ended it.
        self._handled = id(sys.exception())
        around = context.stage()
        if around is not None:
            self._home = Home(self, around, around.nest(name, unit))
        else:
            operation = Operation(name, _STAGES, code=code, kind=kind, notify=notify, weights_given=True)
            operation.silent = silent
            self._home = OwnOperation(self, operation)
        self._home.open(None)
        with self.operation.lock:
            self._home.count.unit = unit and shorten(unit, NAME_LENGTH)
            self._home.count.expect(None)
            self._home.count.begin_loop(self, None)
        self.operation.mirrors[self] = None
        self.look()

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
    def is_nested(self) -> bool:
        """Whether it is a counter of an operation that was there before."""
        return not isinstance(self._home, OwnOperation)

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

    @property
    def metrics(self) -> Metrics:
        """The operation's named numbers."""
        return self.operation.metrics

    def advance(self, n: Real = 1, total: Real | None = None) -> None:
        """Wait while paused; raise `OperationCancelled` if asked to stop. Only the object itself counts."""
        del n, total
        self.operation.check()

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

    # ---------------------------------------------------------------- as a position that is read from outside

    def consumed(self) -> Amount:
        """See `done`: what is counted is done."""
        return self._done

    def done(self) -> Amount:
        """How much was done when it was last looked at."""
        return self._done

    @property
    def waits(self) -> bool:
        """Whether it may be kept waiting."""
        loop = self._loop
        return self.operation.waits and bool(self._steps) if loop is None else loop.waits

    def stop(self) -> None:
        """Let the next step look up: of the loop over it, or of the object itself."""
        if self._loop is not None:
            self._loop.stop()
        if self._on_cancel is not None and self.operation.cancelled:
            on_cancel, self._on_cancel = self._on_cancel, None
            on_cancel()
        source = self._source()
        for name in self._steps if source is not None and not self._held else ():
            try:
                before = vars(source).get(name)
                setattr(source, name, self._guarded(getattr(source, name)))
                self._held[name] = before
            except (AttributeError, TypeError):  # it does not let itself be touched
                return

    def _guarded(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def look_up_first(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the step takes and gives
            self._look_up(sys._getframe(1))
            return step(*args, **kwargs)

        return look_up_first

    def _look_up(self, caller: FrameType) -> None:
        operation = self.operation
        thread = type(threading.current_thread()).__module__
        if self.ended or f"{thread}.".startswith(f"{self._library}."):
            return  # a thread of the library's own, which serves its bars, stops with them
        if not self._may_wait(caller):
            operation.raise_if_cancelled()
            return
        operation.check()
        with operation.lock:
            if not operation.called:
                self._go_on()

    def _go_on(self) -> None:
        source, held, self._held = self._source(), self._held, {}
        for name, before in held.items() if source is not None else ():
            if before is None:
                vars(source).pop(name, None)
            else:
                vars(source)[name] = before

    def _may_wait(self, frame: FrameType | None) -> bool:
        """Whether the code that called the library may be kept waiting; a coroutine may not."""
        while frame is not None:
            if is_async(frame.f_code):
                return False
            if not _is_within(frame, self._library):
                return True
            frame = frame.f_back
        return True

    # ---------------------------------------------------------------- looking

    def look(self) -> None:
        """Take over what the object shows now."""
        source = self._source()
        if source is None or self.ended or not self.operation.is_here:
            return
        try:
            seen = self._look(source)
            metrics = {str(key): value for key, value in dict(seen.metrics).items() if values.is_number(value)}
            done, total = values.plain(seen.done), values.plain(seen.total)
            label, message = seen.label.strip(), seen.message.strip()
        except Exception as error:  # noqa: BLE001 - it is another library's, in the middle of anything
            if self._look not in _warned:
                _warned.add(self._look)
                _log.warning("progress_kit: the progress of %r cannot be read: %r", type(source).__qualname__, error)
            return
        with self.operation.lock:
            if self._loop is not None and not seen.parts:
                done = max(self._loop.done(), done or 0)
            if done is not None:
                self._done = done
            self._total = total
            self._home.count.expect(total)
            self._home.count.unit = seen.unit or self._home.count.unit
            self._show_parts(seen.parts)
        if metrics:
            self.operation.metrics.update(metrics)  # type: ignore[arg-type] # they are numbers
        if self.is_nested:
            # The message is the outer one's; a nested counter has its name alone.
            self._home.count.name = shorten(label or self._name, NAME_LENGTH)
        else:
            said = " · ".join(filter(None, ("" if label == self._name else label, message)))
            if said != self._said:  # what the user's code says in between stays
                self._said = self.operation.message = said

    def _show_parts(self, parts: Mapping[object, Part]) -> None:
        for key in [key for key in self._parts if key not in parts]:
            self._parts.pop(key).end()
        for key, part in parts.items():
            shown = self._parts.get(key)
            if shown is None:
                count = self.counting.nest(shorten(part.name or self._name, NAME_LENGTH), part.unit)
                shown = self._parts[key] = ShownPart(count)
            shown.show(part)

    # ---------------------------------------------------------------- a loop that goes through it

    def steer(self, iterable: Iterable[T]) -> Iterator[T]:
        """Return what the object is to loop over instead of `iterable`: it waits in a pause, and a cancel ends it.

        The count is then the loop's, if that is more than what the object shows.
        """
        loop = self._loop = Loop(iterable)
        return run(loop, Passing(self, loop), CallSite.of(sys._getframe(1)))

    # ---------------------------------------------------------------- its end

    def watch(self, site: CallSite) -> None:
        """Its object is looped over at `site`, and closes when the loop does."""
        self._site = site
        if isinstance(self._home, OwnOperation):
            self._home.watch(site)

    def close(self, error: BaseException | None = None) -> None:
        """End as `error` says; without one, what had not come to its total has ended early. A second time: nothing."""
        if self._settle():
            if error is None and self._done < (self._total or 0) and not self.is_nested:
                self.operation.ended_early = True
            self._home.close(error)

    def close_here(self) -> None:
        """End; in a ``finally`` the exception that is on its way is the one that ended the work.

        Call it where the library itself ends: the end of an iterable is no error, and a generator that is closed is a
        loop that is left.
        """
        error = sys.exception()
        if id(error) == self._handled or isinstance(error, StopIteration | StopAsyncIteration):
            error = None
        if isinstance(error, GeneratorExit):
            self.left_here()
        else:
            self.close(error)

    def left_here(self) -> None:
        """End after a loop whose iterator is being destroyed; its frame tells a `break` from an exception."""
        if not self._settle():
            return
        frame, site = outside(sys._getframe(1), self._library), self._site
        if site is None:
            self._home.left(exception_at=None, in_loop=False)
        else:
            self._home.left(exception_at=site.left_by_exception_at(frame), in_loop=site.is_left_in(frame))

    def _dropped(self, source: ref[S]) -> None:
        del source
        if self._total is not None and self._done >= self._total:
            self.close()
        elif self._settle():
            self._home.left(exception_at=None, in_loop=False)

    def _settle(self) -> bool:
        """Take over the last count, once; in a forked child it is not ours to end."""
        if self.ended or not self.operation.is_here:
            return False
        self.look()
        self.ended = True
        self.operation.mirrors.pop(self, None)
        with self.operation.lock:
            self._home.count.end_loop(self, body_done=True, complete=False)
            for part in self._parts.values():
                part.end()
        return True


def outside(frame: FrameType, library: str) -> FrameType:
    """Return the first frame, from the inside, that is neither ours nor of the package `library`."""
    found: FrameType | None = frame
    while found is not None and _is_within(found, library):
        found = found.f_back
    return found or frame


def _is_within(frame: FrameType, library: str) -> bool:
    name = f"{frame.f_globals.get('__name__')}."
    return name.startswith(("progress_kit.tracker.", "progress_kit.adapters.", "contextlib.", f"{library}."))
