"""Which requests tell the hub what the session has to say, where there is no WebSocket. Pure."""

from typing import Final, NamedTuple

import msgspec

from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol.rest import PutResponse
from progress_kit.publisher.fitting import fit
from progress_kit.publisher.session import PublisherSession

EVERY_S: Final = 1.0
"""A running operation is not told more often, an end that is not stored yet neither."""
ALIVE_S: Final = 5.0
"""What has not changed is told again so often: each request is a sign of life."""
AT_ONCE: Final = 20
"""So many requests are made before the next look at what is new."""


class Put(NamedTuple):
    """One request: ``PUT operations/{operation}`` with `body`."""

    operation: str
    seq: int
    body: bytes
    timeline: bool = False
    """Whether the timeline is in it."""


class Puts:
    """One stretch of time in which `session` speaks by requests."""

    def __init__(self, session: PublisherSession) -> None:
        self._session = session
        self._said: dict[str, tuple[int, float]] = {}
        """Operation → the seq that was taken in last, and when."""
        head = {"session": session.id, "estimates": session.estimates, "history": session.history}
        self._head = msgspec.json.encode(head)[:-1] + b',"snapshot":'

    def due(self, now: float) -> list[Put]:
        """Return the requests to make now: ends first, then what has waited longest."""
        waiting = []
        for snapshot in self._session.newest():
            seq, at = self._said.get(snapshot.id, (-1, -ALIVE_S))
            news, ended = snapshot.seq > seq, is_terminal(snapshot.state)
            if (news and ended) or now - at >= (EVERY_S if news or ended else ALIVE_S):
                waiting.append((not ended, at, snapshot))
        waiting.sort(key=lambda each: each[:2])
        return [put for _, _, snapshot in waiting[:AT_ONCE] if (put := self._put(snapshot)) is not None]

    def told(self, put: Put, answer: PutResponse, now: float) -> None:
        """Take in that the hub has taken in a request."""
        self._said[put.operation] = put.seq, now
        self._session.learn(answer.priors)
        if put.timeline:
            self._session.timeline_told(put.operation)
        if answer.durable:
            self._settle(put)

    def refused(self, put: Put, code: str, now: float) -> None:
        """Take in that the hub has refused a request, for this reason."""
        if code in {"terminal", "forbidden", "bad_request", "too_large"}:
            self._settle(put)  # it would be again
        else:
            self._said[put.operation] = put.seq, now  # later

    def _settle(self, put: Put) -> None:
        self._said.pop(put.operation, None)
        self._session.settle(put.operation, put.seq)

    def _put(self, snapshot: Snapshot) -> Put | None:
        try:
            body = self._head + fit(snapshot)
        except (TypeError, ValueError, OverflowError):
            self._session.give_up(snapshot.id)
            return None
        timeline = self._session.untold_timeline(snapshot.id)
        more = b"}" if timeline is None else b',"timeline":' + timeline + b"}"
        return Put(snapshot.id, snapshot.seq, body + more, timeline is not None)
