"""The worker processes of `ProcessEngine`, and the thread that starts them and waits for what they say."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.spawn import get_executable
from typing import Final, Protocol
from weakref import WeakSet

from progress_kit import clock
from progress_kit.publisher.forking import undivided
from progress_kit.scheduler.engines.remote.frames import Link, Message

REAP_S: Final = 2.0
"""A process that has closed its socket is given so long to be over."""
_log: Final = logging.getLogger("progress_kit")
_LONGEST_S: Final = 3_600.0
_WINDOWS: Final = sys.platform == "win32"
_PROGRAM: Final = """\
import sys
sys.path[:] = {path!r}
from progress_kit.scheduler.engines.remote.worker import main
main({handle}, {tracker})
"""


class Process:
    """A worker process and the socket to it."""

    def __init__(self, number: int) -> None:
        self.name: str = f"process {number}"
        ours, theirs = socket.socketpair()
        try:
            self._popen = _start(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.link: Link = Link(ours)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    def end(self) -> str:
        """Close its socket, wait for it, and return how it ended."""
        self.link.close()
        try:
            code = self._popen.wait(REAP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            code = self._popen.wait()
        if code >= 0 or _WINDOWS:
            return f"it ended with exit code {code}"
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it was ended by signal {-code}"

    def disown(self) -> None:
        """Let go of it in a forked child, to which it does not belong."""
        self.link.close()
        self._popen.returncode = 0  # nothing of it is to be waited for here


def _start(end: socket.socket) -> "subprocess.Popen[bytes]":
    """Start a worker that has the other end of our socket."""
    # The same options of the interpreter, as multiprocessing does it.
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    path = [os.path.abspath(entry) if entry in {"", "."} else entry for entry in sys.path]  # noqa: PTH100 - the text matters
    handles = [] if _WINDOWS else [end.fileno()]
    if handles and "multiprocessing.shared_memory" in sys.modules:
        # Else the worker would have a tracker of its own, which removes our shared memory when the worker ends.
        from multiprocessing import resource_tracker

        handles += filter(None, [resource_tracker.getfd()])
    handle, tracker, *_ = (*handles, None, None)
    program = _PROGRAM.format(path=path, handle=handle, tracker=tracker)
    command = [os.fsdecode(get_executable()), *options, "-c", program]
    if not _WINDOWS:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=handles)  # noqa: S603 - our program
    popen = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - as above
    assert popen.stdin is not None
    popen.stdin.write(end.share(popen.pid))  # type: ignore[attr-defined,unused-ignore] # Windows alone
    popen.stdin.close()
    return popen


class Owner(Protocol):
    """What a herd tells, all of it in its own thread."""

    def born(self, process: Process) -> None:
        """It was started; it will say that it is ready."""

    def unborn(self, error: OSError) -> None:
        """It could not be started."""

    def said(self, process: Process, messages: list[Message]) -> None:
        """It said something."""

    def died(self, process: Process, reason: str) -> None:
        """It is over."""

    def failed(self, error: Exception) -> None:
        """The thread is broken, and the processes are gone."""

    def look(self) -> float | None:
        """See what is to be done; return when to look again at the latest, None to end the thread."""


class Herd:
    """Starts processes and listens to them, in one thread.

    Whatever is done with a process is done in that thread, which is never interrupted by a signal and by which Linux
    knows the processes' parent (see `worker._die_with`).
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._started = 0
        self._processes: set[Process] = set()
        self._selector = selectors.DefaultSelector()
        self._ear, self._mouth = socket.socketpair()
        self._mouth.setblocking(False)  # noqa: FBT003 - it has no other form
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="progress_kit processes", daemon=True)
        _herds.add(self)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Make the thread look; it does so anyway where it is the thread itself that calls."""
        if not self._woken and threading.get_ident() != self._thread.ident:
            self._woken = True
            with suppress(OSError):  # it is over
                self._mouth.send(b"!")

    def join(self) -> None:
        """Wait until the thread has ended, where it is another one than the caller's."""
        if threading.get_ident() != self._thread.ident:
            self._thread.join()

    def disown(self) -> None:
        """Let go of everything in a forked child."""
        for process in self._processes:
            process.disown()
        for each in (self._ear, self._mouth, self._selector):
            each.close()

    # ---------------------------------------------------------------- the thread

    def start(self) -> None:
        """Start one more process."""
        self._started += 1
        try:
            with undivided():  # a child that is forked meanwhile would keep ends of the socket open
                process = Process(self._started)
                self._processes.add(process)
        except OSError as error:
            self._owner.unborn(error)
            return
        self._selector.register(process.link.socket, selectors.EVENT_READ, process)
        self._owner.born(process)

    def _run(self) -> None:
        if not _WINDOWS:
            # Workers inherit this: an interrupt of the terminal waits until they can ignore it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while (look_at := self._owner.look()) is not None:
                self._wait(look_at)
        except Exception as error:  # noqa: BLE001 - the last line of defence: nobody shall wait for ever
            _log.exception("progress_kit: the thread of the worker processes failed; please report this")
            for process in self._processes:
                process.kill()
                process.end()
            self._owner.failed(error)
        self._selector.close()
        self._ear.close()
        self._mouth.close()

    def _wait(self, until: float) -> None:
        for process in self._processes:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if process.link.congested else 0)
            if self._selector.get_key(process.link.socket).events != wanted:
                self._selector.modify(process.link.socket, wanted, process)
        for key, events in self._selector.select(max(0.0, min(until - clock.monotonic(), _LONGEST_S))):
            if key.data is None:
                self._ear.recv(64)
                self._woken = False
                continue
            if events & selectors.EVENT_WRITE:
                key.data.link.flush()
            if events & selectors.EVENT_READ:
                self._read(key.data)

    def _read(self, process: Process) -> None:
        messages = process.link.receive()
        if messages:
            self._owner.said(process, messages)
        elif messages is None:
            self._selector.unregister(process.link.socket)
            self._processes.discard(process)
            self._owner.died(process, process.end())


_herds: Final[WeakSet[Herd]] = WeakSet()


def _in_child() -> None:
    """Leave the workers to the process that started them."""
    for herd in list(_herds):
        herd.disown()
    _herds.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
