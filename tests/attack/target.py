"""A hub with a victim in it, and an attacker who is another user: what may happen to the victim is nothing."""

from progress_kit.errors import ProtocolError
from progress_kit.hub import Connected, Login, Received
from progress_kit.model import Action, Snapshot
from progress_kit.protocol import decode_client
from progress_kit.protocol.messages import Command, Error, Filter, Ping, Pong, Presence, TaskUpdate, Welcome
from progress_kit.protocol.rest import TokenRequest
from tests.hub.bench import Bench

VICTIM, VICTIMS_PAGE, ATTACKER = 1, 2, 3
SECRET = "ann's secret"
ROLES = ("stranger", "publisher", "page", "worker", "share link")


class Target:
    """The attacker is a `stranger` (without a hello), a `publisher`, a `page`, a `worker`, or has a `share link`."""

    def __init__(self, role: str) -> None:
        self.hub = Bench()
        self.hub.publisher(VICTIM, session="s_ann", sub="ann", estimates=False)
        self.hub.subscriber(VICTIMS_PAGE, sub="ann")
        self.hub.say(VICTIMS_PAGE, Presence(visible=True, focused=True, can_notify=True))
        self.hub.publish(VICTIM, self._running())
        self.hub.publish(VICTIM, Snapshot(id="op_ended", name=SECRET, state="failed", seq=5))
        self._attacker(role)
        self.hub.wait(1)
        self._seen = len(self.hub.sent.get(ATTACKER, []))
        self._rows = len(self.hub.rows)
        self._before = self._victims_view()

    def attack(self, frame: str | bytes) -> None:
        """Have the attacker send `frame`; raises `AssertionError` if anything came of it that should not."""
        revision = self.hub.manager.revision
        self.hub.handle(Received(ATTACKER, frame))
        refused = not _is_message(frame, self.hub.limits.frame_bytes)
        if refused:
            errors = self.hub.got(ATTACKER, Error)
            assert errors, "neither an error nor a close"
            assert all(len(error.message) <= 200 for error in errors)
            assert self.hub.manager.revision == revision
            assert len(self.hub.rows) == self._rows
        self.hub.wait(2)  # notices, estimates and overdue commands have their turn
        self._check_victim()

    def _attacker(self, role: str) -> None:
        match role:
            case "stranger":
                self.hub.handle(Connected(ATTACKER))
            case "publisher":
                token = self.hub.token("publish", "subscribe", "command", sub="mallory")
                self.hub.connect(ATTACKER, token, session="s_mallory", estimates=False)
            case "page":
                self.hub.subscriber(ATTACKER, sub="mallory")
            case "worker":
                self.hub.connect(ATTACKER, self.hub.token("publish", sub="mallory", operation="op_ann"))
            case _:
                wanted = TokenRequest(scopes=("subscribe",), operation="op_shared")
                token = self.hub.authority.grant(wanted, Login("ann"), self.hub.now.wall).token
                self.hub.subscriber(ATTACKER, token=token)
        assert bool(self.hub.got(ATTACKER, Welcome)) is (role != "stranger")

    @staticmethod
    def _running() -> Snapshot:
        actions: tuple[Action, ...] = ("cancel", "pause", "resume")
        return Snapshot(id="op_ann", name=SECRET, kind=SECRET, state="running", seq=5, actions=actions)

    def _victims_view(self) -> bytes:
        token = self.hub.token("subscribe", sub="ann")
        claims = self.hub.authority.verify(token, self.hub.now.wall)
        polled = self.hub.manager.poll(claims, Filter(), None, self.hub.now)
        return polled[polled.index(b'"operations"') :]

    def _check_victim(self) -> None:
        assert {VICTIM, VICTIMS_PAGE}.isdisjoint(self.hub.closed)
        assert self._victims_view() == self._before
        self.hub.say(VICTIMS_PAGE, Ping())
        assert self.hub.got(VICTIMS_PAGE, Pong)
        assert SECRET not in repr(self.hub.sent.get(ATTACKER, [])[self._seen :])
        assert not self.hub.got(VICTIM, Command)
        assert not self.hub.got(VICTIM, TaskUpdate)
        assert all(row.owner != "ann" for row in self.hub.rows[self._rows :])
        assert all(executed.owner != "ann" for executed in self.hub.executed)


def _is_message(frame: str | bytes, limit: int) -> bool:
    try:
        decode_client(frame, limit=limit)
    except ProtocolError:
        return False
    return True
