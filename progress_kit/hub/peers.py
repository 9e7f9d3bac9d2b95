"""The hub's memory of who is connected: small records, one per connection, subscription and publishing session."""

from msgspec import Struct, field

from progress_kit.hub.registry import Entry
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.messages import Filter


class Subscription(Struct, eq=False):
    """A cursor: `revision` is all that the hub remembers of what this subscriber has."""

    id: str
    filter: Filter
    interval_s: float
    revision: int = 0
    reset: bool = True
    """The next frame starts a new view."""
    fresh: bool = True
    """The view is being built from nothing, so that removals do not matter to it."""
    answered: bool = False
    """Whether the first answer was sent whole; until then even an empty one is sent."""
    due: float = 0.0
    """Monotonic second before which nothing is sent (the subscriber's own rate limit)."""

    def start_over(self) -> None:
        """Send everything anew: removals that this cursor has not seen are no longer known."""
        self.revision = 0
        self.reset = self.fresh = True
        self.answered = False


class Session(Struct, eq=False):
    """One life of one publishing process: its operations live as long as it gives signs of life."""

    owner: str
    id: str
    last_sign: float
    conn: int | None = None
    open: set[str] = field(default_factory=set)


class Peer(Struct, eq=False):
    """One connection."""

    conn: int
    connected: float
    has_origin: bool
    claims: Claims | None = None
    session: Session | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    blocked_since: float | None = None
    """Since when something that was sent has not left; no state is sent meanwhile."""
    last_sent: float = 0.0
    tokens: float = 0.0
    """Messages that this peer may send at once (a token bucket)."""
    refilled: float = 0.0
    rate_warned: float | None = None
    expiry_warned: bool = False


class PendingCommand(Struct, frozen=True):
    """A command on its way: who asked (None: over REST) under which request id, whom, and how long an answer counts."""

    asker: int | None
    request: str
    session: tuple[str, str]
    deadline: float


def may_see(claims: Claims, entry: Entry) -> bool:
    """Whether the holder of `claims` may know of this operation."""
    return (
        entry.hub.owner == claims.sub
        and claims.op in {None, entry.id}
        and claims.nb in {None, entry.snapshot.origin.notebook}
    )


def could_match(wanted: Filter, entry: Entry) -> bool:
    """Whether the parts of an operation that never change match the filter."""
    snapshot = entry.snapshot
    return (
        (wanted.operations is None or snapshot.id in wanted.operations)
        and (wanted.kinds is None or snapshot.kind in wanted.kinds)
        and (wanted.notebook is None or snapshot.origin.notebook == wanted.notebook)
    )


def matches(wanted: Filter, entry: Entry) -> bool:
    """Whether the operation matches the filter now."""
    return could_match(wanted, entry) and (wanted.states is None or entry.snapshot.state in wanted.states)
