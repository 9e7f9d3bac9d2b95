"""PyTorch Lightning's `Trainer` as operations: `fit`, `validate`, `test` and `predict`.

A fit counts epochs, in parts as their batches are done, or steps where only `max_steps` is given, with the batches and
those of the validation as nested counters and what is shown in its progress bar as metrics; the others count batches.
A pause waits, and a cancel is raised, before the next batch. In a distributed training the first process alone
reports. Tested by contract in CI, since PyTorch is too large for it; against the real library (2.6 with PyTorch 2.13)
by hand.
"""

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from progress_kit import clock
from progress_kit.adapters.covering import cover
from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work, named, subclass
from progress_kit.tracker.seen import Part

if TYPE_CHECKING:
    ProgressCallback: Any

_BATCHES: Final = "batches"
_VALIDATION: Final = "validation"
_METRICS_EVERY_S: Final = 0.2
"""To ask for metrics may wait for the device."""
_VERBS: Final = ("fit", "validate", "test", "predict")


class _Progress(Teller):
    """To be given to `Trainer(…, callbacks=[ProgressCallback()])`."""

    LIBRARY: ClassVar = "lightning"
    _asked = 0.0
    _first = 0
    _evaluated = 0

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Begin an operation."""
        if trainer.is_global_zero:
            self._evaluated, self._asked = 0, 0.0
            verb = getattr(stage, "value", stage)
            self.begin(f"{type(pl_module).__name__}.{verb}", None, "" if verb == "fit" else _BATCHES)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """End the operation."""
        del trainer, pl_module, stage
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End the operation."""
        del trainer, pl_module
        self.end(exception)

    # ---------------------------------------------------------------- fit

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Say how much there is to do."""
        del pl_module
        self.tell(self._begin_fit, trainer)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin with the first batch again."""
        del pl_module
        self.tell(self._begin_epoch, trainer)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Wait or stop here, if somebody asked for that."""
        del trainer, pl_module, batch, batch_idx
        self.step()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count a batch."""
        del pl_module, outputs, batch
        self.tell(self._count_batch, trainer, batch_idx + 1)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count an epoch."""
        del pl_module
        self.tell(self._end_epoch, trainer)

    def _begin_fit(self, work: Work, trainer: Any) -> None:
        by_epochs = _is_limit(trainer.max_epochs)
        self._first = trainer.current_epoch if by_epochs else trainer.global_step
        limit = trainer.max_epochs if by_epochs else trainer.max_steps
        work.total = limit - self._first if _is_limit(limit) else None
        work.unit = "epochs" if by_epochs else "steps"

    @staticmethod
    def _begin_epoch(work: Work, trainer: Any) -> None:
        work.message = f"epoch {trainer.current_epoch + 1}"
        work.parts[_BATCHES] = Part(_BATCHES, 0, trainer.num_training_batches)

    def _count_batch(self, work: Work, trainer: Any, done: int) -> None:
        batches = trainer.num_training_batches  # infinite where that is unknown
        work.parts[_BATCHES] = Part(_BATCHES, done, batches)
        if work.unit == "steps":
            work.done = trainer.global_step - self._first
        elif batches:
            work.done = trainer.current_epoch - self._first + min(done / batches, 0.9999)
        now = clock.monotonic()
        if now - self._asked >= _METRICS_EVERY_S:
            self._asked = now
            work.metrics.update(named(trainer.progress_bar_metrics))

    def _end_epoch(self, work: Work, trainer: Any) -> None:
        if work.unit == "epochs":
            work.done = trainer.current_epoch + 1 - self._first
        work.metrics.update(named(trainer.progress_bar_metrics))

    # ---------------------------------------------------------------- validate, test, predict

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a counter of a fit, or say how much there is to do."""
        del pl_module
        batches = trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
        self._begin_evaluation(trainer, batches)

    def on_test_start(self, trainer: Any, pl_module: Any) -> None:
        """Say how much there is to do."""
        del pl_module
        self._begin_evaluation(trainer, trainer.num_test_batches)

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Say how much there is to do."""
        del pl_module
        self._begin_evaluation(trainer, trainer.num_predict_batches)

    def _begin_evaluation(self, trainer: Any, batches: Any) -> None:
        self._evaluated = 0
        total = sum(batches) if isinstance(batches, Iterable) else batches
        self.tell(self._count_evaluated, trainer, total)

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Wait or stop here, if somebody asked for that."""
        del args, kwargs
        self.step()

    on_test_batch_start = on_predict_batch_start = on_validation_batch_start

    def on_validation_batch_end(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        """Count a batch."""
        del args, kwargs
        self._evaluated += 1
        self.tell(self._count_evaluated, trainer)

    on_test_batch_end = on_predict_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Take over what was found."""
        del pl_module
        self.tell(self._end_evaluation, trainer)

    on_test_end = on_validation_end

    def _count_evaluated(self, work: Work, trainer: Any, total: Any = None) -> None:
        if trainer.state.fn == "fit":
            before = work.parts.get(_VALIDATION)
            total = before.total if total is None and before is not None else total
            work.parts[_VALIDATION] = Part(_VALIDATION, self._evaluated, total)
        else:
            work.done = self._evaluated
            work.total = work.total if total is None else total

    @staticmethod
    def _end_evaluation(work: Work, trainer: Any) -> None:
        work.parts.pop(_VALIDATION, None)
        if not trainer.sanity_checking:
            work.metrics.update(named(trainer.callback_metrics))


def _is_limit(number: Any) -> bool:
    return isinstance(number, int) and number >= 0


def _change(patches: Patches, module: ModuleType) -> None:
    package = module.__name__.removesuffix(".trainer.trainer")

    def run(original: Any, trainer: Any, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(each, _Progress) for each in trainer.callbacks):
            return original(trainer, *args, **kwargs)
        progress = _class_of(package)(patches=patches)
        progress.LIBRARY = package.partition(".")[0]
        bar = trainer.progress_bar_callback if patches.output == "ours" else None
        trainer.callbacks.insert(0, progress)
        if bar is not None:
            bar.disable()
        try:
            with progress:
                return original(trainer, *args, **kwargs)
        finally:
            trainer.callbacks.remove(progress)
            if bar is not None:
                bar.enable()

    cover(patches, f"{package}.callbacks.progress")
    for verb in _VERBS:
        patches.around(module.Trainer, verb, run)


def _class_of(package: str) -> Any:
    """Return the class for one of the two packages that Lightning comes as."""
    if package == "lightning.pytorch":
        return __getattr__("ProgressCallback")
    return subclass(_other_home, "ProgressCallback", _Progress, f"{package}.callbacks", "Callback")


_other_home: Final[dict[str, Any]] = {"__name__": __name__}


def __getattr__(name: str) -> Any:
    return subclass(globals(), name, _Progress, "lightning.pytorch.callbacks", "Callback")


TARGETS = {"lightning.pytorch.trainer.trainer": _change, "pytorch_lightning.trainer.trainer": _change}
