"""The trainer."""

import types
from typing import Any

from . import ProgressCallback


class Trainer:
    """Has steps of which nothing is computed, three in each of its epochs."""

    def __init__(self, model: Any, callbacks: Any = (), *, evaluates: bool = False, is_zero: bool = True) -> None:
        self.model = model
        self.args = types.SimpleNamespace(num_train_epochs=2.0)
        self.state = types.SimpleNamespace(global_step=0, max_steps=6, epoch=0.0, is_world_process_zero=is_zero)
        self.callback_handler = types.SimpleNamespace(callbacks=[ProgressCallback(), *callbacks])
        self._evaluates = evaluates

    def _call(self, name: str, **more: Any) -> None:
        for each in self.callback_handler.callbacks:
            getattr(each, name)(self.args, self.state, None, model=self.model, **more)

    def train(self) -> str:
        self._call("on_train_begin")
        while self.state.global_step < self.state.max_steps:
            self._call("on_step_begin")
            self._call("on_substep_end")
            self.state.global_step += 1
            self.state.epoch = self.state.global_step / 3
            self._call("on_step_end")
            self._call("on_log", logs={"loss": 0.5, "epoch": self.state.epoch, "total_flos": 1e9})
            if self._evaluates and self.state.global_step % 3 == 0:
                self.evaluate()
        self._call("on_train_end")
        return "trained"

    def evaluate(self) -> None:
        for _ in range(4):
            self._call("on_prediction_step", eval_dataloader=range(4))
        self._call("on_evaluate", metrics={"eval_loss": 0.25, "eval_runtime": 0.1})

    def predict(self) -> None:
        for _ in range(5):
            self._call("on_prediction_step", eval_dataloader=iter(()))
        self._call("on_predict", metrics={"test_loss": 0.25})
