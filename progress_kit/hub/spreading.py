"""Who is sent what has changed, and when: at most one frame of each subscriber is on its way."""

import math
from typing import Final

from progress_kit.hub.delivery import Delivery
from progress_kit.hub.events import Now
from progress_kit.hub.notices import Notices
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Peer, Subscription
from progress_kit.hub.registry import Registry
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.limits import STATE_BYTES

LOOK_S: Final = 0.01
"""A subscriber whom the last changes did not concern is looked at again after this."""


class Spreading:
    """Moves the cursors of all subscribers on, each at its own pace and only when its last frame has left."""

    def __init__(self, epoch: str, registry: Registry, outbox: Outbox, notices: Notices) -> None:
        self._registry = registry
        self._outbox = outbox
        self._notices = notices
        self.delivery = Delivery(registry, STATE_BYTES, epoch)
        self.due: float | None = None
        """The hub's monotonic second from which on something can be sent that could not be sent before."""
        self._ready = 0.0
        """The hub's monotonic second before which no state may be sent to anybody: until then nobody is looked at."""

    def changed(self, now: Now) -> bool:
        """Operations have changed: send that to all who may be sent it. Return whether anybody was looked at."""
        if now.monotonic < self._ready:
            self._have_due(self._ready)
            return False
        self.flush_all(now)
        return True

    def flush_all(self, now: Now) -> None:
        """Send everybody what is new and may be sent now."""
        self.due = None
        self._ready = math.inf
        for peer in self._outbox.peers.values():
            self.flush(peer, now)

    def flush(self, peer: Peer, now: Now) -> None:
        """Send a peer at most one frame of inbox or state: the next one follows when this one has left."""
        if peer.presence is not None:
            self._have_due(self._notices.flush(peer, now))
        claims = peer.claims
        if claims is None:
            return
        revision, monotonic = self._registry.revision, now.monotonic
        for subscription in peer.subscriptions.values():
            if peer.blocked_since is not None:
                peer.waits = True
                return
            if subscription.revision != revision or not subscription.answered:
                if monotonic < subscription.due:
                    self._have_due(subscription.due)
                else:
                    self._answer(peer, claims, subscription, now)
            self._ready = min(self._ready, subscription.due)

    def _answer(self, peer: Peer, claims: Claims, subscription: Subscription, now: Now) -> None:
        if not self._registry.covers(subscription.horizon):
            subscription.start_over(self._registry.revision)
        frame = self.delivery.frame(claims, subscription, now)
        subscription.revision = frame.revision
        if not frame.data:
            subscription.due = now.monotonic + LOOK_S
            return
        subscription.reset = False
        if frame.more:
            peer.waits = True
        else:
            subscription.answered = True
            subscription.due = now.monotonic + subscription.interval_s
        self._outbox.push(peer, frame.data, now)

    def _have_due(self, due: float | None) -> None:
        if due is not None:
            self.due = due if self.due is None else min(self.due, due)
