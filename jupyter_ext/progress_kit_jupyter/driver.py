"""Carries events into the hub and its outputs out of it: sockets, the clock and the store meet here."""

import asyncio
import hashlib
import hmac
import logging
import secrets
from asyncio import AbstractEventLoop, Future, Handle, TimerHandle
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.hub import (
    Announced,
    Close,
    Commanded,
    Connected,
    Disconnected,
    Ended,
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
    Spooled,
    Stored,
    StoreStatus,
    Tick,
    TokenAuthority,
    WatchesCells,
    Writable,
)
from progress_kit.model import Prior, Pseudonyms, Snapshot, StoredOperation, Via
from progress_kit.protocol import Limits, decode_snapshot
from progress_kit.protocol.messages import HistoryMode
from progress_kit.protocol.rest import StoreState
from progress_kit.store import Record, Retention, Store
from progress_kit_jupyter.lines import Line, Message, Socket, line_to

if TYPE_CHECKING:
    from progress_kit.protocol.messages import Execution

log: Final = logging.getLogger("progress_kit")


TURN_WORK: Final = 64 * 1024
"""So much is handled in one turn of the loop, in bytes of frames: a few milliseconds. Who sends more has to wait."""
FRAME_WORK: Final = 1_024
"""What a frame takes beside its bytes, and every other event that changes something."""
LIGHT_WORK: Final = 64
"""What it takes that something has left."""


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
        self._lines: dict[int, Line] = {}
        self._in_flight: dict[int, int] = {}
        """How many writes of a connection have not left yet, where there are any."""
        self._events: deque[Event] = deque()
        """What has happened in this turn of the loop, and what earlier ones have left over."""
        self._work = 0
        """How much work that is."""
        self._turn: Handle | None = None
        self._caught_up: Future[None] | None = None
        self._last_conn = 0
        self._timer: TimerHandle | None = None
        self._stopped = False
        self.on_execution: Callable[[str, Execution], None] | None = None
        self.on_watches_cells: Callable[[str, bool], None] | None = None
        """Is told which cells the pages of an owner have sent to kernels."""
        self.on_announced: Callable[[Announced], None] | None = None
        self.on_ended: Callable[[Snapshot], None] | None = None
        self.sent_bytes = 0
        """How much has been sent over WebSockets."""
        self.closed: Counter[int] = Counter()
        """How many connections the hub has closed, by close code."""
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
        self._lines[self._last_conn] = line_to(socket)
        self._handle(Connected(self._last_conn, has_origin, via))
        return self._last_conn

    def receive(self, conn: int, frame: str | bytes) -> "Future[None] | None":
        """Take in one frame; nothing if the hub has closed this connection.

        The hub handles the frames of one turn of the loop together, so that what they change is sent at once. Return
        what is to be waited for before the next frame is read, if the hub has much to do.
        """
        if conn not in self._sockets:
            return None
        self._soon(Received(conn, frame))
        if self._work < TURN_WORK:
            return None
        if self._caught_up is None:
            self._caught_up = self._loop.create_future()
        return self._caught_up

    def disconnect(self, conn: int) -> None:
        """Say that a connection is gone."""
        self._forget(conn)
        self._handle(Disconnected(conn))

    def withdraw(self, owner: str, operation: str) -> None:
        """Take back an operation that the server made itself: nobody is shown it any more, and none is stored."""
        self._settle()
        self.perform(self.manager.withdraw(owner, operation, self.now()))
        self.store.delete(owner, operation)

    def take_in(self, spooled: Spooled) -> None:
        """Take in what dead processes wrote down."""
        self._handle(spooled)

    def kernel_died(self, kernel_id: str) -> None:
        """Say that the process of a kernel of this server is gone."""
        self._handle(KernelDied(kernel_id))

    async def stop(self) -> None:
        """Close all connections, and the store after it has written what is queued."""
        self._settle()
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        sockets, self._sockets = self._sockets, {}
        for socket in sockets.values():
            socket.close(1001, "the server is stopping")
        await self._loop.run_in_executor(None, self.store.close)

    # ------------------------------------------------------------ outputs

    def perform(self, outputs: list[Output]) -> None:  # noqa: C901, PLR0912 - a flat table, one row per output
        """Do what the hub said, in order, and see to the next tick; all that one connection is sent is one write."""
        waiting: dict[int, list[Message]] = {}
        # What many are sent is one and the same object, and so are its frame and the list for those who get only that.
        shared: dict[int, list[Message]] = {}
        for output in outputs:
            match output:
                case Send():
                    data = output.data
                    messages = shared.get(id(data))
                    if messages is None:
                        messages = shared[id(data)] = [Message(data)]
                    before = waiting.setdefault(output.conn, messages)
                    if before is not messages:
                        waiting[output.conn] = before + messages
                case Close(conn, code, reason):
                    self._write(conn, waiting.pop(conn, ()))
                    self.closed[code] += 1
                    socket = self._sockets.get(conn)
                    self._forget(conn)
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
                case WatchesCells(owner, wanted):
                    if self.on_watches_cells is not None:
                        self.on_watches_cells(owner, wanted)
                case KeepInbox(owner, items):
                    self.store.keep_inbox(owner, items)
                case Announced():
                    if self.on_announced is not None:
                        self.on_announced(output)
                case Ended(snapshot):
                    if self.on_ended is not None:
                        self.on_ended(snapshot)
                case Commanded(by, operation, action):
                    # The trace of who did what; `by` comes from outside, so it is quoted.
                    log.info("Operation %s: %s, asked for by %r", operation, action, by)
        for conn, messages in waiting.items():
            self._write(conn, messages)
        self._schedule()

    def _load_prior(self, owner: str, kind: str, stages: tuple[str, ...]) -> None:
        def loaded(answer: "Future[Prior | None]") -> None:
            failed = answer.cancelled() or answer.exception() is not None
            self._soon(PriorLoaded(owner, kind, None if failed else answer.result()))

        asyncio.wrap_future(self.store.prior(owner, kind, stages), loop=self._loop).add_done_callback(loaded)

    def _forget(self, conn: int) -> None:
        self._sockets.pop(conn, None)
        self._lines.pop(conn, None)
        self._in_flight.pop(conn, None)

    # ------------------------------------------------------------ events

    def _handle(self, *events: Event) -> None:
        """Have the hub take in what has happened so far, and now this."""
        self._soon(*events)
        self._settle()

    def _soon(self, *events: Event) -> None:
        """Have the hub take this in before the next turn of the loop, or in one soon after if there is much to do."""
        self._events.extend(events)
        self._work += sum(map(_weight, events))
        if self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Have the hub take in as much as one turn of the loop is long enough for; the rest has the next one."""
        self._turn = None
        self._work_off(TURN_WORK)

    def _settle(self) -> None:
        """Have the hub take in everything now."""
        self._work_off(None)

    def _work_off(self, most: int | None) -> None:
        events: list[Event] = []
        done = 0
        while self._events and (most is None or done < most):
            events.append(self._events.popleft())
            done += _weight(events[-1])
        self._work -= done
        try:
            if events and not self._stopped:
                self.perform(self.manager.handle_all(events, self.now()))
        finally:
            if not self._events:
                self._all_taken_in()
            elif self._turn is None:
                self._turn = self._loop.call_soon(self._take_turn)
            if self._timer is None and not self._stopped:
                self._schedule()

    def _all_taken_in(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        caught_up, self._caught_up = self._caught_up, None
        if caught_up is not None and not caught_up.done():
            caught_up.set_result(None)

    def _write(self, conn: int, messages: Sequence[Message]) -> None:
        line = self._lines.get(conn)
        if line is None or not messages:
            return
        for message in messages:
            self.sent_bytes += len(message.frame)
        left = line.write(messages)
        if left is not None:
            self._in_flight[conn] = self._in_flight.get(conn, 0) + 1
            left.add_done_callback(lambda future: self._left(conn, future))
        elif conn not in self._in_flight:
            self._soon(Writable(conn))

    def _left(self, conn: int, future: "Future[None]") -> None:
        if future.cancelled() or future.exception() is not None or conn not in self._sockets:
            return
        self._in_flight[conn] -= 1
        if self._in_flight[conn] == 0:
            del self._in_flight[conn]
            self._soon(Writable(conn))

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
        self._soon(Tick())  # when it has been taken in, the next one is asked for

    # ------------------------------------------------------------ called in the store's thread

    def _on_stored(self, stored: list[tuple[str, int]]) -> None:
        self._on_loop([Stored(operation, seq) for operation, seq in stored])

    def _on_status(self, status: StoreState, reason: str | None) -> None:
        self._on_loop([StoreStatus(status, reason)])

    def _on_loop(self, events: "list[Stored] | list[StoreStatus]") -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._soon, *events)


def _weight(event: Event) -> int:
    """Return about how much work the hub has with an event."""
    if isinstance(event, Received):
        return FRAME_WORK + len(event.frame)
    return LIGHT_WORK if isinstance(event, Writable) else FRAME_WORK


def _is_readable(row: StoredOperation) -> bool:
    try:
        decode_snapshot(row.snapshot)
    except ProtocolError:
        log.warning("Operation %s in the history cannot be read and is left out", row.id)
        return False
    return True
