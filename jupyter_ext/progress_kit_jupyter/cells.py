"""Listens to what the kernels of this server run, so that a cell that takes long becomes an operation.

One listener per kernel on its IOPub socket, beside Jupyter's own for activity: a subscriber of its own takes nothing
from others, and what it cannot read in time is lost to it alone. It reads every message of the kernel, which costs the
server about 27 µs each, and so there is none where nobody wants cells to be operations.
"""

import asyncio
import logging
from typing import Any, Final

import msgspec
from jupyter_client.session import Session
from jupyter_core.utils import ensure_async
from jupyter_server.serverapp import ServerApp
from tornado.ioloop import PeriodicCallback
from tornado.web import HTTPError

from progress_kit.hub.cells import Cells
from progress_kit.protocol.messages import Command, Execution
from progress_kit_jupyter.driver import HubDriver
from progress_kit_jupyter.inside import InsidePublisher
from progress_kit_jupyter.kernels import KernelListener

log: Final = logging.getLogger("progress_kit")

LOOK_MS: Final = 500


class _Header(msgspec.Struct):
    msg_type: str = ""
    msg_id: str = ""


_header: Final = msgspec.json.Decoder(_Header)


class CellObserver(KernelListener):
    """Makes operations of `owner` from cells that run for longer than `after_s`, or than their page says."""

    def __init__(self, serverapp: ServerApp, driver: HubDriver, owner: str, after_s: float | None) -> None:
        self._kernels: Any = serverapp.kernel_manager  # of any class; its methods may be coroutines
        self._sessions = serverapp.session_manager
        self._driver = driver
        self._owner = owner
        self._cells = Cells(after_s)
        self._always = after_s is not None
        self._wanted = False
        self._publisher = InsidePublisher(driver, owner, self._perform)
        self._streams: dict[str, Any] = {}
        self._looking = PeriodicCallback(self._look, LOOK_MS)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen to pages, and end what an earlier life of this server made of kernels that are not there any more."""
        self._driver.on_execution = self._execution
        self._driver.on_watches_cells = self._watch
        for kernel_id in self._driver.manager.observed_kernels() - set(self._kernels.list_kernel_ids()):
            self._driver.kernel_died(kernel_id)

    def stop(self) -> None:
        """Listen no more."""
        self._driver.on_execution = self._driver.on_watches_cells = None
        self._looking.stop()
        for kernel_id in list(self._streams):
            self._close(kernel_id)
        for task in self._tasks:
            task.cancel()

    # ------------------------------------------------------------ kernels

    @property
    def _listens(self) -> bool:
        return self._always or self._wanted

    def kernel_started(self, kernel_id: str) -> None:
        """Open an ear for it, where somebody wants that."""
        if self._listens and kernel_id not in self._streams:
            self._open(kernel_id)

    def _watch(self, owner: str, wanted: bool) -> None:  # noqa: FBT001 - as the driver calls it
        """Open the ears when the first page of the owner wants cells to be operations.

        A page that is closed takes nothing back, because what runs may take all night. One that says no may.
        """
        if owner != self._owner:
            return
        self._wanted = wanted
        if self._listens:
            for kernel_id in self._kernels.list_kernel_ids():
                self.kernel_started(kernel_id)
        else:
            self._close_idle()

    def _close_idle(self) -> None:
        for kernel_id in self._streams.keys() - self._cells.kernels():
            self._close(kernel_id)

    def _open(self, kernel_id: str) -> None:
        try:
            manager = self._kernels.get_kernel(kernel_id)
            stream = manager.connect_iopub()
            session = Session(config=manager.session.config, key=manager.session.key)
            stream.on_recv(lambda frames: self._heard(kernel_id, session, frames))
        except Exception as error:  # noqa: BLE001 - a kernel manager of another kind (a gateway's) has no sockets
            log.info("Cells of kernel %s are not seen and cannot be operations: %s", kernel_id, error)
            return
        self._streams[kernel_id] = stream

    def kernel_died(self, kernel_id: str) -> None:
        """Forget what it ran; the hub has ended that."""
        self._close(kernel_id)
        for operation in self._cells.kernel_died(kernel_id):
            self._publisher.forget(operation)

    def kernel_interrupted(self, kernel_id: str) -> None:
        """Remember it: an error now is its effect."""
        self._cells.interrupted(kernel_id, self._driver.now())

    def _close(self, kernel_id: str) -> None:
        stream = self._streams.pop(kernel_id, None)
        if stream is not None and not stream.closed():
            stream.close()

    # ------------------------------------------------------------ what is heard

    def _execution(self, owner: str, message: Execution) -> None:
        # The operation belongs to the owner of the kernels: nobody else's page decides about it.
        if owner == self._owner:
            self._cells.execution(message)

    def _heard(self, kernel_id: str, session: Session, frames: list[Any]) -> None:
        try:
            parts: list[Any] = session.feed_identities(frames)[1]
            kind, parent = _header.decode(parts[1]).msg_type, _header.decode(parts[2])
            if parent.msg_type != "execute_request" or kind not in {"status", "execute_input", "error"}:
                return
            content = session.deserialize(parts)["content"]
            self._take(kernel_id, parent.msg_id, kind, content)
        except Exception as error:  # noqa: BLE001 - whatever a kernel says, the server goes on
            log.debug("A message of kernel %s was not understood: %s", kernel_id, error)

    def _take(self, kernel_id: str, request: str, kind: str, content: dict[str, Any]) -> None:
        now = self._driver.now()
        if kind == "execute_input":
            self._cells.code(kernel_id, request, str(content["code"]))
        elif kind == "error":
            self._cells.error(kernel_id, request, str(content["ename"]), str(content["evalue"]), now)
        elif content["execution_state"] == "busy":
            self._cells.busy(kernel_id, request, now)
            if not self._looking.is_running():
                self._looking.start()
        elif content["execution_state"] == "idle":
            ended = self._cells.idle(kernel_id, request, now)
            if ended is not None:
                self._publisher.say([ended])

    # ------------------------------------------------------------ what becomes of it

    async def _look(self) -> None:
        if not self._cells:
            self._looking.stop()
            if not self._listens:
                self._close_idle()
            return
        for kernel_id in self._cells.kernels():
            for first_seen_at in self._driver.manager.reported_by(kernel_id):
                for operation in self._cells.tracked(kernel_id, first_seen_at):
                    self._publisher.withdraw(operation)
        for cell in self._cells.due(self._driver.now()):
            if cell.notebook is None:
                cell.notebook = await self._notebook(cell.kernel_id)
            begun = self._cells.begin(cell, self._driver.now())
            if begun is not None:
                self._publisher.say([begun])
        self._publisher.say(self._cells.refresh(self._driver.now()))

    async def _notebook(self, kernel_id: str) -> str | None:
        try:
            session = await ensure_async(self._sessions.get_session(kernel_id=kernel_id))
        except HTTPError:
            return None  # a kernel without a document
        path = session.get("path")
        return path if isinstance(path, str) and path else None

    # ------------------------------------------------------------ commands

    def _perform(self, command: Command) -> None:
        task = asyncio.create_task(self._interrupt(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _interrupt(self, command: Command) -> None:
        kernel_id = self._cells.kernel_of(command.operation)
        error = None
        if kernel_id is None:
            error = "the cell has ended"
        else:
            self._cells.interrupted(kernel_id, self._driver.now())
            try:
                await ensure_async(self._kernels.interrupt_kernel(kernel_id))
            except Exception as problem:  # noqa: BLE001 - said to who asked
                error = f"the kernel could not be interrupted: {problem}"
        self._publisher.answer(command.request, error)
