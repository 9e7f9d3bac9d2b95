"""Publishing by requests while no WebSocket can be opened: a proxy may know nothing of those, or forbid them."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from progress_kit import clock
from progress_kit.connection import Target
from progress_kit.connection.rest import refusal
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.model import Action
from progress_kit.protocol.rest import CommandAnswer, PutCommand, PutResponse
from progress_kit.publisher.puts import Put, Puts
from progress_kit.publisher.session import PublisherSession

STRETCH_S: Final = 30.0
"""After so long the WebSocket is tried again."""
LOOK_S: Final = 0.25
"""How often is looked whether there is something to tell."""

_response: Final = msgspec.json.Decoder(PutResponse)

Perform = Callable[[str, Action, str | None, str | None], str | None]
Ask = Callable[[str, str, bytes], Awaitable[tuple[int, bytes]]]


class Requests:
    """Speaks for `session` to one hub; `ask` makes a request (method, path, body) without blocking the loop."""

    def __init__(self, session: PublisherSession, target: Target, perform: Perform, ask: Ask) -> None:
        self._puts = Puts(session)
        self._target = target
        self._perform = perform
        self._ask = ask
        self._answered: dict[str, CommandAnswer] = {}

    async def run(self, wait: Callable[[float], Awaitable[None]], changed: Callable[[], None]) -> None:
        """Tell what there is to tell for `STRETCH_S`.

        `wait` waits for so many seconds, or until there is an end to tell; `changed` is called after each request.
        Raises `HubUnreachableError`, and `HubRefusedError` if the hub does not let us in.
        """
        ends = clock.monotonic() + STRETCH_S
        while clock.monotonic() < ends:
            for put in self._puts.due(clock.monotonic()):
                await self._make(put)
                changed()
            await wait(LOOK_S)

    async def _make(self, put: Put) -> None:
        status, data = await self._ask("PUT", f"operations/{put.operation}", put.body)
        if status != HTTPStatus.OK:
            self._refused(put, refusal(self._target, "a publication", status, data), status)
            return
        try:
            answer = _response.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError(f"{self._target.url} answers, but not as a hub of version 1") from error
        self._puts.told(put, answer, clock.monotonic())
        for command in answer.commands:
            await self._do(put.operation, command)

    def _refused(self, put: Put, error: HubRefusedError, status: int) -> None:
        if error.code in {"unauthenticated", "not_found", "unsupported"} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise error
        if error.code == "forbidden" and "session" not in str(error):
            raise error
        self._puts.refused(put, error.code, clock.monotonic())

    async def _do(self, operation: str, command: PutCommand) -> None:
        """Do what somebody wants of an operation, once, and answer until the hub has heard it."""
        answer = self._answered.get(command.request)
        if answer is None:
            error = self._perform(operation, command.action, command.reason, command.by)
            answer = CommandAnswer(ok=error is None, error=None if error is None else error[:200])
            self._answered[command.request] = answer
        path = f"operations/{operation}/commands/{quote(command.request, safe='')}"
        await self._ask("POST", path, msgspec.json.encode(answer))
