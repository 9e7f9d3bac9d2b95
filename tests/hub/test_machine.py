"""Publishers, hub and pages under drops, duplicates, restarts, a failing store, and publishers that break the rules.

The rules do what networks, disks, processes and time do (`machine/` has the world they act on); the invariants are
those that every user relies on: an end is final and acknowledged only when it is on the disk, a lease tells who is
alive, and whoever has caught up shows exactly what the hub holds. `make mutants` breaks the code on purpose, to see
each break found.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from progress_kit.hub import Disconnected, Tick
from progress_kit.model import OperationState, Snapshot, is_terminal
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Filter, Publish
from tests.hub.machine.parties import Page, Poller, Publisher, shown, snapshot
from tests.hub.machine.world import RECENT_S, World, belief, said, small_numbers

OPERATIONS = st.sampled_from(["a1", "a2", "a3", "b1", "b2", "b3"])
REACH = st.sampled_from(["said", "arrived", "stored"])
OPEN = st.sampled_from(["running", "running", "paused"])
ENDS = st.sampled_from(["succeeded", "failed", "cancelled"])
SNAPSHOT_BYTES = 900
ENOUGH_S = 0.1
"""More than a page waits between two frames (20 Hz)."""


class Hub(RuleBasedStateMachine):
    """Two publishers, two pages and a poller around one hub with its store."""

    @initialize(snapshots=st.integers(1, 2), tombstones=st.integers(0, 1), busy=st.booleans())
    def start(self, snapshots: int, tombstones: int, *, busy: bool) -> None:
        """Start the first life of everything, with room for so many snapshots in a frame."""
        self.limits = small_numbers(SNAPSHOT_BYTES * snapshots, tombstones)
        self.limits.__enter__()
        self.world = World()
        self.publishers = [Publisher(self.world, "a"), Publisher(self.world, "b")]
        self.pages = [Page(self.world, Filter()), Page(self.world, Filter(states=("running",)))]
        self.poller = Poller(self.world, Filter())
        self.callers: list[Publisher | Page] = [*self.publishers, *self.pages]
        self.watchers: list[Page | Poller] = [*self.pages, self.poller]
        self.remember()
        for party in self.callers:
            party.connect()
        for publisher in self.publishers if busy else ():
            for operation in publisher.operations:
                publisher.state(operation, "running", 1)
        self.world.deliver_all()

    # -- what the user's code does --------------------------------------------------------------------------------

    @rule(operation=OPERATIONS, state=OPEN, steps=st.integers(1, 3), far=REACH)
    def work(self, operation: str, state: OperationState, steps: int, far: str) -> None:
        """An operation begins or goes on."""
        self.owner(operation).state(operation, state, steps)
        self.go(far)

    @rule(operation=OPERATIONS, state=ENDS, far=REACH)
    def end(self, operation: str, state: OperationState, far: str) -> None:
        """An operation ends."""
        self.owner(operation).state(operation, state, 1)
        self.go(far)

    def owner(self, operation: str) -> Publisher:
        return next(each for each in self.publishers if operation in each.operations)

    def go(self, far: str) -> None:
        """Let what was said get so far at once."""
        if far != "said":
            self.world.deliver_all()
        if far == "stored":
            self.store_commits(len(self.world.disk.queue))

    # -- what networks do -----------------------------------------------------------------------------------------

    @rule(party=st.integers(0, 3))
    def somebody_connects(self, party: int) -> None:
        """A publisher finds the hub, a page opens or comes back."""
        self.callers[party].connect()

    @rule(page=st.integers(0, 1), frames=st.integers(0, 5))
    def page_is_reloaded(self, page: int, frames: int) -> None:
        """It begins with nothing, and not all of the answer is there at once."""
        self.pages[page].reload()
        for _ in range(frames):
            line = self.pages[page].line
            if line is not None:
                self.world.deliver(line)

    @precondition(lambda self: self.world.lines)
    @rule(data=st.data(), notice=st.booleans())
    def line_breaks(self, data: st.DataObject, *, notice: bool) -> None:
        """A connection is cut; the hub may notice later or never."""
        line = self.world.lines[data.draw(st.sampled_from(sorted(self.world.lines)))]
        self.world.cut(line)
        if notice:
            self.world.handle(Disconnected(line.conn))

    @precondition(lambda self: self.world.lines)
    @rule(data=st.data(), frames=st.integers(1, 5))
    def frames_arrive(self, data: st.DataObject, frames: int) -> None:
        """Some frames of one line reach their end."""
        line = self.world.lines[data.draw(st.sampled_from(sorted(self.world.lines)))]
        for _ in range(frames):
            self.world.deliver(line)

    @rule()
    def everything_arrives(self) -> None:
        """The network is quick for a moment: every connected page catches up."""
        self.world.deliver_all()
        self.world.wait(ENOUGH_S)
        self.tick()
        self.world.deliver_all()
        for page in self.pages:
            assert page.line is None or (page.session.synced and page.resume == self.world.point)

    @rule()
    def page_polls(self) -> None:
        """A page without a WebSocket asks."""
        self.poller.poll()

    # -- what publishers do that they must not --------------------------------------------------------------------

    @precondition(lambda self: self.talkers())
    @rule(data=st.data())
    def old_frame_comes_again(self, data: st.DataObject) -> None:
        """A frame that was sent before, in this life or an earlier one, is delivered a second time.

        Not one of an operation that has left the hub for the history: there its end stays, but the hub forgets it.
        """
        publisher = data.draw(st.sampled_from(self.talkers()))
        left = [f'"id":"{name}"'.encode() for name in publisher.operations if self.world.has_left(name)]
        frames = [each for each in publisher.published if not any(name in each for name in left)]
        if frames:
            self.arrive(publisher, data.draw(st.sampled_from(frames)))

    @precondition(lambda self: self.taboo())
    @rule(data=st.data(), state=st.one_of(OPEN, ENDS))
    def publisher_breaks_the_rules(self, data: st.DataObject, state: OperationState) -> None:
        """A publisher goes on after an end, or speaks for an operation of somebody else: nothing comes of it."""
        publisher, item = data.draw(st.sampled_from(self.taboo()))
        lie = snapshot(item.id, state, item.seq + 1)
        self.arrive(publisher, encode(Publish(operations=(lie,))))

    def taboo(self) -> list[tuple[Publisher, Snapshot]]:
        """Return of which operations a publisher must not say more."""
        items = [item for _, item in sorted(self.world.view().items())]
        return [
            (publisher, item)
            for publisher in self.talkers()
            for item in items
            if item.id not in publisher.operations or is_terminal(item.state)
        ]

    def talkers(self) -> list[Publisher]:
        return [each for each in self.publishers if each.session.welcomed]

    def arrive(self, publisher: Publisher, frame: bytes) -> None:
        assert publisher.line is not None
        self.world.arrive(publisher.line, frame)

    # -- what time, disks and servers do --------------------------------------------------------------------------

    @rule(seconds=st.floats(0.1, 20))
    def time_passes(self, seconds: float) -> None:
        """Leases run, heartbeats are due."""
        self.world.wait(seconds)
        for party in self.callers:
            party.tick()
        self.tick()

    @rule(steps=st.integers(1, 40))
    def calm_weather(self, steps: int) -> None:
        """For a while everything that is said arrives in time."""
        for _ in range(steps):
            self.time_passes(2.0)
            self.world.deliver_all()

    @rule(count=st.integers(1, 5))
    def store_commits(self, count: int) -> None:
        """The store's thread writes some rows, to the disk or to a memory that it calls a store."""
        for stored in self.world.disk.commit(count):
            self.world.handle(stored)

    @rule()
    def store_breaks_or_heals(self) -> None:
        """The disk is full for a while."""
        self.world.disk.healthy = not self.world.disk.healthy
        self.world.tell_store_status()

    @rule()
    def server_is_killed(self) -> None:
        """A kill -9: what was not committed is gone, all lines are cut, a new life begins."""
        self.world.begin_life()
        self.remember()

    @rule(seconds=st.floats(0.1, 10))
    def server_is_started_anew(self, seconds: float) -> None:
        """After some time everybody is back."""
        self.server_is_killed()
        self.time_passes(seconds)
        for party in self.callers:
            party.connect()
        self.everything_arrives()

    # -- what must hold -------------------------------------------------------------------------------------------

    def remember(self) -> None:
        """Begin to watch a life of the hub."""
        self.before = self.world.view()
        self.revision = self.world.manager.revision
        self.lost_since = dict.fromkeys(self.before, self.world.seconds)

    @invariant()
    def the_hub_holds_what_was_said(self) -> None:
        """Every operation is as its publisher said it; states only go on, an end is final."""
        view = self.world.view()
        assert self.world.manager.revision >= self.revision
        for name, item in view.items():
            assert said(item) == self.world.said[name].get(item.seq)
            old = self.before.get(name)
            if old is not None:
                assert item.seq >= old.seq
                assert not is_terminal(old.state) or said(item) == said(old)
        self.check_removals(view)
        self.before, self.revision = view, self.world.manager.revision

    def tick(self) -> None:
        """The hub looks at its clock: what ended and is stored, or was lost, is shown for a while and not longer."""
        self.world.handle(Tick())
        for item in self.world.view().values():
            if is_terminal(item.state) and belief(item).stored:
                assert self.world.now.wall - belief(item).changed_at < RECENT_S + 0.001

    def check_removals(self, view: dict[str, Snapshot]) -> None:
        """Only what ended or was lost a while ago leaves."""
        now = self.world.now
        for name, item in view.items():
            if belief(item).lease != "lost":
                self.lost_since[name] = now.monotonic
        for name in self.before.keys() - view.keys():
            old = self.before[name]
            if is_terminal(old.state):
                assert now.wall - belief(old).changed_at >= RECENT_S - 0.001
            else:
                assert now.monotonic - self.lost_since[name] >= RECENT_S

    @invariant()
    def a_lease_tells_who_is_alive(self) -> None:
        """Who gives signs is alive; who is silent is stale after half a lease and lost after a whole one."""
        for name, item in self.world.view().items():
            assert belief(item).lease == (
                "ok" if is_terminal(item.state) else self.world.lease(self.world.said_by(name))
            )

    @invariant()
    def an_acknowledged_end_is_kept(self) -> None:
        """What a hub called durable is on the disk, and shown as long as ends are shown, whatever happened since."""
        view = self.world.view()
        for name, item in self.world.acknowledged.items():
            kept = self.world.disk.get(name)
            assert kept is not None
            assert said(kept) == item
            if self.world.now.wall - belief(kept).changed_at < RECENT_S:
                assert said(view[name]) == item

    @invariant()
    def stored_means_on_the_disk(self) -> None:
        """Nobody is shown as stored whose end is not on the disk."""
        for name, item in self.world.view().items():
            if is_terminal(item.state) and belief(item).stored:
                kept = self.world.disk.get(name)
                assert kept is not None
                assert said(kept) == said(item)

    @invariant()
    def pages_show_what_the_hub_held(self) -> None:
        """A page shows what the hub held at one moment, connected or not, by WebSocket or by polling: never a mix."""
        for page in self.watchers:
            if page.resume is not None:
                assert page.view == shown(self.world.views[page.resume.epoch, page.resume.revision], page.wanted)

    def teardown(self) -> None:
        """Everything heals and comes to rest."""
        if not hasattr(self, "world"):
            return
        try:
            self.come_to_rest()
        finally:
            self.world.disk.connection.close()
            self.limits.__exit__(None, None, None)

    def come_to_rest(self) -> None:
        """Everything that was said has arrived, and everybody shows it."""
        world = self.world
        if not world.disk.healthy:
            self.store_breaks_or_heals()
        for _ in range(6):
            for party in self.callers:
                party.connect()
            self.calm_weather(1)
            while world.disk.queue:
                self.store_commits(5)
        self.everything_arrives()
        view = world.view()
        for publisher in self.publishers:
            assert publisher.session.settled
            for name, item in publisher.newest.items():
                kept = world.disk.get(name)
                assert kept is not None
                ended_long_ago = is_terminal(kept.state) and world.now.wall - belief(kept).changed_at >= RECENT_S
                assert said(view.get(name, kept) if ended_long_ago else view[name]) == item
        for page in self.pages:
            assert page.session.synced
            assert page.view == shown(view, page.wanted)


Hub.TestCase.settings = settings(max_examples=800, stateful_step_count=40, deadline=None)
TestHub = pytest.mark.slow(pytest.mark.timeout(300)(Hub.TestCase))
