"""The hub under load, with real sockets: stalled subscribers, a publisher without measure, a crowd that comes back."""

import gc
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import msgspec
import pytest

from progress_kit import clock
from progress_kit.hub import ConnectionSecret, TokenAuthority
from progress_kit.model import OperationState, Snapshot
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Filter, Hello, Publish, PublisherInfo, ResumePoint, Scope, Subscribe
from progress_kit.protocol.rest import TokenRequest
from tests.benchmarks.hub_under_test import KEY
from tests.benchmarks.load_client import Crowd, Peer, cpu_s, own_bytes, raise_limits, serving
from tests.hub.churn import Churn

SUBSCRIBERS = 1_000
STALLED = 50
REPEATS = int(os.environ.get("CHAOS_REPEATS", "5"))
OPERATIONS = 20
RATE_HZ = 10.0
LOAD_S = 8.0
BLOCKED_S = 12.0
FAST_HZ = 5_000
LIVE = 1_000
PAST = 10_000
SENT_AT = re.compile(rb'"sent_at":([0-9.]+)')


OPEN: list[Peer] = []


def connected(port: int, path: str, receive_buffer: int | None = None) -> Peer:
    """Return a new connection."""
    OPEN.append(Peer(port, path, receive_buffer=receive_buffer))
    return OPEN[-1]


def token(scope: Scope) -> str:
    """Return a token for the server under test."""
    request = TokenRequest(scopes=(scope,), expires_in_s=3_600)
    return TokenAuthority(KEY).grant(request, ConnectionSecret("local"), clock.wall()).token


def operation(name: str, seq: int, state: OperationState = "running", text: str = "") -> Snapshot:
    """Return a snapshot that says when it was sent."""
    return Snapshot(id=name, name=name, state=state, seq=seq, message=text, metrics={"sent_at": clock.monotonic()})


def publisher(port: int, session: str) -> Peer:
    """Return a connection that publishes."""
    peer = connected(port, "/ws")
    peer.send(encode(Hello(token=token("publish"), client="chaos/1", publisher=PublisherInfo(session=session))))
    return peer


def subscriber(
    port: int, wanted: Filter | None = None, resume: ResumePoint | None = None, receive_buffer: int | None = None
) -> Peer:
    """Return a connection that has subscribed."""
    peer = connected(port, "/ws", receive_buffer)
    peer.send(encode(Hello(token=token("subscribe"), client="chaos/1")))
    peer.send(encode(Subscribe(id="all", filter=wanted or Filter(), resume=resume)))
    return peer


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of all lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Stats:
    """Asks the server how it is."""

    def __init__(self, port: int) -> None:
        self._peer = connected(port, "/ctl")
        self._crowd = Crowd()
        self._crowd.add(self._peer)

    def take(self) -> dict[str, float]:
        """Return the figures since the last call."""
        self._peer.send(b'{"stats": true}')
        while True:
            for _, payload in self._crowd.read(1):
                found: dict[str, float] = json.loads(payload)
                return found


@contextmanager
def hub(*options: str) -> Iterator[tuple[int, int, Stats]]:
    """Run the hub; yield its process id, its port and its figures. Close all connections at the end."""
    raise_limits()
    with serving("hub", *options) as (process, port):
        yield process, port, Stats(port)
    while OPEN:
        OPEN.pop().socket.close()


