import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

# Imported, not named as a plugin: so its automatic fixtures are used by the tests in this folder alone.
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection, websocket_connect
from traitlets.config import Config

from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER
from progress_kit_jupyter.app import ProgressKit

BASE = "/a%40b/progress-kit"


@pytest.fixture
def server_options() -> dict[str, Any]:
    """Configuration that a test adds, by parametrizing this fixture."""
    return {}


@pytest.fixture  # type: ignore[no-redef]
def jp_server_config(server_options: dict[str, Any]) -> Config:
    """Configuration of the tests' server."""
    config = Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"progress_kit_jupyter": True, "jupyter_server_terminals": False},
                "reraise_server_extension_failures": True,
            }
        }
    )
    config.merge(Config(server_options))
    return config


class Hub:
    """A running server with the extension in it, and how tests talk to it. Remembers every credential that it saw."""

    def __init__(self, serverapp: Any, client: Any, port: int, login: dict[str, str]) -> None:
        self.serverapp = serverapp
        (self.app,) = serverapp.extension_manager.extension_apps["progress_kit_jupyter"]
        assert isinstance(self.app, ProgressKit)
        assert self.app.running is not None
        self.login = login
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self._client = client
        self.connection_file = json.loads(self.app.running.file.path.read_text())
        self.secret: str = self.connection_file["token"]
        self.credentials = [self.secret]

    async def fetch(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        """Ask, with no credential but what is in `headers`; an error is an answer too."""
        response: HTTPResponse = await self._client.fetch(
            f"{BASE}/{path}",
            method=method,
            body=None if body is None else msgspec.json.encode(body),
            headers=HTTPHeaders(headers or {}),
            raise_error=False,
            follow_redirects=False,
            allow_nonstandard_methods=True,
        )
        return response

    async def mint(self, *scopes: str, headers: dict[str, str] | None = None, **narrow: Any) -> str:
        """Return a new token, asked for with the connection file's secret or by `headers`."""
        response = await self.fetch(
            "api/tokens", "POST", {"scopes": scopes, **narrow}, headers or {TOKEN_HEADER: self.secret}
        )
        assert response.code == 201, response.body
        token: str = json.loads(response.body)["token"]
        self.credentials.append(token)
        return token

    async def cookie(self) -> str:
        """Return the login cookie that a browser has after it was opened with Jupyter's token."""
        response = await self._client.fetch("/a%40b/api/status", headers=self.login)
        (cookie,) = (each for each in response.headers.get_list("Set-Cookie") if each.startswith("username-"))
        return str(cookie).partition(";")[0]

    @asynccontextmanager
    async def socket(
        self, headers: dict[str, str] | None = None, subprotocols: tuple[str, ...] = (SUBPROTOCOL,)
    ) -> AsyncIterator[WebSocketClientConnection]:
        """Open a WebSocket, with no credential but what is in `headers` or `subprotocols`."""
        request = HTTPRequest(f"ws://{self.host}{BASE}/ws", headers=HTTPHeaders(headers or {}))
        connection = await websocket_connect(request, subprotocols=list(subprotocols))
        try:
            yield connection
        finally:
            connection.close()

    @asynccontextmanager
    async def peer(self, token: str, *, session: str | None = None) -> AsyncIterator["Peer"]:
        """Connect with `token` and say hello; a publisher has a `session`."""
        async with self.socket({TOKEN_HEADER: token}) as connection:
            peer = Peer(connection)
            publisher = None if session is None else {"session": session}
            await peer.send(type="hello", token=token, client="test/1", publisher=publisher)
            peer.welcome = await peer.receive("welcome")
            yield peer


class Peer:
    """One end of the wire, in the words of the protocol."""

    welcome: dict[str, Any]

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        """Send one message."""
        await self.connection.write_message(msgspec.json.encode(message))

    async def publish(self, operation: str, state: str, seq: int, **fields: Any) -> None:
        """Publish one snapshot."""
        snapshot = {"id": operation, "name": f"Operation {operation}", "state": state, "seq": seq, **fields}
        await self.send(type="publish", operations=[snapshot])

    async def receive(self, kind: str) -> dict[str, Any]:
        """Return the next message of this type; others are passed over."""
        while True:
            frame = await self.connection.read_message()
            assert frame is not None, f"closed: {self.connection.close_code} {self.connection.close_reason}"
            message: dict[str, Any] = json.loads(frame)
            if message["type"] == kind:
                return message

    async def closed(self) -> int | None:
        """Return the close code."""
        while await self.connection.read_message() is not None:
            pass
        return self.connection.close_code


@pytest.fixture
def hub(
    jp_serverapp: Any,
    http_server_client: Any,
    jp_http_port: int,
    jp_auth_header: dict[str, str],
    jp_asyncio_loop: Any,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Hub]:
    """A started server. Whatever a test does with it, no credential of ours may be found in the log."""
    caplog.set_level(logging.DEBUG)
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    hub = Hub(jp_serverapp, http_server_client, jp_http_port, jp_auth_header)
    yield hub
    jp_asyncio_loop.run_until_complete(hub.app.stop_extension())
    logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    assert "eyJ" not in logged  # how every JWT begins
    for credential in hub.credentials:
        assert credential not in logged
