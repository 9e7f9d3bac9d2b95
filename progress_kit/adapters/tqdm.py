"""tqdm's bars as operations, those of its subclasses too, in whatever library they are."""

import sys
from types import ModuleType
from typing import Any, Final

from progress_kit.adapters.covering import is_covered
from progress_kit.adapters.nowhere import NOWHERE
from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.mirror import outside
from progress_kit.tracker.seen import Seen

_FILE: Final = 4
"""The place of `file` among the arguments."""


def _change(patches: Patches, module: ModuleType) -> None:
    def init(original: Any, bar: Any, *args: Any, **kwargs: Any) -> None:
        hidden = patches.output == "ours" and not _is_ours(bar)
        if hidden and len(args) > _FILE:
            args = (*args[:_FILE], NOWHERE, *args[_FILE + 1 :])
        elif hidden:
            kwargs["file"] = NOWHERE
        original(bar, *args, **kwargs)
        patches.guarded(begin, bar)

    def begin(bar: Any) -> None:
        if bar.disable or _is_ours(bar) or is_covered(outside(sys._getframe(1), "tqdm").f_globals.get("__name__")):
            return
        unit = {"it": "", "iB": "B"}.get(bar.unit, bar.unit)  # binary prefixes are for its own text
        patches.begin(bar, _look, bar.desc, unit, library="tqdm", steps=("update",))

    def close(original: Any, bar: Any) -> Any:
        # Before it closes: then it is still the loop, or the exception, that ends it.
        if not getattr(bar, "disable", True):
            patches.end(bar)
        return original(bar)

    def dropped(original: Any, bar: Any) -> None:
        mirror = mirror_of(bar)
        if mirror is not None:
            patches.guarded(mirror.left_here)
        original(bar)

    patches.around(module.tqdm, "__init__", init)
    patches.around(module.tqdm, "__iter__", _iterate)
    patches.around(module.tqdm, "close", close)
    patches.around(module.tqdm, "__del__", dropped)


def _change_notebook(patches: Patches, module: ModuleType) -> None:
    def init(original: Any, bar: Any, *args: Any, **kwargs: Any) -> None:
        if patches.output == "ours":
            kwargs["display"] = False
        original(bar, *args, **kwargs)

    patches.around(module.tqdm_notebook, "__init__", init)
    patches.around(module.tqdm_notebook, "__iter__", _iterate)


def _change_asyncio(patches: Patches, module: ModuleType) -> None:
    patches.around(module.tqdm_asyncio, "__aiter__", _iterate)


def _iterate(original: Any, bar: Any) -> Any:
    """Remember where the loop is, whose frame tells how it is left."""
    mirror = mirror_of(bar)
    frame = sys._getframe(2)  # the first one is that which stands for the original
    if mirror is not None and outside(frame, "tqdm") is frame:
        mirror.watch(CallSite.of(frame))
    return original(bar)


def _look(bar: Any) -> Seen:
    pairs = (part.partition("=") for part in str(bar.postfix or "").split(", "))
    found = {key.strip(): value.strip() for key, equals, value in pairs if equals}
    metrics = {key: number for key, value in found.items() if (number := _number(value)) is not None}
    said = str(bar.postfix or "") if len(metrics) < len(found) or not found else ""
    return Seen(bar.n, bar.total, str(bar.desc or "").strip().removesuffix(":"), said, metrics)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_ours(bar: object) -> bool:
    """Whether it is an operation already: one of the drop-in's."""
    return any(each.__module__.startswith("progress_kit.tqdm.") for each in type(bar).__mro__)


TARGETS = {"tqdm.std": _change, "tqdm.notebook": _change_notebook, "tqdm.asyncio": _change_asyncio}
