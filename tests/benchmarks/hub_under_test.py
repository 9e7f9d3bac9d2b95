"""This project's core and driver as one of the servers of `hub_servers.py`."""

import asyncio
import gc
import logging
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from tornado.websocket import WebSocketHandler

from progress_kit import clock
from progress_kit.hub import ConnectionSecret, Login, Now
from progress_kit.model import Snapshot
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import Hello, Publish, PublisherInfo, Subscribe
from progress_kit.protocol.rest import TokenRequest
from progress_kit.store import Retention
from progress_kit_jupyter.driver import HubDriver
from tests.benchmarks.hub_servers import Endpoint, Server

RATE_HZ = 50.0
MANY = 1_000_000
KEY = b"k" * 32
PROBE_S = 0.001


class Probe(logging.Handler):
    """Counts log lines, and notes for how long the loop did not come round."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.late_s = self.busy_s = self.collect_s = self._collects = 0.0
        logging.getLogger().addHandler(self)
        gc.callbacks.append(self._collected)
        self._next()

    def emit(self, _record: logging.LogRecord) -> None:
        """Count one line."""
        self.lines += 1

    def _collected(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._collects = _thread_s()
        else:
            self.collect_s = max(self.collect_s, _thread_s() - self._collects)

    def _next(self) -> None:
        self._due, self._cpu_s = clock.monotonic() + PROBE_S, _thread_s()
        asyncio.get_running_loop().call_later(PROBE_S, self._came_round)

    def _came_round(self) -> None:
        self.late_s = max(self.late_s, clock.monotonic() - self._due)
        self.busy_s = max(self.busy_s, _thread_s() - self._cpu_s)
        self._next()

    def take(self) -> dict[str, float]:
        """Return the figures and begin anew.

        `late_ms` has in it what other processes took, `busy_ms` has not; `collect_ms` of it was garbage collection.
        """
        found = {"late_ms": self.late_s * 1e3, "busy_ms": self.busy_s * 1e3, "collect_ms": self.collect_s * 1e3}
        self.late_s = self.busy_s = self.collect_s = 0.0
        return {**found, "log_lines": self.lines}


def _thread_s() -> float:
    return time.thread_time()


class SkippingDriver(HubDriver):
    """A driver whose clock is put forward with each state, so that no subscriber's pace holds the run up."""

    skipped_s = 0.0

    def now(self) -> Now:  # type: ignore[override]
        """Return this moment of a time in which the states are never too fast."""
        return Now(clock.monotonic() + self.skipped_s, clock.wall() + self.skipped_s)


class Hub(Server):
    """This project's core and driver. A state comes in as a publisher's frame, and is decoded, checked and kept."""

    def __init__(self, blocked_s: float) -> None:
        super().__init__()
        self.probe = Probe()
        self.folder = tempfile.TemporaryDirectory()
        limits = Limits(
            subscribers_per_user=MANY,
            operations_per_user=MANY,
            open_per_publisher=MANY,
            messages_per_s=MANY,
            burst_messages=MANY,
            lease_s=1e6,
            blocked_s=blocked_s,
        )
        self.driver = SkippingDriver(
            "h_bench", KEY, limits, Path(self.folder.name) / "history.sqlite3", Retention(), mode="off"
        )
        grant = self.driver.authority.grant
        wall = self.driver.now().wall
        self.token = grant(
            TokenRequest(scopes=("subscribe",), expires_in_s=3_600), ConnectionSecret("local"), wall
        ).token
        publish = grant(TokenRequest(scopes=("publish",)), Login("local"), wall).token
        self.conns: dict[int, int] = {}
        self.publisher = self.driver.connect(Nowhere(), has_origin=False)
        publisher = PublisherInfo(session="s_1", estimates=True)
        self.driver.receive(self.publisher, encode(Hello(token=publish, client="bench/1", publisher=publisher)))

    def stats(self) -> dict[str, float]:
        """Return the figures of the probe."""
        return self.probe.take()

    def joined(self, handler: WebSocketHandler) -> None:
        """Say what a subscriber says."""
        conn = self.conns[id(handler)] = self.driver.connect(handler, has_origin=False)
        self.driver.receive(conn, encode(Hello(token=self.token, client="bench/1")))
        self.driver.receive(conn, encode(Subscribe(id="all", max_rate_hz=RATE_HZ)))

    def left(self, handler: WebSocketHandler) -> None:
        """Say that it is gone."""
        self.driver.disconnect(self.conns.pop(id(handler)))

    async def spread(self, state: dict[str, Any]) -> None:
        """Publish the state."""
        self.driver.skipped_s += 1.01 / RATE_HZ
        self.driver.receive(self.publisher, encode(Publish(operations=(msgspec.convert(state, Snapshot),))))

    async def ready(self) -> None:
        """Wait until every subscriber has it."""
        await asyncio.sleep(0)
        while self.driver._in_flight or self.driver._events:  # noqa: ASYNC110 - an event would be measured too
            await asyncio.sleep(0)


class Nowhere:
    """A socket that needs no reader."""

    def write_message(self, _message: bytes) -> "asyncio.Future[None]":
        """Throw it away."""
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left.set_result(None)
        return left

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """The hub should not have done that."""
        raise AssertionError(code, reason)


class Whole(Endpoint):
    """The hub's own protocol."""

    conn = 0

    @property
    def driver(self) -> HubDriver:
        """The hub's driver."""
        assert isinstance(self.server, Hub)
        return self.server.driver

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Hand the connection to the hub."""
        super().open()
        if self.server.send_buffer is not None:
            assert self.ws_connection is not None
            stream = self.ws_connection.stream
            assert stream is not None
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.server.send_buffer)
        self.conn = self.driver.connect(self, has_origin=False)

    def on_message(self, message: str | bytes) -> "asyncio.Future[None] | None":
        """Hand a frame to the hub."""
        return self.driver.receive(self.conn, message)

    def on_close(self) -> None:
        """Tell the hub."""
        self.driver.disconnect(self.conn)
