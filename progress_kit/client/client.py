"""Questions to the hub from any thread, with or without a running event loop: each opens a connection and closes it."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect, unix_connect

from progress_kit import clock, settings
from progress_kit.client.session import SubscriberSession
from progress_kit.connection import Target, access, candidates, discover
from progress_kit.connection.tokens import Scope
from progress_kit.connection.websocket import arguments
from progress_kit.errors import (
    HubRefusedError,
    HubUnreachableError,
    OperationNotFoundError,
    ProtocolError,
)
from progress_kit.model import Snapshot
from progress_kit.protocol.messages import Filter

T = TypeVar("T")

_REFUSALS: Final = {4401: "unauthenticated", 4403: "forbidden"}

_REFUSED: Final = frozenset({401, 403})

ANSWER_S: Final = 12.0
"""How long a command may take: the hub itself answers after 10 s."""


def operations() -> list[Snapshot]:
    """Return what the hub knows: all live operations of this user, and those that ended within the last hour.

    Raises `HubNotFoundError`, `HubUnreachableError` or `HubRefusedError`.
    """
    return _ask(Filter(), ("subscribe",), lambda talk: list(talk.session.view.values()))


def get(operation: str) -> Snapshot:
    """Return the newest snapshot of one operation; of one that ended long ago, what the history has.

    Raises `OperationNotFoundError` if the hub does not know it, and what `operations` raises.
    """
    try:
        return _ask(Filter(operations=(operation,)), ("subscribe",), lambda talk: talk.snapshot(operation))
    except OperationNotFoundError:
        from progress_kit.client.history import stored

        found = stored(operation)
        if found is None:
            raise
        return found


def cancel(operation: str, reason: str | None = None) -> None:
    """Ask an operation to stop; returns when its process has accepted that. The state tells when it has stopped.

    Raises `OperationNotFoundError`, `HubRefusedError` if it has ended or cannot be cancelled, and what `operations`
    raises. `reason` is cut to 200 characters.
    """

    def send(talk: "_Talk") -> None:
        talk.snapshot(operation)
        request, frame = talk.session.command(operation, "cancel", None if reason is None else reason[:200])
        talk.send([frame])
        talk.until(lambda: request in talk.session.results, ANSWER_S)
        result = talk.session.results[request]
        if not result.ok:
            raise HubRefusedError("unsupported", f"{operation} was not cancelled: {result.error}")

    _ask(Filter(operations=(operation,)), ("subscribe", "command"), send)


def reach(target: Target, timeout_s: float) -> None:
    """Open a WebSocket to `target` and see that its hub answers; raises `HubUnreachableError` or `HubRefusedError`."""
    _ask_one(target, Filter(), ("subscribe",), lambda _talk: None, timeout_s)


class _Talk:
    """One connection with a synced view."""

    def __init__(self, socket: ClientConnection, session: SubscriberSession, url: str, timeout_s: float) -> None:
        self.session = session
        self._socket = socket
        self._url = url
        self.send(session.hello())
        self.until(lambda: session.synced, timeout_s)

    def snapshot(self, operation: str) -> Snapshot:
        try:
            return self.session.view[operation]
        except KeyError:
            raise OperationNotFoundError(
                f"the hub at {self._url} knows no operation {operation!r}: it never began, belongs to somebody else, "
                "or ended more than an hour ago"
            ) from None

    def send(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._socket.send(frame, text=True)

    def until(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Receive until `done`; an error of the hub meanwhile is raised."""
        deadline = clock.monotonic() + timeout_s
        while not done():
            self.send(self.session.received(self._socket.recv(timeout=max(0.0, deadline - clock.monotonic()))))
            problem = self.session.problem
            if problem is not None and problem.request is None:
                raise HubRefusedError(problem.code, f"the hub at {self._url} refused: {problem.message}")


def first_answer(ask: Callable[[Target, float], T]) -> T:
    """Return the answer of the best hub that can be reached; `ask` takes it and the seconds that it may take.

    Raises `HubNotFoundError`, and what `ask` raises; after `HubUnreachableError` the next best is asked.
    """
    now = settings.read()
    found = candidates(now) or [discover(now)]  # discover says what to do where there is none
    for target in found[:-1]:
        try:
            return ask(target, now.connect_timeout_s)
        except HubUnreachableError:
            continue  # a file that a dead server left, and whose process id lives on as another process
    return ask(found[-1], now.connect_timeout_s)


def _ask(wanted: Filter, scopes: tuple[Scope, ...], question: Callable[[_Talk], T]) -> T:
    return first_answer(lambda target, timeout_s: _ask_one(target, wanted, scopes, question, timeout_s))


def _ask_one(
    target: Target, wanted: Filter, scopes: tuple[Scope, ...], question: Callable[[_Talk], T], timeout_s: float
) -> T:
    token = access(target, scopes, timeout_s=timeout_s)
    session = SubscriberSession(token.text, filter=wanted)
    with connection(target, token.text, timeout_s) as socket:
        return question(_Talk(socket, session, target.url, timeout_s))


@contextmanager
def connection(target: Target, token: str, timeout_s: float) -> Iterator[ClientConnection]:
    """Open a connection to `target`; what happens to it is raised as `HubUnreachableError` or `HubRefusedError`."""
    options = arguments(target, token, timeout_s=timeout_s)
    try:
        with unix_connect(**options) if target.unix_socket else connect(**options) as socket:
            yield socket
    except InvalidStatus as error:
        status = error.response.status_code
        if status in _REFUSED:
            raise HubRefusedError("forbidden", f"{target.url} refused the connection with {status}") from None
        # A proxy whose server is just restarting, or something else that listens there.
        raise HubUnreachableError(f"{target.url} answers with {status}: no hub is there, or not now") from None
    except ConnectionClosed as error:
        code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "the connection was lost")
        if code in _REFUSALS:
            raise HubRefusedError(_REFUSALS[code], f"{target.url} ended the connection: {reason}") from None
        raise HubUnreachableError(f"{target.url} ended the connection: {reason or code}") from None
    except ProtocolError as error:
        raise HubUnreachableError(f"{target.url} does not speak protocol version 1: {error}") from error
    except TimeoutError as error:
        raise HubUnreachableError(f"the hub at {target.url} did not answer in time; is its server busy?") from error
    except (OSError, InvalidHandshake, InvalidURI, EOFError, ssl.SSLError) as error:
        raise HubUnreachableError(f"the hub at {target.url} does not answer: {type(error).__name__}") from error
