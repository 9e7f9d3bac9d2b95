"""Calls of `joblib.Parallel` as operations: how many of their tasks are done, with every backend.

The total is known for a sized input, and else once the last task was handed out. A call inside of a task that runs in
another thread or process is an operation of its own, whose parent is the call around it. A cancel ends a call as a
failed task does; a pause is possible with ``n_jobs=1`` alone.
"""

from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker import context
from progress_kit.tracker.seen import Seen

if TYPE_CHECKING:
    from progress_kit.tracker.mirror import Mirror

_CALL: Final = "_progress_kit_call"
_PARENT: Final = "_progress_kit_parent"
_around: Final[ContextVar[str | None]] = ContextVar("progress_kit.joblib", default=None)
"""The id of the operation that the task belongs to that is running here."""


class _Call:
    """One call of a `Parallel`, which may be called again and again."""

    def __init__(self, parallel: Any) -> None:
        self._parallel = parallel

    def look(self) -> Seen:
        """Return how far it is."""
        parallel = self._parallel
        total = parallel.n_tasks
        if total is None and getattr(parallel, "_original_iterator", None) is None:
            total = parallel.n_dispatched_tasks or None
        return Seen(parallel.n_completed_tasks, total)

    def cancel(self) -> None:
        """Let the thread that waits for results look up."""
        self._parallel._aborting = True  # noqa: SLF001 - what a failed task sets


class _Calls:
    """What is changed of `joblib.parallel`."""

    def __init__(self, patches: Patches, module: ModuleType) -> None:
        self._patches = patches
        patches.around(module.Parallel, "_get_outputs", self._parallel)
        patches.around(module.Parallel, "_get_sequential_output", self._sequential)
        patches.around(module.Parallel, "_raise_error_fast", self._raise_error)
        patches.around(module.Parallel, "_print", self._print)
        patches.around(module.Parallel, "_dispatch", self._dispatch)
        patches.around(module.BatchedCalls, "__reduce__", self._reduce)
        patches.around(module.BatchedCalls, "__call__", self._run_batch)

    def _begin(self, parallel: Any) -> "tuple[_Call, Mirror[_Call]] | None":
        parent = _around.get() if context.stage() is None else None
        if parallel._backend.nesting_level and context.stage() is None and parent is None:  # noqa: SLF001 - nothing else tells
            return None  # in a task of a call that was not seen
        call = _Call(parallel)
        on_cancel = call.cancel
        mirror = self._patches.begin(call, _Call.look, "", "tasks", library="joblib", on_cancel=on_cancel)
        if parent is not None:
            mirror.operation.belong_to(parent)
        return call, mirror

    def _parallel(self, original: Any, parallel: Any, *args: Any) -> Iterator[Any]:
        begun = self._patches.guarded(self._begin, parallel)
        if begun is None:
            yield from original(parallel, *args)
            return
        call, _ = begun
        setattr(parallel, _CALL, call)
        try:
            yield from original(parallel, *args)
        finally:
            if getattr(parallel, _CALL, None) is call:
                delattr(parallel, _CALL)
            self._patches.end(call)

    def _sequential(self, original: Any, parallel: Any, iterable: Any) -> Iterator[Any]:
        begun = self._patches.guarded(self._begin, parallel)
        if begun is None:
            yield from original(parallel, iterable)
            return
        call, mirror = begun
        try:
            yield from original(parallel, mirror.steer(iterable))
        finally:
            self._patches.end(call)

    def _raise_error(self, original: Any, parallel: Any) -> Any:
        result = original(parallel)
        mirror = mirror_of(getattr(parallel, _CALL, None))
        if mirror is not None and mirror.operation.cancelled:
            mirror.raise_if_cancelled()
        return result

    def _print(self, original: Any, parallel: Any, message: Any, *args: Any) -> Any:
        if self._patches.output == "ours" and str(message).startswith("Done "):
            return None
        return original(parallel, message, *args)

    # ---------------------------------------------------------------- what the tasks of a call belong to

    def _dispatch(self, original: Any, parallel: Any, batch: Any) -> Any:
        mirror = mirror_of(getattr(parallel, _CALL, None))
        if mirror is not None:
            setattr(batch, _PARENT, mirror.id)
        return original(parallel, batch)

    @staticmethod
    def _reduce(original: Any, batch: Any) -> Any:
        reduced = original(batch)
        parent = getattr(batch, _PARENT, None)
        # Where nobody captures, it is an attribute that nobody reads.
        return reduced if parent is None else (*reduced, {_PARENT: parent})

    @staticmethod
    def _run_batch(original: Any, batch: Any) -> Any:
        before = _around.set(getattr(batch, _PARENT, None))
        try:
            return original(batch)
        finally:
            _around.reset(before)


TARGETS = {"joblib.parallel": _Calls}
