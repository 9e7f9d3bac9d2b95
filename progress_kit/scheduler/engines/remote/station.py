"""The scheduler's side where workers belong to somebody else's pool: they call in here (see `foreign`)."""

import hmac
import logging
import os
import pickle
import secrets
import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from weakref import WeakSet

from progress_kit.scheduler.engines.base import Key, Printed, TaskContext, TaskProgress
from progress_kit.scheduler.engines.remote.foreign import MARK, SECRET_BYTES, Address, Ticket, here
from progress_kit.scheduler.engines.remote.frames import Link
from progress_kit.scheduler.engines.remote.output import Stream

_LONGEST_PATH: Final = 100
"""The path of a Unix socket must be short."""
_log: Final = logging.getLogger("progress_kit")


class Station:
    """Listens to the processes that run jobs, in one thread.

    `running` is told who runs what, and how far that is; `printed` what was printed; both in that thread.
    """

    def __init__(
        self,
        context: TaskContext,
        running: Callable[[str, dict[Key, TaskProgress | None]], None],
        printed: Callable[[Printed], None],
    ) -> None:
        self._running = running
        self._printed = printed
        self._directory = Path(tempfile.mkdtemp(prefix="progress_kit-"))
        self._listener, address = _listen(self._directory / "socket")
        self.ticket: Ticket = Ticket(here(), address, str(self._directory), secrets.token_bytes(SECRET_BYTES), context)
        self.ticket_bytes: Final = pickle.dumps(self.ticket)
        self._selector = selectors.DefaultSelector()
        self._ear, self._mouth = socket.socketpair()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._ear, selectors.EVENT_READ, self._wake)
        self._links: set[Link] = set()
        self._strangers: set[socket.socket] = set()
        self._stopped: set[Key] = set()
        self._paused = False
        self._told: dict[Key, int] = {}
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="progress_kit station", daemon=True)
        _stations.add(self)
        self._thread.start()

    def stop(self, keys: set[Key]) -> None:
        """Tell all processes, those that call in later too, that jobs shall stop."""
        with self._news:
            self._stopped |= keys
            for link in self._links:
                link.send("stop", keys)

    def pause(self) -> None:
        """Tell all processes, as above, that jobs shall wait."""
        self._pause(paused=True)

    def resume(self) -> None:
        """Tell them that they may go on."""
        self._pause(paused=False)

    def _pause(self, *, paused: bool) -> None:
        with self._news:
            self._paused = paused
            for link in self._links:
                link.send("pause" if paused else "resume")

    def heard(self, key: Key, messages: int, timeout_s: float) -> None:
        """Wait until what a job printed has arrived, all of it; there is hardly ever anything to wait for."""
        if threading.get_ident() == self._thread.ident or not messages:
            return
        with self._news:
            self._news.wait_for(lambda: self._told.get(key, 0) >= messages, timeout_s)
            self._told.pop(key, None)

    def begun(self) -> set[Key]:
        """Return the jobs that processes began last."""
        found = set()
        for path in self._directory.glob("*.begun"):
            with suppress(OSError):
                mark = path.read_bytes()
                if len(mark) == MARK.size:
                    found.add(Key(*MARK.unpack(mark)))
        return found

    def close(self) -> None:
        """Hear nothing more; what has arrived is still told."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):  # the thread has just heard something, and sees it already
            self._mouth.send(b"!")
        if threading.get_ident() != self._thread.ident:
            self._thread.join()
        shutil.rmtree(self._directory, ignore_errors=True)

    def disown(self) -> None:
        """Close everything, in a forked child or at the end."""
        self._selector.close()
        for end in (self._listener, self._ear, self._mouth, *self._strangers, *(link.socket for link in self._links)):
            end.close()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        timeout: float | None = None
        while events := self._selector.select(timeout):
            for key, _ in events:
                try:
                    key.data()
                except Exception:  # noqa: BLE001 - what one process sends does not keep the others from being heard
                    _log.exception("progress_kit: what a worker said was not understood; please report this")
            timeout = 0 if self._closed else None
        self.disown()

    def _wake(self) -> None:
        self._selector.unregister(self._ear)

    def _accept(self) -> None:
        with suppress(OSError):
            end, _ = self._listener.accept()
            end.setblocking(False)  # noqa: FBT003 - it has no other form
            self._strangers.add(end)
            self._selector.register(end, selectors.EVENT_READ, partial(self._admit, end, bytearray()))

    def _admit(self, end: socket.socket, said: bytearray) -> None:
        """Let somebody in who knows the secret."""
        try:
            data = end.recv(SECRET_BYTES - len(said))
        except OSError:
            data = b""
        said += data
        if data and len(said) < SECRET_BYTES:
            return
        self._selector.unregister(end)
        self._strangers.discard(end)
        if not hmac.compare_digest(said, self.ticket.secret):
            end.close()
            return
        link = Link(end)
        self._selector.register(end, selectors.EVENT_READ, partial(self._hear, link))
        with self._news:
            self._links.add(link)
            if self._stopped:
                link.send("stop", set(self._stopped))
            if self._paused:
                link.send("pause")

    def _hear(self, link: Link) -> None:
        messages = link.receive()
        for word, *rest in messages or ():
            if word == "running":
                self._running(*rest)
            else:
                self._hear_printed(*rest)
        if messages is None:
            self._selector.unregister(link.socket)
            with self._news:
                self._links.discard(link)
            link.close()

    def _hear_printed(self, key: Key | None, worker: str, stream: Stream, text: str) -> None:
        self._printed(Printed(key, worker, stream, text))
        if key is not None:
            with self._news:
                self._told[key] = self._told.get(key, 0) + 1
                self._news.notify_all()


def _listen(path: Path) -> tuple[socket.socket, Address]:
    if hasattr(socket, "AF_UNIX") and len(str(path)) <= _LONGEST_PATH:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(128)
        return listener, str(path)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    return listener, listener.getsockname()


_stations: Final[WeakSet[Station]] = WeakSet()


def _in_child() -> None:
    for station in list(_stations):
        station.disown()
    _stations.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
