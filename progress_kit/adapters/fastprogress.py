"""fastprogress's bars as operations; the bars inside of a master bar are its nested counters."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.seen import Seen

_SITE: Final = "_progress_kit_site"


class _Bars:
    """What is changed of `fastprogress`."""

    def __init__(self, patches: Patches, module: ModuleType) -> None:
        self._patches = patches
        patches.around(module.ProgressBar, "__iter__", self._iterate)
        patches.around(module.MasterBar, "__iter__", self._iterate_master)
        patches.around(module.ProgressBar, "on_iter_begin", self._began)
        patches.around(module.ProgressBar, "on_iter_end", self._ended)

    def _iterate(self, original: Any, bar: Any) -> Iterator[Any]:
        if getattr(bar, _SITE, None) is None:
            setattr(bar, _SITE, CallSite.of(sys._getframe(2)))
        return self._follow(original, bar)

    def _follow(self, original: Any, bar: Any) -> Iterator[Any]:
        items = bar.gen
        try:
            yield from original(bar)
        finally:
            bar.gen = items
            setattr(bar, _SITE, None)
            self._patches.end(bar)

    def _iterate_master(self, original: Any, master: Any) -> Any:
        setattr(master.main_bar, _SITE, CallSite.of(sys._getframe(2)))
        return original(master)

    def _began(self, original: Any, bar: Any) -> Any:
        if self._patches.output == "ours":
            bar.display = False
        self._patches.guarded(self._begin, bar)
        return original(bar)

    def _begin(self, bar: Any) -> None:
        if mirror_of(bar) is None:
            mirror = self._patches.begin(bar, _look, bar.comment, library="fastprogress", steps=("update",))
            site = getattr(bar, _SITE, None)
            if site is not None:
                mirror.watch(site)
                # The bar itself knows only what it has drawn.
                bar.gen = mirror.steer(bar.gen)

    def _ended(self, original: Any, bar: Any) -> Any:
        self._patches.end(bar)
        return original(bar)


def _look(bar: Any) -> Seen:
    return Seen(bar.last_v or 0, bar.total, bar.comment)


TARGETS = {"fastprogress.fastprogress": _Bars}
