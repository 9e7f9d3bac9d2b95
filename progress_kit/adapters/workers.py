"""Workers capture what their parent does: multiprocessing's that are spawned or come from a server, and loky's.

Forked ones have it anyway. The others are sent the process object that they are to run; with it goes, first of all,
what makes them capture too. A worker that cannot import progress_kit runs as it would without. A program that is
started in another way, by `subprocess` for one, captures nothing by itself.
"""

import builtins
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from progress_kit.adapters.imports import when_imported

if TYPE_CHECKING:
    from collections.abc import Callable

    from progress_kit.adapters.patches import Output, Patches

# Run by unpickling it, in an interpreter that may know nothing of progress_kit; nothing in there must fail.
_PROGRAM: Final = """
try:
    from progress_kit.adapters.workers import begin
except Exception:
    pass
else:
    begin(captured, targets)
"""


class _Begin:
    """What is sent along."""

    def __init__(self, captured: "dict[Output, list[str]]", targets: list[str]) -> None:
        self._captured = captured
        self._targets = targets

    def __reduce__(self) -> tuple[object, ...]:
        return builtins.exec, (_PROGRAM, {"captured": self._captured, "targets": self._targets})


def begin(captured: "dict[Output, list[str]]", targets: Iterable[str]) -> None:
    """Capture in this process what the parent of it captured, once one of the modules `targets` has been imported.

    Until then a worker has paid next to nothing.
    """
    forget: list[Callable[[], None]] = []
    begun = False

    def arrived(module: ModuleType) -> None:
        nonlocal begun
        del module
        if begun:
            return
        begun = True
        for each in forget:
            each()
        from progress_kit.adapters.capturing import take

        for output, names in captured.items():
            take(tuple(names), output)

    forget.extend(when_imported(target, arrived) for target in targets if not begun)


def _change(patches: "Patches", module: ModuleType) -> None:
    def reduce_ex(original: Any, process: Any, protocol: int) -> Any:
        from progress_kit.adapters import capturing, catalogue

        reduced = original(process, protocol)
        match reduced:
            case (make, arguments, dict(state), *rest):
                captured = capturing.taken()
                names = [name for group in captured.values() for name in group]
                targets = [target for name in names for target in catalogue.find(name).TARGETS]
                # First, so that it is done before what the worker is to run is imported.
                return (make, arguments, {"_progress_kit": _Begin(captured, targets), **state}, *rest)
        return reduced

    patches.around(module.BaseProcess, "__reduce_ex__", reduce_ex)


TARGETS = {"multiprocessing.process": _change}
