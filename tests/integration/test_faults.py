"""The network between a process and the server breaks, in every way and at every moment: the end arrives, once."""

import signal
from collections.abc import Callable, Iterator

import pytest

from progress_kit.protocol import encode
from progress_kit.protocol.messages import Presence
from tests.faults import FaultProxy
from tests.integration.processes import Home, Script, Server, Watcher, detour

pytestmark = pytest.mark.slow

STEPS = """
import progress_kit as pk
with pk.ProgressTracker({name!r}, stages={{"main": 1}}) as tracker:
    with tracker.stage("main", total=4, unit="steps") as stage:
        for step in range(4):
            print("at", step, tracker.id)
            input()
            stage.advance()
print("done")
input()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The directories that the tests of this file share."""
    return Home(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """The server that they share."""
    with Server(home, None, "--ProgressKit.limits", "lease_s=4", "--ProgressKit.limits", "heartbeat_s=1") as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """The network between the process and the server."""
    with FaultProxy(server.port) as running:
        yield running


def reset(proxy: FaultProxy) -> None:
    """Every connection is reset."""
    proxy.reset()


def refuse(proxy: FaultProxy) -> None:
    """Nobody listens for a while."""
    proxy.refuse()


def stall(proxy: FaultProxy) -> None:
    """A black hole: not a byte gets through."""
    proxy.mode = "stall"


def slow(proxy: FaultProxy) -> None:
    """1 kB/s."""
    proxy.mode = "slow"


def cut(proxy: FaultProxy) -> None:
    """Every connection breaks in the middle of a frame."""
    proxy.cut_after = 700
    proxy.reset()


def heal(proxy: FaultProxy) -> None:
    """All is well again."""
    proxy.mode, proxy.cut_after = "pass", None
    proxy.accept()


@pytest.mark.parametrize("break_it", [reset, refuse, stall, slow, cut])
def test_the_end_arrives_once_it_heals(
    home: Home, server: Server, proxy: FaultProxy, break_it: Callable[[FaultProxy], None]
) -> None:
    """Broken while it runs, and again at the very end: the loop goes on, and the end is announced once."""
    name = f"Through {break_it.__name__}"
    with Script(home, STEPS.format(name=name), environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        watcher.send(encode(Presence(visible=True, focused=True, can_notify=True)))
        found = watcher.wait(name, "running", lease="ok")
        break_it(proxy)
        script.go_on()
        script.out.until("at 1")  # the loop does not wait for the network
        script.go_on()
        script.out.until("at 2")
        heal(proxy)
        watcher.until(lambda: watcher.session.view[found.id].stages[0].done == 2)
        break_it(proxy)
        script.go_on()
        script.go_on()
        script.out.until("done")
        heal(proxy)
        ended = watcher.wait(name, "succeeded", stored=True)
        assert (ended.id, ended.fraction) == (found.id, 1)
        script.go_on()
        assert script.wait() == 0
        assert "Traceback" not in script.err.rest()
        watcher.until(lambda: any(item.operation == found.id for item in watcher.inbox.items))
        assert [item.operation for item in watcher.inbox.items].count(found.id) == 1


def test_a_process_that_exits_into_a_broken_network_is_not_lost(home: Home, server: Server, proxy: FaultProxy) -> None:
    """It waits for a bounded time, and leaves its end where the server finds it."""
    source = """
import progress_kit as pk
with pk.ProgressTracker("Into the dark"):
    input()
"""
    with Script(home, source, environment=detour(server, proxy)) as script:
        with Watcher(home) as watcher:
            watcher.wait("Into the dark", "running")
        proxy.mode = "stall"
        script.go_on()
        assert script.wait() == 0
    assert list(home.runtime_dir.glob(f"progress-kit-spool-{script.process.pid}*"))
    with Watcher(home) as watcher:
        watcher.wait("Into the dark", "succeeded", stored=True)


FORK = """
import os, signal, sys
import progress_kit as pk
with pk.ProgressTracker("Parent", stages={"main": 1}):
    sys.stdin.readline()
    child = os.fork()
    if child == 0:
        os.kill(os.getppid(), signal.SIGSTOP)
        with pk.ProgressTracker("Child", stages={"main": 1}):
            sys.stdin.readline()
        sys.exit()
    os.waitpid(child, 0)
"""


def test_a_forked_child_writes_nothing_on_its_parent_s_socket(home: Home, server: Server, proxy: FaultProxy) -> None:
    """It has its own connection. While it runs its parent stands still: each byte there would be the child's."""
    with Script(home, FORK, environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        parent = watcher.wait("Parent", "running")
        before = len(proxy.sent_by)
        script.go_on()
        child = watcher.wait("Child", "running")
        assert child.origin.pid != parent.origin.pid
        sent = proxy.sent_by[:before]
        script.go_on()
        watcher.wait("Child", "succeeded", stored=True)
        assert proxy.sent_by[:before] == sent
        known = len(proxy.sent_by)
        script.process.send_signal(signal.SIGCONT)
        watcher.wait("Parent", "succeeded", stored=True)
        assert len(proxy.sent_by) == known  # the parent's connection was there all the time
        assert script.wait() == 0


def test_a_process_that_stood_still_is_alive_again(home: Home, server: Server, proxy: FaultProxy) -> None:
    """SIGSTOP for more than a lease: it is lost, and as soon as it goes on, so does its operation."""
    name = "Stood still"
    with Script(home, STEPS.format(name=name), environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        watcher.wait(name, "running", lease="ok")
        script.process.send_signal(signal.SIGSTOP)
        watcher.wait(name, "running", lease="lost")
        script.process.send_signal(signal.SIGCONT)
        found = watcher.wait(name, "running", lease="ok")
        for _ in range(5):
            script.go_on()
        assert watcher.wait(name, "succeeded", stored=True).id == found.id
        assert script.wait() == 0


HELD = """
import ctypes
import progress_kit as pk
with pk.ProgressTracker("Held", stages={"main": 1}):
    input()
    ctypes.PyDLL(None).usleep(6_000_000)  # in C, with the interpreter's lock
    print("awake")
    input()
"""


def test_a_long_call_that_holds_the_interpreter_loses_nothing(home: Home, server: Server, proxy: FaultProxy) -> None:
    """No thread of the process can say anything meanwhile: it is lost for that time, and back after it."""
    with Script(home, HELD, environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        watcher.wait("Held", "running", lease="ok")
        script.go_on()
        watcher.wait("Held", "running", lease="lost")
        script.out.until("awake")
        watcher.wait("Held", "running", lease="ok")
        script.go_on()
        watcher.wait("Held", "succeeded", stored=True)
        assert script.wait() == 0


@pytest.mark.parametrize("off_s", [86_400.0, -86_400.0])
def test_a_wrong_clock_harms_nothing(home: Home, server: Server, proxy: FaultProxy, off_s: float) -> None:
    """A day off, and set right while it runs: leases, order and end are as ever."""
    name = f"Off by {off_s:g} s"
    source = f"""
import time
from progress_kit import clock
real = time.time
off = [{off_s}]
clock.wall = lambda: real() + off[0]
{STEPS.format(name=name)}
""".replace("stage.advance()", "off[0] = 0.0; stage.advance()")
    with Script(home, source, environment=detour(server, proxy)) as script, Watcher(home) as watcher:
        found = watcher.wait(name, "running", lease="ok")
        assert found.hub is not None
        assert found.started_at is not None
        assert abs(found.started_at - found.hub.first_seen_at) > 80_000
        for _ in range(5):
            script.go_on()
        ended = watcher.wait(name, "succeeded", stored=True)
        assert ended.elapsed_s is not None
        assert ended.elapsed_s < 60
        assert script.wait() == 0
