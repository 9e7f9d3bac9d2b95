from collections.abc import Iterator
from queue import Empty
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

MIME = "application/vnd.progress-kit.operation.v1+json"
PREPARE = """
import threading
from msgspec.structs import replace
from progress_kit.display import open_sink, origin
from progress_kit.model import Snapshot, Stage

def snapshot(done, state="running", seq=None):
    stage = Stage(name="main", state=state, done=done, total=100, unit="rows")
    return Snapshot(id="op_1", name="Copy", state=state, seq=done if seq is None else seq, stage="main",
                    stages=(stage,), fraction=done / 100, elapsed_s=1.0, origin=origin())

def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A real IPython kernel in its own process, whose connection file is named as a Jupyter server does."""
    connection_file = tmp_path_factory.mktemp("runtime") / "kernel-4f2a.json"
    manager = KernelManager(kernel_name="python3", connection_file=str(connection_file))
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        run(client, PREPARE)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def run(kernel: BlockingKernelClient, code: str) -> tuple[str, list[dict[str, Any]]]:
    """Run `code` as a cell; return the id of its request, and all that was published until it was idle."""
    request = kernel.execute(code)
    published: list[dict[str, Any]] = []
    while True:
        try:
            message = kernel.get_iopub_msg(timeout=30)
        except Empty:
            raise AssertionError(f"not idle after 30 s, only {[m['msg_type'] for m in published]}") from None
        published.append(message)
        of_this = message["parent_header"].get("msg_id") == request
        assert not (of_this and message["msg_type"] == "error"), "\n".join(message["content"]["traceback"])
        if of_this and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return request, published


def displays(published: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The displays among `published`, and their updates."""
    return [message for message in published if message["msg_type"] in {"display_data", "update_display_data"}]


def state(message: dict[str, Any]) -> str:
    """The operation's state in a display."""
    return str(message["content"]["data"][MIME]["snapshot"]["state"])


def test_a_display_lands_in_the_cell_where_the_operation_began(kernel: BlockingKernelClient) -> None:
    """Also when it is first shown by a thread, while another cell runs; updates name the same display."""
    began, published = run(kernel, "sink = open_sink()")
    assert displays(published) == []
    other, published = run(kernel, "in_thread(sink, snapshot(10), 'h_1')")
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
    [output] = notebook.cells[1].outputs
    assert output["data"][MIME]["snapshot"]["state"] == "succeeded"
    assert output["data"][MIME]["snapshot"]["origin"]["pid"] is None
    assert output["data"]["text/plain"] == "Copy: finished in 1.0 s, 100 rows"
    assert "finished in 1.0 s" in output["data"]["text/html"]
