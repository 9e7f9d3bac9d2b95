"""Who talks to the hub in the state machine: publishing processes, pages on a WebSocket, and a page that polls."""

from progress_kit.client.session import SubscriberSession
from progress_kit.model import OperationState, Snapshot, Stage, is_terminal
from progress_kit.protocol.messages import Filter, ResumePoint
from progress_kit.publisher.session import PublisherSession
from tests.hub.machine.world import Line, World, is_publish


def snapshot(operation: str, state: OperationState, seq: int) -> Snapshot:
    """Return what an operation says."""
    return Snapshot(id=operation, name="x", state=state, seq=seq, stages=(Stage(name="main", done=seq),))


class Publisher:
    """A process that works on three operations, and the line that it has or not."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.session_id: str | None = f"s_{name}"
        self.operations = [f"{name}{number}" for number in (1, 2, 3)]
        self.session = PublisherSession(f"s_{name}")
        self.line: Line | None = None
        self.newest: dict[str, Snapshot] = {}
        self.published: list[bytes] = []

    def connect(self) -> None:
        if self.line is None:
            self.line = self.world.open_line(self)
            self._say(self.session.connected(self.world.token()))

    def hung_up(self) -> None:
        self.line = None
        self.session.disconnected()

    def received(self, frame: bytes) -> None:
        self._say(self.session.received(frame, self.world.seconds))

    def state(self, operation: str, state: OperationState, steps: int) -> None:
        """The user's code goes on with an operation, or ends it."""
        old = self.newest.get(operation)
        if old is None or not is_terminal(old.state):
            new = snapshot(operation, state, steps + (0 if old is None else old.seq))
            self.newest[operation] = new
            self.world.said.setdefault(operation, {})[new.seq] = new
            self.sample()

    def sample(self) -> None:
        self._say(self.session.sample(list(self.newest.values()), self.world.seconds))

    def tick(self) -> None:
        """Do what the publisher's thread does now and then."""
        if self.session.wants_token:
            self._say(self.session.refresh(self.world.token()))
        self._say(self.session.tick(self.world.seconds))
        self.sample()

    def _say(self, frames: list[bytes]) -> None:
        self.published += [each for each in frames if is_publish(each)]
        if self.line is not None:
            self.line.to_hub.extend(frames)


class Page:
    """A browser tab; what it shows is the session's view."""

    session_id: str | None = None

    def __init__(self, world: World, wanted: Filter) -> None:
        self.world = world
        self.wanted = wanted
        self.session = SubscriberSession("", filter=wanted)
        self.line: Line | None = None

    def connect(self) -> None:
        if self.line is None:
            self.line = self.world.open_line(self)
            self.session._token = self.world.token()
            self.line.to_hub.extend(self.session.hello())

    def reload(self) -> None:
        """Close the page and open it anew, with nothing of what it showed."""
        self.world.cut(self.line)
        self.session = SubscriberSession("", filter=self.wanted)
        self.connect()

    def hung_up(self) -> None:
        self.line = None
        self.session.disconnected()

    def received(self, frame: bytes) -> None:
        answer = self.session.received(frame)
        if self.line is not None:
            self.line.to_hub.extend(answer)

    def tick(self) -> None:
        """Do what a page does now and then."""
        if self.line is not None and self.session.wants_token:
            self.line.to_hub.extend(self.session.refresh(self.world.token()))

    @property
    def view(self) -> dict[str, Snapshot]:
        return self.session.view

    @property
    def resume(self) -> ResumePoint | None:
        return self.session.resume


class Poller:
    """A page without a WebSocket: it asks over REST from where it was."""

    def __init__(self, world: World, wanted: Filter) -> None:
        self.world = world
        self.wanted = wanted
        self.view: dict[str, Snapshot] = {}
        self.resume: ResumePoint | None = None
        self._next: dict[str, Snapshot] = {}
        self._from: ResumePoint | None = None

    def poll(self) -> None:
        """Ask once; the view is swapped when the answer is whole."""
        answer = self.world.poll(self.wanted, self._from)
        if answer.reset:
            self._next = {}
        self._next.update({each.id: each for each in answer.operations})
        for operation in answer.removed:
            self._next.pop(operation, None)
        self._from = ResumePoint(epoch=answer.epoch, revision=answer.revision)
        if not answer.more:
            self.view, self.resume = dict(self._next), self._from


def shown(items: dict[str, Snapshot], wanted: Filter) -> dict[str, Snapshot]:
    """Return what a page with this filter has to show."""
    return {name: item for name, item in items.items() if wanted.states is None or item.state in wanted.states}
