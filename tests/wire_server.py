"""A hub on a real socket for the tests of publisher and client: the real manager, driven by a small tornado server.

It stands in for the server extension only where a test must do to it what cannot be done to a process: hold back
acknowledgements, stop reading, refuse, end at an exact moment.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.hub import (
    Close,
    Connected,
    ConnectionSecret,
    Disconnected,
    Event,
    Now,
    Persist,
    ProgressConnectionManager,
    Received,
    Restored,
    Send,
    Stored,
    Tick,
    TokenAuthority,
    Writable,
)
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER, Limits, decode_client, decode_snapshot, encode
from progress_kit.protocol.messages import ClientMessage, Publish
from progress_kit.protocol.rest import TokenRequest

# Of this process alone: what another one has left running, and looks for its hub where ours is now, is refused.
KEY = os.urandom(32)
SECRET = f"the-connection-file's-secret-{os.urandom(8).hex()}"
DEADLINE_S = 20.0

logging.getLogger("tornado.access").setLevel(logging.CRITICAL)


def _now() -> Now:
    return Now(monotonic=clock.monotonic(), wall=clock.wall())


class HubServer:
    """One life of a hub; `rows` is what survives it. Use it as a context manager, then `publish` a connection file."""

    def __init__(
        self,
        runtime_dir: Path,
        *,
        hub_id: str = "h_test",
        root_dir: Path | None = None,
        rows: dict[str, StoredOperation] | None = None,
        limits: Limits | None = None,
        token_life_s: float | None = None,
        unix_socket: Path | None = None,
    ) -> None:
        self.runtime_dir = runtime_dir
        self.hub_id = hub_id
        self.root_dir = root_dir or Path.cwd()
        self.rows = {} if rows is None else rows
        self.storing = threading.Event()
        self.storing.set()
        self.refuse_tokens: int | None = None
        self.close_code: int | None = None
        self.hang: threading.Event | None = None
        self.mute = False
        self.frames: list[tuple[float, ClientMessage]] = []
        self.handshakes: list[dict[str, str]] = []
        self.token_requests = 0
        self.port = 0
        self._token_life_s = token_life_s
        self._unix_socket = unix_socket
        self._authority = TokenAuthority(KEY)
        self._limits = limits or Limits()
        self._conns: dict[int, WebSocketHandler] = {}
        self._count = 0
        self._held: list[Persist] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="hub server")
        self._failure: BaseException | None = None
        self.manager = ProgressConnectionManager(
            hub_id=hub_id, authority=self._authority, limits=self._limits, epoch=f"e_{os.urandom(8).hex()}"
        )

    # -- for tests ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/base/progress-kit/"

    @property
    def file(self) -> Path:
        return self.runtime_dir / f"progress-kit-{os.getpid()}{self.port}.json"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        content = {
            "version": 1,
            "hub_id": self.hub_id,
            "url": self.url,
            "unix_socket": str(self._unix_socket) if self._unix_socket else None,
            "cafile": None,
            "pid": os.getpid(),
            "root_dir": str(self.root_dir),
            "token": SECRET,
        }
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(content), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End like a killed server: no close frames, the connection file's owner is gone."""
        self.file.unlink(missing_ok=True)
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(DEADLINE_S)

    def token(self, *scopes: str, expires_in_s: float = 300.0) -> str:
        request = msgspec.convert({"scopes": scopes, "expires_in_s": expires_in_s}, TokenRequest)
        return self._authority.grant(request, ConnectionSecret("local"), _now().wall).token

    def run(self, function: Callable[[], None]) -> None:
        """Call `function` in the server's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function)

    def drop_connections(self) -> None:
        """Cut every connection without a close frame."""
        self.run(self._cut_all)

    def close_connections(self, code: int) -> None:
        """Close every connection with `code`."""

        def close() -> None:
            for handler in list(self._conns.values()):
                handler.close(code, "as the test wants")

        self.run(close)

    def send_to_all(self, message: msgspec.Struct) -> None:
        """Send `message` on every connection."""
        self.send_raw(encode(message))

    def send_raw(self, data: bytes) -> None:
        """Send `data` on every connection as a text frame."""

        def send() -> None:
            for conn in list(self._conns):
                self._send(conn, data)

        self.run(send)

    def store_again(self) -> None:
        """Store what was held back while `storing` was not set."""
        self.storing.set()
        self.run(self._store_held)

    def snapshot(self, operation: str) -> Snapshot | None:
        """Return what the hub holds of an operation."""
        entry = self.manager._registry.get(operation)
        return None if entry is None else entry.snapshot

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = DEADLINE_S) -> None:
        """Wait until `condition` holds after something that the hub did; fail with `what` if it never does."""
        with self._news:
            assert self._news.wait_for(condition, timeout_s), f"never happened: {what}"

    def wait_state(self, operation: str, state: str) -> Snapshot:
        """Wait until the hub holds `operation` in `state`."""

        def there() -> bool:
            found = self.snapshot(operation)
            return found is not None and found.state == state

        self.wait(there, f"{operation} is {state}")
        found = self.snapshot(operation)
        assert found is not None
        return found

    def published(self) -> list[Snapshot]:
        """Return every snapshot that was received, in order."""
        return [item for _, message in self.frames if isinstance(message, Publish) for item in message.operations]

    # -- the server -----------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        application = Application(
            [
                (r"/base/progress-kit/ws", _Socket, {"hub": self}),
                (r"/base/progress-kit/api/tokens", _Tokens, {"hub": self}),
            ]
        )
        server = HTTPServer(application)
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        if self._unix_socket is not None:
            for socket in sockets:
                socket.close()
            sockets = [bind_unix_socket(str(self._unix_socket))]
        server.add_sockets(sockets)
        self.handle(Restored(tuple(self.rows.values())))
        ticking = asyncio.create_task(self._tick())
        self._ready.set()
        await self._stopped.wait()
        ticking.cancel()
        server.stop()
        self._cut_all()
        await server.close_all_connections()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(max(0.01, self.manager.next_tick(_now())))
            self.handle(Tick())

    def handle(self, event: Event) -> None:
        for action in self.manager.handle(event, _now()):
            match action:
                case Send(conn, data):
                    self._send(conn, data)
                case Close(conn, code, reason):
                    if conn in self._conns:
                        self._conns[conn].close(code, reason)
                case Persist():
                    if self.storing.is_set():
                        self._store(action)
                    else:
                        self._held.append(action)
        self.notify()

    def notify(self) -> None:
        with self._news:
            self._news.notify_all()

    def _send(self, conn: int, data: bytes) -> None:
        handler = self._conns.get(conn)
        if handler is None or self.mute:
            return
        try:
            _ = handler.write_message(data.decode())
        except WebSocketClosedError:
            return
        asyncio.get_running_loop().call_soon(self.handle, Writable(conn))

    def _cut_all(self) -> None:
        for conn in list(self._conns.values()):
            stream = conn.ws_connection.stream if isinstance(conn.ws_connection, WebSocketProtocol13) else None
            if stream is not None:
                stream.close()

    def _store_held(self) -> None:
        held, self._held = self._held, []
        for item in held:
            self._store(item)

    def _store(self, action: Persist) -> None:
        self.rows[action.row.id] = action.row
        asyncio.get_running_loop().call_soon(self.handle, Stored(action.row.id, action.row.seq))

    def stored(self, operation: str) -> Snapshot:
        """Return what the store keeps of an operation."""
        return decode_snapshot(self.rows[operation].snapshot)


class _Tokens(RequestHandler):
    def initialize(self, hub: HubServer) -> None:
        self.hub = hub

    async def post(self) -> None:
        hub = self.hub
        hub.token_requests += 1
        hub.notify()
        if hub.hang is not None:
            await asyncio.to_thread(hub.hang.wait, DEADLINE_S)
        if hub.refuse_tokens is not None:
            await self._refuse(hub.refuse_tokens, "forbidden", "no tokens today")
            return
        credential = self.request.headers.get(TOKEN_HEADER, "")
        now = _now().wall
        try:
            by = ConnectionSecret("local") if credential == SECRET else hub._authority.verify(credential, now)
            request = msgspec.json.decode(self.request.body, type=TokenRequest)
            if hub._token_life_s is not None:
                request = msgspec.structs.replace(request, expires_in_s=hub._token_life_s)
            response = hub._authority.grant(request, by, now)
        except ProtocolError as error:
            await self._refuse(403, error.code, error.message)
            return
        self.set_status(201)
        await self.finish(msgspec.json.encode(response))

    async def _refuse(self, status: int, code: str, message: str) -> None:
        self.set_status(status)
        await self.finish(json.dumps({"error": {"code": code, "message": message}}))


class _Socket(WebSocketHandler):
    def initialize(self, hub: HubServer) -> None:
        self.hub = hub
        self.number = 0

    async def prepare(self) -> None:
        headers = self.request.headers
        self.hub.handshakes.append(dict(headers.get_all()))
        credential = headers.get(TOKEN_HEADER, "")
        try:
            self.hub._authority.verify(credential, _now().wall)
        except ProtocolError:
            self.set_status(403)
            await self.finish()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def open(self) -> None:
        self.set_nodelay(True)
        self.hub._count += 1
        self.number = self.hub._count
        self.hub._conns[self.number] = self
        if self.hub.close_code is not None:
            self.close(self.hub.close_code, "as the test wants")
            self.hub.notify()
            return
        self.hub.handle(Connected(self.number, has_origin="Origin" in self.request.headers))

    def on_message(self, message: str | bytes) -> None:
        self.hub.frames.append((clock.monotonic(), decode_client(message, limit=1 << 20)))
        self.hub.handle(Received(self.number, message))

    def on_close(self) -> None:
        self.hub._conns.pop(self.number, None)
        self.hub.handle(Disconnected(self.number))
