"""How fast a peer may speak: a budget of messages that time fills up again, and what happens beyond it."""

from typing import Final, Literal

from progress_kit.hub.events import Now
from progress_kit.hub.peers import Peer
from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Error

WARNING_S: Final = 1.0
"""A peer is told at most this often that it is too fast."""
FLOOD_S: Final = 10.0
"""Who is ahead by what the rate allows in so many seconds is put out."""

Verdict = Literal["fine", "over", "flood"]


class Rates:
    """Counts every peer's messages. A mean of up to twice the rate is thinned out for ever, a higher one cut off."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.conflated = 0
        """How many running states were held and replaced by newer ones."""

    def spend(self, peer: Peer, now: Now) -> Verdict:
        """Count one message."""
        self._refill(peer, now)
        if peer.tokens >= 1:
            peer.tokens -= 1
            return "fine"
        peer.surplus += 1
        return "flood" if peer.surplus > FLOOD_S * self._limits.messages_per_s else "over"

    def has_room(self, peer: Peer, now: Now) -> bool:
        """Whether a message would be fine now."""
        self._refill(peer, now)
        return peer.tokens >= 1

    def warning(self, peer: Peer, now: Now) -> Error | None:
        """Return what a peer is told that is too fast; None if it was told just now."""
        if peer.rate_warned is not None and now.monotonic - peer.rate_warned < WARNING_S:
            return None
        peer.rate_warned = now.monotonic
        rate = self._limits.messages_per_s
        text = f"more than {rate:g} messages per second; only ends and the newest running states are taken"
        return Error(code="rate", message=text, retry_after_s=(1 - peer.tokens + peer.surplus) / rate)

    def _refill(self, peer: Peer, now: Now) -> None:
        earned = (now.monotonic - peer.refilled) * self._limits.messages_per_s
        peer.refilled = now.monotonic
        peer.surplus = max(0.0, peer.surplus - earned)
        peer.tokens = min(self._limits.burst_messages, peer.tokens + earned)

    def hold(self, peer: Peer, operations: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
        """Keep the newest running state of each operation for later; return the ends."""
        ends: list[Snapshot] = []
        for snapshot in operations:
            held = peer.held.get(snapshot.id)
            if is_terminal(snapshot.state):
                peer.held.pop(snapshot.id, None)
                ends.append(snapshot)
            elif held is None and len(peer.held) >= self._limits.open_per_publisher:
                continue  # more than it may have open: it would be refused anyway
            elif held is None or held.seq < snapshot.seq:
                self.conflated += held is not None
                peer.held[snapshot.id] = snapshot
        return tuple(ends)


def release(peer: Peer, operations: tuple[Snapshot, ...] = ()) -> tuple[Snapshot, ...]:
    """Return what was held for a peer, and what it says now."""
    if not peer.held:
        return operations
    held, peer.held = peer.held, {}
    return (*held.values(), *operations)
