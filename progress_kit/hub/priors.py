"""Which publisher is told what earlier runs of its kinds took, and when."""

from collections import OrderedDict
from typing import Final

from progress_kit.hub.events import LoadPrior, Now
from progress_kit.hub.outbox import Outbox
from progress_kit.hub.peers import Session
from progress_kit.hub.registry import Entry
from progress_kit.model import Prior
from progress_kit.protocol.messages import Ack

KINDS: Final = 1_000
"""How many kinds are remembered of each session; those that were seen longest ago are told again."""
ENDS: Final = 10_000


class Priors:
    """A session is told a kind's prior once, and again with a new operation after a run of the kind has succeeded."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: dict[tuple[str, str], list[Session]] = {}
        self._succeeded: OrderedDict[tuple[str, str], int] = OrderedDict()

    def accepted(self, session: Session, entry: Entry, *, new: bool) -> None:
        """Ask the store for the prior if this session does not know it, or (for a new operation) an older one."""
        kind = entry.snapshot.kind
        if kind is None or entry.terminal or entry.history == "off" or (not new and kind in session.kinds):
            return
        key = (session.owner, kind)
        version = self._succeeded.get(key, 0)
        if session.kinds.get(kind) == version:
            return
        session.kinds[kind] = version
        if len(session.kinds) > KINDS:
            del session.kinds[next(iter(session.kinds))]
        if key not in self._waiting:
            self._outbox.add(LoadPrior(*key, stages=tuple(stage.name for stage in entry.snapshot.stages)))
        self._waiting.setdefault(key, []).append(session)

    def ended(self, entry: Entry) -> None:
        """Take note that the kind's prior changes."""
        if entry.snapshot.kind is None or entry.snapshot.state != "succeeded":
            return
        key = (entry.hub.owner, entry.snapshot.kind)
        self._succeeded[key] = self._succeeded.get(key, 0) + 1
        self._succeeded.move_to_end(key)
        if len(self._succeeded) > ENDS:
            self._succeeded.popitem(last=False)

    def loaded(self, owner: str, kind: str, prior: Prior | None, now: Now) -> None:
        """Tell those who wait; where there is no prior there is nothing to tell."""
        for session in self._waiting.pop((owner, kind), ()):
            if session.conn is None and session.via != "rest":
                session.kinds.pop(kind, None)  # and asked for again when it is back
            elif session.conn is None:
                if prior is not None and session.estimates:
                    session.priors[kind] = prior
            elif prior is not None:
                self._outbox.send(session.conn, Ack(priors={kind: prior}), now)
