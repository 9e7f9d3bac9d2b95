"""What is to be sent, and to whom: the connected peers and the outputs of the present event."""

from collections import Counter

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import Close, Now, Output, Send
from progress_kit.hub.peers import Peer
from progress_kit.protocol import encode, error_code
from progress_kit.protocol.messages import Error


class Outbox:
    """Collects outputs until `drain`; knows which connections are there."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self._crowds: Counter[tuple[object, ...]] = Counter()
        self._out: list[Output] = []

    def add(self, output: Output) -> None:
        """Add one output."""
        self._out.append(output)

    def drain(self) -> list[Output]:
        """Return what was collected, in order, and start anew."""
        out, self._out = self._out, []
        return out

    def send(self, conn: int | None, message: msgspec.Struct, now: Now) -> None:
        """Send `message`; nothing if that connection is gone (or None)."""
        peer = None if conn is None else self.peers.get(conn)
        if peer is not None:
            self.push(peer, encode(message), now)

    def push(self, peer: Peer, data: bytes, now: Now) -> None:
        """Send what is encoded already."""
        self._out.append(Send(peer.conn, data))
        peer.last_sent = now.monotonic
        if peer.blocked_since is None:
            peer.blocked_since = now.monotonic

    def refuse(self, peer: Peer, error: ProtocolError, now: Now, *, request: str | None = None) -> None:
        """Answer with an `error` message; the connection goes on."""
        self.send(peer.conn, Error(code=error_code(error), message=error.message[:200], request=request), now)

    def join(self, peer: Peer, crowd: tuple[object, ...], most: int) -> bool:
        """Count a peer among those of its kind; return False, and do not, if there are `most` already."""
        if self._crowds[crowd] >= most:
            return False
        self._crowds[crowd] += 1
        peer.crowd = crowd
        return True

    def close(self, peer: Peer, code: int, reason: str) -> None:
        """Close a connection and forget it."""
        self._out.append(Close(peer.conn, code, reason))
        self.forget(peer.conn)

    def forget(self, conn: int) -> None:
        """Forget a connection; its session lives on until its lease ends."""
        peer = self.peers.pop(conn, None)
        if peer is not None and peer.session is not None and peer.session.conn == conn:
            peer.session.conn = None
        if peer is not None and peer.crowd is not None:
            self._crowds[peer.crowd] -= 1
            if not self._crowds[peer.crowd]:
                del self._crowds[peer.crowd]
