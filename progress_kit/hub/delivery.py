"""From a cursor to the next frame: what a subscriber has not seen yet, oldest change first, in bounded pieces."""

import sys
from collections.abc import Iterator
from typing import Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from progress_kit.hub.events import Now
from progress_kit.hub.peers import Question, Subscription, could_match, in_state, may_see
from progress_kit.hub.registry import Entry, Registry, Tombstone
from progress_kit.hub.tokens import Claims
from progress_kit.protocol import encode
from progress_kit.protocol.messages import EncodedState, Filter

LOOK_AT: Final = 2_000
"""So many operations are looked at for one frame: a filter that few of them match must not hold up the others."""


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


class Frame(Struct, frozen=True):
    """A piece as it is sent; `data` is the very same object for all who are sent the same, empty if nothing is."""

    revision: int
    more: bool
    data: bytes


def next_piece(  # noqa: PLR0913 - a question: who, what, from where, how much
    registry: Registry, claims: Claims, wanted: Filter, since: int, *, horizon: int, limit: int, most: int = sys.maxsize
) -> Piece:
    """Return what changed after revision `since`, up to `limit` bytes of snapshots (but at least one).

    At most so many operations are looked at as `most` says, unless they are asked for by id. Removals up to revision
    `horizon` do not matter: the view was begun from nothing after them.
    """
    operations: list[msgspec.Raw] = []
    removed: list[str] = []
    size = 0
    reached = since
    for place, (operation, item) in enumerate(_candidates(registry, claims, wanted, since)):
        if place == most:
            return Piece(revision=reached, more=True, operations=operations, removed=removed)
        if isinstance(item, Tombstone):
            if item.revision > horizon and _may_know(claims, operation, item):
                size += len(operation) + 3
                removed.append(operation)
        elif not may_see(claims, item) or not could_match(wanted, item):
            pass
        elif not in_state(wanted, item):  # it may have matched before
            if item.revision > horizon:
                size += len(operation) + 3
                removed.append(operation)
        else:
            length = len(bytes(item.encoded))
            if operations and size + length > limit:
                return Piece(revision=reached, more=True, operations=operations, removed=removed)
            size += length
            operations.append(item.encoded)
        reached = item.revision
        if size > limit:
            return Piece(revision=reached, more=reached < registry.revision, operations=operations, removed=removed)
    return Piece(revision=registry.revision, more=False, operations=operations, removed=removed)


def _candidates(
    registry: Registry, claims: Claims, wanted: Filter, since: int
) -> Iterator[tuple[str, Entry | Tombstone]]:
    named = wanted.operations if claims.op is None else (claims.op,)
    return registry.since(since) if named is None else registry.since_of(named, since)


def _may_know(claims: Claims, operation: str, gone: Tombstone) -> bool:
    """Whether the holder may have known it; for one notebook that cannot be told any more."""
    return gone.owner == claims.sub and claims.nb is None and claims.op in {None, operation}


class Delivery:
    """Makes frames for subscriptions; what many of them are to be sent is encoded once."""

    def __init__(self, registry: Registry, limit: int, epoch: str) -> None:
        self._registry = registry
        self._limit = limit
        self._epoch = epoch
        self._questions: WeakValueDictionary[tuple[object, ...], Question] = WeakValueDictionary()
        self._frames: dict[tuple[Question, int, int, bool, bool], Frame] = {}
        self._revision = -1
        self._wall = 0.0
        self.encoded = 0
        """How many frames were made."""

    def frame(self, claims: Claims, subscription: Subscription, now: Now) -> Frame:
        """Return the next frame for `subscription`; the caller moves the cursor."""
        question = subscription.question
        if question is None:
            question = subscription.question = self._question(claims, subscription)
        if self._revision != self._registry.revision or self._wall != now.wall:
            # A frame says what time it is: it is shared by those who are sent it at the same moment.
            self._frames.clear()
            self._revision, self._wall = self._registry.revision, now.wall
        key = (question, subscription.revision, subscription.horizon, subscription.reset, subscription.answered)
        frame = self._frames.get(key)
        if frame is None:
            frame = self._frames[key] = self._make(claims, subscription, now)
        return frame

    def _question(self, claims: Claims, subscription: Subscription) -> Question:
        key = (claims.sub, claims.op, claims.nb, subscription.filter, subscription.id)
        question = self._questions.get(key)
        if question is None:
            question = self._questions[key] = Question()
        return question

    def _make(self, claims: Claims, subscription: Subscription, now: Now) -> Frame:
        since, horizon = subscription.revision, subscription.horizon
        piece = next_piece(
            self._registry, claims, subscription.filter, since, horizon=horizon, limit=self._limit, most=LOOK_AT
        )
        if piece.is_empty and subscription.answered:
            return Frame(piece.revision, piece.more, b"")
        self.encoded += 1
        state = EncodedState(
            subscription=subscription.id,
            epoch=self._epoch,
            revision=piece.revision,
            now=now.wall,
            reset=subscription.reset,
            more=piece.more,
            operations=piece.operations,
            removed=piece.removed,
        )
        return Frame(piece.revision, piece.more, encode(state))
