"""Hostile frames on a real socket: an error or a close, a quiet log, and a neighbour who notices nothing."""

import asyncio
import contextlib
import json
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from progress_kit import clock
from tests.attack.frames import TRICKS
from tests.jupyter.conftest import BASE, Hub, Peer

CONTINUATION, TEXT, BINARY = 0x0, 0x1, 0x2


async def send(connection: WebSocketClientConnection, data: bytes, opcode: int = TEXT, *, fin: bool = True) -> None:
    """Send one frame as it is, however wrong."""
    protocol: Any = connection.protocol
    await protocol._write_frame(fin, opcode, data)


async def answer(peer: Peer) -> str:
    """Return the code of the error that is the next answer, or `closed`."""
    while (frame := await peer.connection.read_message()) is not None:
        message = json.loads(frame)
        if message["type"] == "error":
            return str(message["code"])
        assert message["type"] not in {"state", "pong"}
    return "closed"


async def test_each_trick_is_refused_and_the_neighbour_notices_nothing(hub: Hub) -> None:
    """The hub's state is what it was before; the log has not a line of it."""
    token = await hub.mint("publish", "subscribe", "command")
    async with hub.peer(token, session="s_1") as publisher, hub.peer(token) as neighbour:
        await publisher.publish("op_1", "running", 1)
        await publisher.send(type="ping")
        await publisher.receive("pong")
        manager = hub.app.running.driver.manager
        revision = manager.revision
        for name, frame in TRICKS.items():
            for as_publisher in (False, True):
                async with hub.peer(token, session="s_bad" if as_publisher else None) as attacker:
                    raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
                    await send(attacker.connection, raw)
                    codes = {"bad_request", "unsupported", "closed"}
                    # A second hello is told so; it does not take anything over.
                    assert await answer(attacker) in codes, name
        assert manager.revision == revision
        for peer in (publisher, neighbour):
            await peer.send(type="ping")
            await peer.receive("pong")


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([(BINARY, True, b'{"type":"ping"}')], id="binary"),
        pytest.param([(CONTINUATION, True, b"{}")], id="a continuation of nothing"),
        pytest.param([(TEXT, False, b'{"type":'), (TEXT, True, b'"ping"}')], id="a text within a text"),
        pytest.param([(0x3, True, b"{}")], id="an unknown opcode"),
        pytest.param(
            [(TEXT, False, b"x" * 1_000), *[(CONTINUATION, False, b"x" * 1_000)] * 300], id="endless fragments"
        ),
        pytest.param([(TEXT, True, b"\xed\xa0\x80")], id="a surrogate in UTF-8"),
    ],
)
async def test_a_broken_frame_closes_its_own_connection(hub: Hub, frames: list[tuple[int, bool, bytes]]) -> None:
    """What the WebSocket protocol does not allow, and what is no text."""
    token = await hub.mint("subscribe")
    async with hub.peer(token) as attacker, hub.peer(token) as neighbour:
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):  # in the middle of it
            for opcode, fin, data in frames:
                await send(attacker.connection, data, opcode, fin=fin)
        assert await attacker.closed() in {4400, 1002, 1006, 1009, None}
        await neighbour.send(type="ping")
        await neighbour.receive("pong")


async def test_a_message_in_fragments_is_a_message(hub: Hub) -> None:
    """Fragments are no attack by themselves."""
    async with hub.peer(await hub.mint("subscribe")) as peer:
        await send(peer.connection, b'{"type":', TEXT, fin=False)
        await send(peer.connection, b"", CONTINUATION, fin=False)
        await send(peer.connection, b'"ping"}', CONTINUATION)
        await peer.receive("pong")


async def test_bad_frames_are_no_news_for_the_log(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """At most one line for a hundred of them, and none with what was in them."""
    token = await hub.mint("subscribe")
    tricks = [frame for frame in TRICKS.values() if len(frame) < 1_000]
    before = len(caplog.records)
    for number in range(100):
        frame = tricks[number % len(tricks)]
        async with hub.peer(token) as attacker:
            raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
            await send(attacker.connection, raw)
            await answer(attacker)
    told = [record.getMessage() for record in caplog.records[before:] if record.levelno >= logging.INFO]
    assert len(told) <= 1, told


async def test_whoever_says_nothing_is_put_out(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a hello is closed after five seconds, many of them too; others come in meanwhile."""
    monotonic, passed_s = clock.monotonic, 0.0
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + passed_s)
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(hub.socket(hub.login)) for _ in range(20)]
        async with hub.peer(await hub.mint("subscribe")):
            pass
        passed_s = 5.5
        for connection in silent:
            assert await connection.read_message() is None
            assert connection.close_code == 4408


async def test_slow_handshakes_are_in_nobodys_way(hub: Hub) -> None:
    """Fifty half-sent requests wait for their end; the fifty-first client is served."""
    writers = []
    for _ in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(f"GET {BASE}/ws HTTP/1.1\r\nHost: {hub.host}\r\nUpgrade: webs".encode())
        await writer.drain()
        writers.append(writer)
    async with hub.peer(await hub.mint("subscribe")) as peer:
        await peer.send(type="ping")
        await peer.receive("pong")
    for writer in writers:
        writer.close()
        await writer.wait_closed()
