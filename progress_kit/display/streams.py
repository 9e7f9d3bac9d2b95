"""The program's own output on the terminal where we rewrite a line: told to us, for as long as there is a line.

The `write` of the very stream objects is taken over and given back, and no object takes their place: whoever has got
hold of standard error before, as handlers of `logging` do, is heard too, and whoever replaces it is left alone.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, BinaryIO, Final, TextIO, cast

Write = Callable[[str], int]
Around = Callable[[Write, str], int]
"""Is called with the original `write` and a text, in the thread that writes it, and has to write it."""

_WRITE: Final = "write"


class _Here(threading.local):
    """What this thread does."""

    writes_text = False


class Streams:
    """Standard output and error, as far as they are the terminal that `stream` is.

    Bytes that are written to their ``buffer`` are told as well. What is no plain text file of Python's, such as those
    of a notebook's kernel or of pytest, is never touched. What goes past Python's files is not seen: other programs,
    `os.write`, and what libraries in C write; a line of theirs may begin in ours.
    """

    def __init__(self, stream: TextIO, around: Around) -> None:
        self._terminal = stream
        self._around = around
        self._watched: list[tuple[Any, Callable[..., int], Callable[..., int] | None]] = []
        self._here = _Here()

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
        original, around, here = stream.write, self._around, self._here
        original_bytes: Callable[[bytes], int] = cast("BinaryIO", stream.buffer).write

        def write(text: str, /) -> int:
            before, here.writes_text = here.writes_text, True
            try:
                return around(original, text)
            finally:
                here.writes_text = before

        def write_bytes(data: bytes, /) -> int:  # or anything else that holds bytes
            if here.writes_text:  # the text's own
                return original_bytes(data)
            return around(lambda _: original_bytes(data), str(data, "utf-8", "replace"))

        # That of an object goes before that of its class, for `print`, for tracebacks and for `writelines` too.
        for each, ours in ((stream, write), (stream.buffer, write_bytes)):
            self._watched.append((each, ours, vars(each).get(_WRITE)))
            vars(each)[_WRITE] = ours


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
