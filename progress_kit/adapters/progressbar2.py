"""progressbar2's bars as operations."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from progress_kit.adapters.nowhere import NOWHERE
from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.seen import Seen


class _Bars:
    """What is changed of `progressbar.bar`."""

    def __init__(self, patches: Patches, module: ModuleType) -> None:
        self._patches = patches
        patches.around(module.ProgressBar, "start", self._start)
        patches.around(module.ProgressBar, "__iter__", self._iterate)
        patches.around(module.ProgressBar, "finish", self._finish)

    def _start(self, original: Any, bar: Any, *args: Any, **kwargs: Any) -> Any:
        if self._patches.output == "ours":
            bar.fd = NOWHERE
        name = bar.prefix  # which it then makes a widget of
        result = original(bar, *args, **kwargs)
        self._patches.guarded(self._begin, bar, name)
        return result

    def _begin(self, bar: Any, name: str | None) -> None:
        if mirror_of(bar) is None:
            self._patches.begin(bar, _look, name, library="progressbar", steps=("update",))

    def _iterate(self, original: Any, bar: Any) -> Any:
        if bar.start_time is None:
            bar.start()  # as it would do at the first item
        mirror = mirror_of(bar)
        if mirror is not None and bar._iterable is not None:  # noqa: SLF001 - what it loops over
            mirror.watch(CallSite.of(sys._getframe(2)))
            bar._iterable = mirror.steer(bar._iterable)  # noqa: SLF001 - as above
        return self._follow(original, bar)

    def _follow(self, original: Any, bar: Any) -> Iterator[Any]:
        try:
            yield from original(bar)
        finally:
            # After most errors it would not finish.
            self._patches.end(bar)

    def _finish(self, original: Any, bar: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("dirty", len(args) > 1 and args[1]):
            self._patches.end(bar)
        result = original(bar, *args, **kwargs)
        self._patches.end(bar)
        return result


def _look(bar: Any) -> Seen:
    first = bar.min_value or 0
    total = bar.max_value - first if isinstance(bar.max_value, int | float) else None
    return Seen(bar.value - first, total)


TARGETS = {"progressbar.bar": _Bars}
