"""How to open a WebSocket to a hub: the arguments that the asynchronous and the blocking client share."""

import logging
from pathlib import Path
from typing import Any, Final

from progress_kit.connection.target import Target
from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER

MAX_BYTES: Final = 16 * 1024 * 1024
CLOSE_S: Final = 0.5

# At debug level the library logs headers and frames, tokens among them: never let it, whatever the root logger says.
_LOGGER: Final = logging.getLogger("progress_kit.websocket")
_LOGGER.setLevel(logging.CRITICAL)


def arguments(target: Target, token: str, *, timeout_s: float) -> dict[str, Any]:
    """Return keyword arguments for ``connect`` of `websockets`; with a ``path`` they are for ``unix_connect``."""
    shared: dict[str, Any] = {
        "uri": target.websocket_url,
        "subprotocols": [SUBPROTOCOL],
        "additional_headers": {TOKEN_HEADER: token},
        "user_agent_header": None,
        "compression": None,
        "open_timeout": timeout_s,
        "close_timeout": CLOSE_S,
        "max_size": MAX_BYTES,
        "logger": _LOGGER,
    }
    context = target.ssl_context()
    if context is not None:
        shared["ssl"] = context
    if target.unix_socket:
        return {**shared, "path": str(Path(target.unix_socket))}
    return {**shared, "proxy": None if target.local else True}
