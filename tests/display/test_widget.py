import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from progress_kit.display import ProgressWidget, html
from progress_kit.model import Snapshot


class Source:
    """An operation whose state the test sets."""

    id = "op_1"

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot

    def snapshot(self) -> Snapshot:
        """The state now."""
        return self.now


def test_the_widget_follows_its_operation_until_the_end(survey: Snapshot) -> None:
    """State, fraction, counter and message can be observed, and the html is the one of the output."""
    source = Source(survey)
    widget = ProgressWidget(source)
    assert (widget.state, widget.fraction, widget.done, widget.total) == ("running", 0.43, 698, 1836)
    ended = threading.Event()
    widget.observe(lambda change: ended.set() if change["new"] == "succeeded" else None, "state")
    source.now = replace(survey, state="succeeded", fraction=1.0, message="all read")
    assert ended.wait(10)
    widget.update()
    assert (widget.fraction, widget.message) == (1.0, "all read")
    assert widget.value == html(source.now)
    widget.close()


def test_one_update_is_one_message(survey: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the html travels: six traits would be six messages, ten times a second."""
    ended = replace(survey, state="cancelled")
    source = Source(ended)
    widget = ProgressWidget(source)
    sent: list[Any] = []
    monkeypatch.setattr(ProgressWidget, "send_state", lambda _self, key=None: sent.append(key))
    source.now = replace(survey, fraction=0.5, message="next", elapsed_s=65.0)
    widget.update()
    assert sent == ["value"]
    widget.close()


def test_close_leaves_nothing_behind(survey: Snapshot) -> None:
    """Layout and style have models of their own; they are closed too, and nothing is updated any more."""
    source = Source(survey)
    widget = ProgressWidget(source)
    models = [widget, widget.layout, widget.style]
    assert all(model.comm is not None for model in models)
    widget.close()
    assert all(model.comm is None for model in models)
    source.now = replace(survey, message="later")
    widget.update()
    assert widget.message != "later"
    widget.close()


def test_what_holds_a_widget_can_be_pickled(survey: Snapshot) -> None:
    """A tracker with its widget can be sent to a worker: the copy shows the state as it was."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled")))
    there = pickle.loads(pickle.dumps({"widget": widget}))["widget"]  # noqa: S301 - our own bytes
    assert there.value == widget.value
    assert there.state == "cancelled"
    there.close()
    widget.close()


def test_a_saved_notebook_shows_the_widget_as_html(survey: Snapshot) -> None:
    """Where the widget is dead, the text next to it says the last state."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled")))
    bundle = widget._repr_mimebundle_()
    assert list(bundle) == ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    widget.close()


def test_the_display_imports_ipywidgets_only_for_the_widget() -> None:
    """It is optional, and takes 50 ms."""
    program = (
        "import sys, progress_kit.display as d; d.open_sink(); d.origin(); print('ipywidgets' in sys.modules);"
        "d.ProgressWidget; print('ipywidgets' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert run.stdout.split() == ["False", "True"]
