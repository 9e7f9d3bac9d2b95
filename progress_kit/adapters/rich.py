"""rich's progress displays as operations: the one task is the operation's count, several are its nested counters."""

import operator
import sys
import threading
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final, Generic, TypeVar

from progress_kit.adapters.covering import is_covered
from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.mirror import outside
from progress_kit.tracker.seen import Part, Seen

T = TypeVar("T")

_HIDDEN: Final = "_progress_kit_hidden"


class _Sites(threading.local):
    """Where the loop is whose display begins next in this thread."""

    next: CallSite | None = None


class _Displays:
    """What is changed of `rich.progress`."""

    def __init__(self, patches: Patches, module: ModuleType) -> None:
        self._patches = patches
        self._sites = _Sites()
        patches.around(module.Progress, "__init__", self._init)
        patches.around(module.Progress, "add_task", self._add_task)
        patches.around(module.Progress, "start", self._start)
        patches.around(module.Progress, "stop", self._stop)
        patches.around(module.Progress, "track", self._track_in)
        patches.around(module, "track", self._track)

    def _init(self, original: Any, progress: Any, *args: Any, **kwargs: Any) -> None:
        hidden = self._patches.output == "ours" and not kwargs.get("disable")
        if hidden:
            # Without a thread that draws, loops count each item by themselves.
            kwargs.update(disable=True, auto_refresh=False)
        original(progress, *args, **kwargs)
        setattr(progress, _HIDDEN, hidden)

    def _add_task(self, original: Any, progress: Any, *args: Any, **kwargs: Any) -> Any:
        task = original(progress, *args, **kwargs)
        self._patches.guarded(self._begin, progress)
        return task

    def _start(self, original: Any, progress: Any) -> None:
        original(progress)
        self._patches.guarded(self._begin, progress)

    def _begin(self, progress: Any) -> None:
        tasks = _tasks(progress)
        caller = outside(sys._getframe(1), "rich").f_globals.get("__name__")
        if mirror_of(progress) is not None or caller == "tqdm.rich" or is_covered(caller):  # those are tqdm's
            return
        if (progress.disable and not getattr(progress, _HIDDEN, False)) or all(task.finished for task in tasks):
            return
        site, self._sites.next = self._sites.next, None
        mirror = self._patches.begin(progress, _look, tasks[0].description, library="rich", steps=("update", "advance"))
        if site is not None:
            mirror.watch(site)

    def _stop(self, original: Any, progress: Any) -> None:
        self._patches.end(progress)
        original(progress)

    def _track_in(self, original: Any, progress: Any, sequence: Any, *args: Any, **kwargs: Any) -> Any:
        return original(progress, _Steered(progress, sequence), *args, **kwargs)

    def _track(self, original: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return self._follow(original(*args, **kwargs), CallSite.after_call(sys._getframe(2)))

    def _follow(self, generator: Iterator[T], site: CallSite) -> Iterator[T]:
        self._sites.next = site
        yield from generator


class _Steered(Generic[T]):
    """A sequence that can be stopped from outside, once the display has begun that it is shown by."""

    def __init__(self, progress: object, sequence: Iterable[T]) -> None:
        self._progress = progress
        self._sequence = sequence

    def __iter__(self) -> Iterator[T]:
        mirror = mirror_of(self._progress)
        return iter(self._sequence) if mirror is None else mirror.steer(self._sequence)

    def __length_hint__(self) -> int:
        return operator.length_hint(self._sequence)


def _tasks(progress: Any) -> list[Any]:
    return list(progress._tasks.copy().values())  # noqa: SLF001 - `tasks` waits for who draws


def _look(progress: Any) -> Seen:
    tasks = _tasks(progress)
    if len(tasks) == 1:
        (task,) = tasks
        return Seen(task.completed, task.total, task.description)
    parts = {task.id: Part(task.description, task.completed, task.total) for task in tasks}
    return Seen(sum(map(_fraction, tasks)), len(tasks) or None, parts=parts)


def _fraction(task: Any) -> float:
    return min(1.0, task.completed / task.total) if task.total else float(task.finished)


TARGETS = {"rich.progress": _Displays}
