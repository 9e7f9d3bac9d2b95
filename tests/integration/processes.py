"""Real processes for the integration tests: a Jupyter server, scripts beside it, and somebody who watches."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

from progress_kit import clock
from progress_kit.client.session import SubscriberSession
from progress_kit.connection import access, candidates
from progress_kit.connection.websocket import arguments
from progress_kit.model import Snapshot
from progress_kit.protocol import decode_hub
from progress_kit.protocol.messages import Inbox
from progress_kit.settings import Settings
from tests.faults import FaultProxy

DEADLINE_S = 40.0
ROOT = Path(__file__).parents[2]


class Home:
    """A user's directories, and the environment of a process that uses them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runtime_dir = path / "runtime"
        self.root_dir = path / "work"
        for name in ("runtime", "work", "data", "config", "ipython"):
            (path / name).mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PROGRESS_KIT"))}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "jupyter_ext")]),
            "JUPYTER_RUNTIME_DIR": str(self.runtime_dir),
            "JUPYTER_DATA_DIR": str(self.path / "data"),
            "JUPYTER_CONFIG_DIR": str(self.path / "config"),
            "JUPYTER_NO_CONFIG": "1",
            "IPYTHONDIR": str(self.path / "ipython"),
            "PYTHONWARNINGS": "default",
            "PROGRESS_KIT_DISPLAY": "off",  # standard error is for what goes wrong
            **more,
        }


class Lines:
    """The lines that a process prints, one by one."""

    def __init__(self, stream: IO[str]) -> None:
        self.all: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.all.append(line)
            self._queue.put(line.rstrip("\n"))
        stream.close()
        self._queue.put(None)

    def next(self) -> str:
        """Return the next line; fails if none comes in time or the process has ended."""
        line = self._queue.get(timeout=DEADLINE_S)
        assert line is not None, "the process has ended, it printed:\n" + "".join(self.all)
        return line

    def until(self, part: str) -> str:
        """Return the next line that contains `part`."""
        while part not in (line := self.next()):
            pass
        return line

    def rest(self) -> str:
        """Return all that was printed, once the process has ended."""
        self._thread.join(DEADLINE_S)
        return "".join(self.all)


class Server:
    """A Jupyter server with the hub in it."""

    def __init__(self, home: Home, root_dir: Path | None = None, *more: str) -> None:
        self.home = home
        options = [
            "--no-browser",
            "--allow-root",
            "--ServerApp.port=0",
            f"--ServerApp.root_dir={root_dir or home.root_dir}",
            "--ServerApp.log_level=INFO",
            *more,
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "progress_kit_jupyter", *options],
            env=home.environment(),
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.lines = Lines(self.process.stderr)
        try:
            self.lines.until("is ready")
        except BaseException:
            self.kill()
            raise

    @property
    def file(self) -> Path:
        """Its connection file."""
        return self.home.runtime_dir / f"progress-kit-{self.process.pid}.json"

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(str(json.loads(self.file.read_text())["url"])).port or 80

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def stop(self) -> None:
        """End it in good order."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def detour(server: Server, proxy: FaultProxy) -> dict[str, str]:
    """Return the environment of a process that finds `server` by way of `proxy` alone.

    What it writes down lies where the server looks for it.
    """
    content = json.loads(server.file.read_text())
    content["url"] = content["url"].replace(f":{server.port}/", f":{proxy.port}/")
    named = server.home.runtime_dir / f"by-way-of-{proxy.port}.json"
    named.touch(mode=0o600)
    named.write_text(json.dumps(content))
    nowhere = server.home.path / "nowhere"
    nowhere.mkdir(exist_ok=True)
    return {"PROGRESS_KIT_CONNECTION_FILE": str(named), "JUPYTER_RUNTIME_DIR": str(nowhere)}


class Script:
    """A Python program of the user; it prints, and reads lines to go on."""

    def __init__(
        self, home: Home, source: str, *, cwd: Path | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", source],
            env=home.environment(**(environment or {})),
            cwd=cwd or home.root_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def go_on(self) -> None:
        """Let it read one line."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        code = self.process.wait(DEADLINE_S)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.err.rest()
        self.out.rest()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


class Watcher:
    """Somebody who watches the hub over a WebSocket of its own."""

    def __init__(self, home: Home, *, cwd: Path | None = None) -> None:
        (target, *_) = candidates(Settings(), cwd=cwd or home.root_dir, runtime_dir=home.runtime_dir)
        token = access(target, ("subscribe", "command"), timeout_s=DEADLINE_S).text
        self.session = SubscriberSession(token)
        self.history: list[Snapshot] = []
        self.inbox = Inbox(unread=0, items=())
        self._connect = connect(**arguments(target, token, timeout_s=DEADLINE_S))
        self._socket: ClientConnection | None = None

    def __enter__(self) -> Self:
        self._socket = self._connect.__enter__()
        for frame in self.session.hello():
            self._socket.send(frame, text=True)
        self.until(lambda: self.session.synced)
        return self

    def __exit__(self, *exc: object) -> None:
        self._connect.__exit__(None, None, None)

    def until(self, condition: Callable[[], bool]) -> None:
        """Receive until `condition` holds."""
        assert self._socket is not None
        deadline = clock.monotonic() + DEADLINE_S
        while not condition():
            left_s = deadline - clock.monotonic()
            assert left_s > 0, f"never happened; the view is {self.session.view}"
            self.receive(left_s)

    def receive(self, timeout_s: float) -> None:
        """Take in the next frame; nothing if none comes in time."""
        assert self._socket is not None
        try:
            frame = self._socket.recv(timeout=timeout_s)
        except TimeoutError:
            return
        message = decode_hub(frame)
        if isinstance(message, Inbox):
            self.inbox = message
        for answer in self.session.received(frame):
            self._socket.send(answer, text=True)

    def wait(self, name: str, state: str, *, stored: bool | None = None, lease: str | None = None) -> Snapshot:
        """Wait until the operation called `name` is in `state`, and what else is asked for."""

        def find() -> Snapshot | None:
            for snapshot in self.session.view.values():
                hub = snapshot.hub
                if snapshot.name != name or snapshot.state != state or hub is None:
                    continue
                if (stored is None or hub.stored == stored) and (lease is None or hub.lease == lease):
                    return snapshot
            return None

        self.until(lambda: find() is not None)
        found = find()
        assert found is not None
        return found

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        assert self._socket is not None
        self._socket.send(frame, text=True)
