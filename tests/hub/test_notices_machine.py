"""Ends, pages that come, go, answer or not, and servers that are killed: everybody hears of each end once.

This holds invariant 1 of the design for notifications: an end is reported exactly once to each channel. The inbox has
it once, over any number of lives of the hub; and it is offered to one page after the other until one answers.
"""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct, field

from progress_kit.hub import (
    Close,
    Connected,
    Disconnected,
    Event,
    KeepInbox,
    Login,
    Now,
    Persist,
    ProgressConnectionManager,
    Received,
    Restored,
    Send,
    Stored,
    Tick,
    TokenAuthority,
    Writable,
)
from progress_kit.hub.notices import is_announced
from progress_kit.model import Notify, NotifyWhen, OperationState, Snapshot, StoredOperation
from progress_kit.protocol import decode_hub, encode
from progress_kit.protocol.messages import (
    ClientMessage,
    Hello,
    Inbox,
    InboxItem,
    Notified,
    NotifyRequest,
    Presence,
    Publish,
    PublisherInfo,
    Read,
)
from progress_kit.protocol.rest import TokenRequest

AUTHORITY = TokenAuthority(b"k" * 32)
OWNERS = ["ann", "bob"]
PAUSES = st.sampled_from([0.0, 0.3, 2.0, 2.5, 4.5])
WHENS: list[NotifyWhen] = ["default", "always", "failure", "never"]


class Tab(Struct, eq=False):
    """A page; `owner` is None where it follows a share link and must never be told anything."""

    conn: int
    owner: str | None
    since: float
    stuck: bool = False
    unanswered: list[str] = field(default_factory=list)
    inbox: Inbox | None = None


class End(Struct, eq=False):
    """An operation that has ended, and who was told."""

    owner: str
    snapshot: Snapshot
    at: float
    committed: bool = False
    life: int = 0
    """In which life of the hub it may be announced."""
    answered: bool = False
    told: set[int] = field(default_factory=set)

    @property
    def announced(self) -> bool:
        """Whether its own policy lets it be announced."""
        when = self.snapshot.notify.when
        return when in {"default", "always"} or (when == "failure" and self.snapshot.state == "failed")


