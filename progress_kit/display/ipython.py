"""Everything that knows IPython and its kernel: where an operation runs, and how to show it in its own cell.

Nothing is imported here that the process has not loaded itself: without a kernel there is nothing to talk to.
"""

import os
import platform
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from progress_kit.display.bundle import mime_bundle
from progress_kit.model import NAME_LENGTH, Origin, Snapshot, shorten

_PATH_LENGTH: Final = 4_096
_CONNECTION_FILE: Final = re.compile(r"kernel-(.+)\.json\Z")


class _Session(Protocol):
    pid: int

    def send(self, stream: object, kind: str, content: object, *, parent: object, ident: bytes) -> object: ...


class _Kernel(Protocol):
    """What is used of ipykernel, 6 and 7."""

    session: _Session | None
    iopub_socket: object | None
    parent: object

    def get_parent(self, channel: str) -> dict[str, Any] | None: ...


class Cell:
    """The cell that was running when this was made; shows one operation there, from any thread.

    ``display()`` would put the output into whatever cell runs by then. So the message that started the cell is kept,
    and named as the parent of what is sent.
    """

    def __init__(self, session: _Session, socket: object, parent: dict[str, Any]) -> None:
        self._session = session
        self._socket = socket
        self._parent = parent
        self._shown = False

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
        """Send the first display, and an update of it ever after."""
        kind = "update_display_data" if self._shown else "display_data"
        content = {
            "data": mime_bundle(snapshot, hub_id),
            "metadata": {},
            "transient": {"display_id": f"progress-kit-{snapshot.id}"},
        }
        # The socket hands over to the kernel's IO thread in the order of the calls, whatever thread they come from.
        self._session.send(self._socket, kind, content, parent=self._parent, ident=b"display_data")
        self._shown = True


def running_cell() -> Cell | None:
    """Return the cell that runs now in this thread's context; None where there is no kernel. Takes microseconds."""
    kernel = _kernel()
    if kernel is None or kernel.session is None:
        return None
    parent = kernel.get_parent("shell")
    return Cell(kernel.session, kernel.iopub_socket, parent) if parent else None


def origin() -> Origin:
    """Return where the caller runs: host and pid, in a kernel its id, notebook and cell, in a script its path."""
    host = _host()
    kernel = _kernel()
    if kernel is None:
        return Origin(host=host, pid=os.getpid(), script=_script())
    parent = kernel.get_parent("shell") or {}
    cell_id = parent.get("metadata", {}).get("cellId")
    return Origin(
        host=host,
        pid=os.getpid(),
        kernel_id=_kernel_id(kernel),
        notebook=_path(os.environ.get("JPY_SESSION_NAME")),  # set by the Jupyter server; no setting of ours
        cell_id=shorten(cell_id, NAME_LENGTH) if isinstance(cell_id, str) else None,
    )


def _kernel() -> _Kernel | None:
    """The ipykernel of this process. A forked child has a copy that must not be used: its socket is the parent's."""
    module = sys.modules.get("ipykernel.kernelbase")
    if module is None or not module.Kernel.initialized():
        return None
    kernel: _Kernel = module.Kernel.instance()
    if kernel.session is None or kernel.iopub_socket is None or kernel.session.pid != os.getpid():
        return None
    return kernel


def _kernel_id(kernel: _Kernel) -> str | None:
    connection_file = getattr(kernel.parent, "connection_file", None)
    found = _CONNECTION_FILE.search(connection_file) if isinstance(connection_file, str) else None
    return shorten(found[1], NAME_LENGTH) if found else None


@cache
def _host() -> str | None:
    return shorten(platform.node(), NAME_LENGTH) or None


def _script() -> str | None:
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    return None if script in {"", "-c", "-m"} else _path(script)


def _path(path: str | Path | None) -> str | None:
    return shorten(str(path), _PATH_LENGTH) if path else None
