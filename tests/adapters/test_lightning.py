from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher


@pytest.fixture(autouse=True)
def trainers(standing_in: Callable[[str], ModuleType]) -> Iterator[Any]:
    """The module with the trainer, captured."""
    module = standing_in("lightning.pytorch.trainer.trainer")
    with pk.capture("lightning"):
        yield module


class Net:
    """What is trained; it does something in one of its steps."""

    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        self._act = act

    def step(self, trainer: Any) -> None:
        if trainer.global_step == 5:
            self._act()


def test_a_fit_is_an_operation(trainers: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """It counts epochs, in parts, with the batches as a nested counter."""
    seen: list[Snapshot] = []
    trainers.Trainer(max_epochs=3).fit(Net(lambda: seen.append(running())))
    (snapshot,) = seen
    assert (snapshot.name, snapshot.message, snapshot.stages[0].done) == ("Net.fit", "epoch 2", 1.25)
    assert Counter(name="batches", done=1, total=4, unit="") in snapshot.stages[0].counters
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 3, 3)
    assert ended.stages[0].unit == "epochs"
    assert ended.metrics == {"loss": 1 / 12, "val_loss": 0.25}


def test_only_steps_are_given(trainers: Any, publisher: RecordingPublisher) -> None:
    """Then these are counted."""
    trainers.Trainer(max_steps=7).fit(Net())
    (ended,) = publisher.ended
    assert (ended.stages[0].done, ended.stages[0].total, ended.stages[0].unit) == (7, 7, "steps")


def test_the_others_count_batches(trainers: Any, publisher: RecordingPublisher) -> None:
    """They are operations of their own."""
    for verb in ("validate", "test", "predict"):
        getattr(trainers.Trainer(), verb)(Net())
    found = [(ended.name, ended.stages[0].done, ended.stages[0].total) for ended in publisher.ended]
    assert found == [("Net.validate", 2, 2), ("Net.test", 2, 2), ("Net.predict", 2, 2)]


@pytest.mark.parametrize(
    "error, state, passes",
    [
        (ValueError("x"), "failed", ValueError),
        (KeyboardInterrupt(), "cancelled", SystemExit),
        (pk.OperationCancelled(), "cancelled", pk.OperationCancelled),
    ],
    ids=["failed", "interrupted", "cancelled"],
)
def test_an_exception_ends_it(
    trainers: Any, error: BaseException, state: str, passes: type[BaseException], publisher: RecordingPublisher
) -> None:
    """Of an interrupt Lightning makes the end of the program; it is cancelled nevertheless."""

    def act() -> None:
        raise error

    with pytest.raises(passes):
        trainers.Trainer(max_epochs=3).fit(Net(act))
    assert [ended.state for ended in publisher.ended] == [state]


def test_a_cancel_stops_the_fit(trainers: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher) -> None:
    """Before the next batch."""
    with pytest.raises(pk.OperationCancelled):
        trainers.Trainer(max_epochs=3).fit(Net(lambda: publisher.command(running().id, "cancel")))
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_the_trainer_is_left_as_it_was(trainers: Any) -> None:
    """One that was made before the capture is seen too; its bar is switched off where ours is drawn."""
    trainer = trainers.Trainer(max_epochs=1)
    states: list[bool] = []
    with pk.capture("lightning", output="ours"):
        trainer.fit(Net())
        trainer.test(Net())
        trainer.global_step, trainer.max_epochs = 5, 5
        trainer.fit(Net(lambda: states.append(trainer.progress_bar_callback.is_enabled)))
    assert (states, trainer.callbacks, trainer.progress_bar_callback.is_enabled) == ([False], [], True)


def test_a_callback_that_is_given(trainers: Any, publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not; other processes of a distributed training report nothing."""
    from progress_kit.adapters.lightning import ProgressCallback

    trainers.Trainer(max_epochs=1, callbacks=[ProgressCallback("Mine")]).fit(Net())
    other = trainers.Trainer(max_epochs=1, callbacks=[ProgressCallback("Other")])
    other.is_global_zero = False
    other.fit(Net())
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded")]
