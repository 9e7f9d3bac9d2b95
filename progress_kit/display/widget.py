"""The widgets that show an operation: in cells of pages without the labextension, and in layouts of ipywidgets.

anywidget brings the page's side; this module is imported when a widget is made, because that takes 60 ms.
"""

import hashlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import anywidget
import msgspec
from traitlets import Bool, Dict, Float, Int, Unicode, Union

from progress_kit import clock
from progress_kit.display import rate
from progress_kit.display.bundle import WIDGET_TYPE
from progress_kit.display.html import html
from progress_kit.display.ipython import Command, is_forked
from progress_kit.display.plain import plain
from progress_kit.model import Action, Snapshot, is_terminal

_HERE: Final = Path(__file__).parent
_STATIC: Final = _HERE / "static"
_UPDATES_PER_S: Final = 10
_KEPT: Final = 20
"""So many widgets of ended cells stay open: a page may still be busy with the end of one."""
_HEARD: Final = 50
"""So many requests are remembered, to do none of them twice."""
_ACTIONS: Final = frozenset({"cancel", "pause", "resume"})

_log = logging.getLogger("progress_kit")
_making = threading.RLock()  # of the one runtime, in whatever thread needs it first


class Source(Protocol):
    """An operation that can be asked how far it is, such as a tracker.

    What it has of `cancel()`, `pause()` and `resume()`, viewers can ask for.
    """

    @property
    def id(self) -> str:
        """The operation's id."""

    def snapshot(self) -> Snapshot:
        """Its state at this moment."""


def is_built() -> bool:
    """Tell whether this installation has the page's side of the widget; a source tree may not."""
    return (_STATIC / "widget.js").is_file()


class _Widget(anywidget.AnyWidget):
    """Sends nothing from a forked child, and takes its layout with it when it is closed."""

    def open(self) -> None:
        """Open it to the pages."""
        if not is_forked():
            super().open()

    def _send(self, msg: object, buffers: object = None) -> None:
        if not is_forked():
            super()._send(msg, buffers)

    def close(self) -> None:
        """Remove the widget and its layout from kernel and pages."""
        if self.comm is not None and not is_forked():
            self.layout.close()
            super().close()


class _Runtime(_Widget):
    """The component and its style for the pages: one for all widgets of a kernel, so that they travel once."""

    _esm = "export default {};"
    version = Unicode()
    source = Unicode().tag(sync=True)
    style = Unicode().tag(sync=True)


_runtimes: dict[str, _Runtime] = globals().get("_runtimes", {})  # a module that is executed again keeps what it holds


def _runtime_of_kernel() -> _Runtime:
    source, style = (_read(_STATIC / name) for name in ("widget.js", "widget.css"))
    version = hashlib.sha256(f"{source}{style}".encode()).hexdigest()[:16]
    with _making:
        runtime = _runtimes.get(version)
        if runtime is None or runtime.comm is None:  # closed by `Widget.close_all()`
            runtime = _runtimes[version] = _Runtime(version=version, source=source, style=style)
    return runtime


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


class _OperationWidget(_Widget):
    """What both widgets have in common: one trait that travels, and the ear for what pages ask."""

    _esm = _read(_HERE / "stub.js")
    _runtime = Unicode().tag(sync=True)
    _version = Unicode().tag(sync=True)
    _told = Dict().tag(sync=True)

    def __init__(self, snapshot: Snapshot, command: Command | None, **kwargs: object) -> None:
        self._command = command
        self._heard: deque[str] = deque(maxlen=_HEARD)
        self._listening = threading.Lock()
        runtime = _runtime_of_kernel()
        model_id = "" if runtime.comm is None else runtime.model_id
        super().__init__(_runtime=model_id, _version=runtime.version, _told=_told(snapshot), **kwargs)
        self.on_msg(lambda _widget, content, _buffers: self._hear(content))
        self._hear_early()

    def _hear_early(self) -> None:
        """Listen also while the kernel is busy with a cell, where ipykernel lets us.

        From 7.4 on it asks a comm, in the thread that receives, which of its loops a message is for. By itself it
        would name the one that is busy, even if the page asked for another.
        """
        if hasattr(self.comm, "_reply_subshell_for"):

            def route(data: object, asked: object) -> object:
                if isinstance(data, dict) and data.get("method") == "custom":
                    self._hear(data.get("content"))
                return asked

            self.comm._reply_subshell_for = route  # noqa: SLF001 - see above; without it only the early ear is missing

    def _hear(self, content: object) -> None:
        """Do what a page asks for, and answer; called in any thread, perhaps twice for one request."""
        if not isinstance(content, dict) or content.get("type") != "command":
            return
        request, action = str(content.get("request")), content.get("action")
        with self._listening:
            if request in self._heard:
                return
            self._heard.append(request)
        try:
            error = self._obey(action) if action in _ACTIONS else f"{action} is not known here"
        except Exception as problem:  # noqa: BLE001 - whatever the operation raises, it belongs to the page that asked
            error = f"{type(problem).__name__}: {problem}"
        self.send({"type": "command_result", "request": request, "error": error})

    def _obey(self, action: Action) -> str | None:
        return "the operation takes no commands" if self._command is None else self._command(action, None, None)


class CellWidget(_OperationWidget):
    """The widget in the output of a cell; it is told what to show."""

    def show(self, snapshot: Snapshot) -> None:
        """Show `snapshot`."""
        self._told = _told(snapshot)

    def retire(self) -> None:
        """The operation has ended: be closed, but not before a page can have taken the end in."""
        self._command = None
        _retired.append(self)
        while len(_retired) > _KEPT:
            _retired.popleft().close()


