"""What the history of the hub says of a kind, asked for before anything runs."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from progress_kit.client.client import first_answer
from progress_kit.connection import Target, access
from progress_kit.connection.rest import refusal, request
from progress_kit.errors import HubUnreachableError
from progress_kit.model import Prior

_prior: Final = msgspec.json.Decoder(Prior)


def prior(kind: str) -> Prior | None:
    """Return what the earlier runs of `kind` took; None where none has succeeded yet.

    Raises `HubNotFoundError`, `HubUnreachableError` or `HubRefusedError`.
    """
    return first_answer(lambda target, timeout_s: _ask(target, kind, timeout_s))


def _ask(target: Target, kind: str, timeout_s: float) -> Prior | None:
    token = access(target, ("subscribe",), timeout_s=timeout_s)
    path = f"priors/{quote(kind, safe='')}"
    status, answer = request(target, "GET", path, credential=token.text, timeout_s=timeout_s)
    if status == HTTPStatus.NO_CONTENT:
        return None
    if status != HTTPStatus.OK:
        raise refusal(target, f"the question about {kind!r}", status, answer)
    try:
        return _prior.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error
