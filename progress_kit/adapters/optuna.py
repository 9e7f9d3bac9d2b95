"""Optuna's studies as operations: trials done of how many, the best value, and how many failed or were pruned.

A cancel is raised when the next trial ends, a pause waits there. With several jobs all of that holds in their threads,
and what is shown inside of a trial is a nested counter of the study.
"""

import inspect
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from types import ModuleType
from typing import Any, ClassVar

from progress_kit.adapters.covering import cover
from progress_kit.adapters.patches import Patches
from progress_kit.adapters.telling import Teller, Work


class ProgressCallback(Teller):
    """To be given to `study.optimize(…, callbacks=[ProgressCallback(n_trials=100)])`.

    `n_trials` is how many trials there will be, None if that is unknown: a callback is not told. The operation begins
    with the first trial and ends with the last one, or with the callback's ``with`` block.
    """

    LIBRARY: ClassVar = "optuna"

    def __init__(self, name: str | None = None, *, n_trials: int | None = None, patches: Patches | None = None) -> None:
        super().__init__(name, patches=patches)
        self._n_trials = n_trials
        self._not_complete = Counter[str]()
        self._lock = threading.Lock()  # trials of several jobs end in several threads

    def __call__(self, study: Any, trial: Any) -> None:
        """Count a trial that has ended."""
        with self._lock:
            if self.mirror is None:
                self._begin_with(study, trial)
            self.tell(self._count, study, trial)
        self.step()
        if not self._is_captured and self._work is not None and self._work.done == self._n_trials:
            self.end()

    def _begin_with(self, study: Any, trial: Any) -> None:
        self._not_complete.clear()
        self.begin(title(study), self._n_trials, "trials")
        mirror = self.mirror
        if mirror is not None and not mirror.is_nested and trial.duration is not None:
            self._patches.guarded(mirror.operation.backdate, trial.duration.total_seconds())

    def _count(self, work: Work, study: Any, trial: Any) -> None:
        work.done += 1
        state = trial.state.name.lower()
        if state in {"fail", "pruned"}:
            key = {"fail": "failed"}.get(state, state)
            self._not_complete[key] += 1
            work.metrics.update(self._not_complete)
        elif len(study.directions) == 1:
            self._take_best(work, study, trial.value)
        work.message = f"trial {trial.number}"

    @staticmethod
    def _take_best(work: Work, study: Any, value: float) -> None:
        best = work.metrics.get("best")
        if best is None:
            # What an earlier call of a study, or another process, found counts too. Asking costs a look at all trials.
            best = study.best_value
        better: Callable[[Any, Any], object] = max if study.direction.name == "MAXIMIZE" else min
        work.metrics["best"] = better(best, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._name, self._n_trials)


def _again(name: str | None, n_trials: int | None) -> ProgressCallback:
    return ProgressCallback(name, n_trials=n_trials)


def title(study: Any) -> str:
    """Return what a study is called: one that was given no name has one that says nothing."""
    name = str(study.study_name)
    return "Study.optimize" if name.startswith("no-name-") else f"{name}.optimize"


def _change(patches: Patches, module: ModuleType) -> None:
    def optimize(original: Any, *args: Any, **kwargs: Any) -> Any:
        given = patches.guarded(inspect.signature(original).bind, *args, **kwargs)
        if given is None:
            return original(*args, **kwargs)  # which says what is wrong
        arguments = given.arguments
        study, objective = arguments["self"], arguments["func"]
        n_trials = arguments.get("n_trials")
        before = [*(arguments.get("callbacks") or ())]
        arguments["callbacks"] = before
        if any(isinstance(each, ProgressCallback) for each in before):
            return original(*given.args, **given.kwargs)
        progress = ProgressCallback(n_trials=n_trials, patches=patches)
        progress.begin(title(study), n_trials, "trials")
        arguments["callbacks"] = [progress, *before]
        if arguments.get("n_jobs", 1) != 1:
            here = copy_context()
            arguments["func"] = lambda trial: here.copy().run(objective, trial)
        if patches.output == "ours":
            arguments["show_progress_bar"] = False
        with progress:
            return original(*given.args, **given.kwargs)

    cover(patches, "optuna.progress_bar")
    patches.around(module.Study, "optimize", optimize)


TARGETS = {"optuna.study.study": _change}
