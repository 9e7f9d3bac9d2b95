"""One line at the foot of a terminal that is rewritten in place, for all operations of the process together."""

import math
import os
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final, TextIO

from progress_kit import clock
from progress_kit.display.streams import Streams, Write
from progress_kit.display.view import View
from progress_kit.model import Snapshot, is_terminal

_BAR: Final = 20
_LEAST_TITLE: Final = 12
_LEAST_COLUMNS: Final = 20
_USUAL_COLUMNS: Final = 80
_WAIT_S: Final = 1.0
_CALM_S: Final = 0.05
"""The line comes back no more often, however much the program writes."""
_UNFINISHED_S: Final = 1.0
"""So long a line that the program has begun, and not ended, is left alone."""


class Terminal:
    """Shows running operations in one rewritten line; an operation that ends leaves a line of its own above it.

    What the program itself prints while the line is there, or its `logging` writes, or the interpreter when it fails,
    comes whole above it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.pid = os.getpid()
        # Re-entrant: the end of a collected loop may be shown while another one is being drawn by the same thread.
        self._lock = threading.RLock()
        self._running: dict[str, View] = {}
        self._drawn = 0
        self._drawn_at = -math.inf
        self._streams = Streams(stream, self._aside)
        self._ours = False
        """Whether what is written now is not the program's."""
        self._open_at: float | None = None
        """When the program last wrote to the line that the cursor is in; None if that is empty, or ours."""
        self._rewritten = False
        """Whether it rewrites that line itself, as other libraries' bars do."""
        self._timer: threading.Timer | None = None

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:  # noqa: ARG002 - a terminal links to no hub
        """Draw the line anew with `snapshot` in it."""
        view = View.of(snapshot)
        with self._lock, self._drawing():
            if is_terminal(snapshot.state):
                self._running.pop(snapshot.id, None)
                self._begin_line()
                self._write(final_line(view, self._columns()), end="\n")
            else:
                self._running[snapshot.id] = view
            if self._running:
                self._streams.watch()
                if self._free_in_s() <= 0:
                    self._draw()
            else:
                self._streams.give_back()
            self.stream.flush()

    @contextmanager
    def wiped(self) -> Iterator[None]:
        """Keep the line away while a block writes."""
        with self._lock:
            with self._drawing():
                self._wipe()
                try:
                    yield
                finally:
                    if self._running and self._free_in_s() <= 0:
                        self._draw()
            self._come_back()

    def _aside(self, write: Write, text: str) -> int:
        """Write what the program writes, and keep our line out of its way."""
        if os.getpid() != self.pid:  # a forked child, to which the line does not belong
            self._streams.give_back()
            return write(text)
        # Whoever waits here may hold what the one who draws waits for: rather a spoilt line than a program that hangs.
        if not self._lock.acquire(timeout=_WAIT_S):
            return write(text)
        try:
            if self._ours or not self._running:
                return write(text)
            with suppress(OSError, ValueError), self._drawing():
                self._wipe()
            try:
                return write(text)
            finally:
                self._note(text)
                with suppress(OSError, ValueError):
                    self._come_back()
        finally:
            self._lock.release()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        outer, self._ours = self._ours, True
        try:
            yield
        finally:
            self._ours = outer

    def _note(self, text: str) -> None:
        head, newline, last = text.rpartition("\n")
        if last:
            self._open_at = clock.monotonic()
            self._rewritten = "\r" in last or (self._rewritten and not newline)
        elif newline or head:
            self._open_at, self._rewritten = None, False

    def _free_in_s(self) -> float:
        """Return how long the line is still left to the program, which has not ended it yet."""
        return 0.0 if self._open_at is None else self._open_at + _UNFINISHED_S - clock.monotonic()

    def _come_back(self) -> None:
        """Draw the line again, but not after each of many lines that the program writes."""
        if self._drawn or not self._running:
            return
        wait_s = max(self._free_in_s(), self._drawn_at + _CALM_S - clock.monotonic())
        if wait_s <= 0:
            with self._drawing():
                self._draw()
        elif self._timer is None:
            timer = threading.Timer(wait_s, self._come_back_late)
            timer.daemon = True
            with suppress(RuntimeError):  # no more threads, or the interpreter exits
                timer.start()
                self._timer = timer

    def _come_back_late(self) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._timer = None
            self._come_back()

    def _wipe(self) -> None:
        if self._drawn:
            self._write("")
            self.stream.write("\r")
            self.stream.flush()

    def _begin_line(self) -> None:
        """Go to where a line of ours can begin."""
        self._streams.flush()
        if self._open_at is not None and self._rewritten:
            self._drawn = self._columns() - 1  # so much of it may be there
        elif self._open_at is not None:
            self.stream.write("\n")
        self._open_at, self._rewritten = None, False

    def _draw(self) -> None:
        self._begin_line()
        self._write(line(list(self._running.values()), self._columns()))
        self.stream.flush()
        self._drawn_at = clock.monotonic()

    def _write(self, text: str, end: str = "") -> None:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        width = columns_of(text)
        # Spaces wipe what was longer before: not every terminal knows the code for it.
        self.stream.write(f"\r{text}{' ' * max(0, self._drawn - width)}{end}")
        self._drawn = 0 if end else width

    def _columns(self) -> int:
        try:
            columns = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(_LEAST_COLUMNS, columns or _USUAL_COLUMNS)  # a pseudo terminal may say 0


