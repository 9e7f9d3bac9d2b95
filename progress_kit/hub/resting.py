"""Publishing by requests: for processes that cannot keep a connection, and for programs in any language."""

from typing import Final

import msgspec
from msgspec.structs import replace

from progress_kit.errors import ProtocolError
from progress_kit.hub.commands import Commands
from progress_kit.hub.events import Now
from progress_kit.hub.intake import Intake
from progress_kit.hub.keeping import Keeping
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Session
from progress_kit.hub.publications import Publications
from progress_kit.hub.records import Records
from progress_kit.hub.registry import Entry, Registry
from progress_kit.hub.tokens import Claims
from progress_kit.model import Snapshot, is_terminal
from progress_kit.model.fraction import operation_fraction
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import CommandResult
from progress_kit.protocol.rest import CommandAnswer, PutCommand, PutRequest, PutResponse

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_stages: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_snapshot: Final = msgspec.json.Decoder(Snapshot)


class RestPublishing:
    """Takes in one operation by each request, and hands out the commands that wait for it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the hub that a request reaches
        self,
        registry: Registry,
        publications: Publications,
        intake: Intake,
        records: Records,
        commands: Commands,
        outbox: Outbox,
        keeping: Keeping,
        limits: Limits,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._intake = intake
        self._records = records
        self._commands = commands
        self._outbox = outbox
        self._keeping = keeping
        self._limits = limits

    def put(self, claims: Claims, operation: str, request: PutRequest, now: Now) -> None:
        """Take in one state of an operation; the same again only renews its lease.

        Raises `ProtocolError` (``forbidden``, ``terminal``, ``stale_seq``, ``bad_request``, ``rate``, ``limit``,
        ``too_large``) and changes nothing then.
        """
        if claims.nb is not None or claims.op not in {None, operation}:
            raise ProtocolError("forbidden", "this token does not publish this operation")
        before = self._registry.get(operation)
        session_id = request.session or f"rest:{operation}"  # without one, an operation is one by itself
        if before is not None and (before.hub.owner, before.session) != (claims.sub, session_id):
            raise ProtocolError("forbidden", "this operation belongs to another session")
        snapshot = _complete(request.snapshot, operation, before)
        if request.session is None:
            snapshot = _timed(snapshot, before, now)
        if before is not None and snapshot.seq < before.snapshot.seq:
            raise ProtocolError("stale_seq", f"snapshot {before.snapshot.seq} of this operation is known already")
        if before is not None and before.terminal and snapshot.seq > before.snapshot.seq:
            raise ProtocolError("terminal", "this operation has ended; an end is final")
        session = self._publications.session(claims.sub, session_id, now)
        self._spend(session, snapshot, now)
        if session.conn is None:
            session.via = "rest"
            session.estimates = request.estimates
            session.history = self._keeping.both(request.history)
        session.lease_s = request.lease_s
        self._publications.renew(session, now)
        self._intake.take(session, snapshot, now)
        if request.timeline is not None and request.timeline.operation == operation:
            self._records.timeline(session, request.timeline)

    def told(self, operation: str) -> PutResponse:
        """Return the answer to a request that was taken in: what the hub has now, and what waits for the publisher."""
        entry = self._registry.get(operation)
        if entry is None:
            raise ProtocolError("not_found", "this operation was deleted")
        session = self._publications.of_entry(entry)
        if session is not None and entry.terminal:
            for request in [key for key, each in session.waiting.items() if each.operation == operation]:
                del session.waiting[request]
        prior = None if session is None else session.priors.pop(entry.snapshot.kind or "", None)
        return PutResponse(
            seq=entry.snapshot.seq,
            state=entry.snapshot.state,
            durable=entry.terminal and entry.hub.stored,
            commands=() if session is None else tuple(_commands(session, entry)),
            priors={} if prior is None or entry.snapshot.kind is None else {entry.snapshot.kind: prior},
        )

    def answer(self, claims: Claims, operation: str, request: str, answer: CommandAnswer, now: Now) -> None:
        """Take in whether a command was accepted; raises `ProtocolError` ``not_found``."""
        entry = self._registry.get(operation)
        session = None if entry is None or entry.hub.owner != claims.sub else self._publications.of_entry(entry)
        allowed = claims.nb is None and claims.op in {None, operation}
        if session is None or not allowed or request not in session.waiting:
            raise ProtocolError("not_found", "no such command waits for an answer")
        if session.waiting[request].operation != operation:
            raise ProtocolError("not_found", "no such command waits for an answer")
        del session.waiting[request]
        result = CommandResult(request=request, ok=answer.ok, error=answer.error)
        told = self._commands.answer(result, session)
        if told is not None:
            self._outbox.send(*told, now)

    def _spend(self, session: Session, snapshot: Snapshot, now: Now) -> None:
        """Count a request; an end is never refused for there being too many."""
        passed = now.monotonic - session.refilled
        session.budget = min(self._limits.burst_messages, session.budget + passed * self._limits.messages_per_s)
        session.refilled = now.monotonic
        if session.budget < 1 and not is_terminal(snapshot.state):
            raise ProtocolError("rate", f"more than {self._limits.messages_per_s:g} requests per second")
        session.budget = max(0.0, session.budget - 1)


def _commands(session: Session, entry: Entry) -> list[PutCommand]:
    return [
        PutCommand(request=each.request, action=each.action, reason=each.reason, by=each.by)
        for each in session.waiting.values()
        if each.operation == entry.id
    ]


def _complete(raw: msgspec.Raw, operation: str, before: Entry | None) -> Snapshot:
    """Return the snapshot with what the sender may leave out: id, seq, the stages' states and the fraction."""
    try:
        fields = _fields.decode(raw)
        fields["id"] = msgspec.Raw(msgspec.json.encode(operation))
        fields.setdefault("seq", msgspec.Raw(b"%d" % (1 if before is None else before.snapshot.seq + 1)))
        if "stages" in fields and "state" in fields:
            stages = [{"state": fields["state"], **stage} for stage in _stages.decode(fields["stages"])]
            fields["stages"] = msgspec.Raw(msgspec.json.encode(stages))
        snapshot = _snapshot.decode(msgspec.json.encode(fields))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = "the snapshot is none of protocol version 1; it needs a name and a state"
        raise ProtocolError("bad_request", message) from error
    if snapshot.fraction is None:
        snapshot = replace(snapshot, fraction=operation_fraction(snapshot.state, snapshot.stages))
    if snapshot.stage is None and not is_terminal(snapshot.state):
        current = [stage.name for stage in snapshot.stages if stage.state in {"running", "paused"}]
        snapshot = replace(snapshot, stage=current[-1] if current else None)
    return snapshot


def _timed(snapshot: Snapshot, before: Entry | None, now: Now) -> Snapshot:
    """Return the snapshot with times by this clock where its sender, a script of a few lines, names none."""
    started_at, elapsed_s, ended_at = snapshot.started_at, snapshot.elapsed_s, snapshot.ended_at
    if started_at is None and elapsed_s is None:
        started_at = now.wall if before is None else before.hub.first_seen_at
        elapsed_s = max(0.0, now.wall - started_at)
    if ended_at is None and is_terminal(snapshot.state):
        ended_at = now.wall
    return replace(snapshot, started_at=started_at, elapsed_s=elapsed_s, ended_at=ended_at)