def stalled_run(stalled: int) -> dict[str, float]:  # noqa: C901 - one course of events, told in order
    """Spread 20 operations to 1,000 subscribers of which some never read, then end all 20 at once."""
    with hub("--send-buffer", "32768", "--blocked-s", str(BLOCKED_S)) as (process, port, stats):
        crowd = Crowd()
        for _ in range(SUBSCRIBERS - stalled):
            crowd.add(subscriber(port))
        silent = [subscriber(port, receive_buffer=2_048) for _ in range(stalled)]
        source = publisher(port, "s_1")
        while list(crowd.read(0.5)):
            pass
        stats.take()
        before, cpu_before = own_bytes(process), cpu_s(process)
        waits: list[float] = []
        ends: Counter[int] = Counter()
        began, seq, told = clock.monotonic(), 0, False
        text = "x" * 1_700
        while sum(ends.values()) < OPERATIONS * (SUBSCRIBERS - stalled):
            passed = clock.monotonic() - began
            assert passed < LOAD_S + 30, f"{sum(ends.values())} ends arrived"
            if passed * RATE_HZ >= seq and passed < LOAD_S:
                seq += 1
                source.send(encode(Publish(operations=(operation(f"op_{seq % OPERATIONS}", seq, text=text),))))
            elif passed >= LOAD_S and not told:
                told = True
                for number in range(OPERATIONS):
                    end = operation(f"op_{number}", seq + 1, "succeeded", text)
                    source.send(encode(Publish(operations=(end,))))
            for peer, payload in crowd.read(0.01):
                now = clock.monotonic()
                sent = SENT_AT.findall(payload)
                if sent:
                    waits.append(now - max(map(float, sent)))
                if told:
                    ends[peer.fileno()] += payload.count(b'"state":"succeeded"')
        ended = clock.monotonic() - began - LOAD_S
        grown = own_bytes(process) - before
        used = cpu_s(process) - cpu_before
        if silent:
            clock.sleep(BLOCKED_S + 2)  # until the hub has put out who does not read
        deadline = clock.monotonic() + 30
        closed = 0
        for peer in silent:  # what they were sent before they stalled, and then the end of the connection
            while peer.closed is None and clock.monotonic() < deadline:
                peer.frames()
            closed += peer.closed is not None
        found = stats.take()
        crowd.close()
        assert closed == stalled
        assert set(ends.values()) == {OPERATIONS}
        return {
            "p50_ms": quantile(waits, 0.5) * 1e3,
            "p99_ms": quantile(waits, 0.99) * 1e3,
            "ends_s": ended,
            "grown_mb": grown / 1e6,
            "cpu_s": used,
            "log_lines": found["log_lines"],
        }


@pytest.mark.timeout(1_200)
def test_stalled_subscribers_delay_nobody() -> None:
    """Every healthy subscriber has every end, and the server neither grows nor fills its log."""
    print(
        f"\n{SUBSCRIBERS} subscribers, {OPERATIONS} operations, {RATE_HZ:g} messages/s for {LOAD_S:g} s, then 20 ends"
    )
    runs = []
    for stalled in (0, STALLED) * REPEATS:  # in turns: whatever else the machine does hits both
        run = stalled_run(stalled)
        runs.append((stalled, run))
        print(f"  {stalled:>2} stalled  " + ", ".join(f"{key} {value:.1f}" for key, value in run.items()), flush=True)
    without, beside = (median(run["p99_ms"] for each, run in runs if each == stalled) for stalled in (0, STALLED))
    print(f"  every healthy one has every end; median p99 {beside:.1f} ms is {beside / without:.2f} × that without")
    assert max(run["grown_mb"] for _, run in runs) < 3
    assert max(run["log_lines"] for _, run in runs) < 20


def test_a_publisher_without_measure() -> None:
    """While one publisher sends 5,000 messages a second into a full hub, others are heard at once."""
    with hub() as (process, port, stats):
        crowd = Crowd()
        filler = publisher(port, "s_fill")
        for start in range(0, PAST, 100):
            ended = tuple(operation(f"past_{start + number}", 1, "succeeded") for number in range(100))
            filler.send(encode(Publish(operations=ended)))
        for start in range(0, LIVE, 100):
            filler.send(encode(Publish(operations=tuple(operation(f"live_{start + n}", 1) for n in range(100)))))
        others = [crowd.add(subscriber(port, Filter(operations=("op_other",)))) for _ in range(10)]
        everything = crowd.add(subscriber(port))
        views: Counter[int] = Counter()
        while views[everything.fileno()] < LIVE + PAST:
            for peer, payload in crowd.read(1):
                views[peer.fileno()] += payload.count(b'"lease":')
        fast, other = publisher(port, "s_fast"), publisher(port, "s_other")
        clock.sleep(1)
        stats.take()
        cpu_before = cpu_s(process)
        began, sent, told = clock.monotonic(), 0, 0
        waits: list[float] = []
        while (passed := clock.monotonic() - began) < LOAD_S:
            while sent < passed * FAST_HZ:
                sent += 1
                fast.send(encode(Publish(operations=(operation("op_fast", sent),))))
            if told < passed * RATE_HZ:
                told += 1
                other.send(encode(Publish(operations=(operation("op_other", told),))))
            for peer, payload in crowd.read(0.001):
                if peer in others:
                    waits += [clock.monotonic() - float(each) for each in SENT_AT.findall(payload)]
        found = stats.take()
        used = cpu_s(process) - cpu_before
        crowd.close()
    print(f"\n{sent / LOAD_S:,.0f} messages/s of one publisher, {LIVE:,} live and {PAST:,} past operations")
    print(f"  others        {len(waits)} deliveries, p50 {quantile(waits, 0.5) * 1e3:.1f} ms, ", end="")
    print(f"p99 {quantile(waits, 0.99) * 1e3:.1f} ms, max {max(waits) * 1e3:.1f} ms")
    print(
        f"  event loop    held up at most {found['busy_ms']:.1f} ms of its own CPU time "
        f"(one garbage collection: {found['collect_ms']:.1f}), {found['late_ms']:.1f} ms with what other processes took"
    )
    print(f"  server CPU    {used / LOAD_S:.0%}")
    assert told * 10 * 0.9 <= len(waits)


