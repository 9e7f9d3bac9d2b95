"""A server that is killed again and again, processes that go on publishing, and a page that stays open."""

import json
import queue
import random
import subprocess
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.request import Request, urlopen

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from progress_kit import clock
from progress_kit.client.session import SubscriberSession
from progress_kit.connection import access, candidates
from progress_kit.connection.websocket import arguments
from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol import TOKEN_HEADER, decode_hub, decode_snapshot
from progress_kit.protocol.messages import State
from progress_kit.settings import Settings
from tests.integration.processes import Home, Server

DEADLINE_S: Final = 180.0

# Each thread runs one operation after the other, with every kind of end, until a line is read. What the hub calls
# durable is printed, as it was said.
SCRIPT: Final = """
import random, sys, threading, time
import progress_kit as pk
from progress_kit import publisher
from progress_kit.publisher.fitting import fit
from progress_kit.publisher.session import PublisherSession

slots, seed = int(sys.argv[1]), int(sys.argv[2])
acknowledge = PublisherSession._acknowledge
stopping = threading.Event()
ended = []

def note(self, durable):
    for operation, seq in durable.items():
        snapshot = self._ended.get(operation)
        if snapshot is not None and seq >= snapshot.seq:
            print(fit(snapshot).decode(), flush=True)
    acknowledge(self, durable)

PublisherSession._acknowledge = note

def work(slot):
    chance = random.Random(1_000 * seed + slot)
    number = 0
    while not stopping.is_set():
        number += 1
        step_s = chance.uniform(0.12, 0.3)
        error = chance.choice([None, None, ValueError("bad row"), pk.OperationCancelled("enough")])
        try:
            with pk.ProgressTracker(f"Job {slot}.{number}", stages={"read": 1, "write": 2}) as tracker:
                with tracker.stage("read", total=5, unit="rows") as stage:
                    for _ in range(5):
                        stage.advance()
                        time.sleep(step_s)
                with tracker.stage("write", total=5) as stage:
                    for _ in range(5):
                        stage.advance()
                        stopping.wait(step_s)
                    if error is not None:
                        raise error
        except (ValueError, pk.OperationCancelled):
            pass
        ended.append(tracker.id)

threads = [threading.Thread(target=work, args=(slot,)) for slot in range(slots)]
for thread in threads:
    thread.start()
sys.stdin.readline()
stopping.set()
for thread in threads:
    thread.join()
publisher.get().flush(30)
print(f"ended {len(ended)}", flush=True)
"""


class Recovery(NamedTuple):
    """How long it took from one kill until the server answered again, and until everything was seen live again."""

    started_s: float
    whole_s: float


class Page:
    """A tab that outlives the servers: one session over one connection after the other, read in a thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._session = SubscriberSession("")
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=lambda: None)
        self._thread.start()
        self.firsts: list[tuple[str, bool]] = []
        """Epoch and `reset` of the first state on each connection."""
        self.final: dict[str, Snapshot] = {}
        """What must not be shown in any other way any more."""
        self.wrong: list[str] = []

    def open(self) -> None:
        """Connect to the server that lives now."""
        self._thread.join(DEADLINE_S)
        (target, *_) = candidates(Settings(), cwd=self._home.root_dir, runtime_dir=self._home.runtime_dir)
        self._session._token = access(target, ("subscribe",), timeout_s=DEADLINE_S).text
        options = arguments(target, self._session._token, timeout_s=DEADLINE_S)
        self._thread = threading.Thread(target=self._read, args=(options,))
        self._thread.start()

    def close(self) -> None:
        """Wait for the end of the connection."""
        self._thread.join(DEADLINE_S)

    def wait_until_whole(self, pids: set[int]) -> None:
        """Block until something of each of these processes is seen live, and nothing stale is left."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._is_whole(pids), DEADLINE_S), self._session.view

    def _is_whole(self, pids: set[int]) -> bool:
        running = [each for each in self._session.view.values() if not is_terminal(each.state)]
        leases = {each.hub.lease for each in running if each.hub is not None}
        return self._session.synced and leases == {"ok"} and {each.origin.pid for each in running} == pids

    def _read(self, options: dict[str, Any]) -> None:
        first = True
        try:
            with connect(**options) as socket:
                for frame in self._session.hello():
                    socket.send(frame, text=True)
                for frame in socket:
                    message = decode_hub(frame)
                    if isinstance(message, State):
                        if first:
                            self.firsts.append((message.epoch, message.reset))
                        first = False
                        self._compare(message.operations)
                    with self._changed:
                        for answer in self._session.received(frame):
                            socket.send(answer, text=True)
                        self._changed.notify_all()
        except (ConnectionClosed, OSError):
            pass
        with self._changed:
            self._session.disconnected()

    def _compare(self, operations: Iterable[Snapshot]) -> None:
        for each in operations:
            final = self.final.get(each.id)
            if final is not None and said(each) != final:
                self.wrong.append(f"{each.id}: {each.state} {each.seq} after {final.state} {final.seq}")


