"""How a hub is."""

from http import HTTPStatus
from typing import Final

import msgspec

from progress_kit.connection import Target, access
from progress_kit.connection.rest import refusal, request
from progress_kit.errors import HubUnreachableError
from progress_kit.protocol.rest import Health

_health: Final = msgspec.json.Decoder(Health)


def health(target: Target, timeout_s: float) -> Health:
    """Return what the hub at `target` says of itself; raises `HubUnreachableError` or `HubRefusedError`."""
    token = access(target, ("subscribe",), timeout_s=timeout_s)
    status, answer = request(target, "GET", "health", credential=token.text, timeout_s=timeout_s)
    if status != HTTPStatus.OK:
        raise refusal(target, "the question how it is", status, answer)
    try:
        return _health.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error