def test_a_crowd_comes_back() -> None:
    """1,000 subscribers resume at the same moment: each is sent a welcome and an empty answer, and no operation."""
    with hub() as (process, port, stats):
        filler = publisher(port, "s_fill")
        for start in range(0, LIVE, 100):
            filler.send(encode(Publish(operations=tuple(operation(f"live_{start + n}", 1) for n in range(100)))))
        first = Crowd()
        first.add(subscriber(port))
        frames: list[dict[str, object]] = []
        while not frames or frames[-1]["type"] != "state" or frames[-1]["more"] or frames[-1]["revision"] < LIVE:  # type: ignore[operator]
            frames += [msgspec.json.decode(payload) for _, payload in first.read(1)]
        last = frames[-1]
        point = ResumePoint(epoch=str(last["epoch"]), revision=msgspec.convert(last["revision"], int))
        whole = sum(len(msgspec.json.encode(frame)) for frame in frames)
        stats.take()
        cpu_before = cpu_s(process)
        crowd = Crowd()
        began = clock.monotonic()
        for _ in range(SUBSCRIBERS):
            crowd.add(subscriber(port, resume=point))
        got: Counter[int] = Counter()
        size: Counter[int] = Counter()
        operations = 0
        while len(got) < SUBSCRIBERS or min(got.values()) < 2:
            assert clock.monotonic() - began < 60
            for peer, payload in crowd.read(1):
                got[peer.fileno()] += 1
                size[peer.fileno()] += len(payload)
                operations += payload.count(b'"lease":')
        took = clock.monotonic() - began
        found = stats.take()
        used = cpu_s(process) - cpu_before
        crowd.close()
        first.close()
    print(f"\n{SUBSCRIBERS} subscribers resume, {LIVE} live operations ({whole / 1e3:.0f} kB each from nothing)")
    print(f"  sent to each  {max(size.values())} bytes in {max(got.values())} frames, no operation")
    print(
        f"  took          {took:.2f} s, {used / SUBSCRIBERS * 1e3:.2f} ms server CPU each; loop held up at most ",
        end="",
    )
    print(f"{found['busy_ms']:.1f} ms")
    assert operations == 0


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("hours", [6])
def test_hours_of_churn(hours: int) -> None:
    """Pages and processes come and go for hours, in a time that is simulated: memory stays where it was.

    What has ended leaves after an hour, and says so for 10,000 operations more: after 2.5 hours everything is full.
    """
    churn = Churn(page_every_s=10)
    print("\nsimulated churn: 2 operations/s begin and end, each in a session of its own; a page every 10 s")
    reached: list[int] = []
    for hour in range(1, hours + 1):
        churn.run(3_600)
        reached.append(churn.reach())
        memory = f"{own_bytes_of_this() / 1e6:.1f} MB, {reached[-1]:,} objects in the hub"
        print(f"  after {hour} h   {memory}, {len(gc.get_objects()):,} tracked")
    # The list of changes is swept when it has twice as many lines as there are operations: until then it grows.
    assert reached[-1] < reached[2] * 1.15


def own_bytes_of_this() -> int:
    """Return the memory of this process."""
    return own_bytes(os.getpid())
