"""Hours in the life of a hub, in a time that is simulated: processes and pages come and go, and most things end."""

import gc
import random
from types import FunctionType, ModuleType

from progress_kit.hub import (
    Connected,
    Disconnected,
    LoadPrior,
    Persist,
    PriorLoaded,
    Received,
    Send,
    Stored,
    Tick,
    Writable,
)
from progress_kit.hub.events import Event
from progress_kit.model import OperationState, Snapshot
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import Hello, Publish, PublisherInfo, Subscribe
from tests.hub.bench import Bench

ENDS: tuple[OperationState, ...] = ("succeeded", "succeeded", "succeeded", "failed", "cancelled")


class Churn:
    """A hub, and a world that never comes to rest. `limits` are the hub's; a page comes every `page_every_s`."""

    def __init__(self, limits: Limits | None = None, seed: int = 7, *, page_every_s: int = 1) -> None:
        self._page_every_s = page_every_s
        self.hub = Bench(limits=limits or Limits())
        self._random = random.Random(seed)
        self._conn = self._number = 0
        self._live: list[tuple[int, str, str]] = []
        self._pages: list[int] = []

    def run(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.hub.seconds += 1.0
            self._handle(Tick())
            self._begin()
            self._begin()
            while len(self._live) > 30:
                self._end(*self._live.pop(self._random.randrange(len(self._live))))
            if self.hub.seconds % self._page_every_s == 0:
                self._open_page()
            while len(self._pages) > 20:
                self._handle(Disconnected(self._pages.pop(self._random.randrange(len(self._pages)))))

    def reach(self) -> int:
        """Return how many objects the hub holds, directly or not: whatever grows, grows this."""
        seen: dict[int, object] = {}
        waiting: list[object] = [self.hub.manager]
        while waiting:
            each = waiting.pop()
            if id(each) not in seen and not isinstance(each, type | ModuleType | FunctionType):
                seen[id(each)] = each
                waiting += gc.get_referents(each)
        return len(seen)

    def _begin(self) -> None:
        """A process begins an operation."""
        self._conn += 1
        self._number += 1
        conn, session, operation = self._conn, f"s_{self._number}", f"op_{self._number}"
        self._handle(Connected(conn))
        token = self.hub.token("publish")
        self._say(conn, Hello(token=token, client="churn/1", publisher=PublisherInfo(session=session)))
        self._publish(conn, operation, "running", 1)
        self._live.append((conn, session, operation))

    def _end(self, conn: int, _session: str, operation: str) -> None:
        """It ends, or its process vanishes without a word."""
        if self._random.random() < 0.9:
            self._publish(conn, operation, self._random.choice(ENDS), 2)
        self._handle(Disconnected(conn))

    def _open_page(self) -> None:
        self._conn += 1
        self._pages.append(self._conn)
        self._handle(Connected(self._conn))
        self._say(self._conn, Hello(token=self.hub.token("subscribe"), client="churn/1"))
        self._say(self._conn, Subscribe(id="all"))

    def _publish(self, conn: int, operation: str, state: OperationState, seq: int) -> None:
        kind = f"kind_{self._random.randrange(5_000)}"
        snapshot = Snapshot(id=operation, name=operation, state=state, seq=seq, kind=kind)
        self._say(conn, Publish(operations=(snapshot,)))

    def _say(self, conn: int, message: Hello | Publish | Subscribe) -> None:
        self._handle(Received(conn, encode(message)))

    def _handle(self, event: Event) -> None:
        """Have the hub handle it, without keeping what comes out; everything leaves, and is stored, at once."""
        events: list[Event] = [event]
        while events:
            outputs = self.hub.manager.handle_all(events, self.hub.now)
            left = dict.fromkeys(output.conn for output in outputs if isinstance(output, Send))
            rows = [output.row for output in outputs if isinstance(output, Persist)]
            asked = [(output.owner, output.kind) for output in outputs if isinstance(output, LoadPrior)]
            events = [
                *map(Writable, left),
                *(Stored(row.id, row.seq) for row in rows),
                *(PriorLoaded(owner, kind, None) for owner, kind in asked),
            ]
