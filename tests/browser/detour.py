"""A way between browser and server that a test can block, in part or wholly."""

import asyncio
import contextlib
import copy
import threading
from collections.abc import Coroutine
from typing import Any, Final, Self, TypeVar

from tests.browser.lab import Lab

T = TypeVar("T")

_CHUNK: Final = 64 * 1024
_PATIENCE_S: Final = 10.0


class Detour:
    """A TCP proxy on 127.0.0.1 in front of `lab`, in a thread of its own, inside ``with``.

    What is blocked is closed without an answer, as a proxy or a firewall on the way may do.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._lets_sockets = self._lets_requests = True
        # What is open, and whether it carries a WebSocket.
        self._open: dict[asyncio.Task[None], bool] = {}

    @property
    def lab(self) -> Lab:
        """The server as a browser sees it that comes this way."""
        seen = copy.copy(self._lab)
        seen.port = self._server.sockets[0].getsockname()[1]
        return seen

    def block_sockets(self) -> None:
        """Let no WebSocket through, and cut those that are open."""
        self._do(self._let(sockets=False, requests=True))

    def cut(self) -> None:
        """Let nothing through, and cut what is open."""
        self._do(self._let(sockets=False, requests=False))

    def heal(self) -> None:
        """Let everything through again."""
        self._do(self._let(sockets=True, requests=True))

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _let(self, *, sockets: bool, requests: bool) -> None:
        self._lets_sockets, self._lets_requests = sockets, requests
        blocked = [task for task, is_socket in self._open.items() if not (sockets if is_socket else requests)]
        for task in blocked:
            task.cancel()
        await asyncio.gather(*blocked, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = False
        upstream: asyncio.StreamWriter | None = None
        try:
            # A browser opens a connection of its own for each WebSocket, so the first head tells what it carries.
            head = await reader.readuntil(b"\r\n\r\n")
            self._open[task] = is_socket = b"\r\nupgrade: websocket" in head.lower()
            if self._lets_sockets if is_socket else self._lets_requests:
                answers, upstream = await asyncio.open_connection("127.0.0.1", self._lab.port)
                upstream.write(head)
                await asyncio.gather(_carry(reader, upstream), _carry(answers, writer))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # Whoever left, or blocked it: both ends are closed.
        finally:
            del self._open[task]
            for end in filter(None, (writer, upstream)):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    target.close()
