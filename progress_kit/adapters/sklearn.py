"""Fits of scikit-learn's estimators as operations, by the callback API of scikit-learn 1.9.

What an estimator tells is counted: the fits of a search, the steps of a pipeline, the iterations of a solver. An
estimator that tells nothing is no operation, and nothing can be done about that from outside; joblib's calls inside of
it are seen by ``pk.capture("joblib")``. Fits inside of a fit are nested counters where they run in its thread. A solver
that converges before its last iteration has done all of its work. A pause waits, and a cancel is raised, after a task
that runs in this process; those in other processes end first. scikit-learn before 1.9 has no such API.
"""

import sys
import threading
from types import ModuleType
from typing import Any, ClassVar, Final

from progress_kit.adapters.covering import cover
from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work
from progress_kit.tracker import context as places

NEEDS: Final = ("scikit-learn", 1, 9)
"""The lowest version that can be captured."""

Path = tuple[object, ...]


class ProgressCallback(Teller):
    """To be given to `estimator.set_callbacks(ProgressCallback())`, on the outermost estimator."""

    LIBRARY: ClassVar = "sklearn"

    def __init__(self, name: str | None = None, *, patches: Patches | None = None) -> None:
        super().__init__(name, patches=patches)
        self._lock = threading.Lock()  # tasks may run in threads
        self._ended: dict[Path, int] = {}
        self._listener: Any = None

    # ---------------------------------------------------------------- what scikit-learn calls

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin an operation."""
        self._ended.clear()
        if context.max_subtasks != 0:
            self.begin(f"{type(estimator).__name__}.fit", context.max_subtasks, "tasks")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Take in how many tasks this one is made of."""
        del estimator
        self.hear(("begin", *_seen(context)))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Count it."""
        del estimator
        self.hear(("end", *_seen(context)))
        self.step()

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the operation."""
        del context
        error = sys.exception()
        if self._is_captured:
            self._patches.guarded(_take_back, estimator, self)
        self._patches.guarded(self._close_listener)
        if error is None:
            self.tell(self._complete)
        self.end(error)

    # ---------------------------------------------------------------- counting

    def hear(self, told: tuple[str, str, Path, int | None]) -> None:
        """Take in what was told, here or in a worker."""
        with self._lock:
            self.tell(self._count, *told)

    def _count(self, work: Work, event: str, name: str, path: Path, tasks: int | None) -> None:
        if not path:  # the fit itself
            return
        if event == "begin":
            self._ended[path] = 0
            if tasks != 0:  # so many in place of this one
                work.total = None if tasks is None or work.total is None else work.total + tasks - 1  # type: ignore[operator] # it is a number
            return
        ended = self._ended.pop(path, 0)
        # One that has not done all that it was made of, since it converged, has done all of it.
        done = max(1, tasks or ended) - ended
        work.done += done
        work.message = name
        for length in range(1, len(path)):
            if path[:length] in self._ended:
                self._ended[path[:length]] += done

    @staticmethod
    def _complete(work: Work) -> None:
        work.total = work.done = work.total if isinstance(work.total, int) else work.done

    # ---------------------------------------------------------------- in other processes

    def __reduce__(self) -> tuple[Any, ...]:
        if self.mirror is None:
            return super().__reduce__()
        # The task goes to a worker: what is told there comes back as scikit-learn's own callbacks send it.
        if self._listener is None:
            from sklearn.callback import _transport  # type: ignore[import-untyped] # it ships none

            self._listener = _transport.open_listener(self.hear)
        return _Away, (self._listener,)

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            from sklearn.callback import _transport

            _transport.close_listener(listener)


class _Away:
    """Stands for a callback in a worker's process."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing begins here."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Tell of it."""
        del estimator
        self._send("begin", context)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Tell of it."""
        del estimator
        self._send("end", context)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing ends here."""

    def _send(self, event: str, context: Any) -> None:
        from sklearn.callback import _transport

        _AWAY.guarded(_transport.send, self._listener, (event, *_seen(context)))


_AWAY: Final = Patches("sklearn", "theirs")
"""Warns in a worker."""


def _seen(context: Any) -> tuple[str, Path, int | None]:
    """Return a task's name, its place below the fit of its estimator, and of how many tasks it is made."""
    path: list[object] = []
    each = context
    while each.parent is not None and each.source_estimator_name is None:
        path.insert(0, each.task_id)
        each = each.parent
    return str(context.task_name), tuple(path), context.max_subtasks


def _take_back(estimator: Any, callback: ProgressCallback) -> None:
    left = [each for each in estimator._skl_callbacks if each is not callback]  # noqa: SLF001 - `set_callbacks` may refuse
    if left:
        estimator._skl_callbacks = left  # noqa: SLF001 - as above
    else:
        del estimator._skl_callbacks  # noqa: SLF001 - as above


def _change(patches: Patches, module: ModuleType) -> None:
    def init(original: Any, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        patches.guarded(add, estimator)
        return original(estimator, *args, **kwargs)

    def add(estimator: Any) -> None:
        before = list(getattr(estimator, "_skl_callbacks", ()))
        inner = hasattr(estimator, "_parent_callback_ctx")
        if any(isinstance(each, ProgressCallback | _Away) for each in before):
            return
        if not inner or places.stage() is not None:  # a fit in a worker is its search's to count
            estimator._skl_callbacks = [*before, ProgressCallback(patches=patches)]  # noqa: SLF001 - see above

    cover(patches, "sklearn.callback")
    patches.around(module.CallbackSupportMixin, "_init_callback_context", init)


TARGETS = {"sklearn.callback._callback_support": _change}
