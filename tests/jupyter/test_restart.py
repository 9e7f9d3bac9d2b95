"""A real server in a process of its own: killed and started again."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER
from tests.integration.processes import Home
from tests.jupyter.lives import Lives

pytestmark = pytest.mark.slow

STARTED = "progress_kit_jupyter | extension was successfully started"
# The extensions of the environment are none of this test's business, and slow to load.
OTHERS = (
    *("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyter_server_terminals"),
    *("jupyter_server_ydoc", "jupyter_server_fileid"),
)


class Server:
    """One life of a server of `folder`; has written its connection file."""

    def __init__(self, folder: Path) -> None:
        config = folder / "config"
        config.mkdir(exist_ok=True)
        extensions = {"ServerApp": {"jpserver_extensions": dict.fromkeys(OTHERS, False)}}
        (config / "jupyter_server_config.json").write_text(json.dumps(extensions))
        environment = os.environ | {
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_PREFER_ENV_PATH": "0",
        }
        command = [sys.executable, "-m", "progress_kit_jupyter", "--no-browser", "--allow-root", "--debug"]
        self.process = subprocess.Popen(
            [*command, "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            if STARTED in line:
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(self.log))
        self._reader = threading.Thread(target=self.log.extend, args=(self.process.stdout,))
        self._reader.start()
        self.path = folder / "runtime" / f"progress-kit-{self.process.pid}.json"
        self.connection: dict[str, Any] = json.loads(self.path.read_text())

    def ask(self, path: str, token: str, body: object = None) -> Any:
        """Ask over REST."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.connection["url"] + path, data, {TOKEN_HEADER: token})  # noqa: S310 - loopback
        with urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return json.load(response)

    def mint(self, *scopes: str) -> str:
        """Return a new token."""
        token: str = self.ask("api/tokens", self.connection["token"], {"scopes": scopes})["token"]
        return token

    @contextmanager
    def publisher(self, token: str, session: str) -> Iterator[tuple[ClientConnection, dict[str, Any]]]:
        """Connect as a publisher; yield the connection and the hub's welcome."""
        url = self.connection["url"].replace("http", "ws", 1) + "ws"
        headers = {TOKEN_HEADER: token}
        with connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=headers, proxy=None) as socket:
            hello = {"type": "hello", "token": token, "client": "test/1", "publisher": {"session": session}}
            socket.send(json.dumps(hello))
            yield socket, json.loads(socket.recv(timeout=10))

    def end(self, number: signal.Signals = signal.SIGKILL) -> str:
        """End this life, if it has not ended, and return its log."""
        self.process.send_signal(number)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return "".join(self.log)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Start a server on the same folders, as often as wanted."""
    with ExitStack() as stack:

        def make() -> Server:
            server = Server(tmp_path)
            stack.callback(server.end)
            return server

        yield make


def _publish(socket: ClientConnection, operation: str, state: str, seq: int) -> None:
    snapshot = {"id": operation, "name": operation, "state": state, "seq": seq}
    socket.send(json.dumps({"type": "publish", "operations": [snapshot]}))


def _durable(socket: ClientConnection) -> dict[str, int]:
    """Return what the next acknowledgement calls durable."""
    while (message := json.loads(socket.recv(timeout=10)))["type"] != "ack":
        pass
    durable: dict[str, int] = message["durable"]
    return durable


def test_what_was_known_is_known_after_a_restart(start: Callable[[], Server]) -> None:
    """Stopped in good order: ends stay ended, what ran comes back, and its process goes on with it at the same hub."""
    first = start()
    token = first.mint("publish", "subscribe")
    with first.publisher(token, "s_1") as (socket, _):
        _publish(socket, "op_running", "running", 5)
        _publish(socket, "op_ended", "failed", 9)
        assert _durable(socket) == {"op_ended": 9}
        log = first.end(signal.SIGTERM)

    second = start()
    assert second.connection["hub_id"] == first.connection["hub_id"]
    assert second.connection["token"] != first.connection["token"]
    # The token of the first life still counts: its key outlives the server.
    operations = {each["id"]: each for each in second.ask("api/operations", token)["operations"]}
    assert {name: each["state"] for name, each in operations.items()} == {"op_running": "running", "op_ended": "failed"}
    assert operations["op_running"]["hub"]["lease"] == "stale"
    assert operations["op_ended"]["hub"]["stored"] is True

    with second.publisher(token, "s_1") as (socket, welcome):
        assert welcome["known"] == {"op_running": 5, "op_ended": 9}
        assert _durable(socket) == {"op_ended": 9}
        _publish(socket, "op_running", "succeeded", 6)
        assert _durable(socket) == {"op_running": 6}
    history = [each["id"] for each in second.ask("api/history", token)["items"]]
    assert history == ["op_running", "op_ended"]
    log += second.end(signal.SIGTERM)
    assert "GET /progress-kit/api/history" in log
    for secret in (token, first.connection["token"], second.connection["token"]):
        assert secret not in log
    assert "Traceback" not in log


def test_what_was_called_durable_outlives_every_kill(tmp_path: Path) -> None:
    """SIGKILL at random moments: ends stay as they were said, pages start over, processes go on. See `make chaos`."""
    with Lives(Home(tmp_path), processes=2, operations=5, seed=1) as lives:
        for _ in range(2):
            lives.kill()
        lives.stop()
        assert lives.ended == len(lives.acknowledged)
        assert len(lives.page.firsts) == 3


def test_two_servers_of_one_folder_live_side_by_side(start: Callable[[], Server]) -> None:
    """Each is a hub of its own, with one history for both."""
    first, second = start(), start()
    assert second.connection["hub_id"] == f"{first.connection['hub_id']}.2"
    token = first.mint("publish", "subscribe")
    with first.publisher(token, "s_1") as (socket, _):
        _publish(socket, "op_1", "succeeded", 1)
        assert _durable(socket) == {"op_1": 1}
    assert second.ask("api/operations", token)["operations"] == []
    assert [each["id"] for each in second.ask("api/history", token)["items"]] == ["op_1"]
    for server in (first, second):
        assert server.path.exists()
        server.end(signal.SIGTERM)
        assert not server.path.exists()
