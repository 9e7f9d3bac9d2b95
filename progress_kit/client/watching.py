"""Following operations: a view of the hub that is kept up over lost connections and restarts of the server."""

import atexit
import socket
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import anyio
import anyio.to_thread

from progress_kit import clock
from progress_kit.client.client import connection, first_answer
from progress_kit.client.session import SubscriberSession
from progress_kit.connection import AccessToken, Backoff, Target, access
from progress_kit.errors import HubNotFoundError, HubRefusedError, HubUnreachableError, OperationNotFoundError
from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol.messages import Filter

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

SILENCE_S: Final = 60.0
"""A hub pings every 20 s; one that has been silent for so long is not there any more."""


_open: WeakSet["Watch"] = WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what a program did not, while its threads still run: without them a connection waits for ever."""
    for watch in list(_open):
        watch.close()


class Watch:
    """The operations that match a filter: all of them at once, and again each time that one has changed.

    Iterate it with ``for``, which blocks, or with ``async for``; each item is the list of those that match now, in the
    order of their start. While the hub is away nothing comes, and afterwards what has changed meanwhile. It ends by
    `close`, which any thread may call, or by leaving ``async for`` for good.

    The first item raises `HubNotFoundError` or `HubUnreachableError` where there is no hub to watch; `HubRefusedError`
    can come at any time.
    """

    def __init__(self, wanted: Filter, *, max_rate_hz: float | None = None, timeout_s: float | None = None) -> None:
        self._session = SubscriberSession("", filter=wanted, max_rate_hz=max_rate_hz)
        self._deadline = None if timeout_s is None else clock.monotonic() + timeout_s
        self._closed = threading.Event()
        self._socket: ClientConnection | None = None
        self._backoff = Backoff()
        self._held = False  # whether the hub has answered since it last refused
        self._views = self._follow()
        _open.add(self)

    def __iter__(self) -> Iterator[list[Snapshot]]:
        return self._views

    async def __aiter__(self) -> AsyncIterator[list[Snapshot]]:
        limiter = anyio.CapacityLimiter(1)
        try:
            while True:
                view = await anyio.to_thread.run_sync(next, self._views, None, limiter=limiter, abandon_on_cancel=True)
                if view is None:
                    return
                yield view
        finally:
            self.close()

    def close(self) -> None:
        """End the iteration, also while it waits in another thread."""
        self._closed.set()
        if self._socket is not None:
            # The socket itself: the WebSocket's close would wait for the hub's answer.
            with suppress(OSError):
                self._socket.socket.shutdown(socket.SHUT_RDWR)

        # Closes the connection here and now, unless another thread is in there; that one finds the socket shut.
        with suppress(ValueError):
            self._views.close()

    def _follow(self) -> Generator[list[Snapshot], None, None]:
        began = False
        while not self._closed.is_set():
            try:
                for view in self._connected():
                    began = True
                    yield sorted(view.values(), key=lambda snapshot: snapshot.started_at or 0.0)
            except (HubNotFoundError, HubUnreachableError):
                if self._closed.is_set():
                    return
                if self._late():
                    raise TimeoutError from None
                if not began:
                    raise
            except HubRefusedError as error:
                # A token that expired while this machine slept; a new one is minted for the next connection.
                if error.code != "unauthenticated" or not self._held:
                    raise
                self._held = False
            self._closed.wait(min(self._backoff.next(), self._left_s()))

    def _connected(self) -> Iterator[dict[str, Snapshot]]:
        """Yield each new view until the connection or the iteration ends."""
        target, token, timeout_s = first_answer(_reach)
        self._session.refresh(token.text)
        shown = self._session.view if self._session.resume else None
        with connection(target, token.text, timeout_s) as self._socket:
            self._send(self._session.hello())
            while not self._closed.is_set():
                self._send(self._session.received(self._socket.recv(timeout=min(SILENCE_S, self._left_s()))))
                problem = self._session.problem
                if problem is not None:
                    raise HubRefusedError(problem.code, f"the hub at {target.url} refused: {problem.message}")
                if self._session.wants_token:
                    self._send(self._session.refresh(access(target, ("subscribe",), timeout_s=timeout_s).text))
                if self._session.synced:
                    self._held = True
                    self._backoff.reset()
                    if self._session.view is not shown:
                        shown = self._session.view
                        yield shown

    def _send(self, frames: list[bytes]) -> None:
        assert self._socket is not None
        for frame in frames:
            self._socket.send(frame, text=True)

    def _left_s(self) -> float:
        return SILENCE_S if self._deadline is None else max(0.0, self._deadline - clock.monotonic())

    def _late(self) -> bool:
        return self._deadline is not None and clock.monotonic() >= self._deadline


def one(operation: str) -> Filter:
    """Return what selects one operation."""
    return Filter(operations=(operation,))


def ended(operation: str, view: list[Snapshot]) -> Snapshot | None:
    """Return the one operation that `view` was asked for if it has ended or is lost, None if it goes on.

    Raises `OperationNotFoundError` if the hub does not know it.
    """
    if not view:
        raise OperationNotFoundError(
            f"the hub knows no operation {operation!r}: it never began, belongs to somebody else, "
            "or ended more than an hour ago"
        )
    (snapshot,) = view
    lost = snapshot.hub is not None and snapshot.hub.lease == "lost"
    return snapshot if lost or is_terminal(snapshot.state) else None


def _reach(target: Target, timeout_s: float) -> tuple[Target, AccessToken, float]:
    return target, access(target, ("subscribe",), timeout_s=timeout_s), timeout_s
