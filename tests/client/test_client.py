"""What a script asks the hub, over a real socket."""

import asyncio
import json
import threading
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from progress_kit import clock
from progress_kit.client import cancel, get, operations
from progress_kit.errors import HubNotFoundError, HubRefusedError, HubUnreachableError, OperationNotFoundError
from tests.client.player import Process
from tests.wire_server import SECRET, HubServer


def test_operations_lists_what_the_hub_knows(process: Process) -> None:
    """All of this user's operations, with what the hub believes of them."""
    (found,) = operations()
    assert (found.id, found.name, found.state) == ("op_1", "Résumé <b>", "running")
    assert found.hub is not None
    assert found.hub.lease == "ok"


def test_an_empty_hub_is_an_empty_list(hub: HubServer) -> None:
    """Nothing running is no error."""
    assert operations() == []


def test_get_returns_one(process: Process) -> None:
    """The newest snapshot of that operation."""
    assert get("op_1").seq == 1
    process.publish("paused")
    assert get("op_1").state == "paused"


@pytest.mark.parametrize("ask", [get, cancel])
def test_an_unknown_operation_says_so(process: Process, ask: object) -> None:
    """The error is a LookupError, names the id and says why it may be missing."""
    with pytest.raises(OperationNotFoundError, match="'op_other'") as caught:
        ask("op_other")  # type: ignore[operator]
    assert isinstance(caught.value, LookupError)


def test_cancel_reaches_the_process(process: Process) -> None:
    """It returns when the process has accepted, which learns why and who asked."""
    asked = threading.Thread(target=cancel, args=("op_1", "disk full"))
    asked.start()
    command = process.answer()
    asked.join(20)
    assert (command.action, command.reason, command.by) == ("cancel", "disk full", "local")


def test_a_refused_cancel_says_why(process: Process) -> None:
    """The process's own words reach the caller."""
    answering = threading.Thread(target=process.answer, args=("in a critical section",))
    answering.start()
    with pytest.raises(HubRefusedError, match="in a critical section"):
        cancel("op_1")
    answering.join(20)


def test_what_has_ended_cannot_be_cancelled(process: Process) -> None:
    """The hub says so at once."""
    process.publish("succeeded")
    with pytest.raises(HubRefusedError, match="has ended"):
        cancel("op_1")


def test_it_works_where_an_event_loop_runs(process: Process) -> None:
    """In a kernel the main thread runs a loop: the blocking calls do not care."""

    async def cell() -> int:
        return len(operations())

    assert asyncio.run(cell()) == 1


def test_no_server_says_what_to_do(runtime_dir: Path) -> None:
    """The error tells how to start one."""
    with pytest.raises(HubNotFoundError, match="jupyter lab"):
        operations()


def test_a_server_that_is_gone_is_unreachable(hub: HubServer) -> None:
    """A file whose server does not listen any more."""
    content = hub.file.read_text()
    hub.stop()
    hub.file.touch(mode=0o600)
    hub.file.write_text(content)
    with pytest.raises(HubUnreachableError, match=r"127\.0\.0\.1"):
        operations()


def test_a_stale_file_does_not_hide_the_living_hub(hub: HubServer, runtime_dir: Path, process: Process) -> None:
    """A dead server's file whose process id was given to somebody else is passed over by trying it."""
    stale = json.loads(hub.file.read_text()) | {"url": "http://127.0.0.1:9/progress-kit/", "hub_id": "h_stale"}
    path = runtime_dir / "progress-kit-1.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(stale))
    assert len(operations()) == 1


def test_a_refusal_carries_the_hubs_code(hub: HubServer) -> None:
    """What the hub said, for a program and for a person, without any credential."""
    hub.refuse_tokens = 403
    with pytest.raises(HubRefusedError, match="no tokens today") as caught:
        operations()
    assert caught.value.code == "forbidden"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("code, error", [(4401, HubRefusedError), (4403, HubRefusedError), (1011, HubUnreachableError)])
def test_a_closed_connection_is_told(hub: HubServer, code: int, error: type[Exception]) -> None:
    """Each way of being sent away is one of the documented errors."""
    hub.close_code = code
    with pytest.raises(error, match="as the test wants"):
        operations()


def test_a_hub_that_does_not_answer_costs_only_the_timeout(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`PROGRESS_KIT_CONNECT_TIMEOUT_S` bounds the wait."""
    monkeypatch.setenv("PROGRESS_KIT_CONNECT_TIMEOUT_S", "0.3")
    hub.mute = True
    began = clock.monotonic()
    with pytest.raises(HubUnreachableError, match="in time"):
        operations()
    assert clock.monotonic() - began < 5


def test_the_environments_token_is_enough(hub: HubServer, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another machine: an address and a token."""
    hub.file.unlink()
    monkeypatch.setenv("PROGRESS_KIT_HUB_URL", hub.url)
    monkeypatch.setenv("PROGRESS_KIT_TOKEN", hub.token("subscribe"))
    assert len(operations()) == 1
    with pytest.raises(HubRefusedError, match="no scope `command`"):
        cancel("op_1")


@pytest.mark.parametrize(
    "status, error",
    [(401, HubRefusedError), (403, HubRefusedError), (404, HubUnreachableError), (503, HubUnreachableError)],
)
def test_who_is_no_hub_has_refused_nothing(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    """A proxy whose server is just starting, or another service: who follows operations goes on trying."""

    def answer(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus(status), "")

    with serve(lambda _connection: None, "127.0.0.1", 0, process_request=answer) as server:
        port = server.socket.getsockname()[1]
        monkeypatch.setenv("PROGRESS_KIT_HUB_URL", f"http://127.0.0.1:{port}/progress-kit/")
        monkeypatch.setenv("PROGRESS_KIT_TOKEN", "any")
        running = threading.Thread(target=server.serve_forever)
        running.start()
        with pytest.raises(error, match=str(status)):
            operations()
        server.shutdown()
        running.join()


def test_a_unix_socket_is_used(runtime_dir: Path) -> None:
    """A server that listens on a socket file only can be asked."""
    with HubServer(runtime_dir, unix_socket=runtime_dir / "hub.sock"):
        assert operations() == []
