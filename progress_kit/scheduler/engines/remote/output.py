"""What jobs print in a worker: collected, and sent on as whole lines, so that nobody's lines are torn apart."""

import io
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal, TextIO

Stream = Literal["stdout", "stderr"]

FULL: Final = 32 * 1024
"""So many characters are sent at once, in the thread that prints: who prints faster than is read has to wait."""


class Output:
    """Stands in for `sys.stdout` and `sys.stderr` between `install` and `restore`.

    `send` is called with a stream and whole lines, in the order in which they were printed. Where the process is
    forked the child prints to the original streams.
    """

    def __init__(self, send: Callable[[Stream, str], None]) -> None:
        self._send = send
        self._lock = threading.RLock()  # a finalizer may print while something is being printed
        self._pieces: list[tuple[Stream, str]] = []
        self._length = 0
        self._partial: dict[Stream, str] = {"stdout": "", "stderr": ""}
        self._originals: tuple[TextIO, TextIO] | None = None
        self._streams: tuple[_Lines, _Lines]
        self.prompt = False
        """Whether every line is to be sent at once: nobody will call `flush` soon."""
        self.passing = False
        """Whether everything goes to the original streams."""

    def install(self) -> None:
        """Take the place of this process's streams."""
        found = (sys.stdout, sys.stderr)
        if found != self._originals:
            self._originals = found
            self._streams = (_Lines(self, "stdout", sys.stdout), _Lines(self, "stderr", sys.stderr))
        sys.stdout, sys.stderr = self._streams

    def restore(self) -> None:
        """Put the original streams back where nobody else has taken their place."""
        if self._originals is not None:
            out, err = self._streams
            if sys.stdout is out:
                sys.stdout = self._originals[0]
            if sys.stderr is err:
                sys.stderr = self._originals[1]

    def write(self, stream: Stream, text: str) -> None:
        """Take in what was printed."""
        with self._lock:
            self._pieces.append((stream, text))
            self._length += len(text)
            if self._length >= FULL or (self.prompt and "\n" in text):
                self._flush()

    @property
    def filled(self) -> bool:
        """Whether there is anything to flush."""
        return bool(self._pieces) or any(self._partial.values())

    def flush(self, *, all: bool = False) -> None:  # noqa: A002 - the word that fits
        """Send the lines that are whole; `all`: what is not whole as a line too."""
        if not self.filled:
            return
        with self._lock:
            self._flush()
            if all:
                for stream, text in self._partial.items():
                    if text:
                        self._partial[stream] = ""
                        self._deliver(stream, text + "\n")

    def _flush(self) -> None:
        pieces, self._pieces, self._length = self._pieces, [], 0
        start = 0
        while start < len(pieces):
            stream = pieces[start][0]
            end = start
            while end < len(pieces) and pieces[end][0] == stream:
                end += 1
            text = self._partial[stream] + "".join(text for _, text in pieces[start:end])
            lines, newline, partial = text.rpartition("\n")
            # A bar that is drawn again and again over itself: only the last of it will ever be seen.
            partial = partial[partial.rfind("\r", 0, -1) + 1 :] if "\r" in partial else partial
            if len(partial) >= FULL:
                lines, newline, partial = lines + newline + partial, "\n", ""
            self._partial[stream] = partial
            if newline:
                self._deliver(stream, lines + newline)
            start = end

    def _deliver(self, stream: Stream, text: str) -> None:
        if self.passing and self._originals is not None:
            self._originals[stream == "stderr"].write(text)
            return
        with suppress(OSError):  # the scheduler is gone, and this process will be too
            self._send(stream, text)


class _Lines(io.TextIOBase):
    """A stream of text that hands everything to an `Output`."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, output: Output, stream: Stream, original: TextIO) -> None:
        super().__init__()
        self._output = output
        self._stream: Stream = stream
        self._original = original
        self._bytes: _Bytes | None = None

    @property
    def name(self) -> str:
        return f"<{self._stream}>"

    @property
    def buffer(self) -> "_Bytes":
        if self._bytes is None:
            self._bytes = _Bytes(self)
        return self._bytes

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._output.passing:
            return self._original.write(text)
        self._output.write(self._stream, text)
        return len(text)

    def flush(self) -> None:
        if self._output.passing:
            self._original.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._original.fileno()

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Stay open, as the original streams should."""


class _Bytes(io.RawIOBase):
    """`buffer` of such a stream."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self._lines = lines

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - anything with bytes in it
        view = bytes(data)
        self._lines.write(view.decode(errors="replace"))
        return len(view)
