"""The server as a publisher of its own hub: a connection without a socket."""

import asyncio
import secrets
from asyncio import Future
from collections.abc import Callable, Iterable

from progress_kit import clock
from progress_kit.hub import ConnectionSecret
from progress_kit.model import Snapshot
from progress_kit.protocol.messages import Command
from progress_kit.protocol.rest import TokenRequest
from progress_kit.publisher.session import PublisherSession
from progress_kit_jupyter.driver import HubDriver

_TOKEN_S = 3_600.0


class InsidePublisher:
    """Publishes operations of `owner` as any process does, with `via` ``server``. `perform` is given the commands."""

    def __init__(self, driver: HubDriver, owner: str, perform: Callable[[Command], None]) -> None:
        self._driver = driver
        self._owner = owner
        self._perform = perform
        self._session = PublisherSession(
            f"server_{secrets.token_hex(12)}", client="progress-kit-server/1", estimates=False
        )
        self._conn: int | None = None
        self._loop = asyncio.get_running_loop()

    def say(self, snapshots: Iterable[Snapshot] = ()) -> None:
        """Publish these, and give a sign of life of those that were published before."""
        self._connect()
        now = clock.monotonic()
        self._send([*self._session.sample(snapshots, now), *self._session.tick(now)])

    def withdraw(self, operation: str) -> None:
        """Take back an operation, as if it had never been there."""
        self._session.forget(operation)
        self._driver.withdraw(self._owner, operation)

    def forget(self, operation: str) -> None:
        """Say no more of an operation that the hub has ended by itself."""
        self._session.forget(operation)

    def answer(self, request: str, error: str | None) -> None:
        """Say whether a command was accepted."""
        self._send(self._session.command_result(request, error))

    # ------------------------------------------------------------ what the driver needs of a socket

    def write_message(self, message: bytes) -> "Future[None]":
        """Take in one frame of the hub, after what it is doing now."""
        self._loop.call_soon(self._received, message)
        left: Future[None] = self._loop.create_future()
        left.set_result(None)
        return left

    def close(self, code: int | None = None, reason: str | None = None) -> None:  # noqa: ARG002 - a socket's
        """The hub has closed the connection; the next thing to say opens another one."""
        self._conn = None
        self._session.disconnected()

    # ------------------------------------------------------------ inside

    def _connect(self) -> None:
        if self._conn is None:
            self._conn = self._driver.connect(self, has_origin=False, via="server")
            self._send(self._session.connected(self._token()))

    def _received(self, frame: bytes) -> None:
        self._send(self._session.received(frame, clock.monotonic()))
        while self._session.commands:
            self._perform(self._session.commands.popleft())
        if self._session.wants_token:
            self._send(self._session.refresh(self._token()))

    def _send(self, frames: list[bytes]) -> None:
        for frame in frames:
            if self._conn is not None:
                self._driver.receive(self._conn, frame)

    def _token(self) -> str:
        wanted = TokenRequest(scopes=("publish",), expires_in_s=_TOKEN_S)
        return self._driver.authority.grant(wanted, ConnectionSecret(self._owner), clock.wall()).token
