"""Tokens that let a process of this user in: minted by ``POST tokens`` and minted again before they expire.

Blocking; the publisher calls it from a worker thread.
"""

import http.client
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from progress_kit.connection.rest import refusal, request
from progress_kit.connection.target import Secret, Target
from progress_kit.errors import HubUnreachableError
from progress_kit.protocol.rest import TokenRequest, TokenResponse

Scope = Literal["publish", "subscribe", "command"]

EXPIRES_IN_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for one connection; its text is never part of the repr."""

    text: str = field(repr=False)
    expires_in_s: float | None = None
    """Seconds that it is valid from now on; None if only the hub knows."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", Secret(self.text))


def access(target: Target, scopes: tuple[Scope, ...], *, timeout_s: float, renew: str | None = None) -> AccessToken:
    """Return a token for `target` with `scopes`.

    The connection file's secret mints one. A token from the environment is used as it is the first time; afterwards
    `renew`, the token in use, mints its successor. Raises `HubUnreachableError` or `HubRefusedError`.
    """
    if target.secret is None and renew is None:
        assert target.token is not None
        return AccessToken(target.token)
    return grant(target, TokenRequest(scopes=scopes, expires_in_s=EXPIRES_IN_S), timeout_s=timeout_s, renew=renew)


def grant(target: Target, wanted: TokenRequest, *, timeout_s: float, renew: str | None = None) -> AccessToken:
    """Return a new token such as `wanted`; the connection file's secret mints it, else `renew` or the environment's.

    Raises `HubUnreachableError` or `HubRefusedError`.
    """
    credential = target.secret or renew or target.token
    assert credential is not None
    body = msgspec.json.encode(wanted)
    status, answer = request(target, "POST", "tokens", credential=credential, timeout_s=timeout_s, body=body)
    if status == http.client.CREATED:
        try:
            response = msgspec.json.decode(answer, type=TokenResponse)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error
        return AccessToken(response.token, response.expires_in_s)
    raise refusal(target, "the request for a token", status, answer)
