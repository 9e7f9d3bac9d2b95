"""A publishing process, played frame by frame."""

from typing import Self

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from progress_kit.model import Action, OperationState, Snapshot
from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER, decode_hub, encode
from progress_kit.protocol.messages import Command, CommandResult, Hello, Publish, PublisherInfo
from tests.wire_server import HubServer


class Process:
    """A publishing process with one operation, ``op_1``, which runs; `seq` is what it has published before."""

    def __init__(self, hub: HubServer, seq: int = 0) -> None:
        self.hub = hub
        self.seq = seq
        self._token = hub.token("publish")
        self._connect = connect(
            hub.url.replace("http", "ws") + "ws",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={TOKEN_HEADER: self._token},
            proxy=None,
        )

    def __enter__(self) -> Self:
        self.socket = self._connect.__enter__()
        hello = Hello(token=self._token, client="test/1", publisher=PublisherInfo(session="s"))
        self.socket.send(encode(hello), text=True)
        self.socket.recv()
        self.publish()
        return self

    def __exit__(self, *exc: object) -> None:
        self._connect.__exit__(None, None, None)

    def publish(self, state: OperationState = "running", actions: tuple[Action, ...] = ("cancel",)) -> None:
        self.seq += 1
        item = Snapshot(id="op_1", name="Résumé <b>", state=state, seq=self.seq, actions=actions)
        self.socket.send(encode(Publish(operations=(item,))), text=True)
        self.hub.wait_state("op_1", state)

    def answer(self, error: str | None = None) -> Command:
        """Answer the next command."""
        while not isinstance(command := decode_hub(self.socket.recv(timeout=20)), Command):
            pass
        result = CommandResult(request=command.request, ok=error is None, error=error)
        self.socket.send(encode(result), text=True)
        return command
