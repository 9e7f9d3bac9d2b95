"""Links by which others watch, made and taken back by ``progress-kit share``."""

import builtins
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from progress_kit.cli import main
from progress_kit.protocol import TOKEN_HEADER
from tests.integration.processes import Home, Script, Server

from .conftest import JOB, Job

Output = pytest.CaptureFixture[str]


def behind(link: str, path: str) -> tuple[int, Any]:
    """What the server answers to who has `link`."""
    page, _, token = link.partition("#token=")
    request = Request(page.removesuffix("share") + path, headers={TOKEN_HEADER: token})  # noqa: S310 - our own server
    try:
        with urlopen(request, timeout=40) as response:  # noqa: S310 - as above
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, None


def test_a_link_shows_one_operation_until_it_is_revoked(job: Job, here: Home, server: Server, capsys: Output) -> None:
    """Standard output has the link first; it reads its operation, commands nothing, and ends when it is told to."""
    with Script(here, JOB, environment={"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"}) as other:
        Job(other)
        assert main(["share", job.id]) == 0
        printed = capsys.readouterr()
        link = printed.out.splitlines()[0]
        assert link.startswith(f"http://127.0.0.1:{server.port}/progress-kit/share#token=")
        assert "works for 7 days" in printed.out
        assert "--url says how others reach" in printed.err
        status, seen = behind(link, "api/operations")
        assert (status, [each["id"] for each in seen["operations"]]) == (200, [job.id])
        assert behind(link, "api/history")[0] == 403
    assert main(["share", "--revoke", link]) == 0
    assert behind(link, "api/operations")[0] == 403


def test_a_program_gets_the_link_as_json(job: Job, capsys: Output) -> None:
    """With the address by which others reach the server, and the id to revoke it by."""
    assert main(["share", job.id, "--json", "--expires", "0.5", "--url", "https://lab.example/user/me/"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["link"].startswith("https://lab.example/user/me/progress-kit/share#token=")
    assert made["expires_in_s"] == 43_200
    assert main(["share", "--revoke", made["jti"]]) == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say what is shared"),
        (["{id}", "--expires", "31"], "at most 30 days"),
        (["{id}", "--notebook"], "is of no notebook"),
        (["{id}", "--revoke", "t_1"], "not both"),
        (["--revoke", "http://127.0.0.1/share#token=nothing"], "no link that `share` makes"),
    ],
    ids=["nothing", "too long", "no notebook", "both", "no link"],
)
def test_what_cannot_be_shared(job: Job, capsys: Output, arguments: list[str], message: str) -> None:
    """It is said before anything is made."""
    assert main(["share", *(each.format(id=job.id) for each in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_without_jupyters_server_it_says_what_to_do(job: Job, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Only a login may share, and where that is noted down, Jupyter's server knows."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("jupyter_server"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["share", job.id]) == 2
    assert "pip install 'progress-kit[jupyter]'" in capsys.readouterr().err


def test_a_server_without_a_token_shares_from_its_pages(
    job: Job, here: Home, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """A password cannot be read from a file, so the command says where to go."""
    one = {"pid": server.process.pid, "token": ""}
    monkeypatch.setattr("jupyter_server.serverapp.list_running_servers", lambda: iter([one]))
    assert main(["share", job.id]) == 2
    assert "has a password and no token" in capsys.readouterr().err
