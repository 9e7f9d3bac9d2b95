"""pandas's `apply`, `map` and `transform` as operations: how often the function was called, of how many rows or groups.

Of `DataFrame`, `Series` and what `groupby` returns, with functions written in Python: those that pandas knows by name,
or runs as a whole, tell nothing in between. `progress_apply` is tqdm's, and seen by ``pk.capture("tqdm")``. As nobody
else asks for a bar here, this is captured only by name.
"""

import functools
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, Final

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.adapters.telling import Work
from progress_kit.tracker.mirror import outside

_GROUPS: Final = "groups"
_ROWS: Final = "rows"
_COLUMNS: Final = "columns"

Count = tuple[int, str] | None
"""How often a function is called, and for what; None if it is called once for all."""


def _rows(frame: Any, kwargs: dict[str, Any], args: tuple[Any, ...]) -> Count:
    if kwargs.get("engine", "python") not in {"python", None} or kwargs.get("by_row") is False:
        return None
    axis = kwargs.get("axis", args[0] if args else 0)
    return (frame.shape[1], _COLUMNS) if axis in {0, "index"} else (frame.shape[0], _ROWS)


def _values(series: Any, kwargs: dict[str, Any], args: tuple[Any, ...]) -> Count:
    del args
    return None if kwargs.get("by_row") is False or kwargs.get("engine") is not None else (len(series), _ROWS)


def _groups(groupby: Any, kwargs: dict[str, Any], args: tuple[Any, ...]) -> Count:
    del args
    return None if kwargs.get("engine") is not None else (groupby.ngroups, _GROUPS)


class _Applied:
    """What is changed of one class."""

    def __init__(self, patches: Patches, owner: Any, count: Callable[..., Count], *verbs: str) -> None:
        self._patches = patches
        self._count = count
        for verb in verbs:
            if hasattr(owner, verb):
                patches.around(owner, verb, functools.partial(self._run, f"{owner.__name__}.{verb}"))

    def _run(self, name: str, original: Any, applied: Any, func: Any = None, *args: Any, **kwargs: Any) -> Any:
        if func is None:  # by keyword, under one of several names
            return original(applied, *args, **kwargs)
        work = self._patches.guarded(self._begin, name, applied, func, args, kwargs)
        if work is None:
            return original(applied, func, *args, **kwargs)

        @functools.wraps(func)
        def counted(*each: Any, **more: Any) -> Any:
            work.step()
            result = func(*each, **more)
            work.done += 1
            return result

        try:
            return original(applied, counted, *args, **kwargs)
        finally:
            self._patches.guarded(self._end, work, sys.exception())

    def _begin(self, name: str, applied: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work | None:
        caller = str(outside(sys._getframe(1), "functools").f_globals.get("__name__"))
        count = self._count(applied, kwargs, args) if isinstance(func, FunctionType) else None
        if count is None or caller.startswith("pandas."):  # that is a part of what is counted already
            return None
        total, unit = count
        work = Work(total)
        self._patches.begin(work, Work.look, name, unit, library="pandas", steps=("step",))
        return work

    @staticmethod
    def _end(work: Work, error: BaseException | None) -> None:
        if error is None:
            work.total = work.done  # it may be called once more, to see what it returns, or less often
        mirror = mirror_of(work)
        if mirror is not None:
            mirror.close(error)


def _change(patches: Patches, module: ModuleType) -> None:
    _Applied(patches, module.DataFrame, _rows, "apply")
    _Applied(patches, module.Series, _values, "apply", "map")
    generic = module.core.groupby.generic
    for owner in (generic.DataFrameGroupBy, generic.SeriesGroupBy):
        _Applied(patches, owner, _groups, "apply", "transform", "filter")


TARGETS = {"pandas": _change}
