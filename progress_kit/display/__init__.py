"""How it looks from Python: one set of texts, arranged for a notebook's output, a terminal and a widget."""

from typing import TYPE_CHECKING

from progress_kit.display.bundle import mime_bundle
from progress_kit.display.html import html
from progress_kit.display.ipython import origin
from progress_kit.display.plain import plain
from progress_kit.display.sinks import Sink, draws, open_sink
from progress_kit.display.view import View

if TYPE_CHECKING:
    from progress_kit.display.widget import ProgressWidget

__all__ = ["ProgressWidget", "Sink", "View", "draws", "html", "mime_bundle", "open_sink", "origin", "plain"]


def __getattr__(name: str) -> object:
    """Import the widget when it is asked for: anywidget is optional, and takes 60 ms with what it needs."""
    if name == "ProgressWidget":
        try:
            from progress_kit.display.widget import ProgressWidget
        except ImportError as error:
            raise ImportError(
                f"ProgressWidget needs anywidget ({error}): pip install 'progress-kit[widget]'", name="anywidget"
            ) from error

        return ProgressWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
