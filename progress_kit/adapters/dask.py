"""Dask's computations on this machine as operations: how many tasks of the graph are done.

Of the schedulers ``threads``, ``processes`` and ``sync``, by Dask's own callbacks. Those see one computation at a time:
of several that are going on at once, or one within another, the first. A pause waits, and a cancel is raised, between
tasks. What a cluster computes is seen by ``pk.capture("distributed")``.
"""

import sys
import threading
from types import ModuleType
from typing import Any, Final, Self

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.adapters.telling import Work
from progress_kit.tracker.seen import Seen

_UNFINISHED: Final = ("ready", "waiting", "running")


class Computations:
    """The computations that are going on, each in a thread of its own."""

    def __init__(self, patches: Patches, name: str | None = None) -> None:
        self._patches = patches
        self._name = name
        self._here = threading.local()

    def start_state(self, graph: Any, state: Any) -> None:
        """Begin an operation."""
        del graph
        self._patches.guarded(self._begin, state)

    def _begin(self, state: Any) -> None:
        work = self._here.work = _Computation(state)
        name = self._name or "dask.compute"
        self._patches.begin(work, _Computation.look, name, "tasks", library="dask", steps=("step",))

    def pretask(self, key: Any, graph: Any, state: Any) -> None:
        """Wait or stop here, if somebody asked for that."""
        del key, graph, state
        work = getattr(self._here, "work", None)
        if work is not None:
            work.step()

    def posttask(self, key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        """Do the same."""
        del result, worker
        self.pretask(key, graph, state)

    def finish(self, graph: Any, state: Any, failed: Any) -> None:
        """End the operation."""
        del graph, state
        work = getattr(self._here, "work", None)
        self._here.work = None
        if work is not None:
            self._patches.guarded(work.close, sys.exception() if failed else None)

    @property
    def callback(self) -> tuple[Any, ...]:
        """What Dask takes for a callback."""
        return (None, self.start_state, self.pretask, self.posttask, self.finish)


class _Computation(Work):
    def __init__(self, state: Any) -> None:
        super().__init__()
        self._state = state

    def look(self) -> Seen:
        """Return how far it is."""
        state = self._state
        done = len(state["finished"])
        return Seen(done, done + sum(len(state[each]) for each in _UNFINISHED))

    def close(self, error: BaseException | None) -> None:
        """End it."""
        mirror = mirror_of(self)
        if mirror is not None:
            mirror.close(error)


class ProgressCallback:
    """To be used as ``with ProgressCallback(): x.compute()``, like Dask's `ProgressBar`."""

    def __init__(self, name: str | None = None) -> None:
        self._computations = Computations(Patches("dask", "ours"), name)
        self._added: Any = None

    def __enter__(self) -> Self:
        from dask.callbacks import add_callbacks

        self._added = add_callbacks(self._computations.callback)  # type: ignore[no-untyped-call] # it has no types
        self._added.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._added.__exit__(*raised)


def _change(patches: Patches, module: ModuleType) -> None:
    callback = Computations(patches).callback
    active = module.Callback.active
    active.add(callback)

    def take_back() -> None:
        # It is another set while something is computed, in whatever thread.
        for each in (active, module.Callback.active):
            each.discard(callback)

    patches.on_release(take_back)


def _change_bar(patches: Patches, module: ModuleType) -> None:
    def draw(original: Any, bar: Any, *args: Any, **kwargs: Any) -> Any:
        return None if patches.output == "ours" else original(bar, *args, **kwargs)

    def finish(original: Any, bar: Any, *args: Any, **kwargs: Any) -> Any:
        file = bar._file  # noqa: SLF001 - it would end a line that was not begun
        if patches.output == "ours":
            bar._file = None  # noqa: SLF001 - as above
        try:
            return original(bar, *args, **kwargs)
        finally:
            bar._file = file  # noqa: SLF001 - as above

    patches.around(module.ProgressBar, "_draw_bar", draw)
    patches.around(module.ProgressBar, "_finish", finish)


TARGETS = {"dask.callbacks": _change, "dask.diagnostics.progress": _change_bar}
