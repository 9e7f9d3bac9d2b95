"""Work that a library's callbacks tell of, as an operation: what all adapters to such a library are made of."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.mirror import Mirror, outside
from progress_kit.tracker.seen import Part, Seen

_NO_CHANGES: Final[Mapping[str, object]] = {}
_STEP: Final = "step"
CALLBACK: Final = "ProgressCallback"
"""What every adapter calls its class for the callbacks of its library."""


class Work:
    """One piece of work. What it has come to stands in plain attributes, which are looked at ten times a second."""

    def __init__(self, total: object = None) -> None:
        self.done: float = 0
        self.total = total
        self.unit = ""
        self.message = ""
        self.metrics: dict[str, object] = {}
        self.parts: dict[object, Part] = {}

    def step(self) -> None:
        """Called between two steps of the work; it waits in a pause, and raises when that is cancelled."""

    def look(self) -> Seen:
        """Return how far it is."""
        seen = Seen(self.done, self.total, message=self.message, unit=self.unit)
        return seen._replace(metrics=self.metrics.copy(), parts=self.parts.copy())


class Teller:
    """Base class of what a library calls back: each call tells how far its work is, which is one operation.

    The work goes on whatever goes wrong in here. `name` is what operations are called; by default like what works,
    such as ``GridSearchCV.fit``. A ``with`` block, if there is one, ends what is running as the block ends; that says
    of an exception that the library tells nobody of, and that is caught later, how the work went.
    """

    LIBRARY: ClassVar = ""
    """The package of the library."""

    def __init__(self, name: str | None = None, *, patches: Patches | None = None) -> None:
        super().__init__()  # a library's own class comes after this one
        self._name = name
        self._patches = patches or Patches(self.LIBRARY, "ours")
        self._is_captured = patches is not None
        self._work: Work | None = None

    def begin(
        self,
        what: str,
        total: object = None,
        unit: str = "",
        *,
        on_cancel: Callable[[], object] | None = None,
    ) -> None:
        """Begin to show work called `what`; what was shown before is over."""
        self._patches.guarded(self._begin, what, total, unit, on_cancel)

    def _begin(self, what: str, total: object, unit: str, on_cancel: Callable[[], object] | None) -> None:
        self.end()
        work = Work(total)
        mirror = self._patches.begin(
            work, Work.look, self._name or what, unit, library=self.LIBRARY, steps=(_STEP,), on_cancel=on_cancel
        )
        if not self._is_captured:
            # Nobody tells a callback of an exception; but if that is caught nowhere, it went through this frame.
            mirror.watch(CallSite.of(outside(sys._getframe(1), self.LIBRARY)))
        self._work = work

    @property
    def mirror(self) -> Mirror[Any] | None:
        """What shows the work that is going on; None where there is none."""
        return None if self._work is None else mirror_of(self._work)

    def tell(self, call: Callable[..., object], *args: object) -> None:
        """Let ``call(work, *args)`` note how far the work is, if there is any."""
        work = self._work
        if work is not None:
            self._patches.guarded(call, work, *args)

    def step(self) -> None:
        """Wait if the work is paused, and raise if it is cancelled."""
        work = self._work
        if work is not None:
            work.step()

    def end(self, error: BaseException | None = None) -> None:
        """End what is going on as `error` says; without one, what had not come to its total has ended early."""
        work, self._work = self._work, None  # which is looked at once more
        mirror = None if work is None else mirror_of(work)
        if mirror is not None:
            self._patches.guarded(mirror.close, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(error)

    def __reduce__(self) -> tuple[Any, ...]:
        # Libraries copy their callbacks along with what they belong to; what is running stays where it runs.
        return type(self), (self._name,)


def named(found: object, *, but: tuple[str, ...] = ()) -> dict[str, object]:
    """Return a library's mapping of metrics as a plain one; what is no number in there is left out when it is shown."""
    return {str(key): value for key, value in found.items() if key not in but} if hasattr(found, "items") else {}


def call_with(
    progress: Teller,
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    changes: Mapping[str, object] = _NO_CHANGES,
) -> Any:
    """Call `original`, which takes `callbacks`, with one more of them: `progress`, which ends with the call.

    `changes` are other arguments that are given instead.
    """
    try:
        given = inspect.signature(original).bind(*args, **kwargs)
    except TypeError:
        return original(*args, **kwargs)  # it says better what is wrong
    before = given.arguments.get("callbacks")
    before = [*(before or ())] if before is None or isinstance(before, Iterable) else [before]
    if any(isinstance(each, Teller) for each in before):
        given.arguments["callbacks"] = before
        return original(*given.args, **given.kwargs)  # who asks for it by a callback gets it by that
    given.arguments.update({"callbacks": [*before, progress], **changes})
    with progress:
        return original(*given.args, **given.kwargs)


def subclass(home: dict[str, Any], name: str, ours: type[Teller], module: str, base: str) -> Any:
    """Return an adapter's `ProgressCallback`: `ours` as a subclass of the library's own class, made when asked for.

    To be called by ``__getattr__`` of the adapter, whose globals are `home`.
    """
    if name != CALLBACK:
        raise AttributeError(f"module {home['__name__']!r} has no attribute {name!r}")
    theirs = getattr(import_module(module), base)
    members = {"__module__": home["__name__"], "__doc__": ours.__doc__}
    return home.setdefault(name, type(name, (ours, theirs), members))
