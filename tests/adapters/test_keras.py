from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher


@pytest.fixture(autouse=True)
def keras(standing_in: Callable[[str], ModuleType]) -> Iterator[Any]:
    """The library, captured."""
    module = standing_in("keras")
    with pk.capture("keras"):
        yield module


@pytest.fixture
def model(keras: Any) -> Any:
    """A model that goes on whatever its data are."""
    return keras.Model(name="net")


class Doing:
    """A callback of somebody else's that does something at the end of the second epoch."""

    def __init__(self, keras: Any, act: Callable[[], object]) -> None:
        class Callback(keras.callbacks.Callback):  # type: ignore[misc] # it has no types
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                del logs
                if epoch == 1:
                    act()

        self.callback = Callback()


def test_a_fit_is_an_operation(
    keras: Any, model: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """It counts epochs, its batches are a nested counter, and its logs are metrics."""
    seen: list[Snapshot] = []
    model.fit(
        range(8), epochs=3, validation_data=range(2), callbacks=[Doing(keras, lambda: seen.append(running())).callback]
    )
    (snapshot,) = seen
    assert (snapshot.name, snapshot.message) == ("net.fit", "epoch 2")
    assert snapshot.stages[0].counters == (Counter(name="batches", done=8, total=8, unit=""),)
    assert 1.99 < snapshot.stages[0].done < 2
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done, ended.stages[0].total) == ("succeeded", 3, 3)
    assert (ended.stages[0].unit, ended.metrics) == ("epochs", {"loss": 0.5, "val_loss": 0.25})


def test_evaluate_and_predict_count_batches(model: Any, publisher: RecordingPublisher) -> None:
    """They are operations of their own."""
    model.evaluate(range(4))
    model.predict(range(5))
    found = [(ended.name, ended.stages[0].done, ended.stages[0].total, ended.metrics) for ended in publisher.ended]
    assert found == [("net.evaluate", 4, 4, {"loss": 0.25}), ("net.predict", 5, 5, {})]


@pytest.mark.parametrize(
    "error, state",
    [(ValueError("x"), "failed"), (KeyboardInterrupt(), "cancelled"), (pk.OperationCancelled(), "cancelled")],
    ids=["failed", "interrupted", "cancelled"],
)
def test_an_exception_ends_it(
    keras: Any, model: Any, error: BaseException, state: str, publisher: RecordingPublisher
) -> None:
    """And passes unchanged."""

    def act() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        model.fit(range(8), epochs=3, callbacks=[Doing(keras, act).callback])
    assert raised.value is error
    assert [ended.state for ended in publisher.ended] == [state]


def test_a_cancel_stops_the_fit(
    keras: Any, model: Any, running: Callable[[], Snapshot], publisher: RecordingPublisher
) -> None:
    """Before the next epoch or batch."""
    cancel = Doing(keras, lambda: publisher.command(running().id, "cancel"))
    with pytest.raises(pk.OperationCancelled):
        model.fit(range(8), epochs=3, callbacks=[cancel.callback])
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_one_that_stops_early_has_succeeded(keras: Any, model: Any, publisher: RecordingPublisher) -> None:
    """Early."""
    stop = Doing(keras, lambda: setattr(model, "stop_training", True))
    model.fit(range(8), epochs=30, callbacks=[stop.callback])
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early, ended.stages[0].done) == ("succeeded", True, 2)


def test_a_fit_that_goes_on_counts_what_is_left(model: Any, publisher: RecordingPublisher) -> None:
    """From its first epoch on."""
    model.fit(range(8), epochs=5, initial_epoch=3)
    assert (publisher.ended[0].stages[0].done, publisher.ended[0].stages[0].total) == (2, 2)


def test_without_a_length(model: Any, publisher: RecordingPublisher) -> None:
    """The first epoch tells how many batches there are."""
    model.fit(iter(range(8)), epochs=1)
    (ended,) = publisher.ended
    assert ended.stages[0].counters == (Counter(name="batches", done=8, total=None, unit=""),)


def test_a_callback_that_is_given(model: Any, publisher: RecordingPublisher) -> None:
    """Is the one operation, captured or not."""
    from progress_kit.adapters.keras import ProgressCallback

    model.fit(range(8), epochs=2, callbacks=[ProgressCallback("Mine")])
    with ProgressCallback("Other") as other:
        model.fit(range(8), epochs=2, callbacks=[other])
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Mine", "succeeded"), ("Other", "succeeded")]


def test_output_ours(keras: Any, model: Any) -> None:
    """Keras's own bar is not drawn then."""
    shown: list[object] = []

    class Look(keras.callbacks.Callback):  # type: ignore[misc] # it has no types
        def on_test_begin(self) -> None:
            shown.append(self.params["verbose"])

    with pk.capture("keras", output="ours"):
        model.evaluate(range(2), callbacks=[Look()])
    model.evaluate(range(2), callbacks=[Look()])
    assert shown == [0, "auto"]
