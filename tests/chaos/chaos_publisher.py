"""What a publishing process may meet, in full length: run by ``make chaos``; prints what it measured.

A thousand processes that are gone right after the end; the network between process and server broken in every way,
with the time that our calls took the user's loop meanwhile; a call in C that holds the interpreter for a minute.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, product
from typing import Final

import pytest

from progress_kit import clock
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Presence
from tests.faults import FaultProxy
from tests.integration.processes import Home, Script, Server, Watcher, detour
from tests.integration.test_short import SHORT, WAYS

PROCESSES: Final = int(os.environ.get("CHAOS_PROCESSES", "1000"))
HELD_S: Final = float(os.environ.get("CHAOS_HELD_S", "60"))
BROKEN_S: Final = float(os.environ.get("CHAOS_BROKEN_S", "30"))
AT_ONCE: Final = 8

pytestmark = pytest.mark.timeout(3_600)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A user's own directories."""
    return Home(tmp_path_factory.mktemp("chaos"))


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server with a short lease."""
    with Server(home, None, "--ProgressKit.limits", "lease_s=4", "--ProgressKit.limits", "heartbeat_s=1") as running:
        yield running


def test_a_thousand_short_processes(home: Home, server: Server) -> None:
    """Each leaves right after its end: normally, by `sys.exit`, SIGTERM or `os._exit`."""
    cases = islice(cycle(product(WAYS.items(), ("succeeded", "failed"))), PROCESSES)
    expected: dict[str, str] = {}
    jobs = []
    for number, ((way, leave), state) in enumerate(cases):
        name = f"{number}: {state}, leaves {way}"
        expected[name] = state
        jobs.append(SHORT.format(name=name, state=state, leave=leave))

    def run(source: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", source],
            env=home.environment(),
            cwd=home.root_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    began = clock.monotonic()
    with Watcher(home) as watcher:
        watcher.send(encode(Presence(visible=True, focused=True, can_notify=True)))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            pending = [pool.submit(run, source) for source in jobs]
            for each in pending:
                while not each.done():
                    watcher.receive(0.5)
                assert each.result() == ""
        ran_s = clock.monotonic() - began

        def all_there() -> bool:
            stored = [each for each in watcher.session.view.values() if each.hub is not None and each.hub.stored]
            return len(stored) >= len(expected)

        watcher.until(all_there)
        found = {each.name: each for each in watcher.session.view.values()}
        lost = expected.keys() - found.keys()
        wrong = [name for name, state in expected.items() if name in found and found[name].state != state]
        ways = Counter(each.hub.via for each in found.values() if each.hub is not None)
        twice = len(watcher.session.view) - len(found)
        watcher.until(lambda: watcher.inbox.unread >= len(expected))
        print(
            f"\n{PROCESSES} short processes in {ran_s:.0f} s: {len(lost)} lost, {len(wrong)} wrong, {twice} twice, "
            f"{watcher.inbox.unread} announced; by {dict(ways)}"
        )
        assert (len(lost), wrong, twice, watcher.inbox.unread) == (0, [], 0, PROCESSES)


# Works in small steps as a user's loop does; measures how long each call of ours took, and for how long our threads
# kept the interpreter when it came back from a sleep. Where the system took the processor away, the kernel says for
# how long (Linux: `schedstat`), and what other threads of the process computed meanwhile is an upper bound of our part.
MEASURED: Final = """
import json, os, sys, threading, time
stop = threading.Event()
calls, own, back, held = [], [], [], []

def waited():
    return int(os.pread(scheduler, 64, 0).split()[1]) / 1e9

def work(advance):
    global scheduler
    scheduler = os.open(f"/proc/self/task/{{threading.get_native_id()}}/schedstat", os.O_RDONLY)
    sys.stdin.readline()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    while not stop.is_set():
        before = waited()
        began = time.perf_counter()
        advance()
        took = time.perf_counter() - began
        after = waited()
        calls.append(took)
        own.append(took - (after - before))
        others, slept = time.process_time(), time.perf_counter()
        time.sleep(0.001)
        late = time.perf_counter() - slept - 0.001 - (waited() - after)
        back.append(late)
        held.append(min(late, time.process_time() - others))
    return [figures(each) for each in (calls, own, back, held)]

