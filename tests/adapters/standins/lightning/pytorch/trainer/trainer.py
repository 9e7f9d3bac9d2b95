"""As much of PyTorch Lightning as callbacks of its `Trainer` are told of, in its order."""

import sys
import types
from typing import Any


class Bar:
    """The library's own."""

    is_enabled = True

    def disable(self) -> None:
        self.is_enabled = False

    def enable(self) -> None:
        self.is_enabled = True


class Trainer:
    """Has batches of which nothing is computed, four in each epoch, and two for a validation."""

    num_training_batches = 4
    num_val_batches = num_test_batches = num_predict_batches = [2]  # noqa: RUF012 - it is not changed
    num_sanity_val_batches = [1]  # noqa: RUF012 - as above
    is_global_zero = True

    def __init__(self, max_epochs: int | None = None, max_steps: int = -1, callbacks: Any = ()) -> None:
        self.max_epochs, self.max_steps = max_epochs, max_steps
        self.callbacks = list(callbacks)
        self.current_epoch = self.global_step = 0
        self.sanity_checking = False
        self.state = types.SimpleNamespace(fn=None)
        self.progress_bar_callback = Bar()
        self.progress_bar_metrics: dict[str, float] = {}
        self.callback_metrics: dict[str, float] = {}

    def fit(self, model: Any) -> None:
        self._run("fit", model, self._fit)

    def validate(self, model: Any) -> None:
        self._run("validate", model, lambda: self._evaluate("validation", 2))

    def test(self, model: Any) -> None:
        self._run("test", model, lambda: self._evaluate("test", 2))

    def predict(self, model: Any) -> None:
        self._run("predict", model, lambda: self._evaluate("predict", 2))

    def _run(self, fn: str, model: Any, work: Any) -> None:
        self.state.fn, self._model = fn, model
        try:
            self._call("setup", stage=fn)
            work()
            self._call("teardown", stage=fn)
        except KeyboardInterrupt as interrupt:
            self._call("on_exception", interrupt)
            sys.exit(1)
        except BaseException as error:
            self._call("on_exception", error)
            raise

    def _call(self, name: str, *args: Any, **kwargs: Any) -> None:
        for each in self.callbacks:
            getattr(each, name)(self, self._model, *args, **kwargs)

    def _fit(self) -> None:
        self.sanity_checking = True
        self._evaluate("validation", 1)
        self.sanity_checking = False
        self._call("on_train_start")
        while self.current_epoch < (sys.maxsize if self.max_epochs is None else self.max_epochs):
            self._call("on_train_epoch_start")
            for batch in range(self.num_training_batches):
                self._call("on_train_batch_start", None, batch)
                self._model.step(self)
                self.global_step += 1
                self.progress_bar_metrics = {"loss": 1 / self.global_step}
                self._call("on_train_batch_end", None, None, batch)
                if self.global_step == self.max_steps:
                    self._call("on_train_end")
                    return
            self._evaluate("validation", 2)
            self._call("on_train_epoch_end")
            self.current_epoch += 1
        self._call("on_train_end")

    def _evaluate(self, what: str, batches: int) -> None:
        self._call(f"on_{what}_start")
        for batch in range(batches):
            self._call(f"on_{what}_batch_start", None, batch, 0)
            self._call(f"on_{what}_batch_end", None, None, batch, 0)
        self.callback_metrics = {"val_loss": 0.25}
        self._call(f"on_{what}_end")
