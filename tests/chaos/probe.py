"""A Jupyter server extension that tells for how long the event loop of the server was held up, and by what."""

import asyncio
import gc
import json
import time
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.web import RequestHandler

from progress_kit import clock

PROBE_S = 0.001


class Probe:
    """Looks at every millisecond whether the loop comes round, and at every garbage collection."""

    def __init__(self) -> None:
        self._collect_began = 0.0
        self._begin()
        gc.callbacks.append(self._collected)
        self._next()

    def _begin(self) -> None:
        self._late_s = self._busy_s = 0.0
        self._collect_s = [0.0, 0.0, 0.0]
        self._collects = [0, 0, 0]
        self._due, self._cpu_s = clock.monotonic() + PROBE_S, time.thread_time()

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collect_began = time.thread_time()
            return
        generation = info["generation"]
        self._collects[generation] += 1
        took = time.thread_time() - self._collect_began
        self._collect_s[generation] = max(self._collect_s[generation], took)

    def _next(self) -> None:
        self._due, self._cpu_s = clock.monotonic() + PROBE_S, time.thread_time()
        asyncio.get_running_loop().call_later(PROBE_S, self._came_round)

    def _came_round(self) -> None:
        self._late_s = max(self._late_s, clock.monotonic() - self._due)
        self._busy_s = max(self._busy_s, time.thread_time() - self._cpu_s)
        self._next()

    def take(self) -> dict[str, Any]:
        """Return the figures since the last call.

        `late_ms` has in it what other processes took, `busy_ms`, which is CPU time of the loop's thread, has not.
        """
        found = {
            "late_ms": self._late_s * 1e3,
            "busy_ms": self._busy_s * 1e3,
            "collect_ms": [each * 1e3 for each in self._collect_s],
            "collects": self._collects,
            "tracked": len(gc.get_objects()),
        }
        self._begin()
        return found


class ProbeHandler(RequestHandler):
    """``GET probe``: the figures since it was last asked."""

    def initialize(self, probe: Probe) -> None:
        """Remember the probe."""
        self._probe = probe

    def get(self) -> None:
        """Answer with the figures."""
        _ = self.finish(json.dumps(self._probe.take()))


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:
    probe: list[Probe] = []

    async def begin() -> None:
        probe.append(Probe())
        serverapp.web_app.add_handlers(  # type: ignore[no-untyped-call]
            ".*", [("/probe", ProbeHandler, {"probe": probe[0]})]
        )

    _ = asyncio.get_event_loop().create_task(begin())
