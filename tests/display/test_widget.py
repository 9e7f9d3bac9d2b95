import pickle
import subprocess
import sys
import threading
from typing import Any

import ipywidgets
import nbformat
import pytest
from msgspec.structs import replace
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from progress_kit.display import ProgressWidget, html, ipython, mime_bundle
from progress_kit.display.ipython import Cell
from progress_kit.model import Snapshot
from tests.display.kernels import MIME, WIDGET


class Source:
    """An operation whose state the test sets."""

    id = "op_1"

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot
        self.cancelled = threading.Event()

    def snapshot(self) -> Snapshot:
        """The state now."""
        return self.now

    def cancel(self) -> None:
        """Be asked to stop."""
        self.cancelled.set()


class Session:
    """Keeps what a kernel would send."""

    pid = 0

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, stream: object, kind: str, content: Any, **headers: object) -> None:  # noqa: ARG002 - as a session
        self.sent.append(content["data"])


def test_the_widget_follows_its_operation_until_the_end(survey: Snapshot) -> None:
    """State, fraction, counter, message and the whole snapshot can be observed."""
    source = Source(survey)
    widget = ProgressWidget(source)
    assert (widget.state, widget.fraction, widget.done, widget.total) == ("running", 0.43, 698, 1836)
    assert widget.snapshot["stages"][1]["message"] == "email/parser.py"
    ended = threading.Event()
    widget.observe(lambda change: ended.set() if change["new"] else None, "ended")
    source.now = replace(survey, state="succeeded", fraction=1.0, message="all read")
    assert ended.wait(10)
    assert (widget.state, widget.fraction, widget.message) == ("succeeded", 1.0, "all read")
    widget.close()


def test_it_stands_in_layouts_of_ipywidgets(survey: Snapshot) -> None:
    """It is a DOMWidget with a layout; and other widgets can be linked to its traits."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled")), layout={"width": "50%"})
    bar = ipywidgets.FloatProgress(max=1.0)
    box = ipywidgets.VBox([widget, bar])
    link = ipywidgets.dlink((widget, "fraction"), (bar, "value"))
    assert box.children[0] is widget
    assert widget.layout.width == "50%"
    assert bar.value == 0.43
    link.unlink()
    for each in (widget, bar, box):
        each.close()


def test_one_update_is_one_message(survey: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is new travels as one trait: seven would be seven messages, ten times a second."""
    source = Source(replace(survey, state="cancelled"))
    widget = ProgressWidget(source)
    sent: list[Any] = []
    monkeypatch.setattr(type(widget), "send_state", lambda _self, key=None: sent.append(key))
    source.now = replace(survey, fraction=0.5, message="next", elapsed_s=65.0)
    widget.update()
    widget.update()  # nothing is new
    assert sent == ["_told"]
    widget.close()


def test_what_has_no_number_is_null_in_the_page(survey: Snapshot) -> None:
    """NaN is no JSON: a page could read nothing at all."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled", metrics={"loss": float("nan")})))
    assert widget.snapshot["metrics"] == {"loss": None}
    widget.close()


def test_its_button_cancels(survey: Snapshot) -> None:
    """A tracker is asked to stop; what cannot be cancelled says so to the page."""
    source = Source(survey)
    widget = ProgressWidget(source)
    answers: list[Any] = []
    widget.send = answers.append
    widget._hear({"type": "command", "request": "r1", "action": "cancel"})
    assert source.cancelled.is_set()
    widget._hear({"type": "command", "request": "r2", "action": "pause"})
    widget._hear("nonsense")
    assert [answer["error"] for answer in answers] == [None, "pause is not supported by this operation"]
    widget.close()


def test_close_leaves_nothing_behind(survey: Snapshot) -> None:
    """The layout has a model of its own, which is closed too; and nothing is updated any more."""
    source = Source(survey)
    widget = ProgressWidget(source)
    models = [widget, widget.layout]
    assert all(model.comm is not None for model in models)
    widget.close()
    assert all(model.comm is None for model in models)
    source.now = replace(survey, message="later")
    widget.update()
    assert widget.message != "later"
    widget.close()


def test_a_source_that_breaks_ends_only_its_own_widget(survey: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    """The other widgets go on, and one line in the log says what happened."""
    broken, source = Source(survey), Source(survey)
    widgets = [ProgressWidget(broken), ProgressWidget(source)]
    del broken.now
    ended = threading.Event()
    widgets[1].observe(lambda _change: ended.set(), "ended")
    source.now = replace(survey, state="failed")
    assert ended.wait(10)
    for widget in widgets:
        widget.close()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "A progress widget is not updated any more"
    ]


def test_what_holds_a_widget_can_be_pickled(survey: Snapshot) -> None:
    """A tracker with its widget can be sent to a worker: the copy shows the state as it was."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled")))
    there = pickle.loads(pickle.dumps({"widget": widget}))["widget"]  # noqa: S301 - our own bytes
    assert there.snapshot == widget.snapshot
    there.close()
    widget.close()


