"""Which hub a process finds, on real files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from progress_kit.connection import candidates, discover
from progress_kit.errors import HubNotFoundError
from progress_kit.settings import Settings


class Servers:
    """Writes connection files as servers would, each newer than the one before."""

    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.count = 0

    def __call__(self, hub_id: str, root_dir: str | Path, *, pid: int | None = None, mode: int = 0o600) -> Path:
        self.count += 1
        path = self.runtime_dir / f"progress-kit-{self.count}.json"
        content = {
            "version": 1,
            "hub_id": hub_id,
            "url": f"http://127.0.0.1:{8000 + self.count}/progress-kit/",
            "unix_socket": None,
            "cafile": None,
            "pid": os.getpid() if pid is None else pid,
            "root_dir": str(root_dir),
            "token": "s" * 43,
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        path.chmod(mode)
        os.utime(path, (1_700_000_000 + self.count, 1_700_000_000 + self.count))
        return path

    def ids(
        self, settings: Settings | None = None, cwd: str | Path = "/", hub_id: str | None = None
    ) -> list[str | None]:
        found = candidates(settings or Settings(), cwd=Path(cwd), hub_id=hub_id, runtime_dir=self.runtime_dir)
        return [target.hub_id for target in found]


@pytest.fixture
def server(tmp_path: Path) -> Servers:
    """Call it to write a connection file."""
    runtime_dir = tmp_path / "runtime"
    runtime_dir.mkdir()
    return Servers(runtime_dir)


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_url_and_token_of_the_environment_are_the_only_hub(server: Servers) -> None:
    """`PROGRESS_KIT_HUB_URL` with `PROGRESS_KIT_TOKEN` wins over every file, and nothing else is tried."""
    path = server("h_file", "/")
    settings = Settings(hub_url="https://hub.example/user/ada/progress-kit", token="jwt", connection_file=path)
    (target,) = candidates(settings, cwd=Path("/"), runtime_dir=server.runtime_dir)
    assert target.url == "https://hub.example/user/ada/progress-kit/"
    assert target.token == "jwt"
    assert target.websocket_url == "wss://hub.example/user/ada/progress-kit/ws"
    assert target.api_path("tokens") == "/user/ada/progress-kit/api/tokens"


def test_the_named_file_comes_before_better_ones(server: Servers, tmp_path: Path) -> None:
    """A kernel talks to the server that started it, even if another one is newer and nearer."""
    named = server("h_mine", "/elsewhere")
    server("h_near", tmp_path)
    assert server.ids(Settings(connection_file=named), tmp_path) == ["h_mine", "h_near"]


def test_the_named_file_may_lie_anywhere(server: Servers, tmp_path: Path) -> None:
    """The file that the environment names need not be in the runtime directory."""
    named = server("h_mine", "/").rename(tmp_path / "my-hub.json")
    assert server.ids(Settings(connection_file=named)) == ["h_mine"]


def test_a_restarted_server_is_found_by_its_hub_id(server: Servers, tmp_path: Path, dead_pid: int) -> None:
    """The named file's server is dead: the living one with the same hub id is it, started again."""
    named = server("h_mine", "/elsewhere", pid=dead_pid)
    server("h_mine", "/elsewhere")
    server("h_near", tmp_path)
    assert server.ids(Settings(connection_file=named), tmp_path) == ["h_mine", "h_near"]


def test_the_hub_that_was_used_before_is_found_again(server: Servers, tmp_path: Path) -> None:
    """A process without the variable finds its hub again after a restart, by the id that it remembers."""
    server("h_before", "/elsewhere")
    server("h_near", tmp_path)
    assert server.ids(cwd=tmp_path, hub_id="h_before") == ["h_before", "h_near"]


