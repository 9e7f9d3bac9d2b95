"""The hub's memory of who is connected: small records, one per connection, subscription and publishing session."""

from msgspec import Struct, field

from progress_kit.hub.registry import Entry
from progress_kit.hub.tokens import Claims
from progress_kit.model import Prior, Snapshot, Via
from progress_kit.protocol.messages import Command, Filter, HistoryMode, Presence


class Question(Struct, frozen=True, eq=False, weakref=True):
    """Stands for what a subscription asks: the same object for all who ask the same with the same rights."""


class Subscription(Struct, eq=False):
    """A cursor: `revision` is all that the hub remembers of what this subscriber has."""

    id: str
    filter: Filter
    interval_s: float
    revision: int = 0
    reset: bool = True
    """The next frame starts a new view."""
    begun: int = 0
    """The hub's revision when the view was begun from nothing: removals up to it do not matter."""
    answered: bool = False
    """Whether the first answer was sent whole; until then even an empty one is sent."""
    due: float = 0.0
    """Monotonic second before which nothing is sent (the subscriber's own rate limit)."""
    question: Question | None = None
    """Made when it is first answered; to be forgotten when the peer's rights change."""

    @property
    def horizon(self) -> int:
        """The revision from which on a removal matters."""
        return max(self.revision, self.begun)

    def start_over(self, revision: int) -> None:
        """Send everything anew at the hub's `revision`: removals that this cursor has not seen are no longer known."""
        self.revision = 0
        self.begun = revision
        self.reset = True
        self.answered = False


class Session(Struct, eq=False):
    """One life of one publishing process: its operations live as long as it gives signs of life."""

    owner: str
    id: str
    last_sign: float
    conn: int | None = None
    via: Via = "websocket"
    estimates: bool = False
    """Whether it estimates its operations itself."""
    history: HistoryMode = "full"
    """How much may be kept of its operations."""
    open: set[str] = field(default_factory=set)
    begun: int = 0
    """How many operations it has begun."""
    lease_s: float | None = None
    """How long it is believed alive without a sign, if not as long as all others: by requests it may ask for more."""
    waiting: dict[str, Command] = field(default_factory=dict)
    """Commands that it is told with its next request, until it answers."""
    budget: float = 100.0
    """Requests that it may make at once (a token bucket)."""
    refilled: float = 0.0
    priors: dict[str, Prior] = field(default_factory=dict)
    """By kind, what it is told with its next request of earlier runs."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Of which kinds it knows the prior, and from how many ended runs."""


class Peer(Struct, eq=False):
    """One connection."""

    conn: int
    connected: float
    has_origin: bool
    via: Via = "websocket"
    claims: Claims | None = None
    session: Session | None = None
    crowd: tuple[object, ...] | None = None
    """With whose connections it is counted."""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    blocked_since: float | None = None
    """Since when something that was sent has not left; no state is sent meanwhile."""
    waits: bool = False
    """Whether something could not be sent meanwhile."""
    last_sent: float = 0.0
    tokens: float = 0.0
    """Messages that this peer may send at once (a token bucket)."""
    surplus: float = 0.0
    """Messages that it sent beyond that, which time makes up for."""
    refilled: float = 0.0
    held: dict[str, Snapshot] = field(default_factory=dict)
    """The newest running states that came beyond the rate; they are taken in as soon as the rate allows."""
    rate_warned: float | None = None
    expiry_warned: bool = False
    watches_cells: bool = False
    """Whether the page's user wants cells that run for long to be operations."""
    presence: Presence | None = None
    """What a page last said about its user; None: this is no page, or none that shows notifications."""
    presence_number: int = 0
    """Counts what all pages say, so that the newest is known."""
    inbox_revision: int | None = None
    """Which state of the inbox the page has."""
    inbox_due: float = 0.0
    """Monotonic second before which it is not sent a newer one."""


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


def in_state(wanted: Filter, entry: Entry) -> bool:
    """Whether the filter asks for the state that the operation is in now."""
    return wanted.states is None or entry.snapshot.state in wanted.states
