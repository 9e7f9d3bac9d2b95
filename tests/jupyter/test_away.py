"""Notices outside the browser, by Apprise, to a real HTTP receiver."""

import asyncio
import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from progress_kit.hub import Announced, AwayNotice, AwayNotices, AwayPolicy
from progress_kit.model import Snapshot
from progress_kit_jupyter.away import Away, Postman, read_urls

from .conftest import Hub

SECRET = "kR7xPrivateTopic"

# Apprise loads all its plugins, and one of them a module that Python 3.13 has no longer.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Receiver:
    """A service: keeps what it is sent, answers `status`, and only when `answers` is set."""

    def __init__(self) -> None:
        self.got: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put(json.loads(body))
                receiver.answers.wait(30)
                try:
                    self.send_response(receiver.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the sender has given up

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address for Apprise; the sender gives up after half a second."""
        return f"json://127.0.0.1:{self._server.server_port}/{SECRET}?rto=0.5&cto=0.5"

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver. Whatever happens, its address is in no log."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Listen to every log; at the end, none may have had the address in it."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert SECRET not in "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.get_records("call"))


@pytest.fixture
def server_options(receiver: Receiver, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The address is in a file of the server's owner."""
    file = tmp_path / "urls"
    file.write_text(f"# me\n\n{receiver.url}\n")
    file.chmod(0o600)
    return {"ProgressKit": {"notify_file": str(file), "notify_after_s": 20.0, **getattr(request, "param", {})}}


def ended(name: str, **fields: Any) -> Snapshot:
    """Return an operation that has succeeded."""
    return Snapshot(id=name, name=name, state="succeeded", **fields)


def warnings(heard: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [record.getMessage() for record in heard.records if record.levelno >= logging.WARNING]


async def get(receiver: Receiver) -> dict[str, Any]:
    """Wait for what the receiver is sent next."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: receiver.got.get(timeout=10))


# ---------------------------------------------------------------- from the wire to the receiver


async def test_ends_that_no_page_tells_of_go_out_together(
    hub: Hub, receiver: Receiver, heard: pytest.LogCaptureFixture
) -> None:
    """One notice for what ended together, without what was too short; a health report has no word of it."""
    kernel = await hub.mint("publish")
    async with hub.peer(kernel, session="s_1") as publisher:
        error = {"type": "ValueError", "message": "bad <b>row</b>"}
        notebook = {"notebook": "work/a.ipynb"}
        await publisher.publish("op_1", "failed", 1, name="Train", error=error, elapsed_s=40.0, origin=notebook)
        await publisher.publish("op_2", "succeeded", 1, elapsed_s=19.0)
        await publisher.publish("op_3", "succeeded", 1, elapsed_s=1.0, notify={"when": "always", "after_s": None})
        notice = await get(receiver)
    assert notice["title"] == "2 operations ended: 1 failed, 1 succeeded"
    assert notice["message"].replace("\u2060", "").splitlines() == [
        "Train failed after 40 s · ValueError: bad <b>row</b> · work/a.ipynb",
        "Operation op_3 succeeded after 1 s",
    ]
    assert notice["type"] == "failure"
    health = await hub.fetch("api/health", headers=hub.login)
    assert SECRET not in health.body.decode()


async def test_what_a_page_shows_stays_inside(hub: Hub, receiver: Receiver, heard: pytest.LogCaptureFixture) -> None:
    """A page that answers has told its user; what ends after it was closed goes out."""
    kernel = await hub.mint("publish")
    login = await hub.mint("subscribe", headers=hub.login)
    async with hub.peer(kernel, session="s_1") as publisher:
        async with hub.peer(login) as page:
            await page.send(type="presence", visible=True, focused=True, notebook=None, can_notify=True)
            await page.receive("inbox")
            await publisher.publish("op_1", "failed", 1, elapsed_s=40.0)
            request = await page.receive("notify")
            await page.send(type="notified", id=request["id"], shown="toast")
            await page.send(type="ping")
            await page.receive("pong")
        await publisher.publish("op_2", "failed", 1, elapsed_s=50.0)
        assert (await get(receiver))["title"] == "Operation op_2 failed after 50 s"


@pytest.mark.parametrize("server_options", [{"notify_away_only": False}], indirect=True)
async def test_all_can_go_out_whether_a_page_is_open_or_not(
    hub: Hub, receiver: Receiver, heard: pytest.LogCaptureFixture
) -> None:
    """With `notify_away_only` off nobody waits for a page."""
    kernel = await hub.mint("publish")
    login = await hub.mint("subscribe", headers=hub.login)
    async with hub.peer(kernel, session="s_1") as publisher, hub.peer(login) as page:
        await page.send(type="presence", visible=True, focused=True, notebook=None, can_notify=True)
        await publisher.publish("op_1", "failed", 1, elapsed_s=40.0)
        request = await page.receive("notify")
        await page.send(type="notified", id=request["id"], shown="toast")
        assert (await get(receiver))["title"] == "Operation op_1 failed after 40 s"


# ---------------------------------------------------------------- what may go wrong


def test_a_receiver_that_fails_is_one_warning(receiver: Receiver, heard: pytest.LogCaptureFixture) -> None:
    """Not one for each notice; and what works again is said to have failed again."""
    receiver.status = 500
    postman = Postman([receiver.url])
    postman.start()
    for number in range(3):
        postman.send(AwayNotice(f"{number}", "body", failed=False))
    postman.stop()
    assert [receiver.got.get(timeout=10)["title"] for _ in range(3)] == ["0", "1", "2"]
    assert warnings(heard) == ["Notices outside the browser: a service did not take a notice"]


def test_a_receiver_that_hangs_holds_up_nobody(receiver: Receiver, heard: pytest.LogCaptureFixture) -> None:
    """What it is too slow for is dropped; whoever sends never waits."""
    receiver.answers.clear()
    postman = Postman([receiver.url])
    postman.start()
    postman.send(AwayNotice("0", "body", failed=False))
    receiver.got.get(timeout=10)  # it has the first one, and is silent
    for number in range(20):
        postman.send(AwayNotice(f"{number}", "body", failed=False))
    assert warnings(heard) == ["Notices outside the browser: a service is too slow, and notices are dropped"]
    receiver.answers.set()
    postman.stop()


def test_an_address_that_apprise_does_not_know_is_named_by_its_number_only(
    receiver: Receiver, heard: pytest.LogCaptureFixture
) -> None:
    """The others are used all the same."""
    postman = Postman([f"nonsense://{SECRET}", receiver.url])
    postman.start()
    postman.send(AwayNotice("Hello", "body", failed=False))
    assert receiver.got.get(timeout=10)["title"] == "Hello"
    postman.stop()
    assert warnings(heard) == ["Notices outside the browser: Apprise does not understand 1 of 2 addresses"]


def test_without_apprise_there_is_one_warning(monkeypatch: pytest.MonkeyPatch, heard: pytest.LogCaptureFixture) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    postman = Postman([f"json://{SECRET}"])
    postman.start()
    postman.send(AwayNotice("0", "body", failed=False))
    postman.stop()
    (warning,) = warnings(heard)
    assert "pip install 'progress-kit[notify]'" in warning


async def test_ends_of_other_people_are_not_told() -> None:
    """The addresses are those of the person whose kernels these are."""
    sent: list[AwayNotice] = []

    class Noting(Postman):
        def send(self, notice: AwayNotice) -> None:
            sent.append(notice)

    away = Away("me", AwayNotices(AwayPolicy(when="always"), per_minute=1), Noting([]), untold_only=True)
    away.announced(Announced("she", (ended("Hers"),), untold=True))
    away.announced(Announced("me", (ended("Mine"),), untold=False))
    assert sent == []
    away.announced(Announced("me", (ended("Mine"),), untold=True))
    away.announced(Announced("me", (ended("Too much"),), untold=True))
    assert [notice.title for notice in sent] == ["Mine succeeded"]
    assert away._timer is not None
    away._timer.cancel()


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int, heard: pytest.LogCaptureFixture) -> None:
    """The warning says how to make it right."""
    file = tmp_path / "urls"
    file.write_text(f"json://{SECRET}\n")
    file.chmod(mode)
    assert read_urls(file) == []
    (warning,) = warnings(heard)
    assert "chmod 600" in warning


def test_no_file_and_no_text_are_no_addresses(tmp_path: Path, heard: pytest.LogCaptureFixture) -> None:
    """A missing file is nothing special; one with bytes that are no text is told of."""
    assert read_urls(tmp_path / "missing") == []
    assert warnings(heard) == []
    file = tmp_path / "urls"
    file.write_bytes(b"\xff\xfe\xff")
    file.chmod(0o600)
    assert read_urls(file) == []
    assert len(warnings(heard)) == 1
