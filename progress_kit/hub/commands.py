"""Commands on their way from a subscriber to a publisher and back."""

from collections.abc import Iterator
from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.hub.events import Now
from progress_kit.hub.peers import PendingCommand, Session
from progress_kit.hub.registry import Entry
from progress_kit.protocol.messages import Command, CommandResult

ANSWER_S: Final = 10.0
PENDING: Final = 1_000


class Commands:
    """Remembers who asked what, so that the publisher's answer finds its way; bounded in number and time."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingCommand] = {}
        self._count = 0

    def forward(  # noqa: PLR0913, PLR0917 - who asks whom for what
        self, message: Command, entry: Entry, session: Session | None, asker: int | None, by: str, now: Now
    ) -> Command:
        """Return the command as the publisher gets it.

        Raises `ProtocolError`: ``terminal``, ``unsupported`` (it cannot do this, or nobody listens) or ``limit``.
        """
        if entry.terminal:
            raise ProtocolError("terminal", "the operation has ended")
        if message.action not in entry.snapshot.actions:
            raise ProtocolError("unsupported", f"this operation does not support {message.action}")
        if session is None or (session.conn is None and session.via != "rest"):
            raise ProtocolError("unsupported", "the operation's process is not connected now")
        if len(self._pending) >= PENDING:
            raise ProtocolError("limit", "too many commands are waiting for an answer")
        self._count += 1
        request = f"c{self._count}"
        deadline = now.monotonic + ANSWER_S
        self._pending[request] = PendingCommand(asker, message.request, (session.owner, session.id), deadline)
        command = Command(
            request=request, operation=message.operation, action=message.action, reason=message.reason, by=by
        )
        if session.conn is None:
            # It is told with its next request, and of many that say the same only of the last.
            same = [key for key, each in session.waiting.items() if _same(each, command)]
            for key in same:
                del session.waiting[key]
            session.waiting[request] = command
        return command

    def answer(self, message: CommandResult, session: Session) -> tuple[int, CommandResult] | None:
        """Return the asker's connection and the answer for it; None where nobody waits for it (any more)."""
        pending = self._pending.get(message.request)
        if pending is None or pending.session != (session.owner, session.id):
            return None
        del self._pending[message.request]
        if pending.asker is None:
            return None
        return pending.asker, CommandResult(request=pending.request, ok=message.ok, error=message.error)

    def overdue(self, now: Now) -> Iterator[tuple[int, CommandResult]]:
        """Yield an answer for each command that its publisher has not answered in time."""
        for request, pending in list(self._pending.items()):
            if now.monotonic >= pending.deadline:
                del self._pending[request]
                if pending.asker is not None:
                    yield pending.asker, CommandResult(request=pending.request, ok=False, error="unsupported")


def _same(one: Command, other: Command) -> bool:
    return (one.operation, one.action) == (other.operation, other.action)
