"""The subscriber's side of the wire without IO: a view of the hub's operations that survives reconnects."""

from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.model import Action, Snapshot
from progress_kit.protocol import decode_hub, encode
from progress_kit.protocol.messages import (
    Bookmark,
    Command,
    CommandResult,
    Error,
    Expiring,
    Filter,
    Hello,
    HubMessage,
    Ping,
    Pong,
    Refresh,
    ResumePoint,
    State,
    Subscribe,
    Welcome,
)

RESULTS: Final = 100


class SubscriberSession:
    """One subscription over any number of connections.

    `view` holds operation → snapshot and is swapped whole: a reader never sees half of an answer. `resume` is the point
    from which the next connection goes on; None asks for everything. `client` is ``name/version``; `max_rate_hz` bounds
    how often the hub sends, None leaves that to it.
    """

    def __init__(
        self,
        token: str,
        *,
        client: str = "progress-kit/0.1.0",
        filter: Filter | None = None,  # noqa: A002 - the protocol's word
        subscription: str = "s1",
        max_rate_hz: float | None = None,
    ) -> None:
        self.view: dict[str, Snapshot] = {}
        self.synced = False
        """Whether `view` is what the hub had at one moment of this connection."""
        self.resume: ResumePoint | None = None
        self.results: dict[str, CommandResult] = {}
        """Answers to commands by request, the last 100."""
        self.problem: Error | None = None
        """What the hub refused last."""
        self.wants_token = False
        """Whether the token expires soon; `refresh` answers it."""
        self._token = token
        self._client = client
        self._filter = filter or Filter()
        self._subscription = subscription
        self._max_rate_hz = max_rate_hz
        self._requests = 0
        self._reset = False
        self._changes: dict[str, Snapshot | None] = {}

    def hello(self) -> list[bytes]:
        """Return the first frames of a new connection: who we are, and what we want from where on."""
        self.disconnected()
        subscribe = Subscribe(
            id=self._subscription, filter=self._filter, max_rate_hz=self._max_rate_hz, resume=self.resume
        )
        return [encode(Hello(token=self._token, client=self._client)), encode(subscribe)]

    def disconnected(self) -> None:
        """Forget the connection, and an answer of which only a part has arrived; `view` and `resume` stay."""
        self.synced = self._reset = self.wants_token = False
        self._changes = {}

    def refresh(self, token: str) -> list[bytes]:
        """Use `token` from now on; return the frame that tells the hub."""
        self._token = token
        self.wants_token = False
        return [encode(Refresh(token=token))]

    def command(self, operation: str, action: Action, reason: str | None = None) -> tuple[str, bytes]:
        """Return the request's id, under which `results` will have the answer, and the frame."""
        self._requests += 1
        request = f"{self._subscription}-{self._requests}"
        return request, encode(Command(request=request, operation=operation, action=action, reason=reason))

    def received(self, frame: str | bytes) -> list[bytes]:
        """Take in one frame and return what to answer at once.

        Raises `ProtocolError` for a frame that is none; types of later versions are ignored.
        """
        try:
            message = decode_hub(frame)
        except ProtocolError as error:
            if error.code == "unsupported":
                return []
            raise
        if isinstance(message, Ping):
            return [encode(Pong())]
        self._hear(message)
        return []

    def _hear(self, message: HubMessage) -> None:
        match message:
            case Welcome():
                # With nothing new since we left there will be no state: the view holds.
                self.synced = self.resume == ResumePoint(epoch=message.epoch, revision=message.revision)
            case State():
                self._change(message)
            case Bookmark():
                if not self._changes and not self._reset and self.resume and self.resume.epoch == message.epoch:
                    self.resume = ResumePoint(epoch=message.epoch, revision=message.revision)
                    self.synced = True
            case CommandResult():
                self._answer(message)
            case Expiring():
                self.wants_token = True
            case Error():
                self.problem = message
                if message.request is not None:
                    self._answer(CommandResult(request=message.request, ok=False, error=message.message))
            case _:
                pass

    def _change(self, state: State) -> None:
        if state.subscription != self._subscription:
            return
        if state.reset:
            self._reset, self._changes = True, {}
        for snapshot in state.operations:
            if not self._is_older(snapshot):
                self._changes[snapshot.id] = snapshot
        for operation in state.removed:
            self._changes[operation] = None
        if state.more:
            self.synced = False
            return
        view = {} if self._reset else dict(self.view)
        for operation, changed in self._changes.items():
            if changed is None:
                view.pop(operation, None)
            else:
                view[operation] = changed
        self.view = view
        self.resume = ResumePoint(epoch=state.epoch, revision=state.revision)
        self.synced = True
        self._reset, self._changes = False, {}

    def _is_older(self, snapshot: Snapshot) -> bool:
        """Whether the view of this life of the hub has a newer snapshot (an equal one may carry a new lease)."""
        known = self._changes.get(snapshot.id) or (None if self._reset else self.view.get(snapshot.id))
        return known is not None and snapshot.seq < known.seq

    def _answer(self, result: CommandResult) -> None:
        self.results[result.request] = result
        if len(self.results) > RESULTS:
            del self.results[next(iter(self.results))]
