"""What can be asked of the hub: nothing here changes anything."""

from collections import Counter
from typing import Literal

from progress_kit.hub.events import Now
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import may_see
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import Claims


class Overview:
    """Who is connected, and which operations there are; it looks through all of them each time."""

    def __init__(self, registry: Registry, outbox: Outbox) -> None:
        self._registry = registry
        self._outbox = outbox

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of live operations, connected publishers and connected subscribers."""
        sessions = (peer.session for peer in self._outbox.peers.values())
        publishers = sum(session is not None and session.via != "server" for session in sessions)
        return len(self._registry), publishers, sum(bool(peer.subscriptions) for peer in self._outbox.peers.values())

    def states(self) -> dict[str, int]:
        """Return how many live operations are in each state; those that run as far as is known, but are lost, apart."""
        running = ((entry.snapshot.state, entry) for entry in self._registry.entries())
        return Counter("lost" if not entry.terminal and entry.hub.lease == "lost" else each for each, entry in running)

    def works(self, within_s: float, now: Now) -> bool:
        """Whether an operation runs, is believed alive, and was first seen within the last `within_s` seconds."""
        return any(
            entry.snapshot.state == "running"
            and entry.hub.lease == "ok"
            and now.wall - entry.hub.first_seen_at < within_s
            for entry in self._registry.entries()
        )

    def count_visible(self, claims: Claims) -> int:
        """Return how many live operations `claims` may see."""
        return sum(may_see(claims, entry) for entry in self._registry.entries())

    def snapshot(self, claims: Claims, operation: str) -> bytes | None:
        """Return one live operation as JSON; None if there is none that `claims` may see."""
        entry = self._visible(claims, operation)
        return None if entry is None else bytes(entry.encoded)

    def known(self, operation: str) -> Literal["open", "ended", "stored"] | None:
        """Return what is known of a live operation: that it goes on, that it has ended, or that its end is stored.

        An end that is not to be kept counts as stored.
        """
        entry = self._registry.get(operation)
        if entry is None:
            return None
        return "open" if not entry.terminal else "stored" if entry.hub.stored else "ended"

    def reported_by(self, kernel_id: str) -> list[float]:
        """Return when the running operations that a kernel reports itself were first seen (wall-clock seconds)."""
        found = (entry for entry in self._registry.entries() if entry.snapshot.origin.kernel_id == kernel_id)
        return [entry.hub.first_seen_at for entry in found if not entry.terminal and entry.hub.via != "server"]

    def pids(self, kernel_id: str) -> set[int]:
        """Return the processes that report running operations as those of this kernel."""
        found = (entry.snapshot for entry in self._registry.entries() if not entry.terminal)
        return {each.origin.pid for each in found if each.origin.kernel_id == kernel_id and each.origin.pid}

    def observed_kernels(self) -> set[str]:
        """Return the kernels of which the server made operations that have not ended."""
        found = (entry for entry in self._registry.entries() if not entry.terminal and entry.hub.via == "server")
        return {entry.snapshot.origin.kernel_id for entry in found if entry.snapshot.origin.kernel_id is not None}

    def _visible(self, claims: Claims, operation: str) -> Entry | None:
        entry = self._registry.get(operation)
        return entry if entry is not None and may_see(claims, entry) else None