_terminal: Terminal | None = None


def wiped() -> AbstractContextManager[None]:
    """Return a block in which a program may write to the terminal without running into the line of operations."""
    return nullcontext() if _terminal is None or _terminal.pid != os.getpid() else _terminal.wiped()


def terminal(*, forced: bool = False) -> Terminal | None:
    """Return the one terminal of this process; None if standard error is none, unless it is `forced` to be one."""
    global _terminal  # noqa: PLW0603 - all operations of a process share the one line
    stream = sys.stderr
    known = _terminal
    # A loop of ten items would feel a call of the system; it is the same stream almost always.
    if known is not None and known.stream is stream and known.pid == os.getpid() and not stream.closed:
        return known
    try:
        if stream is None or not (forced or stream.isatty()):  # None under pythonw
            return None
    except ValueError:  # closed
        return None
    _terminal = Terminal(stream)
    return _terminal


def line(views: list[View], columns: int) -> str:
    """Return the line for what runs, narrower than `columns`: all facts of one operation, or a few of several."""
    room = columns - 1  # a full line would wrap
    if len(views) == 1:
        return _one(views[0], room)
    parts = [f"{cut(view.title, 24)} {view.percent or view.counter or view.state}" for view in views]
    for shown in range(len(parts), 0, -1):
        more = [f"+{len(parts) - shown} more"] if shown < len(parts) else []
        text = " | ".join(parts[:shown] + more)
        if columns_of(text) <= room:
            return text
    return cut(f"{len(views)} operations running", room)


def final_line(view: View, columns: int) -> str:
    """Return the line that stays when an operation has ended."""
    facts = (view.summary, view.counter if view.look == "succeeded" else "", view.tasks)
    return cut(f"{view.title}: {', '.join(filter(None, facts))}", columns - 1)


def _one(view: View, room: int) -> str:
    state = "" if view.look == "running" else view.state
    bar = "" if view.fraction is None else _bar(view.fraction)
    facts = [part for part in (view.counter, view.tasks, view.rate, view.left or view.elapsed, view.message) if part]
    head = " ".join(part for part in (state, view.percent.rjust(5) if view.percent else "", bar) if part)
    title = cut(view.title, max(_LEAST_TITLE, room // 3))
    return cut(f"{title} {head}  {' · '.join(facts)}".rstrip(), room)


def _bar(fraction: float) -> str:
    full = int(fraction * _BAR + 1e-9)
    return "━" * full + "─" * (_BAR - full)


def columns_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(_columns_of(character) for character in text)


def cut(text: str, columns: int) -> str:
    """Return `text`, visibly shortened where it takes more than `columns`."""
    if columns_of(text) <= columns:
        return text
    room = columns - 1
    for at, character in enumerate(text):
        room -= _columns_of(character)
        if room < 0:
            return text[:at] + "…"
    return text


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
