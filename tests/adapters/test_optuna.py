import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import optuna
import optuna.study.study
import pytest

import progress_kit as pk
from progress_kit.adapters.optuna import ProgressCallback
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher

Objective = Callable[[optuna.Trial], float]


@pytest.fixture(autouse=True)
def captured() -> Iterator[pk.Capture]:
    """Everything here is captured, and Optuna itself is quiet."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with pk.capture("optuna") as handle:
        yield handle


def third_fails(error: BaseException) -> Objective:
    """Return what counts down from 0, and raises at its third trial."""

    def objective(trial: optuna.Trial) -> float:
        if trial.number == 2:
            raise error
        return -float(trial.number)

    return objective


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_study_is_an_operation(n_jobs: int, publisher: RecordingPublisher) -> None:
    """Its trials are counted, and the best value is a metric."""
    optuna.create_study(study_name="depth").optimize(lambda trial: -float(trial.number), n_trials=6, n_jobs=n_jobs)
    (ended,) = publisher.ended
    assert (ended.name, ended.state, ended.ended_early) == ("depth.optimize", "succeeded", False)
    assert (ended.stages[0].done, ended.stages[0].total, ended.stages[0].unit) == (6, 6, "trials")
    assert ended.metrics == {"best": -5}


def test_what_came_before_counts_for_the_best(publisher: RecordingPublisher) -> None:
    """And so does the direction."""
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda _: 7.0, 1)
    study.optimize(lambda _: 3.0, 1)
    assert [(ended.name, ended.metrics["best"]) for ended in publisher.ended] == [("Study.optimize", 7.0)] * 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_trial_that_fails_fails_it(n_jobs: int, publisher: RecordingPublisher) -> None:
    """Its exception passes, and is the operation's."""
    with pytest.raises(LookupError):
        optuna.create_study().optimize(third_fails(LookupError("x")), 6, n_jobs=n_jobs)
    (ended,) = publisher.ended
    assert (ended.state, ended.error and ended.error.type) == ("failed", "LookupError")


def test_trials_that_are_caught_or_pruned_are_counted(publisher: RecordingPublisher) -> None:
    """They are no failures of the whole."""
    study = optuna.create_study()
    study.optimize(third_fails(LookupError("x")), 4, catch=LookupError)
    study.optimize(third_fails(optuna.TrialPruned()), 1)
    assert [ended.state for ended in publisher.ended] == ["succeeded", "succeeded"]
    assert publisher.ended[0].metrics["failed"] == 1


def test_an_interrupt_cancels_it(publisher: RecordingPublisher) -> None:
    """As everywhere."""
    with pytest.raises(KeyboardInterrupt):
        optuna.create_study().optimize(third_fails(KeyboardInterrupt()), 6)
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cancel(n_jobs: int, running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It is raised when the next trial ends."""

    def objective(trial: optuna.Trial) -> float:
        if trial.number == 1:
            publisher.command(running().id, "cancel")
        return 0.0

    study = optuna.create_study()
    with pytest.raises(pk.OperationCancelled):
        study.optimize(objective, 1000, n_jobs=n_jobs)
    assert len(study.trials) < 1000
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_loop_inside_of_a_trial_is_a_nested_counter(n_jobs: int, publisher: RecordingPublisher) -> None:
    """With several jobs too, whose trials run in threads."""
    optuna.create_study().optimize(lambda _: float(sum(pk.track(range(3), "rounds"))), 2, n_jobs=n_jobs)
    (ended,) = publisher.ended
    assert "rounds" in [counter.name for counter in ended.stages[0].counters]


def test_a_callback_that_is_given(publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not; in a block it hears of exceptions that are caught."""
    study = optuna.create_study()
    study.optimize(lambda _: 1.0, 3, callbacks=[ProgressCallback("Mine", n_trials=3)])
    progress = ProgressCallback("Other")
    with pytest.raises(LookupError), progress:
        optuna.create_study().optimize(third_fails(LookupError("x")), 3, callbacks=[progress])
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded"), ("Other", "failed")]


def test_a_callback_that_breaks_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is one warning in the log."""

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ProgressCallback, "_count", broken)
    study = optuna.create_study()
    with caplog.at_level(logging.WARNING, "progress_kit"):
        study.optimize(lambda _: 1.0, 3)
    assert (len(study.trials), len(caplog.records)) == (3, 1)


def test_a_wrong_call_raises_what_it_did() -> None:
    """Optuna says what is wrong."""
    with pytest.raises(TypeError, match="optimize"):
        optuna.create_study().optimize(nobody_knows=1)  # type: ignore[call-arg] # that is the point


def test_release(captured: pk.Capture, untouched: Callable[..., AbstractContextManager[None]]) -> None:
    """It leaves nothing behind."""
    captured.release()
    with untouched(optuna.study.study), pk.capture("optuna"):
        optuna.create_study().optimize(lambda _: 1.0, 1)
