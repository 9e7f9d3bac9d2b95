"""The program's own output on the terminal where we rewrite a line: told to us, for as long as there is a line.

The `write` of the very stream objects is taken over and given back, and no object takes their place: whoever has got
hold of standard error before, as handlers of `logging` do, is heard too, and whoever replaces it is left alone.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Final, TextIO

Write = Callable[[str], int]
Around = Callable[[Write, str], int]
"""Is called with the original `write` and a text, in the thread that writes it, and has to write it."""

_WRITE: Final = "write"


class Streams:
    """Standard output and error, as far as they are the terminal that `stream` is.

    What is no plain text file of Python's, such as those of a notebook's kernel or of pytest, is never touched; nor
    is what goes past them: other programs, and bytes that are written to ``sys.stdout.buffer``.
    """

    def __init__(self, stream: TextIO, around: Around) -> None:
        self._terminal = stream
        self._around = around
        self._watched: list[tuple[TextIOWrapper, Write, Write | None]] = []

    def watch(self) -> None:
        """Be told from now on. Twice is no error."""
        if self._watched:
            return
        where = _device(self._terminal)
        if where is None:
            return
        found = {id(each): each for each in (self._terminal, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}
        for stream in found.values():
            if isinstance(stream, TextIOWrapper) and _device(stream) == where:
                self._take(stream)

    def give_back(self) -> None:
        """Leave the streams as they were. Twice is no error."""
        watched, self._watched = self._watched, []
        for stream, ours, before in watched:
            if vars(stream).get(_WRITE) is not ours:
                continue  # somebody came after us, and may still call ours, which is harmless
            if before is None:
                del vars(stream)[_WRITE]
            else:
                vars(stream)[_WRITE] = before

    def flush(self) -> None:
        """Write out what was written so far."""
        for stream, _, _ in self._watched:
            with suppress(OSError, ValueError):  # it may be closed
                stream.flush()

    def _take(self, stream: TextIOWrapper) -> None:
        original, around = stream.write, self._around

        def write(text: str, /) -> int:
            return around(original, text)

        # That of an object goes before that of its class, for `print`, for tracebacks and for `writelines` too.
        self._watched.append((stream, write, vars(stream).get(_WRITE)))
        vars(stream)[_WRITE] = write


def _device(stream: TextIO | None) -> tuple[int, int, int] | None:
    """Return which terminal `stream` is; None if it is none."""
    if not isinstance(stream, TextIOWrapper):
        return None
    try:
        number = stream.fileno()
        if not os.isatty(number):
            return None
        found = os.fstat(number)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_rdev