def test_the_deepest_root_directory_around_the_working_directory_wins(server: Servers, tmp_path: Path) -> None:
    """A script belongs to the server of the innermost project that it is in; a neighbour's server comes last."""
    (tmp_path / "project" / "src").mkdir(parents=True)
    server("h_project", tmp_path / "project")
    server("h_home", tmp_path)
    server("h_neighbour", tmp_path / "project" / "src-other")
    assert server.ids(cwd=tmp_path / "project" / "src") == ["h_project", "h_home", "h_neighbour"]


def test_else_the_newest_file_wins(server: Servers) -> None:
    """Where no root directory fits, the server that was started last is taken."""
    server("h_old", "/a")
    server("h_new", "/b")
    assert server.ids(cwd="/usr") == ["h_new", "h_old"]


def test_dead_servers_are_passed_over(server: Servers, dead_pid: int) -> None:
    """A file whose process has ended is no hub."""
    server("h_dead", "/", pid=dead_pid)
    server("h_zero", "/", pid=0)
    assert server.ids() == []


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o666, 0o604])
def test_files_that_others_can_read_or_write_are_not_trusted(server: Servers, mode: int) -> None:
    """Whoever can write the file could make us send our names elsewhere; whoever reads it has the secret."""
    server("h_open", "/", mode=mode)
    assert server.ids() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_of_other_users_are_not_trusted(server: Servers) -> None:
    """A file in a shared directory that somebody else left is not ours, whatever its mode."""
    os.chown(server("h_theirs", "/"), 65534, 65534)
    assert server.ids() == []


def test_a_symbolic_link_is_not_followed(server: Servers, tmp_path: Path) -> None:
    """A link in the runtime directory could point to anything."""
    real = server("h_real", "/").rename(tmp_path / "real.json")
    (server.runtime_dir / "progress-kit-9.json").symlink_to(real)
    assert server.ids() == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"version":1}', b'{"url":"x"}' + b" " * 100_000, b"[" * 50_000],
)
def test_unreadable_and_alien_files_are_passed_over(server: Servers, content: bytes) -> None:
    """Broken or foreign files with a fitting name never raise, and the good one is still found."""
    path = server("h_x", "/")
    path.write_bytes(content)
    server("h_good", "/")
    (server.runtime_dir / "progress-kit-dir.json").mkdir()
    os.mkfifo(server.runtime_dir / "progress-kit-pipe.json", 0o600)
    assert server.ids() == ["h_good"]


def test_an_address_that_is_not_http_is_passed_over(server: Servers) -> None:
    """Only http and https are spoken."""
    path = server("h_x", "/")
    path.write_text(path.read_text().replace("http://", "file://"))
    assert server.ids() == []


def test_no_hub_says_what_to_do(server: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks a hub where none runs learns how to start one."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime_dir))
    with pytest.raises(HubNotFoundError, match="jupyter lab"):
        discover(Settings())
    with pytest.raises(HubNotFoundError, match="PROGRESS_KIT_TOKEN"):
        discover(Settings(hub_url="http://127.0.0.1:1/progress-kit/"))


def test_an_url_without_token_means_only_that_server(server: Servers) -> None:
    """`PROGRESS_KIT_HUB_URL` alone picks one of this user's own servers."""
    server("h_1", "/")
    server("h_2", "/")
    assert server.ids(Settings(hub_url="http://127.0.0.1:8001/progress-kit")) == ["h_1"]


def test_a_removed_working_directory_is_no_error(
    server: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process whose directory was deleted still finds a hub."""
    server("h_1", "/")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert [target.hub_id for target in candidates(Settings(), runtime_dir=server.runtime_dir)] == ["h_1"]


def test_no_credential_is_ever_shown(server: Servers) -> None:
    """Neither secret nor token is in a target's repr."""
    server("h_1", "/")
    (found,) = candidates(Settings(), runtime_dir=server.runtime_dir)
    (given,) = candidates(Settings(hub_url="http://127.0.0.1/", token="tttttt"))
    assert "sss" not in repr(found)
    assert "ttt" not in repr(given)
