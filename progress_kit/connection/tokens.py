"""Tokens that let a process of this user in: minted by ``POST tokens`` and minted again before they expire.

Blocking; the publisher calls it from a worker thread.
"""

import http.client
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from progress_kit.connection.target import Target
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.model import shorten
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.rest import ErrorResponse, TokenRequest, TokenResponse

Scope = Literal["publish", "subscribe", "command"]

EXPIRES_IN_S: Final = 3_600.0
_MAX_ANSWER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for one connection; its text is never part of the repr."""

    text: str = field(repr=False)
    expires_in_s: float | None = None
    """Seconds that it is valid from now on; None if only the hub knows."""


def access(target: Target, scopes: tuple[Scope, ...], *, timeout_s: float, renew: str | None = None) -> AccessToken:
    """Return a token for `target` with `scopes`.

    The connection file's secret mints one. A token from the environment is used as it is the first time; afterwards
    `renew`, the token in use, mints its successor. Raises `HubUnreachableError` or `HubRefusedError`.
    """
    if target.secret is None and renew is None:
        assert target.token is not None
        return AccessToken(target.token)
    credential = target.secret or renew
    assert credential is not None
    body = msgspec.json.encode(TokenRequest(scopes=scopes, expires_in_s=EXPIRES_IN_S))
    status, answer = _post(target, "tokens", body, credential, timeout_s)
    if status == http.client.CREATED:
        try:
            response = msgspec.json.decode(answer, type=TokenResponse)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error
        return AccessToken(response.token, response.expires_in_s)
    raise _refusal(target, status, answer)


def _refusal(target: Target, status: int, answer: bytes) -> HubRefusedError:
    try:
        problem = msgspec.json.decode(answer, type=ErrorResponse).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        code = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 429: "rate"}.get(status, "bad_request")
        hint = "; is progress_kit's server extension enabled there?" if status == http.client.NOT_FOUND else ""
        return HubRefusedError(code, f"{target.url} answered {status} to the request for a token{hint}")
    return HubRefusedError(problem.code, f"{target.url} gave no token: {shorten(problem.message, 200)}")


def _post(target: Target, path: str, body: bytes, credential: str, timeout_s: float) -> tuple[int, bytes]:
    headers = {TOKEN_HEADER: credential, "Content-Type": "application/json", "Connection": "close"}
    connection, address = _open(target, target.api_path(path), timeout_s)
    try:
        connection.request("POST", address, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(_MAX_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Without OSError: a credential with characters that no header may have; the text would repeat it.
        reason = (str(error) if isinstance(error, OSError) else "") or type(error).__name__
        raise HubUnreachableError(f"the hub at {target.url} does not answer: {shorten(reason, 200)}") from None
    finally:
        connection.close()


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
