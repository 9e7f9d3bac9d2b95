"""A real Jupyter server that is full of operations: for how long is its event loop held up, and by whose doing?"""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from progress_kit import clock
from progress_kit.connection import access, candidates
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Filter, Hello, Publish, PublisherInfo, Subscribe
from progress_kit.settings import Settings
from tests.benchmarks.load_client import Crowd, Peer, cpu_s, own_bytes
from tests.chaos.chaos_load import FAST_HZ, LIVE, LOAD_S, PAST, RATE_HZ, SENT_AT, operation, quantile
from tests.integration.processes import Home, Server

PUBLISHERS = 50
MANY = 1_000_000
LIMITS = ("operations_per_user", "open_per_publisher", "messages_per_s", "burst_messages")


class Full:
    """The server under test, and how it is spoken to."""

    def __init__(self, home: Home, server: Server) -> None:
        self.server = server
        (target, *_) = candidates(Settings(), cwd=home.root_dir, runtime_dir=home.runtime_dir)
        self._publish = access(target, ("publish",), timeout_s=30).text
        self._subscribe = access(target, ("subscribe",), timeout_s=30).text

    def figures(self) -> dict[str, Any]:
        """Ask the probe what happened since it was last asked."""
        with urlopen(f"http://127.0.0.1:{self.server.port}/probe") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def publisher(self, session: str) -> Peer:
        """Return a connection that publishes."""
        peer = self._peer(self._publish)
        info = PublisherInfo(session=session, estimates=True)
        peer.send(encode(Hello(token=self._publish, client="chaos/1", publisher=info)))
        return peer

    def subscriber(self, wanted: Filter | None = None) -> Peer:
        """Return a connection that has subscribed."""
        peer = self._peer(self._subscribe)
        peer.send(encode(Hello(token=self._subscribe, client="chaos/1")))
        peer.send(encode(Subscribe(id="all", filter=wanted or Filter())))
        return peer

    def _peer(self, token: str) -> Peer:
        headers = f"X-Progress-Kit-Token: {token}\r\nSec-WebSocket-Protocol: progress-kit.v1\r\n"
        return Peer(self.server.port, "/progress-kit/ws", headers=headers)


def told(name: str, found: dict[str, Any]) -> str:
    """Return one line of figures."""
    full = f"{found['collects'][2]} full collections" + (
        f" of {found['collect_ms'][2]:.0f} ms" * (found["collects"][2] > 0)
    )
    return (
        f"  {name:<22} held up at most {found['busy_ms']:.1f} ms of its own CPU time "
        f"({found['late_ms']:.0f} ms with what others took); {full}; {found['tracked']:,} tracked objects"
    )


@pytest.mark.timeout(600)
def test_a_full_server(tmp_path: Path) -> None:  # noqa: C901, PLR0912, PLR0915 - one course of events, told in order
    """10,000 past and 1,000 live operations come in, then 5,000 messages a second: others are heard meanwhile."""
    home = Home(tmp_path)
    options = [part for name in LIMITS for part in ("--ProgressKit.limits", f"{name}={MANY}")]
    extension = "--ServerApp.jpserver_extensions=tests.chaos.probe=True"
    with Server(home, None, extension, *options) as server:
        full = Full(home, server)
        lines = [told("idle", full.figures())]
        crowd = Crowd()
        everything = crowd.add(full.subscriber())
        sources = [full.publisher(f"s_{number}") for number in range(PUBLISHERS)]
        stored: set[bytes] = set()
        for start in range(0, PAST, 100):
            ended = tuple(operation(f"past_{start + number}", 1, "succeeded") for number in range(100))
            sources[start // 100 % PUBLISHERS].send(encode(Publish(operations=ended)))
        for start in range(0, LIVE, 100):
            running = tuple(operation(f"live_{start + number}", 1) for number in range(100))
            sources[0].send(encode(Publish(operations=running)))
        views: Counter[str] = Counter()
        deadline = clock.monotonic() + 120
        while len(stored) < PAST or views["live"] < LIVE:
            assert clock.monotonic() < deadline, (len(stored), views)
            for peer, payload in crowd.read(0.2):
                if peer is everything:
                    message = json.loads(payload)
                    for each in message.get("operations", ()):
                        views["live"] += each["state"] == "running"
                        if each["hub"]["stored"]:
                            stored.add(each["id"])
        lines.append(told("while they come in", full.figures()))
        others = [crowd.add(full.subscriber(Filter(operations=("op_other",)))) for _ in range(10)]
        some = crowd.add(full.subscriber(Filter(states=("paused",))))
        list(crowd.read(1))
        fast, other = full.publisher("s_fast"), full.publisher("s_other")
        clock.sleep(1)
        lines.append(told("eleven subscribe", full.figures()))
        began, sent, spoken = clock.monotonic(), 0, 0
        cpu_before = cpu_s(server.process.pid)
        waits: list[float] = []
        while (passed := clock.monotonic() - began) < LOAD_S:
            while sent < passed * FAST_HZ:
                sent += 1
                fast.send(encode(Publish(operations=(operation("op_fast", sent),))))
            if spoken < passed * RATE_HZ:
                spoken += 1
                other.send(encode(Publish(operations=(operation("op_other", spoken),))))
            for peer, payload in crowd.read(0.001):
                if peer in others:
                    waits += [clock.monotonic() - float(each) for each in SENT_AT.findall(payload)]
        used = (cpu_s(server.process.pid) - cpu_before) / LOAD_S
        lines.append(told(f"{sent / LOAD_S:,.0f} messages/s", full.figures()))
        memory = own_bytes(server.process.pid)
        crowd.close()
        for peer in (*sources, fast, other, some):
            peer.socket.close()
    print(f"\na real server, {LIVE:,} live and {PAST:,} past operations, {memory / 1e6:.0f} MB, {used:.0%} CPU")
    print("\n".join(lines))
    print(f"  others hear after      p50 {quantile(waits, 0.5) * 1e3:.0f} ms, p99 {quantile(waits, 0.99) * 1e3:.0f} ms")
    assert waits
