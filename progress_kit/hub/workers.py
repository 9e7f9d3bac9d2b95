"""Processes that run tasks of an operation of another process: what they may say, and how that finds its way.

Such a process has a task token, for its one operation. The operation's own session alone publishes; it is told what its
workers say, and while it is away the newest of each task is kept for it.
"""

from typing import TYPE_CHECKING, Final

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import Now
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Session, may_see
from progress_kit.hub.publications import Publications
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import Claims
from progress_kit.protocol.messages import Command, TaskUpdate

if TYPE_CHECKING:
    from progress_kit.model import Task

KEPT: Final = 256
"""So many tasks are kept of an operation whose session is away, and so many such operations."""


class Workers:
    """Carries `TaskUpdate` from worker connections to sessions, and commands the other way."""

    def __init__(self, outbox: Outbox, registry: Registry, publications: Publications) -> None:
        self._outbox = outbox
        self._registry = registry
        self._publications = publications
        self._kept: dict[str, dict[str, Task]] = {}  # operation → id of the task → the newest of it

    def is_void(self, claims: Claims) -> bool:
        """Whether this is a task token whose operation has ended."""
        entry = None if claims.op is None or not is_worker(claims) else self._registry.get(claims.op)
        return entry is not None and entry.terminal

    def update(self, claims: Claims, message: TaskUpdate, now: Now) -> None:
        """Hand on what a worker says; raises `ProtocolError` ``forbidden``, ``not_found`` or ``terminal``."""
        if not is_worker(claims) or claims.op != message.operation:
            raise ProtocolError("forbidden", "this token is not that operation's task token")
        entry = self._registry.get(message.operation)
        if entry is None or not may_see(claims, entry):
            raise ProtocolError("not_found", "there is no such live operation")
        if entry.terminal:
            raise ProtocolError("terminal", "the operation has ended")
        session = self._publications.of_entry(entry)
        if session is not None and session.conn is not None:
            self._outbox.send(session.conn, message, now)
        else:
            self._keep(message)

    def _keep(self, message: TaskUpdate) -> None:
        if message.operation not in self._kept and len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        kept = self._kept.setdefault(message.operation, {})
        for task in message.tasks:
            kept.pop(task.id, None)
            kept[task.id] = task
        while len(kept) > KEPT:
            del kept[next(iter(kept))]

    def catch_up(self, session: Session, now: Now) -> None:
        """Tell a session that is back what its workers said meanwhile."""
        for operation in session.open & self._kept.keys():
            tasks = tuple(self._kept.pop(operation).values())
            self._outbox.send(session.conn, TaskUpdate(operation=operation, tasks=tasks), now)

    def command(self, command: Command, now: Now) -> None:
        """Let the operation's workers know of a command too; the session alone answers it."""
        for peer in list(self._outbox.peers.values()):
            if peer.claims is not None and is_worker(peer.claims) and peer.claims.op == command.operation:
                self._outbox.send(peer.conn, command, now)

    def ended(self, entries: list[Entry]) -> None:
        """Part with the workers of operations that have ended: their tokens are void."""
        over = {entry.id for entry in entries}
        for operation in over:
            self._kept.pop(operation, None)
        for peer in list(self._outbox.peers.values()) if over else ():
            if peer.claims is not None and is_worker(peer.claims) and peer.claims.op in over:
                self._outbox.close(peer, 4401, "the operation of this token has ended")


def is_worker(claims: Claims) -> bool:
    """Whether this is a task token: exactly `publish`, for one operation."""
    return claims.op is not None and claims.scopes == {"publish"}
