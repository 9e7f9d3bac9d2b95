"""How a program is started as a shell would: with a pseudo terminal, in a group of its own, in the foreground."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

_COLUMNS: Final = 100
_ROWS: Final = 24
_STDIN: Final = 0


def open_pty() -> tuple[int, int]:
    """Return the ends of a pseudo terminal, ours first. What is written to it comes out unchanged.

    It is as large as our own terminal, else 100 × 24. Raises `OSError` where there is none to be had.
    """
    import pty
    import termios

    ours, theirs = pty.openpty()
    try:
        attributes = termios.tcgetattr(theirs)
        attributes[1] &= ~termios.OPOST  # a "\n" stays one
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        columns, rows = _size()
        termios.tcsetwinsize(theirs, (rows, columns))
    except BaseException:
        os.close(ours)
        os.close(theirs)
        raise
    return ours, theirs


def has_pty() -> bool:
    """Whether this system has pseudo terminals."""
    return os.name == "posix"


def _size() -> tuple[int, int]:
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        with suppress(OSError, ValueError, AttributeError):
            size = os.get_terminal_size(stream.fileno())  # type: ignore[union-attr] # see above
            if size.columns > 0 and size.lines > 0:
                return size
    return _COLUMNS, _ROWS


class Group:
    """A program and all that it starts: a process group, where there are any."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, number: int) -> None:
        """Send a signal to all of them; nothing happens if they are gone."""
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.process.pid, number)
            else:
                self.process.terminate()

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.send(signal.SIGINT)

    def terminate(self) -> None:
        """Ask them to end."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End them."""
        self.send(getattr(signal, "SIGKILL", signal.SIGTERM))


def new_group() -> dict[str, Any]:
    """Return the arguments of `Popen` that put a program into a group of its own."""
    if os.name == "posix":
        return {"process_group": 0}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


@contextmanager
def foreground(process: subprocess.Popen[bytes], *, reads: bool) -> Iterator[bool]:
    """Let a program that `reads` our standard input have the terminal, if that is one: Ctrl-C is for it then.

    Yield whether it has; this is what a shell does.
    """
    if not (reads and _is_ours()):
        yield False
        return
    _hand_over(process.pid)
    # It may have asked for the terminal already, and been stopped for that.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
    try:
        yield True
    finally:
        _hand_over(os.getpgrp())


def wait_as_shell(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a program that has our terminal. If it is stopped, by Ctrl-Z, so are we, until `fg`."""
    while process.poll() is None:
        found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if found is None or found.si_code != os.CLD_STOPPED:
            break
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)  # seen
        if found.si_status not in {signal.SIGTTIN, signal.SIGTTOU}:  # those came before it had the terminal
            _hand_over(os.getpgrp())
            os.kill(os.getpid(), signal.SIGSTOP)
        _hand_over(process.pid)
        os.killpg(process.pid, signal.SIGCONT)
    process.wait()


def _is_ours() -> bool:
    """Whether standard input is a terminal, and ours now."""
    try:
        return os.name == "posix" and os.isatty(_STDIN) and os.tcgetpgrp(_STDIN) == os.getpgrp()
    except OSError:
        return False


def _hand_over(group: int) -> None:
    """Make `group` the one that reads from the terminal; whoever is not that one is stopped for trying."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with suppress(OSError):
            os.tcsetpgrp(_STDIN, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
