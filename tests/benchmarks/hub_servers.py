"""The servers that `bench_hub.py` compares, each in a process of its own: this hub, and what people write by hand.

`/sub` is a subscriber, each text frame that comes by `/pub` is one state for all of them, and `/ctl` takes
``{"go": K}``: broadcast K states, then answer one JSON. All send the same snapshot, so that what differs is how.
The hub also has `/ws`, which speaks the whole protocol, for tokens signed with `KEY`; ``{"stats": true}`` to `/ctl`
answers how long its loop was held up at most since it was last asked, and how many lines were logged.

    python tests/benchmarks/hub_servers.py hub --port 9000
"""

import argparse
import asyncio
import importlib
import itertools
import json
import resource
import sys
from pathlib import Path
from typing import Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from progress_kit import clock

SNAPSHOT = msgspec.json.decode(
    b"""{"id":"op_1","seq":1,"name":"Training, epoch 3 of 10","kind":null,"state":"running","stage":null,
    "fraction":null,"message":"","stages":[{"name":"main","state":"running","weight":1.0,"done":1,"total":1000000,
    "unit":"rows","rate":null,"message":"","started_s":null,"elapsed_s":null,"counters":[],"tasks":null}],"tasks":[],
    "tasks_omitted":0,"estimate":null,"metrics":{},"error":null,"ended_early":false,"parent":null,"actions":[],
    "notify":{"when":"default","after_s":null},"started_at":null,"elapsed_s":null,"paused_s":0.0,"ended_at":null,
    "origin":{"host":null,"pid":null,"kernel_id":null,"notebook":null,"cell_id":null,"script":null},
    "hub":{"lease":"ok","first_seen_at":1763940000.2,"changed_at":1763940021.5,"via":"websocket","owner":"local",
    "stored":false}}"""
)


def snapshot(seq: int) -> dict[str, Any]:
    """Return a snapshot as the hub sends it."""
    return {**SNAPSHOT, "seq": seq}


class Server:
    """What one kind of server does; this one hands each state to tornado's `write_message`, encoded once."""

    def __init__(self) -> None:
        self.connections: dict[int, WebSocketHandler] = {}
        self.seqs = itertools.count(1)
        self.send_buffer: int | None = None
        """Bytes of the kernel's buffer of each connection to `/ws`: a small one hides less of what is not read."""

    async def ready(self) -> None:
        """Wait until what was sent has left, where the server has a notion of that."""

    def stats(self) -> dict[str, float]:
        """Return what there is to tell."""
        return {}

    def joined(self, handler: WebSocketHandler) -> None:
        """Take in a subscriber."""
        self.connections[id(handler)] = handler

    def left(self, handler: WebSocketHandler) -> None:
        """Forget a subscriber."""
        self.connections.pop(id(handler), None)

    async def spread(self, state: dict[str, Any]) -> None:
        """Send one state to everybody."""
        data = msgspec.json.encode(state)
        for handler in list(self.connections.values()):
            _ = handler.write_message(data)


class Naive(Server):
    """A dict of connections; each one's JSON is made anew, and each write awaited in turn."""

    async def spread(self, state: dict[str, Any]) -> None:
        """Send one state to everybody."""
        for key, handler in list(self.connections.items()):
            try:
                await handler.write_message(json.dumps(state))
            except WebSocketClosedError:
                self.connections.pop(key, None)


async def broadcast(server: Server, count: int) -> dict[str, float]:
    """Spread `count` states as fast as they leave; return what it took."""
    began, cpu_began = clock.monotonic(), _cpu_s()
    for _ in range(count):
        await server.spread(snapshot(next(server.seqs)))
        await server.ready()
        await asyncio.sleep(0)
    return {"wall": clock.monotonic() - began, "cpu": _cpu_s() - cpu_began}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Endpoint(WebSocketHandler):
    """What all endpoints have in common."""

    server: Server

    def initialize(self, server: Server) -> None:
        """Remember the server."""
        self.server = server

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002 - tornado's
        """Let everybody in: the clients are on this machine."""
        return True

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Take in a connection."""
        self.set_nodelay(True)


class Sub(Endpoint):
    """A subscriber that says nothing."""

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Take it in."""
        super().open()
        self.server.joined(self)

    def on_message(self, message: str | bytes) -> None:
        """It says nothing."""

    def on_close(self) -> None:
        """Forget it."""
        self.server.left(self)


class Pub(Endpoint):
    """Each frame is one state."""

    async def on_message(self, _message: str | bytes) -> None:
        """Spread a state."""
        await self.server.spread(snapshot(next(self.server.seqs)))


class Ctl(Endpoint):
    """Where the benchmark says what it wants."""

    async def on_message(self, message: str | bytes) -> None:
        """Do it, and answer with figures."""
        asked = json.loads(message)
        answer = await broadcast(self.server, asked["go"]) if "go" in asked else self.server.stats()
        await self.write_message(json.dumps(answer))


async def serve(kind: str, port: int, send_buffer: int | None, blocked_s: float) -> None:
    """Serve until the process is ended."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    routes: dict[str, type[Endpoint]] = {"/sub": Sub, "/pub": Pub, "/ctl": Ctl}
    if kind == "hub":
        # The others are as small as they would be by themselves: a larger process has a slower garbage collector.
        ours = importlib.import_module("tests.benchmarks.hub_under_test")
        server = ours.Hub(blocked_s)
        routes["/ws"] = ours.Whole
    else:
        server = Naive() if kind == "naive" else Server()
    server.send_buffer = send_buffer
    application = Application([(path, endpoint, {"server": server}) for path, endpoint in routes.items()])
    HTTPServer(application).listen(port, "127.0.0.1", backlog=2_048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["hub", "tornado", "naive"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--send-buffer", type=int, help="bytes of the kernel's buffer of each connection to /ws")
    parser.add_argument("--blocked-s", type=float, default=30.0, help="after which a slow subscriber is put out")
    wanted = parser.parse_args()
    asyncio.run(serve(wanted.kind, wanted.port, wanted.send_buffer, wanted.blocked_s))
