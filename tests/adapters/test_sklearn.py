import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import sklearn.callback._callback_support as support  # type: ignore[import-untyped] # it ships none
from sklearn.base import clone  # type: ignore[import-untyped] # as above
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # as above
from sklearn.model_selection import GridSearchCV  # type: ignore[import-untyped] # as above
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped] # as above
from sklearn.preprocessing import FunctionTransformer  # type: ignore[import-untyped] # as above
from sklearn.svm import LinearSVC  # type: ignore[import-untyped] # as above

import progress_kit as pk
from progress_kit.adapters import catalogue, sklearn
from progress_kit.errors import LibraryMissingError
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

X = np.random.default_rng(0).random((60, 3))
Y = X[:, 0] > 0.5


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured."""
    with pk.capture("sklearn") as handle:
        yield handle


def search(estimator: Any = None, **more: Any) -> Any:
    """Return a search of 3 candidates in 2 folds each."""
    return GridSearchCV(estimator or LogisticRegression(), {"C": [0.1, 1, 10]}, cv=2, **more)


def test_a_fit_is_an_operation(publisher: RecordingPublisher) -> None:
    """A solver that converges has done all of its work, and the estimator is left as it is without us."""
    estimator = LogisticRegression().fit(X, Y)
    (ended,) = publisher.ended
    assert (ended.name, ended.state, ended.ended_early) == ("LogisticRegression.fit", "succeeded", False)
    assert ended.stages[0].done == ended.stages[0].total
    assert not [name for name in vars(estimator) if "callback" in name]
    pickle.dumps(estimator)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_counts_its_fits(n_jobs: int, publisher: RecordingPublisher) -> None:
    """Those in other processes too, and the last one with the best parameters."""
    search(n_jobs=n_jobs).fit(X, Y)
    (ended,) = publisher.ended
    assert (ended.name, ended.state) == ("GridSearchCV.fit", "succeeded")
    assert (ended.stages[0].done, ended.stages[0].total) == (7, 7)


def test_it_grows_as_it_goes(running: Callable[[], Snapshot]) -> None:
    """From task to task."""
    seen: list[tuple[float, float | None]] = []

    def look(values: Any) -> Any:
        stage = running().stages[0]
        seen.append((stage.done, stage.total))
        return values

    pipeline = make_pipeline(FunctionTransformer(look), LogisticRegression())
    GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1]}, cv=2, refit=False).fit(X, Y)
    assert sorted(set(seen)) == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_an_estimator_that_tells_nothing(publisher: RecordingPublisher, recwarn: pytest.WarningsRecorder) -> None:
    """Is none inside of a search that tells, without a warning; by itself it is no operation."""
    LinearSVC().fit(X, Y)
    assert publisher.ended == []
    search(LinearSVC()).fit(X, Y)
    assert [ended.stages[0].done for ended in publisher.ended] == [7]
    assert not recwarn


def failing(error: BaseException) -> Any:
    """Return a pipeline whose first step raises."""

    def step(_: Any) -> Any:
        raise error

    return make_pipeline(FunctionTransformer(step), LogisticRegression())


@pytest.mark.parametrize(
    "error, state", [(LookupError("x"), "failed"), (KeyboardInterrupt(), "cancelled")], ids=["failed", "interrupted"]
)
def test_an_exception_ends_it(error: BaseException, state: str, publisher: RecordingPublisher) -> None:
    """And passes unchanged."""
    with pytest.raises(type(error)) as raised:
        failing(error).fit(X, Y)
    assert raised.value is error
    assert [ended.state for ended in publisher.ended] == [state]


def test_cancel(running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It is raised after the task."""
    steps: list[int] = []

    def cancel(values: Any) -> Any:
        steps.append(1)
        publisher.command(running().id, "cancel")
        return values

    pipeline = make_pipeline(FunctionTransformer(cancel), LogisticRegression())
    with pytest.raises(pk.OperationCancelled):
        GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1]}, cv=2).fit(X, Y)
    assert (len(steps), [ended.state for ended in publisher.ended]) == (1, ["cancelled"])


def test_a_callback_that_is_set(publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not; a clone has it too."""
    estimator = LogisticRegression().set_callbacks(sklearn.ProgressCallback("Mine"))
    estimator.fit(X, Y)
    clone(estimator).fit(X, Y)
    search(n_jobs=2).set_callbacks(sklearn.ProgressCallback("Search")).fit(X, Y)
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded")] * 2 + [
        ("Search", "succeeded")
    ]
    assert publisher.ended[2].stages[0].done == 7


def test_one_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it is told; who takes all that there is gets nothing from it."""
    monkeypatch.setattr(catalogue, "version", lambda _: "1.8.2")
    with pytest.raises(LibraryMissingError, match=r"scikit-learn 1\.9 or newer; 1\.8\.2 is installed"):
        pk.capture("sklearn")
    pk.capture().release()


def test_release(captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind."""
    captured.release()
    with untouched(support), pk.capture("sklearn"):
        LogisticRegression().fit(X, Y)
