"""XGBoost's trainings as operations: rounds done of how many, and the newest value of each metric.

`xgboost.train` and `xgboost.cv` are captured, and the estimators for scikit-learn that are made of them. A training
that stops early has succeeded, early. Who took `train` out of the package before the capture gives it a
`ProgressCallback`.
"""

import sys
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work, call_with, subclass

if TYPE_CHECKING:
    ProgressCallback: Any


class _Progress(Teller):
    """To be given to `xgboost.train(…, callbacks=[ProgressCallback()])`, or to an estimator."""

    LIBRARY: ClassVar = "xgboost"

    def before_training(self, model: Any) -> Any:
        """Begin an operation."""
        name = "XGBoost.cv" if hasattr(model, "cvfolds") else "XGBoost.train"
        self.begin(name, _rounds(sys._getframe(1)), "rounds")
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Leave the training to others."""
        del model, epoch, evals_log
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Count a round that was done."""
        del model
        self.tell(self._count, epoch, evals_log)
        self.step()
        return False

    def after_training(self, model: Any) -> Any:
        """End the operation."""
        self.end()
        return model

    @staticmethod
    def _count(work: Work, epoch: int, evals_log: Any) -> None:
        work.done = epoch + 1
        for dataset, metrics in evals_log.items():
            for metric, values in metrics.items():
                newest = values[-1]
                work.metrics[f"{dataset} {metric}"] = newest[0] if isinstance(newest, tuple) else newest


def _rounds(frame: FrameType | None) -> Any:
    """Return how many rounds there will be: callbacks are told everything but that."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("xgboost."):
        if "num_boost_round" in frame.f_locals:
            return frame.f_locals["num_boost_round"]
        frame = frame.f_back
    return None


def _change(patches: Patches, module: ModuleType) -> None:
    def train(original: Any, *args: Any, **kwargs: Any) -> Any:
        return call_with(__getattr__("ProgressCallback")(patches=patches), original, args, kwargs)

    for owner in (module, module.training, sys.modules.get("xgboost.sklearn")):
        for name in ("train", "cv"):
            if hasattr(owner, name):
                patches.around(owner, name, train)


def __getattr__(name: str) -> Any:
    return subclass(globals(), name, _Progress, "xgboost.callback", "TrainingCallback")


TARGETS = {"xgboost": _change}
