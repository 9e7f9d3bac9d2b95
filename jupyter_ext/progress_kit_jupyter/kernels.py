"""The kernels of this server: which are there, and which have died.

Jupyter's own events tell of starts, shutdowns, restarts (a crash with automatic restart is one, too) and interrupts. A
look every two seconds finds what no event tells: a process that was killed and is not restarted, and the kernels of a
kernel manager that emits no events.
"""

from typing import Any, Final

from jupyter_core.utils import ensure_async
from jupyter_events import EventLogger
from jupyter_server.serverapp import ServerApp
from tornado.ioloop import PeriodicCallback
from tornado.web import HTTPError

from progress_kit_jupyter.driver import HubDriver

KERNEL_ACTIONS: Final = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
LOOK_S: Final = 2.0


class KernelListener:
    """Who wants to know about kernels: overrides what matters. Everything is called on the event loop."""

    def kernel_started(self, kernel_id: str) -> None:
        """A kernel is there, or there again after a restart; called more than once for the same one."""

    def kernel_died(self, kernel_id: str) -> None:
        """The kernel's process is gone: crashed, killed, shut down, or replaced by a restart."""

    def kernel_interrupted(self, kernel_id: str) -> None:
        """Somebody interrupted the kernel."""


class Deaths(KernelListener):
    """Tells the hub."""

    def __init__(self, driver: HubDriver) -> None:
        self._driver = driver

    def kernel_died(self, kernel_id: str) -> None:
        """The kernel's process is gone."""
        self._driver.kernel_died(kernel_id)


class KernelWatch:
    """Watches the kernels of `serverapp`, from `start` to `stop`."""

    def __init__(self, serverapp: ServerApp, *listeners: KernelListener) -> None:
        self._kernels = serverapp.kernel_manager
        assert serverapp.event_logger is not None, "extensions are started after it was made"
        self._events = serverapp.event_logger
        self._listeners = listeners
        self._alive: set[str] = set()
        self._known: set[str] = set()
        self._looking = PeriodicCallback(self.look, LOOK_S * 1_000)

    async def start(self) -> None:
        """Take in the kernels that are there, and listen from now on."""
        self._events.add_listener(schema_id=KERNEL_ACTIONS, listener=self._on_action)
        await self.look()
        self._looking.start()

    def stop(self) -> None:
        """Listen no more."""
        self._looking.stop()
        self._events.remove_listener(schema_id=KERNEL_ACTIONS, listener=self._on_action)

    async def look(self) -> None:
        """Compare what is there with what was there."""
        there = set(self._kernels.list_kernel_ids())
        for kernel_id in self._known - there:
            self._died(kernel_id)
        for kernel_id in there - self._known:
            self._started(kernel_id)
        for kernel_id in there:
            try:
                alive = await ensure_async(self._kernels.get_kernel(kernel_id).is_alive())
            except (KeyError, HTTPError):
                continue  # it has just been removed
            if alive:
                self._alive.add(kernel_id)
            elif kernel_id in self._alive:
                self._alive.discard(kernel_id)
                for listener in self._listeners:
                    listener.kernel_died(kernel_id)

    async def _on_action(self, logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - named by the caller
        kernel_id, action = data.get("kernel_id"), data.get("action")
        if not isinstance(kernel_id, str) or data.get("status") != "success":
            return  # what a failed action did to the process, the next look finds out
        if action in {"shutdown", "restart"}:
            self._died(kernel_id)
        if action in {"start", "restart"}:
            self._alive.add(kernel_id)
            self._started(kernel_id)
        elif action == "interrupt":
            for listener in self._listeners:
                listener.kernel_interrupted(kernel_id)

    def _started(self, kernel_id: str) -> None:
        self._known.add(kernel_id)
        for listener in self._listeners:
            listener.kernel_started(kernel_id)

    def _died(self, kernel_id: str) -> None:
        self._known.discard(kernel_id)
        self._alive.discard(kernel_id)
        for listener in self._listeners:
            listener.kernel_died(kernel_id)
