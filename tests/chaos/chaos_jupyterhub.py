"""A real JupyterHub with two users behind its proxy: whose operations are whose, and who is culled as idle.

It installs JupyterHub by pip, and its proxy by npm, into a directory of its own, which takes a minute or two.
"""

import json
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from progress_kit import clock
from progress_kit.client.session import SubscriberSession
from progress_kit.model import Snapshot
from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER
from tests.integration.processes import Lines
from tests.packaging.environment import ROOT, Environment

DEADLINE_S: Final = 120.0
IDLE_S: Final = 60
"""So long without activity, and a server is culled; progress_kit looks every 30 s whether something runs."""
SECRET: Final = "0123456789abcdef" * 2
BASE: Final = "/of/us/"
JOB: Final = """
import progress_kit as pk
for _ in pk.track(iter(input, "end"), "Nightly", total=2): pass
"""
CELL: Final = """
import progress_kit as pk
for _ in pk.track(iter(input, "end"), "In a cell", total=2): pass
"""


def config(home: Path, python: Path, proxy: Path, port: int, api_port: int) -> str:
    """Return the configuration of a hub whose users have nothing to do with those of this machine."""
    culler = [str(python), "-m", "jupyterhub_idle_culler", f"--timeout={IDLE_S}", "--cull-every=5"]
    services = [{"name": "tests", "api_token": SECRET}, {"name": "culler", "command": culler}]
    roles = [
        {"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "tokens"]},
        {
            "name": "culler",
            "services": ["culler"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        },
    ]
    environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": "5", "PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"}
    return f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{port}{BASE}"
c.JupyterHub.hub_port = {free_port()}
c.JupyterHub.db_url = "sqlite:///{home}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{home}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = {services!r}
c.JupyterHub.load_roles = {roles!r}
c.ConfigurableHTTPProxy.command = "{proxy}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = "{home}/proxy.pid"
c.Authenticator.allow_all = True
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {environment!r}
c.Spawner.http_timeout = 120
c.SimpleLocalProcessSpawner.home_dir_template = "{home}/{{username}}"
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class JupyterHub:
    """A hub, its proxy and its culler, from an environment."""

    def __init__(self, environment: Environment, proxy: Path, home: Path) -> None:
        python = environment.prefix / "bin/python"
        port = free_port()
        self.home = home
        self.python = python
        self.address = f"127.0.0.1:{port}{BASE}"
        file = home / "jupyterhub_config.py"
        file.write_text(config(home, python, proxy, port, free_port()))
        self.environment = {**environment.env, "PATH": f"{environment.prefix}/bin:{Path(node()).parent}:/usr/bin:/bin"}
        self.process = subprocess.Popen(
            [str(python), "-m", "jupyterhub", "--config", str(file)],
            cwd=home,
            env={**self.environment, "CONFIGPROXY_AUTH_TOKEN": SECRET},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.lines = Lines(self.process.stderr)

    def __enter__(self) -> Self:
        try:
            self.lines.until("JupyterHub is now running")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, with its proxy and its users' servers."""
        self.process.terminate()
        self.process.wait(DEADLINE_S)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the hub itself, as its administrator."""
        status, answer = self.request(method, f"hub/api/{path}", SECRET, body)
        assert status < 400, (path, status, answer)
        return answer

    def request(self, method: str, path: str, token: str | None, body: object = None, **more: str) -> tuple[int, Any]:
        """Send a request through the proxy; `token` is one of JupyterHub's."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"token {token}"} if token else {}), **more}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://{self.address}{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - as above
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except json.JSONDecodeError:
            return 200, text.decode()

    def is_running(self, user: str) -> bool:
        """Whether a user's server is there."""
        return bool(self.ask("GET", f"users/{user}")["servers"])

    def until(self, condition: Callable[[], bool], within_s: float = DEADLINE_S) -> float:
        """Look every second until `condition` holds; return how long that took."""
        began = clock.monotonic()
        while not condition():
            assert clock.monotonic() < began + within_s, "".join(self.lines.all[-40:])
            clock.sleep(1)
        return clock.monotonic() - began


class User:
    """One with a server that runs."""

    def __init__(self, hub: JupyterHub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.home = hub.home / name
        hub.ask("POST", f"users/{name}")
        hub.ask("POST", f"users/{name}/server")
        hub.until(lambda: hub.ask("GET", f"users/{name}")["servers"].get("", {}).get("ready", False))
        self.token: str = hub.ask("POST", f"users/{name}/tokens", {})["token"]

    def mint(self, scopes: list[str], whose: "User | None" = None, **more: object) -> tuple[int, Any]:
        """Ask a server for a token of progress_kit: their own one, or another user's."""
        path = f"user/{(whose or self).name}/progress-kit/api/tokens"
        body = {"scopes": scopes, "operation": None, "notebook": None, "expires_in_s": 300, **more}
        return self.hub.request("POST", path, self.token, body)

    def script(self) -> subprocess.Popen[str]:
        """A program of theirs beside their server, which goes on until it reads ``end``."""
        return subprocess.Popen(
            [str(self.hub.python), "-c", JOB],
            cwd=self.home,
            env={**self.hub.environment, "HOME": str(self.home), "PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"},
            stdin=subprocess.PIPE,
            text=True,
        )

    def seen(self, name: str, state: str) -> Snapshot:
        """Wait until their page would show an operation: over a socket that has nothing but ``Authorization``."""
        status, minted = self.mint(["subscribe"])
        assert status == 201, minted
        session = SubscriberSession(minted["token"])
        with self.socket(self) as socket:
            for frame in session.hello():
                socket.send(frame, text=True)
            deadline = clock.monotonic() + DEADLINE_S
            while True:
                for answer in session.received(socket.recv(timeout=deadline - clock.monotonic())):
                    socket.send(answer, text=True)
                for each in session.view.values():
                    if each.name == name and each.state == state:
                        return each

    def socket(self, whose: "User") -> Any:
        """A connection to the socket of somebody's server."""
        return connect(
            f"ws://{self.hub.address}user/{whose.name}/progress-kit/ws",
            additional_headers={"Authorization": f"token {self.token}"},
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            proxy=None,
        )

    def names(self, whose: "User") -> tuple[int, list[str]]:
        """The operations that they are told of by a server."""
        status, answer = self.hub.request("GET", f"user/{whose.name}/progress-kit/api/operations", self.token)
        return status, [each["name"] for each in answer["operations"]] if status == 200 else []


def node() -> str:
    """Return where node is; the proxy runs on it."""
    found = shutil.which("node")
    assert found is not None, "JupyterHub's proxy needs node"
    return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """A running hub whose users' servers have progress_kit."""
    home = tmp_path_factory.mktemp("jupyterhub")
    environment = Environment(home)
    environment.install(f"{ROOT}[lab]", "jupyterhub>=5.2", "jupyterhub-idle-culler>=1.4", "ipykernel")
    proxy = home / "proxy"
    proxy.mkdir()
    # Version 5 wants a newer node than many machines have.
    npm = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(proxy), "configurable-http-proxy@4"]
    subprocess.run(npm, check=True, capture_output=True, cwd=proxy)
    with JupyterHub(environment, proxy / "node_modules/.bin/configurable-http-proxy", home) as running:
        yield running


@pytest.fixture(scope="module")
def alice(hub: JupyterHub) -> User:
    """A user."""
    return User(hub, "alice")


@pytest.fixture(scope="module")
def bob(hub: JupyterHub) -> User:
    """Another one."""
    return User(hub, "bob@example.org")


@pytest.mark.timeout(900)
def test_each_user_sees_their_own(alice: User, bob: User) -> None:
    """By page, socket and REST, under a base URL; the other one and strangers are refused."""
    with alice.script() as job:
        found = alice.seen("Nightly", "running")
        assert found.hub is not None
        assert found.hub.owner == "alice"
        assert alice.names(alice) == (200, ["Nightly"])
        assert bob.names(bob) == (200, [])
        assert bob.names(alice)[0] == 403
        assert bob.mint(["subscribe"], alice)[0] == 403
        with pytest.raises(InvalidStatus), bob.socket(alice):
            pass
        status, _ = alice.hub.request("GET", "user/alice/progress-kit/api/operations", None)
        assert status == 403
        # A link opens for who has no login at all, at the same address.
        status, link = alice.mint(["subscribe"], operation=found.id, expires_in_s=600)
        assert status == 201
        share = {TOKEN_HEADER: link["token"]}
        status, page = alice.hub.request("GET", "user/alice/progress-kit/share", None)
        assert (status, "<title>" in page) == (200, True)
        status, shown = alice.hub.request("GET", "user/alice/progress-kit/api/operations", None, None, **share)
        assert (status, [each["id"] for each in shown["operations"]]) == (200, [found.id])
        path = f"user/{bob.name}/progress-kit/api/operations"
        assert alice.hub.request("GET", path, None, None, **share)[0] == 403
        job.communicate("end\n", DEADLINE_S)
    alice.seen("Nightly", "succeeded")


@pytest.mark.timeout(900)
def test_a_cell_reports_to_its_users_server(alice: User) -> None:
    """With kernel and owner."""
    status, kernel = alice.hub.request("POST", "user/alice/api/kernels", alice.token, {"name": "python3"})
    assert status == 201
    content = {"code": CELL, "silent": False, "allow_stdin": True, "user_expressions": {}, "stop_on_error": True}
    with connect(
        f"ws://{alice.hub.address}user/alice/api/kernels/{kernel['id']}/channels",
        additional_headers={"Authorization": f"token {alice.token}"},
        max_size=None,
        proxy=None,
    ) as socket:

        def send(channel: str, kind: str, content: object) -> None:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "s", "username": "", "version": "5.3"}
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel}
            socket.send(json.dumps(message))

        send("shell", "execute_request", content)
        found = alice.seen("In a cell", "running")
        assert found.origin.kernel_id == kernel["id"]
        assert found.hub is not None
        assert found.hub.owner == "alice"
        send("stdin", "input_reply", {"value": "end"})
        alice.seen("In a cell", "succeeded")
    assert alice.hub.request("DELETE", f"user/alice/api/kernels/{kernel['id']}", alice.token)[0] == 204


@pytest.mark.timeout(900)
def test_who_has_something_running_is_not_culled(hub: JupyterHub, alice: User, bob: User) -> None:
    """Bob's server is ended after a minute of nothing; that of Alice stays, until her operation has ended."""
    with alice.script() as job:
        alice.seen("Nightly", "running")
        bob_s = hub.until(lambda: not hub.is_running(bob.name), 3 * DEADLINE_S)
        began = clock.monotonic()
        hub.until(lambda: clock.monotonic() > began + 1.5 * IDLE_S)
        assert hub.is_running("alice")
        job.communicate("end\n", DEADLINE_S)
    alice_s = hub.until(lambda: not hub.is_running("alice"), 3 * DEADLINE_S)
    print(f"\nJupyterHub, idle after {IDLE_S} s: without operations culled after {bob_s:.0f} s")
    print(f"  with one, alive {1.5 * IDLE_S:.0f} s later; culled {alice_s:.0f} s after its end")