def test_a_saved_notebook_shows_the_widget_as_html(survey: Snapshot) -> None:
    """Where the widget is dead, the text next to it says the last state."""
    widget = ProgressWidget(Source(replace(survey, state="cancelled")))
    bundle = widget._repr_mimebundle_()
    assert list(bundle) == [WIDGET, "text/html", "text/plain"]
    assert bundle[WIDGET]["model_id"] == widget.model_id
    widget.close()


@pytest.mark.slow
def test_a_notebook_run_by_a_program_keeps_the_end_of_a_widget() -> None:
    """What nbclient stores is the state that the widget had when its cell was done; nbconvert makes a page of it."""
    code = (
        "import progress_kit as pk\n"
        "with pk.ProgressTracker('Copy', stages=['main']) as tracker:\n"
        "    display(pk.ProgressWidget(tracker))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])  # type: ignore[no-untyped-call]
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    [told] = [each["state"]["_told"] for each in states if "_told" in each["state"]]
    assert told["snapshot"]["state"] == "succeeded"
    page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    assert "application/vnd.jupyter.widget-view+json" in page


def test_a_source_tree_without_the_build_shows_html(survey: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong then: the output is updated as where there is no anywidget."""
    from progress_kit.display import widget

    monkeypatch.setattr(widget, "is_built", lambda: False)
    monkeypatch.setattr(ipython, "wants_widget", lambda *_: True)
    session = Session()
    cell = Cell(session, None, {"content": {"allow_stdin": True}})
    cell.show(survey, None)
    cell.show(survey, None)
    assert session.sent == [mime_bundle(survey, None)] * 2
    assert not cell.is_live


def test_a_widget_that_cannot_be_made_is_html_with_one_warning(
    survey: Snapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Versions of anywidget and ipywidgets that do not fit each other do not cost the bar."""
    from progress_kit.display import widget

    def broken(*_: object) -> None:
        raise TypeError("no such trait")

    monkeypatch.setattr(widget, "is_built", lambda: True)
    monkeypatch.setattr(widget, "CellWidget", broken)
    monkeypatch.setattr(ipython, "wants_widget", lambda *_: True)
    session = Session()
    cell = Cell(session, None, {})
    cell.show(survey, None)
    assert session.sent == [mime_bundle(survey, None)]
    assert [record.getMessage() for record in caplog.records] == [
        "Progress is shown without a widget: TypeError: no such trait"
    ]


def test_without_the_build_the_widget_is_the_html(survey: Snapshot) -> None:
    """The page is told it with each state, for where it cannot load the component."""
    shown = replace(survey, state="cancelled")
    widget = ProgressWidget(Source(shown))
    assert widget._told["html"] == html(shown)
    widget.close()


def test_without_anywidget_everything_else_works() -> None:
    """It is optional: cells have their html, and the name of the widget says what to install."""
    program = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from progress_kit import *\n"
        "from progress_kit.display import ipython, open_sink\n"
        "from progress_kit.model import Snapshot\n"
        "print(ipython._cell_widget(Snapshot(id='op_1', name='Copy', state='running'), None))\n"
        "import progress_kit\n"
        "try: progress_kit.ProgressWidget\n"
        "except ImportError as error: print(str(error).rpartition(': ')[2])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert run.stdout.splitlines() == ["None", "pip install 'progress-kit[widget]'"]


def test_the_display_imports_anywidget_only_for_the_widget() -> None:
    """It is optional, and takes 60 ms."""
    program = (
        "import sys, progress_kit as pk, progress_kit.display as d; d.open_sink(); d.origin()\n"
        "for _ in pk.track(range(3)): pass\n"
        "print('ipywidgets' in sys.modules); pk.ProgressWidget; print('ipywidgets' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert run.stdout.split() == ["False", "True"]


def test_the_bundle_names_a_living_widget_only(survey: Snapshot) -> None:
    """In the order in which pages choose; an ended operation's output outlives its kernel."""
    assert list(mime_bundle(survey, None, widget="m1")) == [MIME, WIDGET, "text/html", "text/plain"]
    assert WIDGET not in mime_bundle(replace(survey, state="failed"), None, widget="m1")
