"""Doing something when a module has been imported, without importing it."""

import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

Arrived = Callable[[ModuleType], None]


class _Finder:
    """Stands before the other finders, and lets one of them find."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Arrived]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.waiting:
            return None
        for finder in tuple(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: ModuleType) -> None:
            if module.__spec__ is not spec:  # a loader of several modules
                execute(module)
                return
            vars(loader).pop("exec_module", None)
            execute(module)
            for arrived in tuple(self.waiting.get(spec.name, ())):
                _tell(arrived, module)

        # Of this loader only; it stays the one that others see.
        loader.exec_module = exec_module  # type: ignore[union-attr, method-assign] # there is one


_finder: Final = _Finder()


def _tell(arrived: Arrived, module: ModuleType) -> None:
    try:
        arrived(module)
    except Exception:
        logging.getLogger("progress_kit").warning(
            "progress_kit: the progress of %s is not shown", module.__name__, exc_info=True
        )


def when_imported(name: str, arrived: Arrived) -> Callable[[], None]:
    """Call `arrived` with the module `name`: now, if it has been imported, and else right after that.

    Return what makes that undone. A module that is reloaded arrives again. What `arrived` raises is a warning in the
    log: the import is somebody else's. It may come in the middle of the import of the whole package.
    """
    if not _finder.waiting:
        sys.meta_path.insert(0, _finder)
    _finder.waiting.setdefault(name, []).append(arrived)
    if name in sys.modules:
        # Another thread may be in the middle of importing it: this waits.
        _tell(arrived, import_module(name))

    def forget() -> None:
        waiting = _finder.waiting.get(name, [])
        if arrived in waiting:
            waiting.remove(arrived)
        if not waiting:
            _finder.waiting.pop(name, None)
        if not _finder.waiting and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)

    return forget
