from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher


@pytest.fixture(autouse=True)
def trainers(standing_in: Callable[[str], ModuleType]) -> Iterator[Any]:
    """The module with the trainer, captured."""
    module = standing_in("transformers.trainer")
    with pk.capture("transformers"):
        yield module


class Net:
    """What is trained."""


def doing(act: Callable[[], object], when: str = "on_step_begin") -> Any:
    """Return a callback of somebody else's that does something with the fourth step, or with whatever `when` says."""

    def call(args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 3 or when != "on_step_begin":
            act()

    callback = import_module("transformers").TrainerCallback()
    setattr(callback, when, call)
    return callback


def test_a_training_is_an_operation(
    trainers: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """It counts steps; what is logged are metrics, but for speeds."""
    seen: list[Snapshot] = []
    trainer = trainers.Trainer(Net(), [doing(lambda: seen.append(running()))], evaluates=True)
    assert trainer.train() == "trained"
    (snapshot,) = seen
    assert (snapshot.name, snapshot.message, snapshot.stages[0].done) == ("Net.train", "epoch 2 / 2", 3)
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 6, 6)
    assert ended.metrics == {"loss": 0.5, "eval_loss": 0.25}


def test_its_evaluation_is_a_nested_counter(
    trainers: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """While it goes on."""
    trainer = trainers.Trainer(Net(), evaluates=True)
    seen: list[tuple[Counter, ...]] = []
    looking = doing(lambda: seen.append(running().stages[0].counters), "on_prediction_step")
    trainer.callback_handler.callbacks.append(looking)
    trainer.train()
    assert [counters[0].done for counters in seen] == [1, 2, 3, 4] * 2
    assert seen[0] == (Counter(name="evaluation", done=1, total=4, unit=""),)
    assert len(publisher.ended) == 1


def test_evaluate_and_predict_count_batches(trainers: Any, publisher: RecordingPublisher) -> None:
    """They are operations of their own."""
    trainers.Trainer(Net()).evaluate()
    trainers.Trainer(Net()).predict()
    found = [(ended.name, ended.stages[0].done, ended.stages[0].total, ended.metrics) for ended in publisher.ended]
    assert found == [("Net.evaluate", 4, 4, {"eval_loss": 0.25}), ("Net.predict", 5, None, {"test_loss": 0.25})]


@pytest.mark.parametrize(
    "error, state", [(ValueError("x"), "failed"), (KeyboardInterrupt(), "cancelled")], ids=["failed", "interrupted"]
)
def test_an_exception_ends_it(trainers: Any, error: BaseException, state: str, publisher: RecordingPublisher) -> None:
    """And passes unchanged."""

    def act() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        trainers.Trainer(Net(), [doing(act)]).train()
    assert raised.value is error
    assert [ended.state for ended in publisher.ended] == [state]


def test_a_cancel_stops_the_training(
    trainers: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """After the step."""
    trainer = trainers.Trainer(Net(), [doing(lambda: publisher.command(running().id, "cancel"))])
    with pytest.raises(pk.OperationCancelled):
        trainer.train()
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_the_trainer_is_left_as_it_was(trainers: Any) -> None:
    """Its own bars are gone only for as long as ours are drawn in their place."""
    seen: list[list[str]] = []

    def look() -> None:
        seen.append([type(each).__name__ for each in trainer.callback_handler.callbacks])

    trainer = trainers.Trainer(Net(), [doing(look)])
    before = list(trainer.callback_handler.callbacks)
    with pk.capture("transformers", output="ours"):
        trainer.train()
    assert seen == [["ProgressCallback", "TrainerCallback"]]
    assert trainer.callback_handler.callbacks == before


def test_a_callback_that_is_given(trainers: Any, publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not; other processes of a distributed training report nothing."""
    from progress_kit.adapters.transformers import ProgressCallback

    trainers.Trainer(Net(), [ProgressCallback("Mine")], evaluates=True).train()
    trainers.Trainer(Net(), [ProgressCallback("Other")], evaluates=True, is_zero=False).train()
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded")]
