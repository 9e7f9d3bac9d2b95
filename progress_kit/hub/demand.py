"""Tells publishers how often anybody wants to hear of their operations: what nobody watches need not be told often."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from progress_kit.hub.events import Now
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Peer, Session, could_match
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.messages import Demand, Filter

UNWATCHED_HZ: Final = 0.5
MOST_INTERESTS: Final = 32
"""A user with more different subscriptions watches everything, as far as publishers are told."""


class Interest(Struct, frozen=True):
    """What one subscription wants to see, and how often; the same for all that want the same."""

    sub: str
    op: str | None
    nb: str | None
    filter: Filter
    rate_hz: float

    def covers(self, entry: Entry) -> bool:
        """Whether this operation is watched by it, in whichever state."""
        return (
            entry.hub.owner == self.sub
            and self.op in {None, entry.id}
            and self.nb in {None, entry.snapshot.origin.notebook}
            and could_match(self.filter, entry)
        )


class _Told(Struct, eq=False):
    """What one connection of a publisher has been told."""

    session: Session
    rates: dict[str, float] = field(default_factory=dict)
    known: int = 0
    """How many operations the session had begun."""


class Demands:
    """Which interests there are, and which publisher knows what of them.

    A new interest counts at once. That one is gone counts at the next tick: it is urgent to nobody.
    """

    def __init__(self, registry: Registry, outbox: Outbox) -> None:
        self._registry = registry
        self._outbox = outbox
        self._of_conn: dict[int, tuple[Interest, ...]] = {}
        self._by_sub: dict[str, Counter[Interest]] = {}
        self._told: dict[int, _Told] = {}
        self._gone: set[str] = set()

    def look(self, conns: Iterable[int], now: Now) -> None:
        """Take in what these connections, which have said something or are gone, want or have begun."""
        news: list[Interest] = []
        for conn in conns:
            peer = self._outbox.peers.get(conn)
            if peer is None:
                self._told.pop(conn, None)
            if peer is not None and peer.session is not None:
                self._publisher(peer, peer.session, now)
            elif conn in self._of_conn or (peer is not None and peer.subscriptions):
                news += self._subscriber(conn, peer)
        for interest in news:
            self._raise(interest, now)

    def tick(self, now: Now) -> None:
        """Take back what nobody wants any more."""
        for sub in self._gone:
            for conn, told in self._told.items():
                if told.session.owner == sub:
                    entries = map(self._registry.get, list(told.session.open))
                    rates = {entry.id: self._rate(entry) for entry in entries if entry is not None}
                    self._tell(conn, told, rates, now)
        self._gone.clear()

    # -- publishers -----------------------------------------------------------------------------------------------

    def _publisher(self, peer: Peer, session: Session, now: Now) -> None:
        told = self._told.get(peer.conn)
        if told is None:
            told = self._told[peer.conn] = _Told(session)
            fresh = list(session.open)
        elif told.known == session.begun:
            return
        else:
            fresh = [operation for operation in session.open if operation not in told.rates]
            told.rates = {key: rate for key, rate in told.rates.items() if key in session.open}
        told.known = session.begun
        entries = map(self._registry.get, fresh)
        self._tell(peer.conn, told, {entry.id: self._rate(entry) for entry in entries if entry is not None}, now)

    def _tell(self, conn: int, told: _Told, rates: dict[str, float], now: Now) -> None:
        news = {operation: rate for operation, rate in rates.items() if told.rates.get(operation) != rate}
        if news:
            told.rates |= news
            self._outbox.send(conn, Demand(operations=news), now)

    def _rate(self, entry: Entry) -> float:
        interests = self._by_sub.get(entry.hub.owner)
        if not interests:
            return UNWATCHED_HZ
        if len(interests) > MOST_INTERESTS:
            return max(interest.rate_hz for interest in interests)
        return max((each.rate_hz for each in interests if each.covers(entry)), default=UNWATCHED_HZ)

    # -- subscribers ----------------------------------------------------------------------------------------------

    def _subscriber(self, conn: int, peer: Peer | None) -> list[Interest]:
        """Take in what a connection wants now; return what nobody else has wanted before."""
        before = self._of_conn.pop(conn, ())
        wants = () if peer is None or peer.claims is None else tuple(_interests(peer, peer.claims))
        if wants:
            self._of_conn[conn] = wants
        if wants == before:
            return []
        news = []
        for interest in wants:
            counts = self._by_sub.setdefault(interest.sub, Counter())
            if not counts[interest]:
                news.append(interest)
            counts[interest] += 1
        for interest in before:
            counts = self._by_sub[interest.sub]
            counts[interest] -= 1
            if not counts[interest]:
                del counts[interest]
                self._gone.add(interest.sub)
                if not counts:
                    del self._by_sub[interest.sub]
        return news

    def _raise(self, interest: Interest, now: Now) -> None:
        for conn, told in self._told.items():
            if told.session.owner != interest.sub:
                continue
            rates = {}
            for operation in told.session.open:
                entry = self._registry.get(operation)
                if entry is not None and told.rates.get(operation, 0.0) < interest.rate_hz and interest.covers(entry):
                    rates[operation] = interest.rate_hz
            self._tell(conn, told, rates, now)


def _interests(peer: Peer, claims: Claims) -> Iterable[Interest]:
    for subscription in peer.subscriptions.values():
        yield Interest(claims.sub, claims.op, claims.nb, subscription.filter, 1.0 / subscription.interval_s)
