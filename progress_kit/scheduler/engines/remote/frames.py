"""Messages over a stream socket between a scheduler and one of its workers: pickles, each after its length.

The two processes belong to each other and the socket has no name, so nobody else can send a pickle.
"""

import pickle
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

_LENGTH: Final = struct.Struct("!Q")
_CHUNK: Final = 256 * 1024

Message = tuple[Any, ...]
"""What it is, as a word, and what belongs to it."""


def frame(message: Message) -> bytes:
    """Return a message as it travels."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class _Frames:
    """Puts messages together from what was received."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are complete now."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            begin = start + _LENGTH.size
            end = begin + int(_LENGTH.unpack_from(buffer, start)[0])
            if end > len(buffer):
                break
            with memoryview(buffer)[begin:end] as body:
                message = pickle.loads(body)  # noqa: S301 - from our own process, see above
            yield message
            start = end
        del buffer[:start]


class Wire:
    """The worker's end: it waits, both when it sends and when it receives. Any thread may send, one receives."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._frames = _Frames()
        self._sending = threading.Lock()

    def send(self, *message: object) -> None:
        """Send a message; raises `OSError` if the scheduler is gone."""
        data = frame(message)
        with self._sending:
            self.socket.sendall(data)

    def receive(self) -> list[Message] | None:
        """Wait for something, and return the messages that are complete with it; None if the scheduler is gone."""
        try:
            data = self.socket.recv(_CHUNK)
        except OSError:
            data = b""
        return list(self._frames.feed(data)) if data else None


class Link:
    """The scheduler's end: it never waits. What the worker does not take at once is kept, for `flush`.

    Not safe for threads by itself; receiving may go on beside sending.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003 - it has no other form
        self.socket = end
        self._frames = _Frames()
        self._unsent: deque[memoryview] = deque()

    @property
    def congested(self) -> bool:
        """Whether something is kept that the worker has not taken yet."""
        return bool(self._unsent)

    def send(self, *message: object) -> None:
        """Send a message, now or later; what a dead worker does not take is forgotten."""
        self._unsent.append(memoryview(frame(message)))
        if len(self._unsent) == 1:
            self.flush()

    def flush(self) -> None:
        """Send on."""
        unsent = self._unsent
        try:
            while unsent:
                sent = self.socket.send(unsent[0])
                if sent == len(unsent[0]):
                    unsent.popleft()
                else:
                    unsent[0] = unsent[0][sent:]
        except BlockingIOError:
            return
        except OSError:
            unsent.clear()  # receiving tells that it is dead

    def receive(self) -> list[Message] | None:
        """Return the messages that are complete by now; None if the worker is gone."""
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return list(self._frames.feed(data)) if data else None

    def close(self) -> None:
        """Close it; the worker sees that."""
        self._unsent.clear()
        self.socket.close()
