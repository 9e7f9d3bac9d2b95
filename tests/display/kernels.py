"""A real IPython kernel in its own process, and what a frontend sees of it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

MIME = "application/vnd.progress-kit.operation.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parents[2]
PREPARE = """
import threading
from msgspec.structs import replace
from progress_kit.display import open_sink, origin
from progress_kit.model import Snapshot, Stage

def snapshot(done, state="running", seq=None, id="op_1"):
    stage = Stage(name="main", state=state, done=done, total=100, unit="rows")
    return Snapshot(id=id, name="Copy", state=state, seq=done if seq is None else seq, stage="main",
                    stages=(stage,), fraction=done / 100, elapsed_s=1.0, origin=origin())

def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()
"""


@contextmanager
def running(connection_file: Path, python: str = sys.executable) -> Iterator[BlockingKernelClient]:
    """Start a kernel of an interpreter, whose connection file is named as a Jupyter server does."""
    manager = KernelManager(connection_file=str(connection_file))
    manager._kernel_spec = KernelSpec(argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT)})
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


def run(kernel: BlockingKernelClient, code: str, *, by_person: bool = True) -> tuple[str, list[dict[str, Any]]]:
    """Run `code` as a cell; return the id of its request, and all that was published until it was idle.

    Programs that run notebooks tell the kernel that nobody can be asked for input.
    """
    request = kernel.execute(code, allow_stdin=by_person)
    return request, until_idle(kernel, request)


def until_idle(kernel: BlockingKernelClient, request: str) -> list[dict[str, Any]]:
    """Return all that is published until the kernel has done with a request."""
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
            return published


def displays(published: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The displays among `published`, and their updates."""
    return [message for message in published if message["msg_type"] in {"display_data", "update_display_data"}]


def state(message: dict[str, Any]) -> str:
    """The operation's state in a display."""
    return str(message["content"]["data"][MIME]["snapshot"]["state"])