def figures(took):
    took.sort()
    return [took[len(took) // 2], took[int(len(took) * 0.999)], took[-1]]

{run}
print("took", json.dumps([*found, ended, len(calls)]))
sys.stdin.readline()
"""
OURS: Final = """
import progress_kit as pk
tracker = pk.ProgressTracker({name!r}, stages={{"main": 1}})
with tracker:
    with tracker.stage("main", total=10_000_000) as stage:
        found = work(stage.advance)
    began = time.perf_counter()
ended = time.perf_counter() - began
"""
CONTROL: Final = """
class Stage:
    done = 0
    def advance(self):
        self.done += 1
found, ended = work(Stage().advance), 0.0
"""
KINDS: Final = ("call", "call, but for the system", "back from a sleep", "our threads' part of it")


def told(line: str) -> str:
    """Return what a script measured, one line for each kind."""
    *kinds, _, count = json.loads(line.partition("took ")[2])
    parts = [
        f"{kind:<24}  median {median * 1e6:.1f} µs, p99.9 {most * 1e6:.0f} µs, longest {longest * 1e3:.2f} ms"
        for kind, (median, most, longest) in zip(KINDS, kinds, strict=True)
    ]
    return "\n    ".join([f"{count:,} steps", *parts])


def pass_all(proxy: FaultProxy) -> None:
    """Nothing is broken: what the others are compared with."""


def reset(proxy: FaultProxy) -> None:
    """Every connection is reset."""
    proxy.reset()


def refuse(proxy: FaultProxy) -> None:
    """Nobody listens."""
    proxy.refuse()


def black_hole(proxy: FaultProxy) -> None:
    """Not a byte gets through."""
    proxy.mode = "stall"


def half_open(proxy: FaultProxy) -> None:
    """The server hangs up, and the process never hears of it."""
    proxy.mode = "half"


def one_kilobyte(proxy: FaultProxy) -> None:
    """1 kB/s."""
    proxy.mode = "slow"


def cut(proxy: FaultProxy) -> None:
    """Every connection breaks after 700 bytes."""
    proxy.cut_after = 700
    proxy.reset()


def no_websocket(proxy: FaultProxy) -> None:
    """A proxy that forbids upgrades."""
    proxy.mode = "no_upgrade"
    proxy.reset()


@pytest.mark.parametrize("break_it", [pass_all, reset, refuse, black_hole, half_open, one_kilobyte, cut, no_websocket])
def test_the_loop_through_a_broken_network(home: Home, server: Server, break_it: Callable[[FaultProxy], None]) -> None:
    """Broken for half a minute and over the end; then it heals, and the end arrives once."""
    name = break_it.__name__
    source = MEASURED.format(run=OURS.format(name=name))
    with (
        FaultProxy(server.port) as proxy,
        Script(home, MEASURED.format(run=CONTROL)) as control,
        Script(home, source, environment=detour(server, proxy)) as script,
        Watcher(home) as watcher,
    ):
        watcher.send(encode(Presence(visible=True, focused=True, can_notify=True)))
        found = watcher.wait(name, "running", lease="ok")
        for each in (script, control):
            each.go_on()
        break_it(proxy)
        ends = clock.monotonic() + BROKEN_S
        while clock.monotonic() < ends:
            watcher.receive(0.5)
        script.go_on()
        control.go_on()
        line, compared = script.out.until("took"), control.out.until("took")
        healed = clock.monotonic()
        proxy.mode, proxy.cut_after = "pass", None
        proxy.accept()
        watcher.wait(name, "succeeded", stored=True)
        arrived_s = clock.monotonic() - healed
        for each in (script, control):
            each.go_on()
            assert each.wait() == 0
        watcher.until(lambda: any(item.operation == found.id for item in watcher.inbox.items))
        assert [item.operation for item in watcher.inbox.items].count(found.id) == 1
        end_s = json.loads(line.partition("took ")[2])[-2]
        print(f"\n{name}: the end took {end_s * 1e3:.2f} ms; arrived {arrived_s:.1f} s after healing")
        print(f"  ours     {told(line)}\n  without  {told(compared)}")


@pytest.mark.parametrize("calls", [1, 10], ids=["one call", "ten calls"])
def test_long_calls_that_hold_the_interpreter(home: Home, server: Server, calls: int) -> None:
    """Lost for that time, never for good: alive again after it, and it ends as it would have."""
    source = f"""
import ctypes
import progress_kit as pk
with pk.ProgressTracker("Held", stages={{"main": 1}}):
    input()
    for _ in range({calls}):
        ctypes.PyDLL(None).usleep({round(HELD_S / calls * 1e6)})
    print("awake")
    input()
"""
    with Script(home, source) as script, Watcher(home) as watcher:
        operation = watcher.wait("Held", "running", lease="ok").id
        script.go_on()
        watcher.wait("Held", "running", lease="lost")
        began = clock.monotonic()
        states: Counter[str] = Counter()
        while clock.monotonic() < began + HELD_S and not any("awake" in line for line in script.out.all):
            watcher.receive(0.5)
            states[watcher.session.view[operation].state] += 1
        script.out.until("awake")
        awake = clock.monotonic()
        watcher.wait("Held", "running", lease="ok")
        print(
            f"\nheld for {HELD_S:.0f} s by {calls} call(s), lease 4 s: states seen {dict(states)}; "
            f"alive again after {clock.monotonic() - awake:.2f} s"
        )
        assert set(states) == {"running"}
        script.go_on()
        watcher.wait("Held", "succeeded", stored=True)
        assert script.wait() == 0
