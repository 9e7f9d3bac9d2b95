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


class SocketRefusedError(HubRefusedError):
    """Something answers, but opens no WebSocket: the hub, or a proxy that forbids them."""


class SocketStuckError(HubUnreachableError):
    """Something is there, but what it says is no answer to the request for a WebSocket."""


@asynccontextmanager
async def open_socket(target: Target, token: str, *, timeout_s: float) -> AsyncIterator[ClientConnection]:
    """Open a WebSocket to `target` and close it at the end.

    Raises `HubRefusedError` (the hub does not let us in) or `HubUnreachableError`; where requests may work all the
    same, `SocketRefusedError` or `SocketStuckError`.
    """
    try:
        options = arguments(target, token, timeout_s=timeout_s)
        socket = await (unix_connect(**options) if target.unix_socket else connect(**options))
    except InvalidStatus as error:
        status = error.response.status_code
        raise SocketRefusedError("forbidden", f"{target.url} refused the connection with {status}") from None
    except (TimeoutError, InvalidHandshake, EOFError) as error:
        raise SocketStuckError(f"the hub at {target.url} opens no WebSocket: {type(error).__name__}") from error
    except (OSError, InvalidURI, ssl.SSLError, RuntimeError) as error:
        # RuntimeError: names can no longer be looked up while the interpreter exits.
        raise HubUnreachableError(f"the hub at {target.url} does not answer: {type(error).__name__}") from error
    try:
        yield socket
    finally:
        with anyio.move_on_after(2 * CLOSE_S, shield=True):
            await socket.close()