class Notifications(RuleBasedStateMachine):
    """Two users with a publisher and any number of pages each, and one hub with its store."""

    @initialize()
    def start(self) -> None:
        """Begin the first life."""
        self.seconds = 1_000.0
        self.conns = 0
        self.life = 0
        self.ends: dict[str, End] = {}
        self.read: set[str] = set()
        self.read_on_disk: set[str] = set()
        self.items: dict[tuple[str, str], InboxItem] = {}
        self.rows: dict[str, StoredOperation] = {}
        self.begin_life()
        for owner in ("ann", "ann", "bob"):
            self.tab_opens(owner, (False, True, True))

    # -- the world ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self.seconds, 1_700_000_000.0 + self.seconds)

    def begin_life(self) -> None:
        """Start a hub on what the store has; publishers come back and repeat what they have said."""
        self.life += 1
        self.tabs: dict[int, Tab] = {}
        self.queue: list[KeepInbox | Persist] = []
        self.asked_at: dict[str, tuple[float, int]] = {}
        self.settled: set[str] = set()
        self.told_in: defaultdict[str, list[str]] = defaultdict(list)
        self.manager = ProgressConnectionManager(hub_id="h_1", authority=AUTHORITY, epoch=f"e_{self.life}")
        inbox = [(owner, item) for (owner, _), item in self.items.items()]
        self.handle(Restored(list(self.rows.values()), inbox))
        self.publishers = {owner: self.publisher(owner) for owner in OWNERS}
        for end in self.ends.values():
            if not end.committed:
                end.life, end.at = self.life, self.seconds
                end.told.clear()
                end.answered = False
            self.publish(end)

    def connect(self, token: str, session: str | None = None) -> int:
        self.conns += 1
        self.handle(Connected(self.conns))
        publisher = None if session is None else PublisherInfo(session=session)
        self.say(self.conns, Hello(token=token, client="test/1", publisher=publisher))
        return self.conns

    def publisher(self, owner: str) -> int:
        return self.connect(self.token(owner, None), session=f"s_{owner}")

    def token(self, owner: str, operation: str | None) -> str:
        scopes = TokenRequest(scopes=("subscribe",) if operation else ("publish", "subscribe"), operation=operation)
        return AUTHORITY.grant(scopes, Login(owner), self.now.wall).token

    def say(self, conn: int, message: ClientMessage) -> None:
        self.handle(Received(conn, encode(message)))

    def publish(self, end: End) -> None:
        self.say(self.publishers[end.owner], Publish(operations=(end.snapshot,)))

    def handle(self, event: Event) -> None:
        left: list[int] = []
        for output in self.manager.handle(event, self.now):
            match output:
                case Send(conn, data):
                    tab = self.tabs.get(conn)
                    if tab is not None:
                        self.arrive(tab, data)
                    if tab is None or not tab.stuck:
                        left.append(conn)
                case Close(conn):
                    self.tabs.pop(conn, None)  # its line was stuck for too long
                case KeepInbox() | Persist():
                    self.queue.append(output)
        for conn in dict.fromkeys(left):
            self.handle(Writable(conn))

    def arrive(self, tab: Tab, data: bytes) -> None:
        match decode_hub(data):
            case NotifyRequest(id=name, operations=operations):
                assert name not in tab.unanswered, "the same page was asked twice"
                assert name not in self.settled, "asked although a page had answered"
                if name in self.asked_at:
                    when, other = self.asked_at[name]
                    assert self.seconds - when > 1.999 or other not in self.tabs, "two pages were asked at a time"
                self.asked_at[name] = self.seconds, tab.conn
                tab.unanswered.append(name)
                self.told_in[name] = [snapshot.id for snapshot in operations]
                for operation in self.told_in[name]:
                    end = self.ends[operation]
                    assert end.owner == tab.owner, "somebody else was told"
                    assert end.announced, "told against the operation's own policy"
                    assert end.life == self.life, "told again after a restart"
                    assert tab.conn not in end.told, "the same page was told twice of one end"
                    end.told.add(tab.conn)
            case Inbox() as inbox:
                assert tab.owner is not None, "a share link saw the inbox"
                tab.inbox = inbox
            case _:
                pass

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule(
        owner=st.sampled_from(OWNERS),
        state=st.sampled_from(["succeeded", "failed", "cancelled"]),
        when=st.sampled_from(WHENS),
        ran=st.booleans(),
        pause=PAUSES,
    )
    def operation_ends(self, owner: str, state: OperationState, when: NotifyWhen, pause: float, *, ran: bool) -> None:
        """An operation ends that was known before, or one that the hub hears of only now."""
        name = f"op_{len(self.ends)}"
        snapshot = Snapshot(id=name, name=name, state=state, seq=2, notify=Notify(when=when))
        if ran:
            running = Snapshot(id=name, name=name, state="running", seq=1)
            self.say(self.publishers[owner], Publish(operations=(running,)))
        self.ends[name] = End(owner, snapshot, self.seconds, life=self.life)
        if state == "cancelled" or not is_announced(snapshot):
            self.read.add(name)
        self.publish(self.ends[name])
        self.time_passes(pause)

    @precondition(lambda self: self.ends)
    @rule(data=st.data())
    def end_is_repeated(self, data: st.DataObject) -> None:
        """The acknowledgement was lost."""
        self.publish(self.ends[data.draw(st.sampled_from(sorted(self.ends)))])

    @rule(owner=st.sampled_from(OWNERS), words=st.tuples(st.booleans(), st.booleans(), st.booleans()))
    def tab_opens(self, owner: str, words: tuple[bool, bool, bool]) -> None:
        """A page opens and says how well it reaches its user."""
        if len(self.tabs) < 6:
            conn = self.connect(self.token(owner, None))
            self.tabs[conn] = Tab(conn, owner, self.seconds)
            self.says_presence(conn, words)

    @rule(owner=st.sampled_from(OWNERS))
    def share_link_opens(self, owner: str) -> None:
        """Somebody follows a link to one operation, with the same page."""
        conn = self.connect(self.token(owner, "op_0"))
        self.tabs[conn] = Tab(conn, None, self.seconds)
        self.says_presence(conn, (True, True, True))

    def says_presence(self, conn: int, words: tuple[bool, bool, bool]) -> None:
        focused, visible, can_notify = words
        self.say(conn, Presence(focused=focused, visible=visible, can_notify=can_notify))

    def draw(self, data: st.DataObject) -> Tab:
        return self.tabs[data.draw(st.sampled_from(sorted(self.tabs)))]

    @precondition(lambda self: self.tabs)
    @rule(data=st.data(), words=st.tuples(st.booleans(), st.booleans(), st.booleans()))
    def focus_moves(self, data: st.DataObject, words: tuple[bool, bool, bool]) -> None:
        """The user looks at something else."""
        self.says_presence(self.draw(data).conn, words)

    @precondition(lambda self: self.tabs)
    @rule(data=st.data())
    def tab_closes(self, data: st.DataObject) -> None:
        """A page is closed, answered or not."""
        tab = self.draw(data)
        del self.tabs[tab.conn]
        self.handle(Disconnected(tab.conn))

    @precondition(lambda self: self.tabs)
    @rule(data=st.data(), stuck=st.booleans())
    def line_is_stuck(self, data: st.DataObject, *, stuck: bool) -> None:
        """What is sent to a page stays on its way for a while."""
        tab = self.draw(data)
        tab.stuck = stuck
        if not stuck:
            self.handle(Writable(tab.conn))

    @precondition(lambda self: any(tab.unanswered for tab in self.tabs.values()))
    @rule(data=st.data(), pause=PAUSES)
    def tab_answers(self, data: st.DataObject, pause: float) -> None:
        """A page answers, in time or late."""
        asked = [(tab.conn, name) for tab in self.tabs.values() for name in tab.unanswered]
        conn, name = data.draw(st.sampled_from(asked))
        self.say(conn, Notified(id=name, shown="toast"))
        self.settled.add(name)
        for operation in self.told_in[name]:
            self.ends[operation].answered = True
        self.time_passes(pause)

    @precondition(lambda self: self.told_in and self.tabs)
    @rule(data=st.data())
    def stranger_answers(self, data: st.DataObject) -> None:
        """A page answers that was not asked: that counts for nothing."""
        name = data.draw(st.sampled_from(sorted(self.told_in)))
        for tab in list(self.tabs.values()):
            if name not in tab.unanswered:
                self.say(tab.conn, Notified(id=name, shown="toast"))

    @precondition(lambda self: self.tabs)
    @rule(data=st.data(), everything=st.booleans())
    def user_reads(self, data: st.DataObject, *, everything: bool) -> None:
        """Somebody marks items, of their own or of somebody else's."""
        tab = self.draw(data)
        names = data.draw(st.lists(st.sampled_from(["op_0", "op_1", "op_2", "op_99"])))
        self.say(tab.conn, Read(ids="all" if everything else tuple(names)))
        mine = {name for name, end in self.ends.items() if end.owner == tab.owner}
        self.read |= mine if everything else mine & set(names)

    @rule(seconds=PAUSES)
    def time_passes(self, seconds: float) -> None:
        """The driver ticks when the hub asks for it."""
        until = self.seconds + seconds
        while self.seconds < until:
            self.seconds = min(until, self.seconds + max(0.01, self.manager.next_tick(self.now)))
            self.handle(Tick())

    @rule(count=st.integers(1, 6))
    def store_commits(self, count: int) -> None:
        """Some of what the store was given reaches the disk, in order."""
        done, self.queue = self.queue[:count], self.queue[count:]
        for output in done:
            if isinstance(output, Persist):
                row = output.row
                self.rows[row.id] = row
                assert row.state == "running" or (row.owner, row.id) in self.items, "an end without its item"
                self.handle(Stored(row.id, row.seq))
                continue
            for item in output.items:
                self.items[output.owner, item.id] = item
                self.ends[item.id].committed = True
                if item.read:
                    self.read_on_disk.add(item.id)

    @rule()
    def server_is_killed(self) -> None:
        """A kill -9: what was not committed is gone, and all pages come back as new connections."""
        owners = [tab.owner for tab in self.tabs.values() if tab.owner is not None]
        born_read = {
            name
            for name, end in self.ends.items()
            if end.snapshot.state == "cancelled" or not is_announced(end.snapshot)
        }
        self.read = self.read_on_disk | born_read
        self.begin_life()
        for owner in owners:
            self.tab_opens(owner, (False, True, True))

    # -- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def nobody_hears_of_what_is_not_theirs(self) -> None:
        """An inbox has the items of its owner only, each once."""
        for tab in self.tabs.values():
            if tab.inbox is not None:
                names = [item.id for item in tab.inbox.items]
                assert len(set(names)) == len(names)
                assert all(self.ends[name].owner == tab.owner for name in names)

    def teardown(self) -> None:
        """Everybody is quiet, and nobody answers any more."""
        if not hasattr(self, "manager"):
            return
        for tab in list(self.tabs.values()):
            tab.stuck = False
            self.handle(Writable(tab.conn))
        self.time_passes(2.0 * len(self.tabs) + 30)
        for name, end in self.ends.items():
            pages = [tab for tab in self.tabs.values() if tab.owner == end.owner]
            if end.announced and not end.answered and end.life == self.life:
                missed = [tab.conn for tab in pages if tab.since < end.at + 2 and tab.conn not in end.told]
                assert not missed, f"{name} was not offered to everybody, and nobody answered"
            for tab in pages:
                assert tab.inbox is not None
                assert {item.id: item.read for item in tab.inbox.items}[name] == (name in self.read)
        for owner in OWNERS:
            mine = [tab.inbox for tab in self.tabs.values() if tab.owner == owner]
            assert all(inbox == mine[0] for inbox in mine)
            for inbox in mine:
                assert inbox is not None
                assert inbox.unread == sum(not item.read for item in inbox.items)
                assert len(inbox.items) == sum(end.owner == owner for end in self.ends.values())


Notifications.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestNotifications = Notifications.TestCase
