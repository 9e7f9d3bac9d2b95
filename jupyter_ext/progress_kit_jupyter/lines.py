"""How a text frame gets from the hub to a socket: straight to tornado's stream where that is possible.

`write_message` makes a task for each call, which costs as much as the rest of sending. A frame is the same for all
who are sent the same, and nearly always the kernel takes it whole; so it is built once and given to the stream's file
descriptor, and only what the kernel does not take is left to tornado. This is the only place that knows tornado's
`WebSocketHandler.ws_connection` and its `stream`, which are not documented; without them `write_message` does.
"""

from asyncio import Future
from collections.abc import Sequence
from typing import Final, Protocol

from tornado.iostream import BaseIOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol

_TEXT: Final = b"\x81"  # a whole text message, not masked: RFC 6455, 5.2
_SHORT: Final = 126
_MEDIUM: Final = 1 << 16


class Socket(Protocol):
    """What the driver needs of a WebSocket."""

    def write_message(self, message: bytes) -> "Future[None]":
        """Send one text frame; the future is done when it has left."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection."""


class Message:
    """A text message and the frame that carries it, which is the same for everybody."""

    __slots__ = ("data", "frame")

    def __init__(self, data: bytes) -> None:
        self.data = data
        size = len(data)
        if size < _SHORT:
            head = bytes((size,))
        elif size < _MEDIUM:
            head = b"\x7e" + size.to_bytes(2, "big")
        else:
            head = b"\x7f" + size.to_bytes(8, "big")
        self.frame = memoryview(b"".join((_TEXT, head, data)))


class Line(Protocol):
    """The way out to one peer."""

    def write(self, messages: Sequence[Message]) -> "Future[None] | None":
        """Send these, in order. None: they have left; else the future is done when they have, or never will."""


class MessageLine:
    """A line through `write_message`, for whatever has that."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def write(self, messages: Sequence[Message]) -> "Future[None] | None":
        """Send one after the other; what a closed connection does not take is dropped, its `on_close` follows."""
        left: Future[None] | None = None
        for message in messages:
            try:
                left = self._socket.write_message(message.data)
            except WebSocketClosedError:
                return None
            left.add_done_callback(_look_at)
        return left


def _look_at(left: "Future[None]") -> None:
    """Take note of a write that failed; nobody else may, and asyncio would log that."""
    if not left.cancelled():
        left.exception()


class StreamLine:
    """A line straight to the stream of a tornado connection, in one write."""

    def __init__(self, connection: WebSocketProtocol, stream: BaseIOStream) -> None:
        self._connection = connection
        self._stream = stream

    def write(self, messages: Sequence[Message]) -> "Future[None] | None":
        """Send all as one write; what a closed connection does not take is dropped, its `on_close` follows."""
        stream = self._stream
        if self._connection.is_closing():
            return None
        if len(messages) == 1:
            frames = messages[0].frame
        else:
            frames = memoryview(b"".join(message.frame for message in messages))
        if not stream.writing():
            try:
                sent = stream.write_to_fd(frames)
            except OSError:
                sent = 0  # it is full or broken: tornado's own write finds out which
            if sent == len(frames):
                return None
            frames = frames[sent:]
        try:
            return stream.write(frames)
        except StreamClosedError:
            return None


def line_to(socket: Socket) -> Line:
    """Return the shortest line to `socket`."""
    if isinstance(socket, WebSocketHandler) and socket.get_compression_options() is None:
        connection = socket.ws_connection
        stream = getattr(connection, "stream", None)
        if isinstance(connection, WebSocketProtocol) and isinstance(stream, BaseIOStream):
            return StreamLine(connection, stream)
    return MessageLine(socket)
