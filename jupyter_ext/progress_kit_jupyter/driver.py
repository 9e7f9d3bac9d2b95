"""Carries events into the hub and its outputs out of it: sockets, the clock and the store meet here."""

import asyncio
import hashlib
import hmac
import logging
import secrets
from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tornado.websocket import WebSocketClosedError

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.hub import (
    Close,
    Connected,
    Disconnected,
    Event,
    Executed,
    KeepInbox,
    Keeping,
    KeepRecord,
    KernelDied,
    LoadPrior,
    Now,
    Output,
    Persist,
    PriorLoaded,
    ProgressConnectionManager,
    Received,
    Restored,
    Send,
    Stored,
    StoreStatus,
    Tick,
    TokenAuthority,
    Writable,
)
from progress_kit.model import Prior, Pseudonyms, StoredOperation, Via
from progress_kit.protocol import Limits, decode_snapshot
from progress_kit.protocol.messages import HistoryMode
from progress_kit.protocol.rest import StoreState
from progress_kit.store import Record, Retention, Store

if TYPE_CHECKING:
    from progress_kit.protocol.messages import Execution

log: Final = logging.getLogger("progress_kit")


class Socket(Protocol):
    """What the driver needs of a WebSocket."""

    def write_message(self, message: bytes) -> "Future[None]":
        """Send one text frame; the future is done when it has left."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection."""


class HubDriver:
    """One living hub. Everything but the store's callbacks runs on the event loop in which it was made."""

    def __init__(  # noqa: PLR0913 - the settings that reach the hub
        self,
        hub_id: str,
        key: bytes,
        limits: Limits,
        history: Path,
        retention: Retention,
        *,
        mode: HistoryMode = "full",
    ) -> None:
        """Open the store and take in what it has; never fails because of the store."""
        # A key of its own: what it makes lies in the history, which others may be given to read.
        names = Pseudonyms(hmac.digest(key, b"pseudonyms of the history", hashlib.sha256))
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._sockets: dict[int, Socket] = {}
        self._in_flight: dict[int, int] = {}
        self._last_conn = 0
        self._timer: TimerHandle | None = None
        self._stopped = False
        self.on_execution: Callable[[str, Execution], None] | None = None
        """Is told which cells the pages of an owner have sent to kernels."""
        self._started = clock.monotonic()
        self.store = Store(history, hub_id, self._on_stored, self._on_status, retention, names=names)
        rows = self.store.start()
        self.authority = TokenAuthority(key, self.store.revoked())
        self.manager = ProgressConnectionManager(
            hub_id=hub_id,
            authority=self.authority,
            limits=limits,
            epoch=f"e_{secrets.token_hex(8)}",
            keeping=Keeping(mode, names),
        )
        self._handle(StoreStatus(*self.store.status))
        self._handle(Restored([row for row in rows if _is_readable(row)], self.store.inbox()))

    @property
    def uptime_s(self) -> float:
        """Seconds since this hub began to live."""
        return clock.monotonic() - self._started

    @staticmethod
    def now() -> Now:
        """Return this moment, as the hub takes it."""
        return Now(clock.monotonic(), clock.wall())

    # ------------------------------------------------------------ sockets

    def connect(self, socket: Socket, *, has_origin: bool, via: Via = "websocket") -> int:
        """Take in a connection that the guard let through; return its number."""
        self._last_conn += 1
        self._sockets[self._last_conn] = socket
        self._handle(Connected(self._last_conn, has_origin, via))
        return self._last_conn

    def receive(self, conn: int, frame: str | bytes) -> None:
        """Take in one frame; nothing if the hub has closed this connection."""
        if conn in self._sockets:
            self._handle(Received(conn, frame))

    def disconnect(self, conn: int) -> None:
        """Say that a connection is gone."""
        self._sockets.pop(conn, None)
        self._in_flight.pop(conn, None)
        self._handle(Disconnected(conn))

    def withdraw(self, owner: str, operation: str) -> None:
        """Take back an operation that the server made itself: nobody is shown it any more, and none is stored."""
        self.perform(self.manager.withdraw(owner, operation, self.now()))
        self.store.delete(owner, operation)

    def kernel_died(self, kernel_id: str) -> None:
        """Say that the process of a kernel of this server is gone."""
        self._handle(KernelDied(kernel_id))

    async def stop(self) -> None:
        """Close all connections, and the store after it has written what is queued."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        sockets, self._sockets = self._sockets, {}
        for socket in sockets.values():
            socket.close(1001, "the server is stopping")
        await self._loop.run_in_executor(None, self.store.close)

    # ------------------------------------------------------------ outputs

    def perform(self, outputs: list[Output]) -> None:  # noqa: C901 - a flat table, one row per output
        """Do what the hub said, in order, and see to the next tick."""
        for output in outputs:
            match output:
                case Send(conn, data):
                    self._send(conn, data)
                case Close(conn, code, reason):
                    socket = self._sockets.pop(conn, None)
                    if socket is not None:
                        socket.close(code, reason)
                case Persist(row):
                    self.store.persist(row)
                case KeepRecord(owner, operation, spans, estimates, stages):
                    self.store.record(owner, operation, Record(spans, estimates, stages))
                case LoadPrior(owner, kind, stages):
                    self._load_prior(owner, kind, stages)
                case Executed(owner, message):
                    if self.on_execution is not None:
                        self.on_execution(owner, message)
                case KeepInbox(owner, items):
                    self.store.keep_inbox(owner, items)
        self._schedule()

    def _load_prior(self, owner: str, kind: str, stages: tuple[str, ...]) -> None:
        def loaded(answer: "Future[Prior | None]") -> None:
            failed = answer.cancelled() or answer.exception() is not None
            self._handle(PriorLoaded(owner, kind, None if failed else answer.result()))

        asyncio.wrap_future(self.store.prior(owner, kind, stages), loop=self._loop).add_done_callback(loaded)

    def _handle(self, event: Event) -> None:
        if not self._stopped:
            self.perform(self.manager.handle(event, self.now()))

    def _send(self, conn: int, data: bytes) -> None:
        socket = self._sockets.get(conn)
        if socket is None:
            return
        try:
            left = socket.write_message(data)
        except WebSocketClosedError:
            return  # its on_close follows
        self._in_flight[conn] = self._in_flight.get(conn, 0) + 1
        left.add_done_callback(lambda future: self._left(conn, future))

    def _left(self, conn: int, future: "Future[None]") -> None:
        if future.cancelled() or future.exception() is not None or conn not in self._sockets:
            return
        self._in_flight[conn] -= 1
        if self._in_flight[conn] == 0:
            self._handle(Writable(conn))

    # ------------------------------------------------------------ time

    def _schedule(self) -> None:
        """Have the next tick not later than the hub asks for; an earlier one does no harm."""
        when = self._loop.time() + self.manager.next_tick(self.now())
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self._handle(Tick())
        finally:
            if not self._stopped:
                self._schedule()

    # ------------------------------------------------------------ called in the store's thread

    def _on_stored(self, stored: list[tuple[str, int]]) -> None:
        self._on_loop([Stored(operation, seq) for operation, seq in stored])

    def _on_status(self, status: StoreState, reason: str | None) -> None:
        self._on_loop([StoreStatus(status, reason)])

    def _on_loop(self, events: "list[Stored] | list[StoreStatus]") -> None:
        def handle_all() -> None:
            for event in events:
                self._handle(event)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(handle_all)


def _is_readable(row: StoredOperation) -> bool:
    try:
        decode_snapshot(row.snapshot)
    except ProtocolError:
        log.warning("Operation %s in the history cannot be read and is left out", row.id)
        return False
    return True
