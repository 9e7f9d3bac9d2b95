"""The publisher's side of the wire without IO: what to say after each event, and what the hub still has to hear.

Frames to send come back from the verbs; what else has to be done waits in `commands` and `wants_token`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.model import Prior, Snapshot, is_terminal
from progress_kit.protocol import Limits, decode_hub, encode
from progress_kit.protocol.limits import PUBLISH_BYTES
from progress_kit.protocol.messages import (
    Ack,
    Command,
    CommandResult,
    Demand,
    Error,
    Expiring,
    Heartbeat,
    Hello,
    HistoryMode,
    Ping,
    Pong,
    PublisherInfo,
    Refresh,
    Span,
    StageRecord,
    TaskUpdate,
    Welcome,
)
from progress_kit.publisher.fitting import fit, fit_timeline
from progress_kit.publisher.timelines import Timelines
from progress_kit.publisher.wanted import Wanted

MAX_UNACKNOWLEDGED: Final = 1_000
MAX_PRIORS: Final = 1_000
_FINISHED: Final = 1_000
_OPEN: Final = b'{"type":"publish","operations":['
_CLOSE: Final = b"]}"


class PublisherSession:
    """One life of one publishing process, over any number of connections.

    Of each running operation it holds the newest snapshot, of each ended one the terminal snapshot until the hub calls
    it durable: at most 1,000 of those, the oldest are given up first. `client` is ``name/version``; `estimates` and
    `history` are what it tells the hub of itself, see `PublisherInfo`.
    """

    def __init__(
        self,
        session_id: str,
        *,
        client: str = "progress-kit/0.1.0",
        estimates: bool = True,
        history: HistoryMode = "full",
    ) -> None:
        self.id = session_id
        self.commands: deque[Command] = deque()
        """Commands to perform; answer each with `command_result`."""
        self.wants_token = False
        """Whether the token expires soon; `refresh` answers it."""
        self.updates: deque[TaskUpdate] = deque(maxlen=1_000)
        """What workers elsewhere told of their tasks, to be handed to the operations."""
        self.problems: deque[Error] = deque(maxlen=16)
        """What the hub refused, to be told to a person."""
        self.unsendable: deque[str] = deque(maxlen=16)
        """Ids of operations whose snapshot is no valid text; they are given up."""
        self.priors: dict[str, Prior] = {}
        """Kind → what earlier runs of it took, as the hub last told: the newest 1,000 kinds."""
        self.durable: dict[str, int] = {}
        """Operation → seq of the ends that the hub has called durable, to be taken out by who wrote them down."""
        self.given_up = 0
        """How many terminal snapshots were dropped because no hub took them."""
        self._client = client
        self._info = PublisherInfo(session=session_id, estimates=estimates, history=history)
        self._limits = Limits()
        self._connected = False
        self._welcomed = False
        self._open: dict[str, Snapshot] = {}
        self._ended: dict[str, Snapshot] = {}
        self._finished: dict[str, None] = {}
        self._sent: dict[str, int] = {}
        """Operation → seq that the hub has heard, of the open ones."""
        self._wanted = Wanted()
        self._waiting: dict[str, None] = {}
        """The open and ended operations of which the hub has not heard the newest, in the order of waiting."""
        self._timelines = Timelines()
        self._budget = 0.0
        self._refilled = 0.0
        self._quiet_until = 0.0
        self._last_sign = 0.0

    @property
    def estimates(self) -> bool:
        """Whether its operations come with their estimates."""
        return self._info.estimates

    @property
    def history(self) -> HistoryMode:
        """What may be kept of its operations."""
        return self._info.history

    @property
    def unacknowledged(self) -> set[str]:
        """Ids of ended operations whose end the hub has not called durable yet."""
        return set(self._ended)

    @property
    def welcomed(self) -> bool:
        """Whether the hub has let this connection in."""
        return self._welcomed

    @property
    def settled(self) -> bool:
        """Whether the hub has called every end durable."""
        return not self._ended

    @property
    def waiting(self) -> bool:
        """Whether something is left to be sent that the message budget held back."""
        return self._welcomed and bool(self._waiting or any(key not in self._open for key in self._timelines.untold()))

    # -- the connection -------------------------------------------------------------------------------------------

    def connected(self, token: str) -> list[bytes]:
        """Return the first frame of a new connection."""
        self.disconnected()
        self._connected = True
        return [encode(Hello(token=token, client=self._client, publisher=self._info))]

    def disconnected(self) -> None:
        """Forget the connection; everything that matters is told again on the next one."""
        self._connected = self._welcomed = self.wants_token = False
        self.commands.clear()

    def refresh(self, token: str) -> list[bytes]:
        """Return the frame that gives the hub a newer token."""
        self.wants_token = False
        return [encode(Refresh(token=token))] if self._welcomed else []

    # -- what the process says ------------------------------------------------------------------------------------

    def take(self, snapshots: Iterable[Snapshot]) -> None:
        """Take in what was sampled, to be sent later; older snapshots than those known are ignored."""
        for snapshot in snapshots:
            self._take(snapshot)

    def sample(self, snapshots: Iterable[Snapshot], now: float) -> list[bytes]:
        """Take in what was sampled at monotonic second `now`.

        Returns the publish frames that may be sent now: ends first, then what has waited longest.
        """
        self.take(snapshots)
        return self._publish(now)

    def timeline(self, operation: str, spans: Iterable[Span], stages: Sequence[StageRecord] = ()) -> None:
        """Take in which task of an operation ran where and when, to be sent with or after its end.

        `stages` are what it tells later runs.
        Called once, when all of it is known; of more than 2,000 spans (or 192 KiB) the longest are kept. Ignored for an
        operation that was never taken in, since the hub does not know it either.
        """
        if operation not in self._open and operation not in self._ended and operation not in self._finished:
            return
        self._timelines.add(operation, fit_timeline(operation, spans, stages))

    def forget(self, operation: str) -> None:
        """Say no more of an operation, and take no more of it in: it was withdrawn."""
        self._finish(operation)

    def tick(self, now: float) -> list[bytes]:
        """Return a heartbeat if the leases of the open operations need one."""
        if not self._welcomed or not self._open or now - self._last_sign < self._limits.heartbeat_s:
            return []
        self._last_sign = now
        return [encode(Heartbeat())]

    # -- what is said otherwise than on a connection ------------------------------------------------------------------

    def newest(self) -> list[Snapshot]:
        """Return the newest snapshot of each operation: of those that have ended, what is not called durable yet."""
        return [*self._ended.values(), *self._open.values()]

    def settle(self, operation: str, seq: int) -> None:
        """Say no more of an operation: its end is stored, or the hub will never take it."""
        if operation in self._ended:
            self.durable[operation] = seq
        self._finish(operation)

    def untold_timeline(self, operation: str) -> bytes | None:
        """Return the frame with the timeline of an operation that has ended, if the hub has not been sent it."""
        return None if operation in self._open else self._timelines.get(operation)

    def timeline_told(self, operation: str) -> None:
        """Take note that the hub was sent the timeline of an operation."""
        self._timelines.told(operation)
        if operation in self._finished:
            self._timelines.settle(operation)

    def learn(self, priors: dict[str, Prior]) -> None:
        """Take in what the hub tells of earlier runs, by kind."""
        for kind, prior in priors.items():
            self.priors.pop(kind, None)
            self.priors[kind] = prior
        while len(self.priors) > MAX_PRIORS:
            del self.priors[next(iter(self.priors))]

    def give_up(self, operation: str) -> None:
        """Say no more of an operation whose snapshot is no valid text."""
        self.unsendable.append(operation)
        self._finish(operation)

    def take_durable(self) -> dict[str, int]:
        """Take out `durable`."""
        taken, self.durable = self.durable, {}
        return taken

    def command_result(self, request: str, error: str | None = None) -> list[bytes]:
        """Return the answer to a command: accepted, or `error` says why not."""
        result = CommandResult(request=request, ok=error is None, error=None if error is None else error[:200])
        return [encode(result)] if self._welcomed else []

    # -- what the hub says ----------------------------------------------------------------------------------------

    def received(  # noqa: C901 - a flat table, one row per message type
        self, frame: str | bytes, now: float
    ) -> list[bytes]:
        """Take in one frame and return what to answer at once.

        Raises `ProtocolError` for a frame that is none; types of later versions are ignored.
        """
        try:
            message = decode_hub(frame)
        except ProtocolError as error:
            if error.code == "unsupported":
                return []
            raise
        match message:
            case Welcome():
                return self._welcome(message, now) if self._connected else []
            case Ack():
                self._acknowledge(message.durable)
                self.learn(message.priors)
            case Command():
                self.commands.append(message)
            case TaskUpdate():
                self.updates.append(message)
            case Demand():
                self._wanted.demand(message.operations)
                return self._publish(now)
            case Expiring():
                self.wants_token = True
            case Error():
                self.problems.append(message)
                if message.code == "rate":
                    self._slow_down(now, message.retry_after_s or 1.0)
            case Ping():
                return [encode(Pong())]
            case _:
                pass
        return []

    def _welcome(self, welcome: Welcome, now: float) -> list[bytes]:
        known = {name: value for name, value in welcome.limits.items() if name in Limits.__struct_fields__}
        self._limits = Limits(**known)  # type: ignore[arg-type]
        self._welcomed = True
        self._last_sign = now  # a hello renews the leases
        self._budget, self._refilled, self._quiet_until = self._burst, now, now
        # An end is told again even if the hub has it: the acknowledgement may have been lost with the connection.
        self._sent = {op: seq for op, seq in (welcome.known or {}).items() if op in self._open}
        self._timelines.begin_again()
        self._wanted.clear()
        newer = (op for op, snapshot in self._open.items() if snapshot.seq > self._sent.get(op, -1))
        self._waiting = dict.fromkeys([*self._ended, *newer])
        return self._publish(now)

    def _acknowledge(self, durable: dict[str, int]) -> None:
        for operation, seq in durable.items():
            snapshot = self._ended.get(operation)
            if snapshot is not None and seq >= snapshot.seq:
                self.durable[operation] = seq
                self._finish(operation)

    def _slow_down(self, now: float, seconds: float) -> None:
        """The hub dropped running states, nobody knows which: all are told again after a pause."""
        self._quiet_until = now + seconds
        for operation in self._open:
            self._sent.pop(operation, None)
            self._waiting.setdefault(operation)

    # -- the newest of each ---------------------------------------------------------------------------------------

    def _take(self, snapshot: Snapshot) -> None:
        operation = snapshot.id
        if operation in self._ended or operation in self._finished:
            return  # an end is final
        old = self._open.get(operation)
        if old is not None and snapshot.seq <= old.seq:
            return
        if is_terminal(snapshot.state):
            self._open.pop(operation, None)
            self._ended[operation] = snapshot
            if len(self._ended) > MAX_UNACKNOWLEDGED:
                self._finish(next(iter(self._ended)))
                self.given_up += 1
        else:
            self._open[operation] = snapshot
        self._waiting.setdefault(operation)

    def _finish(self, operation: str) -> None:
        self._ended.pop(operation, None)
        self._open.pop(operation, None)
        self._sent.pop(operation, None)
        self._waiting.pop(operation, None)
        self._wanted.drop(operation)
        self._timelines.settle(operation)
        self._finished[operation] = None
        if len(self._finished) > _FINISHED:
            del self._finished[next(iter(self._finished))]

    # -- frames ---------------------------------------------------------------------------------------------------

    @property
    def _burst(self) -> float:
        return max(1.0, self._limits.burst_messages / 4)

    def _sendable(self, now: float) -> Iterator[Snapshot]:
        """Yield what the hub is to hear on this connection: ends first, then what has waited longest."""
        running = []
        for operation in self._waiting:
            if operation in self._ended:
                yield self._ended[operation]
            elif self._wanted.is_due(self._open[operation], now):
                running.append(self._open[operation])
        room = int(self._limits.open_per_publisher) - sum(operation in self._open for operation in self._sent)
        for snapshot in running:
            if snapshot.id in self._sent:
                yield snapshot
            elif room > 0:
                room -= 1
                yield snapshot

    def _publish(self, now: float) -> list[bytes]:
        if not self._welcomed or now < self._quiet_until:
            return []
        # Half of what the hub allows: the rest is for heartbeats, answers and clocks that differ.
        self._budget = min(self._burst, self._budget + (now - self._refilled) * self._limits.messages_per_s / 2)
        self._refilled = now
        frames: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for snapshot in list(self._sendable(now)):
            data = self._encode(snapshot)
            if data is None:
                continue
            if batch and size + len(data) > PUBLISH_BYTES - len(_OPEN) - len(_CLOSE):
                frames.append(_OPEN + b",".join(batch) + _CLOSE)
                batch, size = [], 0
            if len(frames) + 1 > self._budget:
                break
            batch.append(data)
            size += len(data) + 1
            self._sent[snapshot.id] = snapshot.seq
            self._wanted.told(snapshot, now)
            self._waiting.pop(snapshot.id, None)
        if batch:
            frames.append(_OPEN + b",".join(batch) + _CLOSE)
        frames += self._tell_timelines(int(self._budget) - len(frames))
        self._budget -= len(frames)
        if frames:
            self._last_sign = now
        return frames

    def _tell_timelines(self, most: int) -> list[bytes]:
        """Return the timelines of operations whose end the hub has been sent, after that."""
        sent = (key for key in self._timelines.untold() if key not in self._open and key not in self._waiting)
        frames = []
        for key in islice(sent, max(0, most)):
            frame = self._timelines.get(key)
            assert frame is not None
            frames.append(frame)
            self.timeline_told(key)
        return frames

    def _encode(self, snapshot: Snapshot) -> bytes | None:
        try:
            return fit(snapshot)
        except (TypeError, ValueError, OverflowError):
            # A lone surrogate, or a value of a wrong type: one bad operation must not silence the others.
            self.give_up(snapshot.id)
            return None
