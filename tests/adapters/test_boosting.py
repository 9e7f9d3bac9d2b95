import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import lightgbm
import numpy as np
import pytest
import xgboost

import progress_kit as pk
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

X = np.random.default_rng(0).random((60, 3))
Y = X[:, 0]


class LightGBM:
    """LightGBM, as these tests use it."""

    name = "LightGBM"
    package: ModuleType = lightgbm
    estimator = staticmethod(lambda rounds: lightgbm.LGBMRegressor(n_estimators=rounds, verbose=-1, n_jobs=1))
    metric = "valid_0 l2"
    worsening: ClassVar = {"learning_rate": 5.0}

    @staticmethod
    def data() -> Any:
        return lightgbm.Dataset(X, Y, params={"verbose": -1})

    @classmethod
    def train(cls, rounds: int, callbacks: Any = None, **more: Any) -> Any:
        data = cls.data()
        parameters = {"verbose": -1, "num_threads": 1, **more}
        return lightgbm.train(
            parameters, data, rounds, valid_sets=[lightgbm.Dataset(X, Y, reference=data)], callbacks=callbacks
        )

    @classmethod
    def cv(cls, rounds: int) -> None:
        lightgbm.cv({"verbose": -1, "num_threads": 1}, cls.data(), rounds, nfold=2, stratified=False)

    @staticmethod
    def doing(act: Callable[[], object]) -> Any:
        return lambda env: act() if env.iteration == 2 else None


class XGBoost:
    """XGBoost, as these tests use it."""

    name = "XGBoost"
    package: ModuleType = xgboost
    estimator = staticmethod(lambda rounds: xgboost.XGBRegressor(n_estimators=rounds, n_jobs=1))
    metric = "train rmse"
    worsening: ClassVar = {"learning_rate": 1e-12}

    @classmethod
    def train(cls, rounds: int, callbacks: Any = None, **more: Any) -> Any:
        data = xgboost.DMatrix(X, Y)
        stop = more.pop("early_stopping_round", None)
        evals = [(data, "train")]
        return xgboost.train(
            {"nthread": 1, **more},
            data,
            rounds,
            evals=evals,
            verbose_eval=False,
            callbacks=callbacks,
            early_stopping_rounds=stop,
        )

    @staticmethod
    def cv(rounds: int) -> None:
        xgboost.cv({"nthread": 1}, xgboost.DMatrix(X, Y), rounds, nfold=2)

    @staticmethod
    def doing(act: Callable[[], object]) -> Any:
        class Callback(xgboost.callback.TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                del model, evals_log
                if epoch == 2:
                    act()
                return False

        return Callback()


@pytest.fixture(autouse=True, params=[LightGBM, XGBoost], ids=lambda library: library.name)
def boosting(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The library, captured."""
    with pk.capture(request.param.package.__name__):
        yield request.param


def test_a_training_is_an_operation(boosting: Any, publisher: RecordingPublisher) -> None:
    """Its rounds are counted, and what is evaluated is a metric."""
    boosting.train(5)
    (ended,) = publisher.ended
    assert (ended.name, ended.state, ended.ended_early) == (f"{boosting.name}.train", "succeeded", False)
    assert (ended.stages[0].done, ended.stages[0].total, ended.stages[0].unit) == (5, 5, "rounds")
    assert list(ended.metrics) == [boosting.metric]


def test_estimators_and_cross_validation(boosting: Any, publisher: RecordingPublisher) -> None:
    """They go the same way."""
    boosting.estimator(4).fit(X, Y)
    boosting.cv(3)
    found = [(ended.name, ended.state, ended.stages[0].done) for ended in publisher.ended]
    assert found == [(f"{boosting.name}.train", "succeeded", 4), (f"{boosting.name}.cv", "succeeded", 3)]


@pytest.mark.parametrize(
    "error, state", [(ValueError("x"), "failed"), (KeyboardInterrupt(), "cancelled")], ids=["failed", "interrupted"]
)
def test_an_exception_ends_it(boosting: Any, error: BaseException, state: str, publisher: RecordingPublisher) -> None:
    """And passes unchanged."""

    def act() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        boosting.train(5, [boosting.doing(act)])
    assert raised.value is error
    assert [ended.state for ended in publisher.ended] == [state]


def test_cancel(boosting: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It is raised after the round."""
    cancel = boosting.doing(lambda: publisher.command(running().id, "cancel"))
    with pytest.raises(pk.OperationCancelled):
        boosting.train(1000, [cancel])
    assert [ended.state for ended in publisher.ended] == ["cancelled"]
    assert publisher.ended[0].stages[0].done < 10


def test_one_that_stops_early_has_succeeded(boosting: Any, publisher: RecordingPublisher) -> None:
    """Early."""
    boosting.train(1000, early_stopping_round=1, **boosting.worsening)
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early) == ("succeeded", True)


def test_a_callback_that_is_given(boosting: Any, publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not, and may be copied along with an estimator."""
    adapter = import_module(f"progress_kit.adapters.{boosting.package.__name__}")
    given = adapter.ProgressCallback("Mine")
    boosting.train(3, [given])

    def act() -> None:
        raise LookupError

    progress = copy.deepcopy(given)
    with pytest.raises(LookupError), progress:
        boosting.train(5, [progress, boosting.doing(act)])
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded"), ("Mine", "failed")]
    assert publisher.ended[0].stages[0].total == 3


def test_release(boosting: Any, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind."""
    name = boosting.package.__name__
    modules = [module for each, module in sys.modules.items() if each in {name, f"{name}.engine", f"{name}.training"}]
    before = {module: vars(module)["train"] for module in modules}
    with untouched(*modules), pk.capture(name, output="ours"):
        boosting.train(2)
    assert before == {module: vars(module)["train"] for module in modules}
