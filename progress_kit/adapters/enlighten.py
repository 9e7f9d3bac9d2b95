"""enlighten's counters as operations."""

import sys
from types import ModuleType
from typing import Any, Final

from progress_kit import clock
from progress_kit.adapters.patches import Patches
from progress_kit.tracker.seen import Seen


class _Shown:
    """Stands for a counter, which has no room for anything of ours."""

    def __init__(self, counter: Any, *, hidden: bool) -> None:
        self.counter = counter
        self.hidden = hidden

    def update(self) -> None:
        """Called now and then while the counter counts; it waits in a pause, and raises when that is cancelled."""


_shown: Final[dict[int, _Shown]] = {}


def _change_counter(patches: Patches, module: ModuleType) -> None:
    update = module.Counter.update.__code__

    def init(original: Any, counter: Any, *args: Any, **kwargs: Any) -> None:
        original(counter, *args, **kwargs)
        patches.guarded(begin, counter)

    def begin(counter: Any) -> None:
        if counter.enabled:
            shown = _shown[id(counter)] = _Shown(counter, hidden=patches.output == "ours")
            patches.begin(shown, _look, counter.desc, counter.unit, library="enlighten", steps=("update",))

    def refresh(original: Any, counter: Any, *args: Any, **kwargs: Any) -> Any:
        # That is ten times a second at most.
        shown = _shown.get(id(counter))
        if shown is not None and sys._getframe(2).f_code is update:
            shown.update()
        if shown is not None and shown.hidden:
            counter.last_update = clock.wall()
            return None
        return original(counter, *args, **kwargs)

    def close(original: Any, counter: Any, *args: Any, **kwargs: Any) -> Any:
        _end(patches, counter)
        result = original(counter, *args, **kwargs)
        _shown.pop(id(counter), None)
        return result

    patches.around(module.Counter, "__init__", init)
    patches.around(module.Counter, "refresh", refresh)
    patches.around(module.Counter, "close", close)
    patches.on_release(_shown.clear)


def _change_manager(patches: Patches, module: ModuleType) -> None:
    def stop(original: Any, manager: Any) -> Any:
        for counter in tuple(manager.counters):
            _end(patches, counter)
        result = original(manager)
        for counter in tuple(manager.counters):
            _shown.pop(id(counter), None)
        return result

    patches.around(module.Manager, "stop", stop)


def _end(patches: Patches, counter: Any) -> None:
    shown = _shown.get(id(counter))
    if shown is not None:
        patches.end(shown)


def _look(shown: _Shown) -> Seen:
    return Seen(shown.counter.count, shown.counter.total, shown.counter.desc or "")


TARGETS = {"enlighten._counter": _change_counter, "enlighten._manager": _change_manager}
