import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from progress_kit.display.ipython import wants_widget
from progress_kit.settings import Settings
from tests.display.kernels import MIME, ROOT, WIDGET, displays, run, running, state, until_idle
from tests.packaging.environment import Environment

LAB = {"metadata": {"deletedCells": [], "recordTiming": False, "cellId": "c1"}, "content": {"allow_stdin": True}}
CODE = {"metadata": {"cellId": "vscode-notebook-cell:/home/a.ipynb#W0"}, "content": {"allow_stdin": True}}
RUNNER = {"metadata": {}, "content": {"allow_stdin": False}}


@pytest.fixture(scope="module", params=[7, pytest.param(6, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A kernel of this ipykernel, or of the last one that had no subshells."""
    home = tmp_path_factory.mktemp("kernel")
    if request.param == 7:
        with running(home / "kernel.json") as client:
            yield client
        return
    environment = Environment(home)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]["widget"]
    environment.install("ipykernel>=6.29,<7", *project["dependencies"], *extras)
    assert environment.installed()["ipykernel"].startswith("6.")
    with running(home / "kernel.json", str(environment.prefix / "bin/python")) as client:
        yield client


def opened(published: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The state of the widgets that were made, by their ids."""
    return {
        message["content"]["comm_id"]: message["content"]["data"]["state"]
        for message in published
        if message["msg_type"] == "comm_open"
    }


def told(published: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """What the pages' widgets were told: states and fractions."""
    updates = [message["content"]["data"] for message in published if message["msg_type"] == "comm_msg"]
    shown = [data["state"]["_told"]["snapshot"] for data in updates if data["method"] == "update"]
    return [(snapshot["state"], snapshot["fraction"]) for snapshot in shown]


def closed(published: list[dict[str, Any]]) -> list[str]:
    """The ids of the widgets that were closed."""
    return [message["content"]["comm_id"] for message in published if message["msg_type"] == "comm_close"]


def ask(kernel: BlockingKernelClient, widget: str, request: str, action: str) -> str:
    """Ask for something as the page of a widget does; return the id of the message."""
    data = {"method": "custom", "content": {"type": "command", "request": request, "action": action}}
    message = kernel.session.msg("comm_msg", {"comm_id": widget, "data": data})
    kernel.shell_channel.send(message)
    return str(message["header"]["msg_id"])


def answers(published: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What pages were answered."""
    updates = [message["content"]["data"] for message in published if message["msg_type"] == "comm_msg"]
    return [data["content"] for data in updates if data["method"] == "custom"]


def test_a_page_without_the_labextension_follows_a_widget(kernel: BlockingKernelClient) -> None:
    """The output names the widget once; what is new then travels as one trait, and the output as it ends."""
    _, first = run(kernel, "sink = open_sink(); in_thread(sink, snapshot(10), 'h_1')")
    widgets = opened(first)
    [display] = displays(first)
    data = display["content"]["data"]
    assert list(data) == [MIME, WIDGET, "text/html", "text/plain"]
    widget = data[WIDGET]["model_id"]
    runtime = widgets[widgets[widget]["_runtime"]]
    assert "export{" in runtime["source"]
    assert ".pk-operation" in runtime["style"]
    assert widgets[widget]["_told"]["snapshot"]["fraction"] == 0.1
    assert widgets[widget]["_told"]["html"] == data["text/html"]
    _, then = run(kernel, "in_thread(sink, snapshot(100, 'succeeded'), 'h_1')")
    assert told(then) == [("succeeded", 1.0)]
    [end] = displays(then)
    assert then.index(end) > max(i for i, message in enumerate(then) if message["msg_type"] == "comm_msg")
    assert list(end["content"]["data"]) == [MIME, "text/html", "text/plain"]
    assert state(end) == "succeeded"


def test_while_it_runs_the_output_stays_as_it_is(kernel: BlockingKernelClient) -> None:
    """A page draws a widget anew with each change of the output: what was opened in it would be closed."""
    code = (
        "from progress_kit.display.ipython import running_cell\n"
        "cell = running_cell()\n"
        "for done in range(10, 60, 10): cell.show(snapshot(done), 'h_1')\n"
        "print(cell.is_live); cell.show(snapshot(60, 'cancelled'), 'h_1')"
    )
    _, published = run(kernel, code)
    assert [state(display) for display in displays(published)] == ["running", "cancelled"]
    assert [fraction for _, fraction in told(published)] == [0.2, 0.3, 0.4, 0.5, 0.6]


def test_the_component_travels_once(kernel: BlockingKernelClient) -> None:
    """However many operations there are, and even if the module is executed again, as %autoreload does."""
    begin = (
        "sinks = [open_sink() for _ in range(3)]\n"
        "for n, sink in enumerate(sinks): sink(snapshot(1, id=f'op_{n}'), None)"
    )
    end = "\nfor n, sink in enumerate(sinks): sink(snapshot(9, 'cancelled', id=f'op_{n}'), None)"
    run(kernel, begin + end)
    _, again = run(kernel, begin + end)
    code = "import importlib, progress_kit.display.widget as module; importlib.reload(module)\n"
    _, reloaded = run(kernel, code + begin + end)
    for published in (again, reloaded):
        assert len([state for state in opened(published).values() if "_told" in state]) == 3
        assert not any("source" in state for state in opened(published).values())


def test_who_runs_notebooks_gets_no_widget(kernel: BlockingKernelClient) -> None:
    """nbclient, and all that uses it, would only store its state in the notebook's file."""
    code = "sink = open_sink(); sink(snapshot(10), None); sink(snapshot(100, 'succeeded'), None)"
    _, published = run(kernel, code, by_person=False)
    assert opened(published) == {}
    assert [list(display["content"]["data"]) for display in displays(published)] == [
        [MIME, "text/html", "text/plain"]
    ] * 2


def test_widgets_of_ended_operations_are_closed_in_time(kernel: BlockingKernelClient) -> None:
    """Each with its layout, but not at once: a page may be busy with the end."""
    code = (
        "for n in range(25):\n"
        "    sink = open_sink(); sink(snapshot(1, id=f'op_{n}'), None); sink(snapshot(2, 'failed', id=f'op_{n}'), None)"
    )
    _, published = run(kernel, code)
    assert len(closed(published)) >= 2 * 5
    ids = [widget for widget, state in opened(published).items() if "_told" in state]
    assert not set(ids[-20:]) & set(closed(published))
    assert len(closed(published)) % 2 == 0


def test_the_page_asks_and_the_operation_does(kernel: BlockingKernelClient) -> None:
    """What a button asks for is done once, and the page is answered."""
    code = "asked = []\ndef command(*what): asked.append(what)\nsink = open_sink(command); sink(snapshot(10), None)"
    _, published = run(kernel, code)
    widget = displays(published)[0]["content"]["data"][WIDGET]["model_id"]
    replies = answers(until_idle(kernel, ask(kernel, widget, "r1", "cancel")))
    replies += answers(until_idle(kernel, ask(kernel, widget, "r2", "explode")))
    assert replies == [
        {"type": "command_result", "request": "r1", "error": None},
        {"type": "command_result", "request": "r2", "error": "explode is not known here"},
    ]
    _, published = run(kernel, "print(asked); sink(snapshot(20, 'cancelled'), None)")
    assert "[('cancel', None, None)]\n" in "".join(m["content"]["text"] for m in published if m["msg_type"] == "stream")


def test_a_forked_worker_sends_nothing(kernel: BlockingKernelClient) -> None:
    """Neither messages nor complaints: the session logs whatever a child would send."""
    code = (
        "import io, logging, multiprocessing, warnings\n"
        "from traitlets.log import get_logger\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "from progress_kit.display.widget import CellWidget\n"
        "widget = CellWidget(snapshot(1), None)\n"
        "def work(results):\n"
        "    log = io.StringIO(); get_logger().addHandler(logging.StreamHandler(log))\n"
        "    widget.show(snapshot(2)); widget.close(); CellWidget(snapshot(3), None)\n"
        "    results.put(log.getvalue())\n"
        "context = multiprocessing.get_context('fork')\n"
        "results = context.SimpleQueue()\n"
        "worker = context.Process(target=work, args=(results,))\n"
        "worker.start(); print([results.get()]); worker.join()\n"
    )
    _, published = run(kernel, code)
    assert told(published) == []
    assert closed(published) == []
    said = "".join(message["content"]["text"] for message in published if message["msg_type"] == "stream")
    assert said.strip() == "['']"


@pytest.mark.parametrize(
    "parent, settings, wanted",
    [
        (LAB, Settings(), True),
        (LAB, Settings(labextension=True), False),
        (LAB, Settings(labextension=True, widget="on"), True),
        (LAB, Settings(widget="off"), False),
        (CODE, Settings(labextension=True), True),
        (RUNNER, Settings(), False),
        (RUNNER, Settings(widget="on"), True),
    ],
    ids=["bare Lab", "Lab", "Lab, wanted", "bare Lab, unwanted", "VS Code on a server", "nbclient", "Voilà"],
)
def test_who_gets_a_widget(parent: dict[str, Any], settings: Settings, wanted: bool) -> None:  # noqa: FBT001
    """Who has no labextension and a person before it; the setting has the last word."""
    assert wants_widget(parent, settings) is wanted
