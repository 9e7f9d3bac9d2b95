"""One request to the hub's REST interface. Blocking; the publisher calls it from a worker thread."""

import http.client
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import msgspec

from progress_kit.connection.target import Target
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.model import shorten
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.rest import ErrorResponse

_MAX_ANSWER: Final = 256 * 1024


def request(  # noqa: PLR0913 - what a request is made of
    target: Target,
    method: str,
    path: str,
    *,
    credential: str,
    timeout_s: float,
    body: bytes | None = None,
    most: int = _MAX_ANSWER,
    login: bool = False,
) -> tuple[int, bytes]:
    """Return status and body (at most `most` bytes of it) of the answer to `method` of `path` below the API.

    With `login` the credential is Jupyter's own token and no token of ours. Raises `HubUnreachableError`.
    """
    headers = {"Authorization": f"token {credential}"} if login else {TOKEN_HEADER: credential}
    headers["Connection"] = "close"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection, address = _open(target, target.api_path(path), timeout_s)
    try:
        connection.request(method, address, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(most)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Without OSError: a credential with characters that no header may have; the text would repeat it.
        reason = (str(error) if isinstance(error, OSError) else "") or type(error).__name__
        raise HubUnreachableError(f"the hub at {target.url} does not answer: {shorten(reason, 200)}") from None
    finally:
        connection.close()


def refusal(target: Target, what: str, status: int, answer: bytes) -> HubRefusedError:
    """Return the error for an answer that is none to `what`, such as "the request for a token"."""
    try:
        problem = msgspec.json.decode(answer, type=ErrorResponse).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        code = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 429: "rate"}.get(status, "bad_request")
        hint = "; is progress_kit's server extension enabled there?" if status == http.client.NOT_FOUND else ""
        return HubRefusedError(code, f"{target.url} answered {status} to {what}{hint}")
    return HubRefusedError(problem.code, f"{target.url} refused {what}: {shorten(problem.message, 200)}")


def _open(target: Target, path: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection that is not open yet, and the address to ask it for."""
    try:
        context = target.ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise HubUnreachableError(f"the certificate file {target.cafile!r} of {target.url} cannot be read") from error
    if target.unix_socket:
        return _UnixConnection(target.unix_socket, timeout_s), path
    proxy = target.proxy()
    if proxy is None:
        if context:
            return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_s, context=context), path
        return http.client.HTTPConnection(target.host, target.port, timeout=timeout_s), path
    via = urlsplit(f"//{proxy}")
    host, port = via.hostname or "", via.port or 80
    if context:
        connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
        connection.set_tunnel(target.host, target.port)
        return connection, path
    return http.client.HTTPConnection(host, port, timeout=timeout_s), f"http://{target.host}:{target.port}{path}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)
