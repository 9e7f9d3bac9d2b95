"""Keras's `fit`, `evaluate` and `predict` as operations.

A fit counts epochs, in parts as its batches are done, with the batches and those of the validation as nested counters
and the logs as metrics; the others count batches. One that stops early has succeeded, early. A pause waits, and a
cancel is raised, before the next batch. Of Keras 3, with every backend. Tested by contract in CI, since a backend is
too large for it; against the real library (3.15 with JAX) by hand.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work, call_with, named, subclass
from progress_kit.tracker.seen import Part

if TYPE_CHECKING:
    ProgressCallback: Any

_BATCHES = "batches"
_VALIDATION = "validation"


class _Progress(Teller):
    """To be given to `model.fit(…, callbacks=[ProgressCallback()])`, to `evaluate` or to `predict`."""

    LIBRARY: ClassVar = "keras"
    async_safe = True  # so batches go on without waiting for it
    params: dict[str, Any] | None
    _model: Any
    _first = 0
    _steps: int | None = None

    # ---------------------------------------------------------------- fit

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin an operation."""
        del logs
        self._first, self._steps = 0, self._param("steps")
        self._begin_named("fit", self._param("epochs"), "epochs")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin with the first batch again."""
        del logs
        self.tell(self._begin_epoch, epoch)
        self.step()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Wait or stop here, if somebody asked for that."""
        del batch, logs
        self.step()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        self.tell(self._count_batch, batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count an epoch."""
        self.tell(self._end_epoch, epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """End the operation."""
        del logs
        self.end()

    def _begin_epoch(self, work: Work, epoch: int) -> None:
        if epoch and not work.parts:  # a fit that goes on where an earlier one ended
            self._first = epoch
            if isinstance(work.total, int):
                work.total -= epoch
        work.message = f"epoch {epoch + 1}"
        work.parts[_BATCHES] = Part(_BATCHES, 0, self._steps)

    def _count_batch(self, work: Work, done: int, logs: Any) -> None:
        if self._steps:
            work.done = int(work.done) + min(done / self._steps, 0.9999)
        work.parts[_BATCHES] = Part(_BATCHES, done, self._steps)
        work.metrics.update(named(logs))

    def _end_epoch(self, work: Work, epoch: int, logs: Any) -> None:
        work.done = epoch + 1 - self._first
        done = work.parts[_BATCHES].done
        if self._steps is None and isinstance(done, int):
            self._steps = done  # as many as in the next one
        work.metrics.update(named(logs))

    # ---------------------------------------------------------------- evaluate, and the validation of a fit

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin an operation, or a counter of a fit."""
        del logs
        if self.mirror is None:
            self._begin_named("evaluate", self._param("steps"), _BATCHES)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Wait or stop here, if somebody asked for that."""
        del batch, logs
        self.step()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        self.tell(self._count_test, batch + 1, logs)

    def on_test_end(self, logs: Any = None) -> None:
        """End the operation, or the counter."""
        del logs
        self.tell(self._end_test)
        if not self._is_fitting:
            self.end()

    def _count_test(self, work: Work, done: int, logs: Any) -> None:
        if _BATCHES in work.parts:
            work.parts[_VALIDATION] = Part(_VALIDATION, done)
        else:
            work.done = done
            work.metrics.update(named(logs))

    @property
    def _is_fitting(self) -> bool:
        return self._work is not None and _BATCHES in self._work.parts

    @staticmethod
    def _end_test(work: Work) -> None:
        work.parts.pop(_VALIDATION, None)

    # ---------------------------------------------------------------- predict

    def on_predict_begin(self, logs: Any = None) -> None:
        """Begin an operation."""
        del logs
        if self.mirror is None:
            self._begin_named("predict", self._param("steps"), _BATCHES)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Wait or stop here, if somebody asked for that."""
        del batch, logs
        self.step()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        del logs
        self.tell(self._count_test, batch + 1, None)

    def on_predict_end(self, logs: Any = None) -> None:
        """End the operation."""
        del logs
        if not self._is_fitting:
            self.end()

    def _param(self, name: str) -> Any:
        return (self.params or {}).get(name)

    def _begin_named(self, verb: str, total: Any, unit: str) -> None:
        # `model` itself would bring its state back from the device.
        self.begin(f"{getattr(self._model, 'name', None) or 'model'}.{verb}", total, unit)


def _change(patches: Patches, module: ModuleType) -> None:
    def run(original: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(kwargs.get("callbacks"), "callbacks"):  # all of a fit's, for its validation, or somebody's own list
            return original(*args, **kwargs)
        progress = __getattr__("ProgressCallback")(patches=patches)
        changes = {"verbose": 0} if patches.output == "ours" else {}
        return call_with(progress, original, args, kwargs, changes)

    for verb in ("fit", "evaluate", "predict"):
        patches.around(module.Model, verb, run)


def __getattr__(name: str) -> Any:
    return subclass(globals(), name, _Progress, "keras.callbacks", "Callback")


TARGETS = {"keras": _change}
