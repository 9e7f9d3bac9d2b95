"""An ipywidget that shows one operation: for what is built of widgets, and where there is no labextension."""

import logging
import os
import threading
from typing import Any, Protocol
from weakref import WeakSet

import ipywidgets
from traitlets import Float, Int, Unicode, Union

from progress_kit.display.bundle import WIDGET_TYPE
from progress_kit.display.html import html
from progress_kit.display.plain import plain
from progress_kit.model import Snapshot, is_terminal

_INTERVAL_S = 0.1
_MESSAGES_PER_S = 20
_log = logging.getLogger("progress_kit")
_following: "WeakSet[ProgressWidget]" = WeakSet()


class Source(Protocol):
    """An operation that can be asked how far it is, such as a tracker."""

    @property
    def id(self) -> str:
        """The operation's id."""

    def snapshot(self) -> Snapshot:
        """Its state at this moment."""


class _Still:
    """The source of a widget that was unpickled: the state as it was then."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def id(self) -> str:
        return self._snapshot.id

    def snapshot(self) -> Snapshot:
        return self._snapshot


class ProgressWidget(ipywidgets.HTML):  # type: ignore[misc]  # ipywidgets has no types
    """Shows `source`, any object with an `id` and a `snapshot()`, and follows it until it ends.

    The traits `state`, `fraction` (0 to 1), `done`, `total` (of the current stage) and `message` can be observed;
    `fraction` and `total` are None while unknown. Observers are called in the widget's own thread.
    """

    state = Unicode("pending", help="The operation's state.")
    fraction = Float(None, allow_none=True, help="How far it is, 0 to 1.")
    done = Union([Int(), Float()], default_value=0, help="What the current stage has counted.")
    total = Union([Int(), Float()], default_value=None, allow_none=True, help="What it will have counted at its end.")
    message = Unicode("", help="What the operation said last.")

    def __init__(self, source: Source, **kwargs: object) -> None:
        self._source = source
        self._pid = os.getpid()
        self._updating = threading.RLock()
        self._closing = threading.Event()
        super().__init__(**kwargs)
        if not self.update():
            threading.Thread(target=self._follow, name="progress-kit-widget", daemon=True).start()

    def _follow(self) -> None:
        _following.add(self)
        try:
            while not self._closing.wait(max(_INTERVAL_S, len(_following) / _MESSAGES_PER_S)):
                if self.update():
                    return
        except Exception as error:  # noqa: BLE001 - a source or an observer that fails ends only this
            _log.warning("A progress widget is not updated any more: %s: %s", type(error).__name__, error)
        finally:
            _following.discard(self)

    def update(self) -> bool:
        """Show the source's state now; return whether it is final. Only the HTML travels, in one message."""
        snapshot = self._source.snapshot()
        stage = next((stage for stage in snapshot.stages if stage.name == snapshot.stage), None)
        with self._updating:
            if os.getpid() == self._pid and not self._closing.is_set():
                self.value = html(snapshot)
                self.state, self.fraction, self.message = snapshot.state, snapshot.fraction, snapshot.message
                if stage is not None:
                    self.done, self.total = stage.done, stage.total
        return is_terminal(snapshot.state)

    def close(self) -> None:
        """Stop following, and remove the widget and its layout from kernel and browser."""
        self._closing.set()
        with self._updating:
            for layout in (self.layout, self.style):
                if layout is not None:
                    layout.close()
            super().close()

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, Any]:
        snapshot = self._source.snapshot()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {WIDGET_TYPE: view, "text/html": html(snapshot), "text/plain": plain(snapshot)}

    def __reduce__(self) -> tuple[type["ProgressWidget"], tuple[_Still]]:
        # Neither comm nor thread can travel; what it shows can.
        return type(self), (_Still(self._source.snapshot()),)
