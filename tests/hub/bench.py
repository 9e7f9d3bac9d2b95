"""A hub without sockets: events go in by short verbs, outputs come back decoded."""

from dataclasses import dataclass, field
from typing import TypeVar

from progress_kit.hub import (
    Announced,
    Close,
    Connected,
    Disconnected,
    Ended,
    Event,
    Executed,
    KeepInbox,
    Keeping,
    KeepRecord,
    LoadPrior,
    Login,
    Now,
    Output,
    Persist,
    ProgressConnectionManager,
    Received,
    Send,
    Stored,
    Tick,
    TokenAuthority,
    WatchesCells,
    Writable,
)
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import Limits, decode_hub, encode
from progress_kit.protocol.messages import (
    ClientMessage,
    Filter,
    Hello,
    HistoryMode,
    HubMessage,
    Publish,
    PublisherInfo,
    ResumePoint,
    Scope,
    Subscribe,
)
from progress_kit.protocol.rest import TokenRequest

KEY = b"k" * 32
M = TypeVar("M", bound=HubMessage)


@dataclass
class Bench:
    """One hub with a clock of its own; `sent`, `closed`, `rows`, `kept`, `records` … hold what came out."""

    limits: Limits = field(default_factory=Limits)
    keeping: Keeping = field(default_factory=Keeping)
    epoch: str = "e_1"
    auto_writable: bool = True
    seconds: float = 1_000.0
    sent: dict[int, list[HubMessage]] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)
    rows: list[StoredOperation] = field(default_factory=list)
    kept: list[KeepInbox] = field(default_factory=list)
    records: list[KeepRecord] = field(default_factory=list)
    executed: list[Executed] = field(default_factory=list)
    watches: list[WatchesCells] = field(default_factory=list)
    asked: list[LoadPrior] = field(default_factory=list)
    announced: list[Announced] = field(default_factory=list)
    ended: list[Snapshot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority = TokenAuthority(KEY)
        self.manager = ProgressConnectionManager(
            hub_id="h_test", authority=self.authority, epoch=self.epoch, limits=self.limits, keeping=self.keeping
        )

    @property
    def now(self) -> Now:
        return Now(self.seconds, 1_700_000_000.0 + self.seconds)

    def token(
        self, *scopes: Scope, sub: str = "local", operation: str | None = None, notebook: str | None = None
    ) -> str:
        request = TokenRequest(scopes=scopes, operation=operation, notebook=notebook)
        return self.authority.grant(request, Login(sub), self.now.wall).token

    def handle(self, event: Event) -> list[Output]:
        outputs = self.manager.handle(event, self.now)
        self.take(outputs)
        return outputs

    def take(self, outputs: list[Output]) -> None:  # noqa: C901, PLR0912 - a flat table, one row per output
        busy: set[int] = set()
        for output in outputs:
            match output:
                case Send(conn, data):
                    self.sent.setdefault(conn, []).append(decode_hub(data))
                    busy.add(conn)
                case Close(conn, code, _):
                    self.closed[conn] = code
                case Persist(row):
                    self.rows.append(row)
                case KeepRecord():
                    self.records.append(output)
                case Executed():
                    self.executed.append(output)
                case WatchesCells():
                    self.watches.append(output)
                case Announced():
                    self.announced.append(output)
                case Ended(snapshot):
                    self.ended.append(snapshot)
                case LoadPrior():
                    self.asked.append(output)
                case KeepInbox():
                    self.kept.append(output)
        if self.auto_writable:
            for conn in sorted(busy):
                self.handle(Writable(conn))

    def say(self, conn: int, message: ClientMessage) -> None:
        self.handle(Received(conn, encode(message)))

    def connect(
        self,
        conn: int,
        token: str,
        *,
        session: str | None = None,
        has_origin: bool = False,
        estimates: bool = True,
        history: HistoryMode = "full",
    ) -> None:
        self.handle(Connected(conn, has_origin))
        publisher = None
        if session is not None:
            publisher = PublisherInfo(session=session, estimates=estimates, history=history)
        self.say(conn, Hello(token=token, client="test/1", publisher=publisher))

    def publisher(
        self,
        conn: int,
        session: str = "s_1",
        sub: str = "local",
        *,
        estimates: bool = True,
        history: HistoryMode = "full",
    ) -> None:
        token = self.token("publish", sub=sub)
        self.connect(conn, token, session=session, estimates=estimates, history=history)

    def subscriber(
        self,
        conn: int,
        sub: str = "local",
        wanted: Filter | None = None,
        resume: ResumePoint | None = None,
        token: str | None = None,
        max_rate_hz: float | None = None,
    ) -> None:
        self.connect(conn, token or self.token("subscribe", "command", sub=sub))
        self.say(conn, Subscribe(id="s", filter=wanted or Filter(), resume=resume, max_rate_hz=max_rate_hz))

    def publish(self, conn: int, *snapshots: Snapshot) -> None:
        self.say(conn, Publish(operations=snapshots))

    def disconnect(self, conn: int) -> None:
        self.handle(Disconnected(conn))

    def stored(self, operation: str, seq: int) -> None:
        self.handle(Stored(operation, seq))

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of at most a second, as a driver does."""
        while seconds > 0:
            step = min(1.0, seconds)
            self.seconds += step
            seconds -= step
            self.handle(Tick())

    def got(self, conn: int, kind: type[M]) -> list[M]:
        """Return the messages of one type that a connection was sent."""
        return [message for message in self.sent.get(conn, []) if isinstance(message, kind)]
