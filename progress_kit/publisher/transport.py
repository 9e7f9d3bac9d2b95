"""The publisher's WebSocket: opened for one target, its failures translated into progress_kit's errors."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from progress_kit.connection.target import Target
from progress_kit.connection.websocket import CLOSE_S, arguments
from progress_kit.errors import HubRefusedError, HubUnreachableError


@asynccontextmanager
async def open_socket(target: Target, token: str, *, timeout_s: float) -> AsyncIterator[ClientConnection]:
    """Open a WebSocket to `target` and close it at the end.

    Raises `HubRefusedError` (the hub does not let us in) or `HubUnreachableError`.
    """
    try:
        options = arguments(target, token, timeout_s=timeout_s)
        socket = await (unix_connect(**options) if target.unix_socket else connect(**options))
    except InvalidStatus as error:
        status = error.response.status_code
        raise HubRefusedError("forbidden", f"{target.url} refused the connection with {status}") from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, EOFError, ssl.SSLError, RuntimeError) as error:
        # RuntimeError: names can no longer be looked up while the interpreter exits.
        raise HubUnreachableError(f"the hub at {target.url} does not answer: {type(error).__name__}") from error
    try:
        yield socket
    finally:
        with anyio.move_on_after(2 * CLOSE_S, shield=True):
            await socket.close()
