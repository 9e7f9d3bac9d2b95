"""Processes that are gone a moment after their operation has ended, or before: nothing is lost, nothing said twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from progress_kit.protocol import encode
from progress_kit.protocol.messages import Presence
from tests.integration.processes import Home, Script, Server, Watcher

pytestmark = pytest.mark.slow

# A short lease: so often the hub looks for what dead processes left.
OPTIONS: Final = (
    "--ProgressKit.limits",
    "lease_s=2",
    "--ProgressKit.limits",
    "heartbeat_s=0.5",
)

SHORT: Final = """
import os, signal, sys, threading
import progress_kit as pk
try:
    with pk.ProgressTracker({name!r}, stages={{"main": 1}}):
        if {state!r} == "failed":
            raise ValueError("no luck")
        threading.Event().wait(0.6)
except ValueError:
    pass
{leave}
"""
WAYS: Final = {
    "normally": "",
    "sys.exit": "sys.exit(3)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "os._exit": "os._exit(4)",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The directories that the tests of this file share."""
    return Home(tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """The server that they share."""
    with Server(home, None, *OPTIONS) as running:
        yield running


def run_all(home: Home, round_: str) -> dict[str, str]:
    """Run a process for every way to leave and every end; return how each operation ended."""
    expected = {}
    for state in ("succeeded", "failed"):
        scripts = []
        for way, leave in WAYS.items():
            name = f"{round_}: {state}, leaves {way}"
            expected[name] = state
            scripts.append(Script(home, SHORT.format(name=name, state=state, leave=leave)))
        for script in scripts:
            with script:
                script.wait()
                assert script.err.rest() == ""
    return expected


def test_no_end_is_lost_however_the_process_leaves(home: Home, server: Server) -> None:
    """Right after the end: normally, `sys.exit`, SIGTERM, `os._exit`. Each end is stored, and announced once."""
    expected: dict[str, str] = {}
    with Watcher(home) as watcher:
        watcher.send(encode(Presence(visible=True, focused=True, can_notify=True)))
        for round_ in ("first", "second", "third"):
            expected |= run_all(home, round_)
        for name, state in expected.items():
            watcher.wait(name, state, stored=True)
        watcher.until(lambda: watcher.inbox.unread >= len(expected))
        announced = Counter(item.name for item in watcher.inbox.items)
        assert announced == dict.fromkeys(expected, 1)
        assert {each.hub.owner for each in watcher.session.view.values() if each.hub} == {"local"}


def test_what_ended_without_a_server_is_in_the_next_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Their processes are long dead; what the last server had stored is not told again."""
    home = Home(tmp_path_factory.mktemp("without"))
    expected = run_all(home, "alone")
    for _ in range(2):
        with Server(home) as server, Watcher(home) as watcher:
            for name, state in expected.items():
                watcher.wait(name, state, stored=True)
            assert len(watcher.session.view) == len(expected)
            server.kill()


@pytest.mark.parametrize("how", ["SIGKILL", "os._exit", "SIGSEGV"])
def test_who_dies_before_the_end_is_noticed(home: Home, server: Server, how: str) -> None:
    """It is lost after the lease; nobody says that it has failed."""
    leave = {"SIGKILL": "os.kill(os.getpid(), 9)", "os._exit": "os._exit(1)", "SIGSEGV": "os.kill(os.getpid(), 11)"}
    source = f"""
import os
import progress_kit as pk
with pk.ProgressTracker("Dies by {how}"):
    input()
    {leave[how]}
"""
    with Script(home, source) as script, Watcher(home) as watcher:
        watcher.wait(f"Dies by {how}", "running", lease="ok")
        script.go_on()
        watcher.wait(f"Dies by {how}", "running", lease="lost")
