from collections.abc import Iterator

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from nbclient import NotebookClient

from tests.display.kernels import MIME, PREPARE, WIDGET, displays, run, running, state, until_idle


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A kernel as a Jupyter server starts it."""
    with running(tmp_path_factory.mktemp("runtime") / "kernel-4f2a.json") as client:
        yield client


def test_a_display_lands_in_the_cell_where_the_operation_began(kernel: BlockingKernelClient) -> None:
    """Also when it is first shown by a thread, while another cell runs; updates name the same display."""
    began, published = run(kernel, "sink = open_sink()", by_person=False)
    assert displays(published) == []
    other, published = run(kernel, "in_thread(sink, snapshot(10), 'h_1')", by_person=False)
    [first] = displays(published)
    assert other != began
    assert first["parent_header"]["msg_id"] == began
    assert first["msg_type"] == "display_data"
    assert first["content"]["transient"] == {"display_id": "progress-kit-op_1"}
    assert list(first["content"]["data"]) == [MIME, "text/html", "text/plain"]
    assert first["content"]["data"][MIME]["hub_id"] == "h_1"
    _, published = run(kernel, "in_thread(sink, snapshot(100, 'succeeded'), 'h_1')")
    [update] = displays(published)
    assert update["msg_type"] == "update_display_data"
    assert update["parent_header"]["msg_id"] == began
    assert update["content"]["transient"] == {"display_id": "progress-kit-op_1"}
    assert state(update) == "succeeded"


def test_the_final_state_comes_before_the_cell_is_idle(kernel: BlockingKernelClient) -> None:
    """Whoever reads the cell's outputs when it is done has the end, not the last but one state."""
    cell, published = run(
        kernel, "sink = open_sink(); sink(snapshot(10), None); sink(snapshot(100, 'succeeded'), None)"
    )
    assert [state(message) for message in displays(published)] == ["running", "succeeded"]
    assert {message["parent_header"]["msg_id"] for message in displays(published)} == {cell}
    assert published[-1]["content"]["execution_state"] == "idle"


def test_an_operation_that_fails_at_once_is_shown_too(kernel: BlockingKernelClient) -> None:
    """The first thing shown may be the end."""
    _, published = run(kernel, "open_sink()(snapshot(1, 'failed'), None)")
    [only] = displays(published)
    assert (only["msg_type"], state(only)) == ("display_data", "failed")


def test_a_forked_worker_of_a_kernel_shows_nothing(kernel: BlockingKernelClient) -> None:
    """The kernel's socket is its own; what a worker sent there would be lost or break the parent's messages."""
    code = (
        "import multiprocessing, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "sink = open_sink()\n"
        "def work(results):\n"
        "    sink(snapshot(1), None)\n"
        "    results.put((open_sink() is None, origin().kernel_id))\n"
        "context = multiprocessing.get_context('fork')\n"
        "results = context.SimpleQueue()\n"
        "worker = context.Process(target=work, args=(results,))\n"
        "worker.start(); print(results.get()); worker.join()\n"
    )
    _, published = run(kernel, code)
    assert displays(published) == []
    assert "(True, None)\n" in "".join(m["content"]["text"] for m in published if m["msg_type"] == "stream")


def test_the_origin_names_kernel_and_cell(kernel: BlockingKernelClient) -> None:
    """The kernel's id is the one that the server knows, and the cell the one of the notebook."""
    message = kernel.session.msg(
        "execute_request",
        {"code": "print(repr(origin()))", "silent": False, "store_history": True, "user_expressions": {},
         "allow_stdin": False, "stop_on_error": True},
        metadata={"cellId": "cell-7"},
    )  # fmt: skip
    kernel.shell_channel.send(message)
    said = ""
    while "\n" not in said:
        answer = kernel.get_iopub_msg(timeout=30)
        said += answer["content"].get("text", "")
    assert "kernel_id='4f2a'" in said
    assert "cell_id='cell-7'" in said
    assert "script=None" in said


def test_nbclient_stores_the_final_state() -> None:
    """A notebook that was executed without a browser holds the end of its operations, as json, html and text."""
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[
            nbformat.v4.new_code_cell(PREPARE),  # type: ignore[no-untyped-call]
            nbformat.v4.new_code_cell(
                "sink = open_sink(); in_thread(sink, snapshot(10), None)\nsink(snapshot(100, 'succeeded'), None)"
            ),  # type: ignore[no-untyped-call]
        ]
    )
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    assert "widgets" not in notebook.metadata  # nobody would see one, and its state would only fill the file
    [output] = notebook.cells[1].outputs
    assert output["data"][MIME]["snapshot"]["state"] == "succeeded"
    assert output["data"][MIME]["snapshot"]["origin"]["pid"] is None
    assert output["data"]["text/plain"] == "Copy: finished in 1.0 s, 100 rows"
    assert "finished in 1.0 s" in output["data"]["text/html"]


def test_a_busy_kernel_hears_the_page_of_its_widget(kernel: BlockingKernelClient) -> None:
    """A cell that only computes can be cancelled by the button of its widget, whatever frontend sent the message."""
    code = (
        "import time, progress_kit as pk\n"
        "def rows():\n"
        "    until = time.monotonic() + 30\n"
        "    while time.monotonic() < until: yield\n"
        "try:\n"
        "    for _ in pk.track(rows(), 'Compute'): pass\n"
        "except pk.OperationCancelled: print('stopped')\n"
    )
    request = kernel.execute(code)
    while True:
        message = kernel.get_iopub_msg(timeout=30)
        if message["msg_type"] == "display_data":
            break
    widget = message["content"]["data"][WIDGET]["model_id"]
    data = {"method": "custom", "content": {"type": "command", "request": "r1", "action": "cancel"}}
    kernel.shell_channel.send(kernel.session.msg("comm_msg", {"comm_id": widget, "data": data}))
    published = until_idle(kernel, request)
    assert "stopped\n" in "".join(m["content"]["text"] for m in published if m["msg_type"] == "stream")
    assert state(displays(published)[-1]) == "cancelled"
