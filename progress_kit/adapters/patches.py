"""What an adapter changes in its library, so that all of it can be taken back."""

import logging
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, Literal, ParamSpec, TypeVar
from weakref import WeakSet

from progress_kit.model import NAME_LENGTH, shorten
from progress_kit.tracker import naming
from progress_kit.tracker.mirror import Mirror, outside
from progress_kit.tracker.seen import Seen

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

Output = Literal["theirs", "ours"]
"""Who draws what is captured: the library as ever, or progress_kit in its place."""

MIRROR: Final = "_progress_kit_mirror"
"""The attribute of a bar that keeps what shows it."""
_ABSENT: Final = object()
"""Stands for an attribute that an object does not have itself, though perhaps by inheritance."""

_log = logging.getLogger("progress_kit")


class Patches:
    """The changes of one adapter. Until `release`, `active` is true; `output` may be set at any time."""

    def __init__(self, name: str, output: Output) -> None:
        self.name = name
        self.output: Output = output
        self.active = True
        self._undo: list[Callable[[], None]] = []
        self._mirrors: WeakSet[Mirror[Any]] = WeakSet()
        self._warned: set[str] = set()

    @property
    def silent(self) -> bool:
        """Whether operations need not be drawn here, since the library draws."""
        return self.output == "theirs"

    def replace(self, owner: object, name: str, value: object) -> None:
        """Set an attribute of a class, module or object, until the release; one that somebody else set since stays."""
        before = vars(owner).get(name, _ABSENT)
        setattr(owner, name, value)
        now = vars(owner).get(name, _ABSENT)

        def undo() -> None:
            if vars(owner).get(name, _ABSENT) is not now:
                return
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._undo.append(undo)

    def around(self, owner: object, name: str, replacement: Callable[..., Any]) -> None:
        """Call ``replacement(original, …)`` instead of the function or class method `name`, until the release."""
        before = vars(owner).get(name, None)
        is_classmethod = isinstance(before, classmethod)
        original: Callable[..., Any] = before.__func__ if isinstance(before, classmethod) else getattr(owner, name)

        @wraps(original)
        def instead(*args: Any, **kwargs: Any) -> Any:
            return replacement(original, *args, **kwargs) if self.active else original(*args, **kwargs)

        self.replace(owner, name, classmethod(instead) if is_classmethod else instead)

    def begin(  # noqa: PLR0913 - most by keyword
        self,
        source: S,
        look: Callable[[S], Seen],
        name: object,
        unit: object = "",
        *,
        library: str,
        steps: Sequence[str] = (),
        on_cancel: Callable[[], object] | None = None,
    ) -> Mirror[S]:
        """Show `source`, which counts by itself, from now on; see `Mirror`.

        `library` is the package whose frames stand between here and the code that asked for the bar; where that gave
        no name, the bar is called like its function.
        """
        code = outside(sys._getframe(1), library).f_code
        text = shorten(str(name or "").strip().removesuffix(":"), NAME_LENGTH)
        mirror = Mirror(
            source,
            look,
            text or naming.loop_name(code),
            str(unit or "").strip(),
            code=code,
            silent=self.silent,
            steps=steps,
            library=library,
            on_cancel=on_cancel,
        )
        setattr(source, MIRROR, mirror)  # `vars` would make attributes of it slower from then on
        self._mirrors.add(mirror)
        return mirror

    def end(self, source: object) -> None:
        """End what shows `source`, if anything does: call it in what the library calls when a bar ends."""
        mirror = mirror_of(source)
        if mirror is not None:
            self.guarded(mirror.close_here)

    def on_release(self, call: Callable[[], None]) -> None:
        """Call this at the release."""
        self._undo.append(call)

    def guarded(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """Return what `call` returns; if it fails, None, and a warning at the first time."""
        try:
            return call(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it is, the library's own work goes on
            if call.__qualname__ not in self._warned:
                self._warned.add(call.__qualname__)
                _log.warning("progress_kit: the progress of %s is not shown", self.name, exc_info=True)
            return None

    def release(self) -> None:
        """Take everything back, the last change first."""
        self.active = False
        for mirror in tuple(self._mirrors):
            self.guarded(mirror.close)
        while self._undo:
            self.guarded(self._undo.pop())


def mirror_of(source: object) -> Mirror[Any] | None:
    """Return what shows `source`; None if nothing does, or no longer."""
    mirror: Mirror[Any] | None = getattr(source, MIRROR, None)
    return None if mirror is None or mirror.ended else mirror
