"""click's progress bars as operations."""

from types import ModuleType
from typing import Any

from progress_kit.adapters.patches import Patches
from progress_kit.tracker.seen import Seen


def _change(patches: Patches, module: ModuleType) -> None:
    def enter(original: Any, bar: Any) -> Any:
        if not bar.hidden:
            bar.hidden = patches.output == "ours"
            patches.guarded(begin, bar)
        return original(bar)

    def begin(bar: Any) -> None:
        mirror = patches.begin(bar, _look, bar.label, library="click", steps=("update",))
        # Without a terminal click itself does not count.
        bar.iter = mirror.steer(bar.iter)

    def leave(original: Any, bar: Any, *error: Any) -> Any:
        patches.end(bar)
        return original(bar, *error)

    patches.around(module.ProgressBar, "__enter__", enter)
    patches.around(module.ProgressBar, "__exit__", leave)


def _look(bar: Any) -> Seen:
    return Seen(bar.pos + bar._completed_intervals, bar.length, bar.label)  # noqa: SLF001 - steps not drawn yet


TARGETS = {"click._termui_impl": _change}
