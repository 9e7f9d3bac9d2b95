"""LightGBM's trainings as operations: rounds done of how many, and the newest value of each metric.

`lightgbm.train` and `lightgbm.cv` are captured, and the estimators for scikit-learn that are made of them. A training
that stops early has succeeded, early. Who took `train` out of the package before the capture gives it a
`ProgressCallback`.
"""

import sys
from types import ModuleType
from typing import Any, ClassVar

from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work, call_with


class ProgressCallback(Teller):
    """To be given to `lightgbm.train(…, callbacks=[ProgressCallback()])`, or to `fit` of an estimator."""

    LIBRARY: ClassVar = "lightgbm"
    before_iteration = False
    order = 5
    """Before the library's own, of which one stops the training."""

    def __call__(self, env: Any) -> None:
        """Count a round that was done."""
        if self.mirror is None or env.iteration == env.begin_iteration:
            name = "LightGBM.cv" if type(env.model).__name__ == "CVBooster" else "LightGBM.train"
            self.begin(name, env.end_iteration - env.begin_iteration, "rounds")
        self.tell(self._count, env)
        self.step()
        if env.iteration + 1 == env.end_iteration:
            self.end()

    @staticmethod
    def _count(work: Work, env: Any) -> None:
        work.done = env.iteration + 1 - env.begin_iteration
        for dataset, metric, value, *_ in env.evaluation_result_list or ():
            work.metrics[f"{dataset} {metric}"] = value


def _change(patches: Patches, module: ModuleType) -> None:
    def train(original: Any, *args: Any, **kwargs: Any) -> Any:
        return call_with(ProgressCallback(patches=patches), original, args, kwargs)

    for owner in (module, module.engine, sys.modules.get("lightgbm.sklearn")):
        for name in ("train", "cv"):
            if hasattr(owner, name):
                patches.around(owner, name, train)


TARGETS = {"lightgbm": _change}
