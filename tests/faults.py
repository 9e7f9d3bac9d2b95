"""A proxy on this machine whose network is as bad as a test wants: between a process and the server.

`mode` may be changed at any time, and counts for open connections as well as for new ones.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Self

Mode = Literal["pass", "stall", "half", "slow", "no_upgrade"]
"""What happens to connections.

``pass``: nothing. ``stall``: not a byte gets through (a black hole: what was sent arrives when it is over, as TCP sends
it again). ``half``: the server hangs up, and the client never hears of it. ``slow``: `bytes_per_s`. ``no_upgrade``: a
request for a WebSocket is answered with `status` by the proxy itself.
"""

CHUNK: Final = 4_096
DEADLINE_S: Final = 20.0


class FaultProxy:
    """Listens on a port of its own and passes on to `target_port`; use it as a ``with`` block."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = 0
        self.mode: Mode = "pass"
        self.bytes_per_s = 1_000
        self.delay_s = 0.0
        self.status = 403
        self.cut_after: int | None = None
        """A connection is reset after the client has sent so many bytes."""
        self.sent_by: list[int] = []
        """Bytes that the client has sent, for each connection there was."""
        self.refused_upgrades = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="fault proxy", daemon=True)

    # -- for tests ------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(DEADLINE_S)

    def reset(self) -> None:
        """Reset every connection."""
        self._do(self._reset)

    def refuse(self) -> None:
        """Let nobody connect any more, and reset who is connected."""
        self._do(self._close)

    def accept(self) -> None:
        """Let clients connect again."""
        self._do(self._listen)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _do(self, what: Callable[[], Awaitable[None]]) -> None:
        assert self._loop is not None

        async def done() -> None:
            await what()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(DEADLINE_S)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._stopped.wait()
        await self._close()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                _abort(writer)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.sent_by)
        self.sent_by.append(0)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            first = await reader.read(CHUNK)
            if self.mode == "no_upgrade" and b"upgrade: websocket" in first.lower():
                self.refused_upgrades += 1
                writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
                await writer.drain()
                writer.close()
                return
            await self._pass_on(number, reader, writer, first)
        _abort(writer)

    async def _pass_on(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port, limit=CHUNK)
        pair = (writer, back)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, back, first, number))
                tasks.create_task(self._pump(there, writer, b"", None))
        except* OSError:
            pass
        finally:
            self._pairs.discard(pair)
            for each in pair:
                _abort(each)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, data: bytes, number: int | None
    ) -> None:
        sent = 0
        while True:
            if data:
                sent += len(data)
                if number is not None:
                    self.sent_by[number] += len(data)
                    if self.cut_after is not None and sent >= self.cut_after:
                        raise ConnectionResetError
                await self._wait(len(data), sink, counted=number is not None)
                sink.write(data)
                await sink.drain()
            data = await source.read(CHUNK)
            if not data:
                raise ConnectionResetError

    async def _wait(self, size: int, sink: asyncio.StreamWriter, *, counted: bool) -> None:
        """Wait as long as the network does."""
        while self.mode in {"stall", "half"}:
            if self.mode == "half" and counted:
                _abort(sink)  # the server is gone; nobody tells the client
            await asyncio.sleep(0.02)
        if self.mode == "slow":
            await asyncio.sleep(size / self.bytes_per_s)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, as a crash or a firewall does."""
    with contextlib.suppress(OSError):
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
