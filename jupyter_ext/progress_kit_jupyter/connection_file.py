"""The connection file: how the processes of this user find the hub and get in."""

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import msgspec
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import check_pid

from progress_kit.protocol.bundle import ConnectionFile
from progress_kit_jupyter.identity import write_private

ENVIRONMENT: Final = "PROGRESS_KIT_CONNECTION_FILE"
_NAME: Final = re.compile(r"progress-kit-(\d+)\.json")
_EVERYWHERE: Final = frozenset({"", "*", "localhost", "0.0.0.0"})  # noqa: S104 - compared with, never bound


class ConnectionFileOwner:
    """Writes this server's connection file, names it to the kernels, and removes both at a clean stop."""

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir
        self.path = runtime_dir / f"progress-kit-{os.getpid()}.json"
        self._written: bytes | None = None

    def write(self, content: ConnectionFile) -> None:
        """Write the file and set the environment for kernels; raises `OSError`."""
        remove_dead(self._runtime_dir)
        self._written = msgspec.json.encode(content)
        write_private(self.path, self._written)
        os.environ[ENVIRONMENT] = str(self.path)

    def remove(self) -> None:
        """Undo `write`, as far as nobody else has written since."""
        if os.environ.get(ENVIRONMENT) == str(self.path):
            del os.environ[ENVIRONMENT]
        with contextlib.suppress(OSError):
            if self.path.read_bytes() == self._written:
                self.path.unlink()


def remove_dead(runtime_dir: Path) -> None:
    """Remove the files of servers that no longer run."""
    for path in runtime_dir.glob("progress-kit-*.json"):
        match = _NAME.fullmatch(path.name)
        if match and not check_pid(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def describe(server: ServerApp, hub_id: str, secret: str) -> ConnectionFile:
    """Return how `server` is reached from this machine, once its port is final."""
    host = f"{_loopback(server.ip)}:{server.port}"
    return ConnectionFile(
        hub_id=hub_id,
        url=f"{'https' if server.certfile else 'http'}://{'localhost' if server.sock else host}"
        f"{server.base_url}progress-kit/",
        unix_socket=server.sock or None,
        cafile=os.path.abspath(server.certfile) if server.certfile else None,  # noqa: PTH100 - keeps symlinks
        pid=os.getpid(),
        root_dir=os.path.abspath(server.root_dir),  # noqa: PTH100 - as above
        token=secret,
    )


def _loopback(ip: str) -> str:
    if ip in _EVERYWHERE:
        return "127.0.0.1"
    if ":" in ip:
        return "[::1]" if ip == "::" else f"[{ip}]"
    return ip  # the one address that the server listens on
