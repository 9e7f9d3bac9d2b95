"""Where the snapshots of an operation go to be seen from here: its cell, the terminal, or nowhere."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

from progress_kit import clock, settings
from progress_kit.display import rate
from progress_kit.display.ipython import Command, running_cell
from progress_kit.display.lines import is_watched, lines
from progress_kit.display.terminal import terminal
from progress_kit.model import Snapshot, is_terminal

Sink = Callable[[Snapshot, str | None], None]

UPDATES_PER_S: Final = 10
"""Updates of one operation."""
UPDATES_PER_S_WITH_HUB: Final = 2
"""The same where a hub shows it live anyway, and the output only has to be right in a file."""

_log = logging.getLogger("progress_kit")


class Screen(Protocol):
    """Something that can show an operation.

    One with a true attribute `is_live` is followed by a person even where there is a hub, and so is updated as often.
    One with a true attribute `at_once` is to show operations from their first moment on, and however short they are.
    """

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:
        """Show `snapshot`."""


def open_sink(command: Command | None = None) -> Sink | None:
    """Return what shows the operation that begins now, or None where nothing can be shown. Takes microseconds.

    `command` does what a viewer asks of the operation: it takes the action, a reason and by whom, and returns None if
    that is under way, else why not.
    """
    where = _where()
    screen = None if where == "off" else _live(where, command)
    if screen is not None:
        return ThrottledSink(screen)
    return lines() if where in {"auto", "lines"} and not _is_worker() else None


def draws() -> bool:
    """Whether an operation that began now would be drawn here, so that nobody else need, or nobody is to draw it."""
    where = _where()
    return where in {"off", "lines"} or _live(where, None) is not None


def _live(where: settings.Display, command: Command | None) -> Screen | None:
    """Return what can be drawn on anew: the cell, or the terminal."""
    cell = running_cell(command) if where in {"auto", "notebook"} else None
    if cell is not None or where in {"notebook", "lines"} or _is_worker():
        return cell
    if where == "terminal":
        return terminal(forced=True)
    return terminal() if is_watched() else None


def _is_worker() -> bool:
    """Whether this is a process of a pool: it shares its parent's terminal, and only one can rewrite a line."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


@cache
def _where() -> settings.Display:
    return settings.read().display


class ThrottledSink:
    """Shows snapshots on a screen, no faster than is useful; may be called from any thread.

    The last snapshot of a burst is always shown, an end at once, and nothing after an end. Nothing is raised: a
    screen that fails is given up with one warning. In a forked child it does nothing.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen: Screen | None = screen
        self._pid = os.getpid()
        # Re-entrant, because a collected loop may end inside any call of ours.
        self._lock = threading.RLock()
        self._latest: tuple[Snapshot, str | None] | None = None
        self._timer: threading.Timer | None = None
        self._next_at = 0.0
        self._showing = False

    @property
    def at_once(self) -> bool:
        """Whether an operation is shown from its first moment on; no longer, once its end was shown."""
        return getattr(self._screen, "at_once", False)

    def __call__(self, snapshot: Snapshot, hub_id: str | None) -> None:
        """Show `snapshot` now or, if one was shown a moment ago and nothing newer comes, in a moment."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._screen is None:
                return
            self._latest = snapshot, hub_id
            if self._showing:  # entered again by this thread: the outer call goes on with it
                return
            wait_s = self._next_at - clock.monotonic()
            if is_terminal(snapshot.state) or wait_s <= 0:
                self._show()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self._show_late)
                self._timer.daemon = True
                self._timer.start()

    def _show_late(self) -> None:
        with self._lock:
            self._timer = None
            self._show()

    def _show(self) -> None:
        self._showing = True
        try:
            while self._latest is not None and self._screen is not None:
                (snapshot, hub_id), self._latest = self._latest, None
                self._screen.show(snapshot, hub_id)
                self._after(snapshot, hub_id)
        except Exception as error:  # noqa: BLE001 - whatever a screen does, the user's loop goes on
            self._close()
            _log.warning("Progress is not shown here any more: %s: %s", type(error).__name__, error)
        finally:
            self._showing = False

    def _after(self, snapshot: Snapshot, hub_id: str | None) -> None:
        if is_terminal(snapshot.state):
            self._close()
            return
        rate.join(self)
        followed = hub_id is not None and not getattr(self._screen, "is_live", False)
        per_s = UPDATES_PER_S_WITH_HUB if followed else UPDATES_PER_S
        self._next_at = clock.monotonic() + rate.interval_s(per_s)

    def _close(self) -> None:
        self._screen = None
        rate.leave(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
