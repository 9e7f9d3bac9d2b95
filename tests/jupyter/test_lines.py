"""How frames leave: whole, in order, and without a task for each, whichever way tornado allows."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from progress_kit_jupyter.lines import Line, Message, MessageLine, StreamLine, line_to

SIZES = (0, 1, 125, 126, 65_535, 65_536, 1_000_000)


class Handler(WebSocketHandler):
    """A connection that tests write to."""

    opened: "asyncio.Future[Handler]"
    compresses = False

    def initialize(self, opened: "asyncio.Future[Handler]") -> None:
        """Remember whom to tell."""
        self.opened = opened

    def get_compression_options(self) -> dict[str, Any] | None:
        """Offer compression in some tests."""
        return {} if self.compresses else None

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Tell the test."""
        self.opened.set_result(self)

    def on_message(self, message: str | bytes) -> None:
        """Nobody says anything."""


class Compressing(Handler):
    """A connection that offers compression."""

    compresses = True


@asynccontextmanager
async def pair(kind: type[Handler] = Handler) -> AsyncIterator[tuple[Handler, WebSocketClientConnection]]:
    """Return the two ends of a connection."""
    opened: asyncio.Future[Handler] = asyncio.get_running_loop().create_future()
    (listening,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/", kind, {"opened": opened})]))
    server.add_sockets([listening])
    client = await websocket_connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/")
    try:
        yield await opened, client
    finally:
        client.close()
        server.stop()
        await server.close_all_connections()


def line_of(handler: Handler, *, direct: bool) -> Line:
    """Return one of the two lines."""
    return line_to(handler) if direct else MessageLine(handler)


async def test_a_tornado_connection_has_the_short_line() -> None:
    """And anything else the long one: another kind of socket, one that compresses, a tornado that hides its stream."""
    async with pair() as (handler, _):
        assert isinstance(line_to(handler), StreamLine)
        connection, handler.ws_connection = handler.ws_connection, None
        assert isinstance(line_to(handler), MessageLine)
        handler.ws_connection = connection
        assert connection is not None
        stream, connection.stream = connection.stream, None
        assert isinstance(line_to(handler), MessageLine)
        connection.stream = stream
    async with pair(Compressing) as (handler, _):
        assert isinstance(line_to(handler), MessageLine)


@pytest.mark.parametrize("direct", [True, False])
async def test_messages_arrive_whole_and_in_order(*, direct: bool) -> None:
    """Of every size that has its own form of header, one by one and joined."""
    texts = ["x" * size for size in SIZES]
    async with pair() as (handler, client):
        line = line_of(handler, direct=direct)
        for text in texts:
            line.write([Message(text.encode())])
        line.write([Message(text.encode()) for text in texts])
        for text in texts * 2:
            assert await asyncio.wait_for(client.read_message(), 10) == text


@pytest.mark.parametrize("direct", [True, False])
async def test_what_is_not_read_comes_when_it_is_read(*, direct: bool) -> None:
    """A small frame after one that filled the kernel's buffers waits its turn and arrives after it."""
    size = 8_000_000
    async with pair() as (handler, client):
        line = line_of(handler, direct=direct)
        left = line.write([Message(b"y" * size)])
        after = line.write([Message(b"after")])
        assert left is not None
        assert after is not None
        assert not left.done()
        first = await asyncio.wait_for(client.read_message(), 20)
        assert first is not None
        assert len(first) == size
        assert await asyncio.wait_for(client.read_message(), 10) == "after"
        await asyncio.wait_for(after, 10)


@pytest.mark.parametrize("direct", [True, False])
async def test_a_closed_line_swallows_what_it_is_given(*, direct: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error nor a line in the log: that the connection is gone is told by its `on_close`."""
    async with pair() as (handler, _):
        line = line_of(handler, direct=direct)
        handler.close()
        assert line.write([Message(b"late")]) is None
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_short_line_makes_no_task() -> None:
    """What the kernel takes at once has left when `write` returns."""
    async with pair() as (handler, _):
        before = len(asyncio.all_tasks())
        line = line_to(handler)
        message = Message(b"z" * 300)
        assert [line.write([message]) for _ in range(50)] == [None] * 50
        assert len(asyncio.all_tasks()) == before
