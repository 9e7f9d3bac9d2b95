"""Everything that knows IPython and its kernel: where an operation runs, and how to show it in its own cell.

Nothing is imported here that the process has not loaded itself: without a kernel there is nothing to talk to.
"""

import logging
import os
import platform
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from progress_kit.display.bundle import mime_bundle, timeless_bundle
from progress_kit.model import NAME_LENGTH, Action, Origin, Snapshot, is_terminal, shorten

if TYPE_CHECKING:
    from progress_kit.display.widget import CellWidget
    from progress_kit.settings import Settings

Command = Callable[[Action, str | None, str | None], str | None]
"""Does what a viewer asks of an operation: action, reason, by whom; returns why not, or None if it is under way."""

_log = logging.getLogger("progress_kit")
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

    Where the saved notebook shall be timeless, the display has its place among the cell's outputs from the beginning,
    whatever is printed meanwhile; programs that run notebooks, of which some know no updates, get it once.

    A page without the labextension gets a widget, which then follows the operation; the output itself changes only
    at the end, because a page draws a widget anew with each change of it.
    """

    def __init__(
        self, session: _Session, socket: object, parent: dict[str, Any], command: Command | None = None
    ) -> None:
        self._session = session
        self._socket = socket
        self._parent = parent
        self._command = command
        self._shown = False
        self._timeless = _settings().saved == "timeless"
        self._widget: CellWidget | None = None

    @property
    def is_live(self) -> bool:
        """Whether a page follows the operation by what is shown here."""
        return self._widget is not None

    @property
    def at_once(self) -> bool:
        """Whether an operation is shown from its first moment on, and however short it is."""
        return self._timeless

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
        """Send the first display, and an update of it ever after."""
        ended = is_terminal(snapshot.state)
        if self._timeless and not ended and not _has_person(self._parent):
            return
        if self._widget is not None:
            # Before the output is replaced: what the page was told last is the end.
            self._widget.show(snapshot)
            if not ended:
                return
            self._widget.retire()
        elif not self._shown and not ended and wants_widget(self._parent, _settings()):
            self._widget = _cell_widget(snapshot, self._command)
        if self._timeless and not self._shown:
            _flush_streams()  # what was printed before stands before it
        kind = "update_display_data" if self._shown else "display_data"
        content = {
            "data": self._data(snapshot, hub_id),
            "metadata": {},
            "transient": {"display_id": f"progress-kit-{snapshot.id}"},
        }
        # The socket hands over to the kernel's IO thread in the order of the calls, whatever thread they come from.
        self._session.send(self._socket, kind, content, parent=self._parent, ident=b"display_data")
        self._shown = True
        if ended:
            self._widget = self._command = None

    def _data(self, snapshot: Snapshot, hub_id: str | None) -> dict[str, Any]:
        if self._timeless and is_terminal(snapshot.state):
            return timeless_bundle(snapshot)
        return mime_bundle(snapshot, hub_id, widget=None if self._widget is None else self._widget.model_id)


def wants_widget(parent: dict[str, Any], settings: "Settings") -> bool:
    """Tell whether what sent the message `parent` needs a widget to follow an operation, and has someone to see it.

    Programs that run notebooks would only store the widget's state. JupyterLab and Notebook, known by what they tell
    of their cells, need none if the server has said that its pages have the labextension. VS Code, Colab and the
    others never have it, whatever their server says.
    """
    if settings.widget != "auto":
        return settings.widget == "on"
    if not _has_person(parent):
        return False
    return not (settings.labextension and "deletedCells" in parent.get("metadata", {}))


def _has_person(parent: dict[str, Any]) -> bool:
    """Who may not be asked for input is no person: nbclient, and all that runs notebooks by it."""
    return bool(parent.get("content", {}).get("allow_stdin", False))


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # they may be anybody's
            stream.flush()


def _cell_widget(snapshot: Snapshot, command: Command | None) -> "CellWidget | None":
    """Make a widget of the cell; None where what it needs is not installed, or was not built."""
    try:
        from progress_kit.display.widget import CellWidget, is_built

        return CellWidget(snapshot, command) if is_built() else None
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001 - versions that do not fit each other; the html needs none of them
        _log.warning("Progress is shown without a widget: %s: %s", type(error).__name__, error)
        return None


@cache
def _settings() -> "Settings":
    from progress_kit import settings

    return settings.read()


def running_cell(command: Command | None = None) -> Cell | None:
    """Return the cell that runs now in this thread's context; None where there is no kernel. Takes microseconds."""
    kernel = _kernel()
    if kernel is None or kernel.session is None:
        return None
    parent = kernel.get_parent("shell")
    return Cell(kernel.session, kernel.iopub_socket, parent, command) if parent else None


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


def is_forked() -> bool:
    """Tell whether this process is a forked child of a kernel: what it sent would not arrive."""
    module = sys.modules.get("ipykernel.kernelbase")
    if module is None or not module.Kernel.initialized():
        return False
    session: _Session | None = module.Kernel.instance().session
    return session is not None and session.pid != os.getpid()


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
