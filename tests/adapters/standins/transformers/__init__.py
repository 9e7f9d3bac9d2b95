"""As much of Hugging Face's transformers as callbacks of its `Trainer` are told of, in its order."""

from typing import Any


class TrainerCallback:
    """Has every method that is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(name)


class ProgressCallback(TrainerCallback):
    """Draws the library's own bars."""
