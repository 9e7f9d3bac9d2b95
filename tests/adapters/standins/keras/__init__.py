"""As much of Keras 3 as its callbacks are told of, in its order: where Keras itself is not installed."""

from typing import Any

from . import callbacks as callbacks


class CallbackList:
    """Calls them all."""

    def __init__(self, callbacks: Any, model: Any, **params: Any) -> None:
        self.callbacks = list(callbacks or ())
        for each in self.callbacks:
            each.set_model(model)
            each.set_params(params)

    def call(self, name: str, *args: Any) -> None:
        for each in self.callbacks:
            getattr(each, name)(*args)


class Model:
    """Has batches of which nothing is computed."""

    def __init__(self, name: str = "sequential") -> None:
        self.name = name
        self.stop_training = False

    def fit(
        self,
        x: Any,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_data: Any = None,
        initial_epoch: int = 0,
    ) -> None:
        steps = len(x) if hasattr(x, "__len__") else None
        called = CallbackList(callbacks, self, epochs=epochs, steps=steps, verbose=verbose)
        self.stop_training = False
        called.call("on_train_begin")
        for epoch in range(initial_epoch, epochs):
            called.call("on_epoch_begin", epoch)
            for batch, _ in enumerate(x):
                called.call("on_train_batch_begin", batch)
                called.call("on_train_batch_end", batch, {"loss": 1 / (batch + 1)})
            logs = {"loss": 0.5}
            if validation_data is not None:
                self.evaluate(validation_data, callbacks=called)
                logs["val_loss"] = 0.25
            called.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        called.call("on_train_end", {"loss": 0.5})

    def evaluate(self, x: Any, verbose: Any = "auto", callbacks: Any = None) -> None:
        self._go(x, callbacks, "test", {"loss": 0.25}, verbose)

    def predict(self, x: Any, verbose: Any = "auto", callbacks: Any = None) -> None:
        self._go(x, callbacks, "predict", {"outputs": [1, 2]}, verbose)

    def _go(self, x: Any, callbacks: Any, what: str, logs: Any, verbose: Any) -> None:
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, self, epochs=1, steps=len(x), verbose=verbose)
        callbacks.call(f"on_{what}_begin")
        for batch, _ in enumerate(x):
            callbacks.call(f"on_{what}_batch_begin", batch)
            callbacks.call(f"on_{what}_batch_end", batch, logs)
        callbacks.call(f"on_{what}_end", logs)
