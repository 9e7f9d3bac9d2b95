"""How a process finds the hub: the connection file, the hub's id and its key."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from progress_kit_jupyter.connection_file import ENVIRONMENT, describe, remove_dead
from progress_kit_jupyter.identity import HubLock, hub_id_of, signing_key, write_private

from .conftest import Hub

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


async def test_the_file_says_how_to_get_in(hub: Hub, jp_runtime_dir: Path, jp_root_dir: Path) -> None:
    """It is there before a kernel starts, readable for the user alone, and named in the kernels' environment."""
    path = jp_runtime_dir / f"progress-kit-{os.getpid()}.json"
    assert os.environ[ENVIRONMENT] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = json.loads(path.read_text())
    assert content["url"] == f"http://127.0.0.1:{hub.port}/a%40b/progress-kit/"
    assert content["pid"] == os.getpid()
    assert content["root_dir"] == str(jp_root_dir)
    assert len(content["token"]) == 43
    assert content["version"] == 1


async def test_a_clean_stop_takes_it_away(hub: Hub) -> None:
    """Nobody is sent to a server that is not there, and what was asked is refused in good order."""
    running = hub.app.running
    assert running is not None
    await hub.app.stop_extension()
    assert not running.file.path.exists()
    assert ENVIRONMENT not in os.environ
    assert (await hub.fetch("api/health", headers=hub.login)).code == 503
    await hub.app.stop_extension()  # once more does no harm
    await hub.app._start_jupyter_server_extension(hub.serverapp)
    assert not running.file.path.exists()  # and a start that comes too late does nothing


def test_a_start_takes_away_what_dead_servers_left(tmp_path: Path) -> None:
    """Files of processes that are gone are removed; those of living ones and of others stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    for name in (process.pid, os.getpid(), "key", "spool-1"):
        (tmp_path / f"progress-kit-{name}.json").write_text("{}")
    remove_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"progress-kit-{os.getpid()}.json",
        "progress-kit-key.json",
        "progress-kit-spool-1.json",
    }


@pytest.mark.parametrize(
    "server, url",
    [
        ({}, "http://127.0.0.1:8888/progress-kit/"),
        ({"ip": "0.0.0.0"}, "http://127.0.0.1:8888/progress-kit/"),  # noqa: S104 - an example
        ({"ip": "::"}, "http://[::1]:8888/progress-kit/"),
        ({"ip": "192.0.2.7"}, "http://192.0.2.7:8888/progress-kit/"),
        ({"certfile": "/etc/cert.pem"}, "https://127.0.0.1:8888/progress-kit/"),
        ({"base_url": "/user/ann/"}, "http://127.0.0.1:8888/user/ann/progress-kit/"),
        ({"sock": "/run/jupyter.sock"}, "http://localhost/progress-kit/"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(server: dict[str, Any], url: str) -> None:
    """Loopback wherever the server listens on it; certificate and socket come along."""
    values = {"ip": "localhost", "port": 8888, "base_url": "/", "certfile": "", "sock": "", "root_dir": "/home/ann"}
    content = describe(cast("ServerApp", SimpleNamespace(**values | server)), "h_1", "secret")
    assert content.url == url
    assert content.cafile == server.get("certfile")
    assert content.unix_socket == server.get("sock")
    assert "secret" not in repr(content)


def test_a_second_server_of_one_directory_is_another_hub(tmp_path: Path) -> None:
    """While the first lives the second gets an id of its own; when it has gone its id is free again."""
    first, second = HubLock(tmp_path, "h_1"), HubLock(tmp_path, "h_1")
    assert (first.hub_id, second.hub_id) == ("h_1", "h_1.2")
    first.release()
    third = HubLock(tmp_path, "h_1")
    assert third.hub_id == "h_1"
    second.release()
    third.release()


def test_key_and_id_are_made_once(tmp_path: Path) -> None:
    """Both are the same after a restart; the id is another one for another directory or user."""
    key = signing_key(tmp_path)
    assert signing_key(tmp_path) == key
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "progress-kit-key").stat().st_mode) == 0o600
    assert hub_id_of(tmp_path, key) == hub_id_of(tmp_path, key)
    assert len({hub_id_of(tmp_path, key), hub_id_of(tmp_path.parent, key), hub_id_of(tmp_path, b"other" * 10)}) == 3


def test_a_key_that_was_half_written_is_made_anew(tmp_path: Path) -> None:
    """A crash while the key was made costs nothing but that key."""
    (tmp_path / "progress-kit-key").write_bytes(b"short")
    assert len(signing_key(tmp_path)) >= 32


@pytest.mark.parametrize(
    "mode, believed", [(0o640, True), (0o660, True), (0o604, False), (0o644, False), (0o666, False)]
)
def test_a_key_that_others_could_reach(
    tmp_path: Path,
    mode: int,
    believed: bool,  # noqa: FBT001 - named by its id
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was open to the group is closed; what was open to everybody may be known to anybody, and is replaced."""
    key = signing_key(tmp_path)
    path = tmp_path / "progress-kit-key"
    path.chmod(mode)
    assert (signing_key(tmp_path) == key) is believed
    assert (f"mode {mode:o}" in caplog.text) is not believed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(tmp_path) == path.read_bytes()


def test_a_key_that_somebody_else_put_there_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a link to a file that others know believed, nor a pipe that nobody writes into."""
    path = tmp_path / "progress-kit-key"
    known = signing_key(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere" / "progress-kit-key")
    assert signing_key(tmp_path) != known
    assert not path.is_symlink()
    path.unlink()
    os.mkfifo(path, 0o600)
    assert signing_key(tmp_path) == path.read_bytes()
    mine = path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert signing_key(tmp_path) != mine


@pytest.mark.parametrize("content", [b"", b"x" * 31, bytes(64), b"changeme" * 8], ids=["empty", "31", "zeros", "text"])
def test_a_weak_key_is_replaced(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Too short, or not random: it is made anew, and the log says so but shows neither."""
    path = tmp_path / "progress-kit-key"
    path.write_bytes(content)
    path.chmod(0o600)
    key = signing_key(tmp_path)
    assert key not in {b"", content}
    assert len(key) == 64
    assert "no random key of at least 32 bytes" in caplog.text
    assert key.hex() not in caplog.text
    assert signing_key(tmp_path) == key


def test_whoever_is_first_makes_the_key(tmp_path: Path) -> None:
    """Of two servers that start at once one makes the key, and both use it."""
    write_private(tmp_path / "key", b"first", replace=False)
    write_private(tmp_path / "key", b"second", replace=False)
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(
    "limits", [{"lease": 3}, {"lease_s": -1}, {"lease_s": "long"}, {"lease_s": 0}, {"frame_bytes": float("nan")}]
)
def test_limits_that_cannot_be_meant(limits: dict[str, Any]) -> None:
    """A misspelt or impossible limit is refused when it is set, with the names that exist."""
    from traitlets import TraitError

    from progress_kit_jupyter import ProgressKit

    with pytest.raises(TraitError, match="lease_s"):
        ProgressKit(limits=limits)


@pytest.mark.parametrize("server_options", [{"ProgressKit": {"limits": {"lease_s": 33, "ping_s": 7.5}}}])
async def test_limits_are_told_to_every_client(hub: Hub) -> None:
    """What the administrator sets is what `welcome` says."""
    async with hub.peer(await hub.mint("subscribe")) as peer:
        assert (peer.welcome["lease_s"], peer.welcome["ping_s"]) == (33, 7.5)
