"""Real kernels of the tests' server, and what a page of theirs sees of operations."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient

from .conftest import Hub, Peer

# Reports until it is stopped, from the loop of a cell.
ENDLESS = (
    "import itertools, time, progress_kit as pk\nfor _ in pk.track(itertools.count(), 'Endless'): time.sleep(0.02)"
)


class Kernel:
    """One kernel of the server."""

    def __init__(self, hub: Hub, kernel_id: str) -> None:
        self.id = kernel_id
        self.manager: Any = hub.serverapp.kernel_manager
        self._client: AsyncKernelClient | None = None

    @property
    def client(self) -> AsyncKernelClient:
        """What speaks to it, as a page would."""
        assert self._client is not None
        return self._client

    async def connect(self) -> None:
        """Connect a client to the process that runs now; wait until the kernel answers."""
        self.disconnect()
        self._client = self.manager.get_kernel(self.id).client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=30)

    def disconnect(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.stop_channels()
            self._client = None

    def execute(self, code: str) -> str:
        """Run code as a cell does; return the request's id at once."""
        request: str = self.client.execute(code)
        return request

    def kill(self) -> None:
        """Kill the process, as the system does when memory is short."""
        os.kill(self.manager.get_kernel(self.id).provisioner.pid, signal.SIGKILL)


@asynccontextmanager
async def kernel(hub: Hub, path: str | None = None) -> AsyncIterator[Kernel]:
    """Start a kernel, for the notebook at `path` if there is one; shut it down at the end."""
    manager = hub.serverapp.kernel_manager
    if path is None:
        kernel_id = await manager.start_kernel()
    else:
        sessions = hub.serverapp.session_manager
        session = await sessions.create_session(path=path, name=path, type="notebook", kernel_name="python3")
        kernel_id = session["kernel"]["id"]
    started = Kernel(hub, kernel_id)
    try:
        await started.connect()
        yield started
    finally:
        started.disconnect()
        if kernel_id in manager:
            await manager.shutdown_kernel(kernel_id, now=True)


class View:
    """What a page knows of operations, message by message; `gone` are the ids that were removed."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.operations: dict[str, dict[str, Any]] = {}
        self.gone: list[str] = []

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first operation for which `condition` holds."""
        while True:
            for operation in self.operations.values():
                if condition(operation):
                    return operation
            await self.next()

    async def next(self) -> None:
        """Take in one message of state."""
        state = await self.peer.receive("state")
        self.operations |= {each["id"]: each for each in state["operations"]}
        for name in state["removed"]:
            self.operations.pop(name, None)
            self.gone.append(name)


@asynccontextmanager
async def view(hub: Hub) -> AsyncIterator[View]:
    """Open a page that sees all operations."""
    token = await hub.mint("subscribe", "command")
    async with hub.peer(token) as peer:
        await peer.send(type="subscribe", id="s", filter={})
        yield View(peer)