class Lives:
    """Servers of one folder, one after the other; a context in which processes with so many operations publish."""

    def __init__(self, home: Home, processes: int, operations: int, seed: int) -> None:
        self._home = home
        self._chance = random.Random(seed)
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listeners: list[threading.Thread] = []
        self.server = Server(home)
        self.page = Page(home)
        self.acknowledged: dict[str, Snapshot] = {}
        self.ended = 0
        self._processes = [self._start(operations, seed + number) for number in range(processes)]

    def _start(self, slots: int, seed: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(slots), str(seed)],
            env=self._home.environment(),
            cwd=self._home.root_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        listener = threading.Thread(target=self._listen, args=(process,))
        listener.start()
        self._listeners.append(listener)
        return process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._news.put(line)

    def __enter__(self) -> Self:
        self.page.open()
        self._wait_until_whole()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        self.server.stop()
        self.page.close()
        for listener in self._listeners:
            listener.join()

    def _wait_until_whole(self) -> None:
        self.page.wait_until_whole({process.pid for process in self._processes})

    def _hear(self, ends: int) -> None:
        """Take in what was called durable, and wait for so many more of that."""
        while ends > 0 or not self._news.empty():
            line = self._news.get(timeout=DEADLINE_S)
            if line.startswith("ended "):
                self.ended += int(line.split()[1])
                continue
            snapshot = decode_snapshot(line.encode())
            assert is_terminal(snapshot.state)
            self.acknowledged[snapshot.id] = said(snapshot)
            ends -= 1

    def kill(self) -> Recovery:
        """Kill the server at a random moment, start it again, and wait until everything is live again."""
        self._hear(self._chance.randint(0, 2 * len(self._processes)))
        threading.Event().wait(self._chance.uniform(0.0, 0.3))
        killed = clock.monotonic()
        self.server.kill()
        self._hear(0)
        self.page.close()
        self.page.final = dict(self.acknowledged)
        self.server = Server(self._home)
        started = clock.monotonic()
        self.page.open()
        self._wait_until_whole()
        whole = clock.monotonic()
        self.check()
        return Recovery(started - killed, whole - killed)

    def stop(self) -> None:
        """Let all processes come to their end."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.wait(DEADLINE_S) == 0
        for listener in self._listeners:
            listener.join(DEADLINE_S)
        self._hear(0)
        self.check()

    def check(self) -> None:
        """Every end that was called durable before the last kill is in the history, as it was said."""
        kept = self.history()
        for operation, snapshot in self.page.final.items():
            assert said(kept[operation]) == snapshot
        assert self.page.wrong == []
        epochs = [epoch for epoch, _ in self.page.firsts]
        assert all(reset for _, reset in self.page.firsts)
        assert len(set(epochs)) == len(epochs)

    def history(self) -> dict[str, Snapshot]:
        """Return all that the server's history has."""
        connection = json.loads(self.server.file.read_text())
        asked = {"scopes": ["subscribe"]}
        token = _ask(connection["url"] + "api/tokens", connection["token"], asked)["token"]
        found: dict[str, Snapshot] = {}
        before: str | None = ""
        while before is not None:
            page = _ask(f"{connection['url']}api/history?limit=500&before={before}".removesuffix("&before="), token)
            found |= {each["id"]: decode_snapshot(json.dumps(each).encode()) for each in page["items"]}
            before = page["next"]
        return found


def said(snapshot: Snapshot) -> Snapshot:
    """Return what the publisher said, without what the hub believes."""
    return msgspec.structs.replace(snapshot, hub=None)


def _ask(url: str, token: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {TOKEN_HEADER: token}), timeout=DEADLINE_S) as response:  # noqa: S310 - loopback
        return json.load(response)
