"""Which hub to talk to: what the environment names, else what the connection files of this user's servers say."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from progress_kit.connection.target import Target
from progress_kit.errors import HubNotFoundError
from progress_kit.protocol.bundle import ConnectionFile
from progress_kit.settings import Settings

PATTERN: Final = "progress-kit-*.json"
_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    connection: ConnectionFile
    modified_ns: int


def candidates(
    settings: Settings, *, cwd: Path | None = None, hub_id: str | None = None, runtime_dir: Path | None = None
) -> list[Target]:
    """Return the hubs that this process may use, the best first; empty if there is none.

    In order: the environment's (`settings.hub_url` with `settings.token`), which then is the only one; the living file
    that `settings.connection_file` names; those of the same hub, `hub_id` or the id in that file, whose server was
    started again; those whose root directory is the deepest parent of `cwd` (default: the working directory); the
    newest. Files of dead processes, of other users, with other modes than 0600, and what is no connection file are
    passed over. `runtime_dir` defaults to Jupyter's.
    """
    if settings.hub_url and settings.token:
        return [Target(url=_base(settings.hub_url), token=settings.token)]
    named = _read(settings.connection_file) if settings.connection_file else None
    if named and hub_id is None:
        hub_id = named.connection.hub_id
    found = {item.path: item for item in map(_read, _files(runtime_dir)) if item}
    if named:
        found[named.path] = named
    where = _resolved(cwd)

    def order(item: _Found) -> tuple[bool, bool, int, int]:
        connection = item.connection
        return (
            item is named,
            connection.hub_id == hub_id,
            _depth(connection.root_dir, where),
            item.modified_ns,
        )

    living = [item for item in found.values() if is_alive(item.connection.pid)]
    targets = [_target(item.connection) for item in sorted(living, key=order, reverse=True)]
    if settings.hub_url:
        # Named without a token: only that one is meant, and its connection file may let us in.
        return [target for target in targets if target.url == _base(settings.hub_url)]
    return targets


def discover(settings: Settings, *, cwd: Path | None = None, hub_id: str | None = None) -> Target:
    """Return the best of `candidates`; raises `HubNotFoundError` if there is none, with what to do."""
    targets = candidates(settings, cwd=cwd, hub_id=hub_id)
    if targets:
        return targets[0]
    if settings.hub_url:
        raise HubNotFoundError(
            f"PROGRESS_KIT_HUB_URL={settings.hub_url!r} is no running server of yours: set PROGRESS_KIT_TOKEN too"
        )
    raise HubNotFoundError(
        "no running Jupyter server with progress_kit was found: start one with `jupyter lab`, "
        "or set PROGRESS_KIT_HUB_URL and PROGRESS_KIT_TOKEN"
    )


def servers(*, runtime_dir: Path | None = None) -> list[tuple[Path, ConnectionFile]]:
    """Return the connection files of this user's running servers and where they are, the newest first."""
    found = [item for item in map(_read, _files(runtime_dir)) if item and is_alive(item.connection.pid)]
    found.sort(key=lambda item: item.modified_ns, reverse=True)
    return [(item.path, item.connection) for item in found]


def _base(url: str) -> str:
    return url if url.endswith("/") else url + "/"


def _files(runtime_dir: Path | None) -> list[Path]:
    if runtime_dir is None:
        from jupyter_core.paths import jupyter_runtime_dir

        runtime_dir = Path(jupyter_runtime_dir())
    return list(runtime_dir.glob(PATTERN))


def _read(path: Path) -> _Found | None:
    """Read one connection file; None for everything that is not a trustworthy one."""
    try:
        # Opened first and judged by its descriptor, so that nobody can swap the file in between.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not is_trusted(status):
            return None
        raw = os.read(descriptor, _MAX_BYTES)
        connection = msgspec.json.decode(raw, type=ConnectionFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        os.close(descriptor)
    if not connection.url.startswith(("http://", "https://")):
        return None
    return _Found(path.absolute(), connection, status.st_mtime_ns)


def is_trusted(status: os.stat_result) -> bool:
    """Whether a file is a regular one of this user that nobody else can read."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if sys.platform == "win32":
        return True  # the runtime directory's access list does there what owner and mode do here
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077 == 0


def is_alive(pid: int) -> bool:
    """Whether there is such a process; on Windows that is taken to be so."""
    if sys.platform == "win32":
        return True  # os.kill would end the process; a dead server is found out by connecting
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # it lives, and belongs to another user
    except (OSError, OverflowError):
        return False
    return True


def _resolved(cwd: Path | None) -> Path | None:
    try:
        return (cwd or Path.cwd()).resolve()
    except OSError:
        return None  # the working directory was removed


def _depth(root_dir: str, cwd: Path | None) -> int:
    """Return how deep `root_dir` is if it is `cwd` or a parent of it, else 0."""
    try:
        root = Path(root_dir).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        return 0
    return len(root.parts) if cwd and cwd.is_relative_to(root) else 0


def _target(connection: ConnectionFile) -> Target:
    return Target(
        url=_base(connection.url),
        secret=connection.token,
        hub_id=connection.hub_id,
        pid=connection.pid,
        unix_socket=connection.unix_socket,
        cafile=connection.cafile,
    )