_retired: deque[CellWidget] = globals().get("_retired", deque())


class _Still:
    """The source of a widget that was unpickled: the state as it was then."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def id(self) -> str:
        return self._snapshot.id

    def snapshot(self) -> Snapshot:
        return self._snapshot


class ProgressWidget(_OperationWidget):
    """Shows `source`, any object with an `id` and a `snapshot()` such as a tracker, and follows it until it ends.

    It can stand wherever an ipywidget can. The traits `state`, `fraction` (0 to 1), `done` and `total` (of the current
    stage), `message` and `snapshot` (all of it, as in the protocol) can be observed; `fraction` and `total` are None
    while unknown. Observers are called in a thread of the library.
    """

    state = Unicode("pending", help="The operation's state.")
    fraction = Float(None, allow_none=True, help="How far it is, 0 to 1.")
    done = Union([Int(), Float()], default_value=0, help="What the current stage has counted.")
    total = Union([Int(), Float()], default_value=None, allow_none=True, help="What it will have counted at its end.")
    message = Unicode("", help="What the operation said last.")
    snapshot = Dict(help="The whole state.")
    ended = Bool(default_value=False, help="Whether the state is final.")

    def __init__(self, source: Source, **kwargs: object) -> None:
        self._source = source
        self._seen: Snapshot | None = None
        self._updating = threading.RLock()  # the follower, and the user's thread when a cell ends
        super().__init__(source.snapshot(), self._ask, **kwargs)
        if not self.update():
            _follower.add(self)
            _follower.flush_after_cells()

    def update(self) -> bool:
        """Show the source's state now; return whether it is final. All of it travels as one message."""
        snapshot = self._source.snapshot()
        with self._updating:
            if self.comm is not None and not is_forked() and snapshot is not self._seen:
                self._seen = snapshot
                self._told = told = _told(snapshot)
                stage = next((stage for stage in snapshot.stages if stage.name == snapshot.stage), None)
                if stage is not None:
                    self.done, self.total = stage.done, stage.total
                self.fraction, self.message = snapshot.fraction, snapshot.message
                self.snapshot, self.state = told["snapshot"], snapshot.state
                self.ended = is_terminal(snapshot.state)
        return is_terminal(snapshot.state)

    def close(self) -> None:
        """Stop following, and remove the widget and its layout from kernel and pages."""
        _follower.remove(self)
        with self._updating:
            super().close()

    def _ask(self, action: Action, _reason: str | None, _by: str | None) -> str | None:
        method = getattr(self._source, action, None)
        if method is None:
            return f"{action} is not supported by this operation"
        method()
        return None

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, Any]:  # type: ignore[override]  # IPython takes this too
        snapshot = self._source.snapshot()
        texts = {"text/html": html(snapshot), "text/plain": plain(snapshot)}
        if self.comm is None:
            return texts
        return {WIDGET_TYPE: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}} | texts

    def __reduce__(self) -> tuple[type["ProgressWidget"], tuple[_Still]]:
        # Neither comm nor thread can travel; what it shows can. Its own class is one that anywidget made for it alone.
        return ProgressWidget, (_Still(self._source.snapshot()),)


class _Follower:
    """The one thread that asks the sources of all `ProgressWidget`s; it runs while there are any to follow."""

    def __init__(self) -> None:
        # Re-entrant: a widget that is collected meanwhile, in the same thread, closes itself.
        self._lock = threading.RLock()
        self._widgets: list[ProgressWidget] = []
        self._news = threading.Event()
        self._running = False
        self._hooked = False

    def add(self, widget: ProgressWidget) -> None:
        """Follow `widget` until it ends or is closed."""
        rate.join(widget)
        with self._lock:
            self._widgets.append(widget)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="progress_kit widgets", daemon=True).start()

    def remove(self, widget: ProgressWidget) -> None:
        """Follow `widget` no longer."""
        rate.leave(widget)
        with self._lock:
            if widget in self._widgets:
                self._widgets.remove(widget)
        self._news.set()

    def flush_after_cells(self) -> None:
        """Flush when a cell has ended: nbclient takes in only what is sent before a cell is done."""
        ipython = sys.modules.get("IPython")
        shell = None if self._hooked or ipython is None else ipython.get_ipython()
        if shell is not None:
            self._hooked = True
            after_cell: Callable[[object], None] = lambda _result: self.flush()  # noqa: E731 - IPython wants this argument
            shell.events.register("post_run_cell", after_cell)

    def flush(self) -> None:
        """Show the state of all now."""
        for widget in self._widgets.copy():
            try:
                if widget.update():
                    self.remove(widget)
            except Exception as error:  # noqa: BLE001 - a source or an observer that fails ends only this
                self.remove(widget)
                _log.warning("A progress widget is not updated any more: %s: %s", type(error).__name__, error)

    def _run(self) -> None:
        while self._goes_on():
            self._news.wait(rate.interval_s(_UPDATES_PER_S))
            self._news.clear()
            self.flush()

    def _goes_on(self) -> bool:
        with self._lock:
            self._running = bool(self._widgets)
            return self._running


_follower: _Follower = globals().get("_follower") or _Follower()


def _told(snapshot: Snapshot) -> dict[str, Any]:
    """What the page is told: the snapshot with the kernel's clock, and as text where it cannot draw."""
    return {
        "snapshot": msgspec.json.decode(msgspec.json.encode(snapshot)),  # so NaN becomes null
        "now": clock.wall(),
        "html": html(snapshot),
    }
