"""From a cursor to the next frame: what a subscriber has not seen yet, oldest change first, in bounded pieces."""

import msgspec
from msgspec import Struct

from progress_kit.hub.peers import Subscription, could_match, matches, may_see
from progress_kit.hub.registry import Entry, Registry, Tombstone
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.messages import Filter


class Piece(Struct, frozen=True, kw_only=True):
    """What one frame says: the cursor moves to `revision`."""

    revision: int
    more: bool
    operations: list[msgspec.Raw]
    removed: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing but that the cursor moved."""
        return not self.operations and not self.removed


def next_piece(  # noqa: PLR0913 - a question: who, what, from where, how much
    registry: Registry, claims: Claims, wanted: Filter, since: int, *, horizon: int, limit: int
) -> Piece:
    """Return what changed after revision `since`, up to `limit` bytes of snapshots (but at least one).

    Removals up to revision `horizon` do not matter: the view was begun from nothing after them.
    """
    operations: list[msgspec.Raw] = []
    removed: list[str] = []
    size = 0
    reached = since
    for operation, item in registry.since(since):
        if isinstance(item, Tombstone):
            if item.revision > horizon and _may_know(claims, operation, item):
                size += len(operation) + 3
                removed.append(operation)
        elif _leaves(claims, wanted, item):
            if item.revision > horizon:
                size += len(operation) + 3
                removed.append(operation)
        elif may_see(claims, item) and matches(wanted, item):
            length = len(bytes(item.encoded))
            if operations and size + length > limit:
                return Piece(revision=reached, more=True, operations=operations, removed=removed)
            size += length
            operations.append(item.encoded)
        reached = item.revision
        if size > limit:
            return Piece(revision=reached, more=reached < registry.revision, operations=operations, removed=removed)
    return Piece(revision=registry.revision, more=False, operations=operations, removed=removed)


def _may_know(claims: Claims, operation: str, gone: Tombstone) -> bool:
    """Whether the holder may have known it; for one notebook that cannot be told any more."""
    return gone.owner == claims.sub and claims.nb is None and claims.op in {None, operation}


def _leaves(claims: Claims, wanted: Filter, entry: Entry) -> bool:
    """Whether the operation may have matched before and does not now."""
    return may_see(claims, entry) and could_match(wanted, entry) and not matches(wanted, entry)


class Delivery:
    """Makes frames for subscriptions; equal questions of many subscribers are answered once per revision."""

    def __init__(self, registry: Registry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._answers: dict[tuple[object, ...], Piece] = {}
        self._answers_revision = -1

    def piece(self, claims: Claims, subscription: Subscription) -> Piece:
        """Return the next piece for `subscription`; the caller moves the cursor."""
        if self._answers_revision != self._registry.revision:
            self._answers.clear()
            self._answers_revision = self._registry.revision
        since, horizon = subscription.revision, subscription.horizon
        key = (claims.sub, claims.op, claims.nb, subscription.filter, since, horizon)
        piece = self._answers.get(key)
        if piece is None:
            piece = next_piece(self._registry, claims, subscription.filter, since, horizon=horizon, limit=self._limit)
            self._answers[key] = piece
        return piece
