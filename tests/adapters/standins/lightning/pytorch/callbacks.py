"""What callbacks are made of."""

from typing import Any


class Callback:
    """Has every method that is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(name)
