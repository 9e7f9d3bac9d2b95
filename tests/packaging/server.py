"""JupyterLab running from an environment, and the kernels that it starts, as a page sees them: over HTTP."""

import http.client
import json
import re
import subprocess
import uuid
from pathlib import PurePosixPath
from typing import Any, Final, Self

from websockets.sync.client import ClientConnection, connect

from progress_kit import clock
from tests.integration.processes import Home, Lines
from tests.packaging.environment import Environment

DEADLINE_S: Final = 60.0
_TOKEN: Final = "packaging"


class Lab:
    """JupyterLab from `environment`, with the directories of `home`, until it is stopped; `more` is its environment."""

    def __init__(self, environment: Environment, home: Home, **more: str) -> None:
        command = [str(environment.prefix / "bin/jupyter"), "lab", "--no-browser", "--allow-root"]
        options = ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={_TOKEN}"]
        directories = {
            "JUPYTER_RUNTIME_DIR": str(home.runtime_dir),
            "JUPYTER_DATA_DIR": str(home.path / "data"),
            "JUPYTER_CONFIG_DIR": str(home.path / "config"),
            "IPYTHONDIR": str(home.path / "ipython"),
        }
        self._process = subprocess.Popen(
            [*command, *options, f"--ServerApp.root_dir={home.root_dir}"],
            cwd=home.root_dir,
            env={**environment.env, **directories, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._lines = Lines(self._process.stderr)
        self.connection_file = home.runtime_dir / f"progress-kit-{self._process.pid}.json"
        self.headers = {"Authorization": f"token {_TOKEN}"}

    def __enter__(self) -> Self:
        try:
            while not (self._logged("progress_kit: hub .* is ready") and self._logged("Use Control-C")):
                self._lines.next()
            found = self._logged(r"http://(127\.0\.0\.1:\d+)/lab")
            assert found, self._lines.all
            self.address = found[1]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> list[str]:
        """Stop it, and return the lines that it logged."""
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        finally:
            self._process.kill()
            self._process.wait(DEADLINE_S)
        return self._lines.rest().splitlines()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET a path, or POST `body` to it, and return the JSON answer."""
        connection = http.client.HTTPConnection(self.address, timeout=DEADLINE_S)
        try:
            connection.request("POST" if body else "GET", f"/{path}", json.dumps(body) if body else None, self.headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.load(response)
        finally:
            connection.close()
        assert response.status in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}, answer
        return answer

    def _logged(self, pattern: str) -> re.Match[str] | None:
        return next((found for line in self._lines.all if (found := re.search(pattern, line))), None)


class Kernel:
    """A kernel that `lab` starts for a notebook (a path under its root), and all that it has said."""

    def __init__(self, lab: Lab, spec: str, notebook: str) -> None:
        name = PurePosixPath(notebook).name
        asked = {"type": "notebook", "path": notebook, "name": name, "kernel": {"name": spec}}
        self.id: str = lab.ask("api/sessions", asked)["kernel"]["id"]
        self._connect = connect(
            f"ws://{lab.address}/api/kernels/{self.id}/channels",
            additional_headers=lab.headers,
            open_timeout=DEADLINE_S,
            max_size=None,
            proxy=None,
        )
        self._socket: ClientConnection | None = None
        self._said: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        self._socket = self._connect.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._connect.__exit__(None, None, None)

    def execute(self, code: str, **expressions: str) -> None:
        """Run a cell that may ask for input; the expressions are evaluated after it."""
        content = {"code": code, "silent": False, "allow_stdin": True, "user_expressions": expressions}
        self._send("shell", "execute_request", content)

    def answer_input(self) -> None:
        """Answer ``input()`` with an empty line."""
        self._send("stdin", "input_reply", {"value": ""})

    def said(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return the `count`-th message of one kind; waits for it."""
        assert self._socket is not None
        deadline = clock.monotonic() + DEADLINE_S
        while len(found := [content for each, content in self._said if each == kind]) < count:
            message = json.loads(self._socket.recv(timeout=deadline - clock.monotonic()))
            self._said.append((message["msg_type"], message["content"]))
        return found[count - 1]

    def _send(self, channel: str, kind: str, content: dict[str, Any]) -> None:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": "packaging",
            "username": "",
            "version": "5.3",
        }
        message = {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": content}
        assert self._socket is not None
        self._socket.send(json.dumps(message))
