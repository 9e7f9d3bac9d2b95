"""Hugging Face's `Trainer` as operations: steps done of how many, with what is logged as metrics.

An evaluation within a training is a nested counter of it, any other an operation of its own. A pause waits, and a
cancel is raised, after the next step. In a distributed training the first process alone reports. Tested by contract in
CI, since PyTorch is too large for it; against the real library (5.24 with PyTorch 2.13) by hand.
"""

from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from progress_kit.adapters.covering import cover
from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work, named, subclass
from progress_kit.tracker.seen import Part

if TYPE_CHECKING:
    ProgressCallback: Any

_EVALUATION = "evaluation"
_SPEEDS = ("_runtime", "_per_second")
_BARS = frozenset({"ProgressCallback", "NotebookProgressCallback"})


class _Progress(Teller):
    """To be given to `Trainer(…, callbacks=[ProgressCallback()])`."""

    LIBRARY: ClassVar = "transformers"
    _first = 0
    _evaluated = 0
    _trains = False
    verb = "evaluate"
    """What is done where nothing is trained; the library does not tell."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin an operation."""
        del control
        if state.is_world_process_zero:
            self._first, self._evaluated, self._trains = state.global_step, 0, True
            self.begin(_title(kwargs.get("model"), "train"), state.max_steps - self._first, "steps")
            self.tell(self._count, args, state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count a step."""
        del control, kwargs
        self.tell(self._count, args, state)
        self.step()

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait or stop here, if somebody asked for that."""
        del args, state, control, kwargs
        self.step()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Take over what is logged."""
        del args, state, control, kwargs
        self.tell(self._log, logs)

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Count a batch of an evaluation or a prediction."""
        del args, control
        if not state.is_world_process_zero:
            return
        batches = len(eval_dataloader) if hasattr(eval_dataloader, "__len__") else None
        if self.mirror is None:
            self._evaluated, self._trains = 0, False
            self.begin(_title(kwargs.get("model"), self.verb), batches, "batches")
        self._evaluated += 1
        self.tell(self._count_evaluated, batches)
        self.step()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """End an evaluation."""
        del args, state, control, kwargs
        self._end_evaluation(metrics)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """End a prediction."""
        del args, state, control, kwargs
        self._end_evaluation(metrics)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End the operation."""
        del args, state, control, kwargs
        self.end()

    def _count(self, work: Work, args: Any, state: Any) -> None:
        work.done = state.global_step - self._first
        if args.num_train_epochs and state.epoch is not None:
            epochs = max(1, round(args.num_train_epochs))
            work.message = f"epoch {min(int(state.epoch) + 1, epochs)} / {epochs}"

    @staticmethod
    def _log(work: Work, logs: Any) -> None:
        found = named(logs, but=("epoch", "total_flos"))
        work.metrics.update((name, value) for name, value in found.items() if not name.endswith(_SPEEDS))

    def _count_evaluated(self, work: Work, batches: int | None) -> None:
        if self._trains:
            work.parts[_EVALUATION] = Part(_EVALUATION, self._evaluated, batches)
        else:
            work.done = self._evaluated

    def _end_evaluation(self, metrics: Any) -> None:
        self._evaluated = 0
        self.tell(self._log, metrics)
        self.tell(lambda work: work.parts.clear())
        if not self._trains:
            self.end()


def _title(model: Any, verb: str) -> str:
    return f"{'Trainer' if model is None else type(model).__name__}.{verb}"


def _change(patches: Patches, module: ModuleType) -> None:
    def run(verb: str, original: Any, trainer: Any, *args: Any, **kwargs: Any) -> Any:
        callbacks = trainer.callback_handler.callbacks
        if any(isinstance(each, _Progress) for each in callbacks):  # also the evaluations of a training
            return original(trainer, *args, **kwargs)
        progress = __getattr__("ProgressCallback")(patches=patches)
        progress.verb = verb
        hidden = [each for each in callbacks if patches.output == "ours" and type(each).__name__ in _BARS]
        callbacks[:] = [progress, *(each for each in callbacks if each not in hidden)]
        try:
            with progress:
                return original(trainer, *args, **kwargs)
        finally:
            callbacks[:] = [*hidden, *(each for each in callbacks if each is not progress)]

    cover(patches, "transformers.trainer_callback", "transformers.utils.notebook")
    for verb in ("train", "evaluate", "predict"):
        patches.around(module.Trainer, verb, partial(run, verb))


def __getattr__(name: str) -> Any:
    return subclass(globals(), name, _Progress, "transformers", "TrainerCallback")


TARGETS = {"transformers.trainer": _change}
