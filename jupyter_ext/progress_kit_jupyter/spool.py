"""Takes in what processes that are dead by now wrote down for this hub, and removes their files when it is stored."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Container
from pathlib import Path
from typing import Final

from jupyter_server.utils import check_pid
from tornado.ioloop import PeriodicCallback

from progress_kit.connection import spools
from progress_kit.errors import ProtocolError
from progress_kit.hub import Spooled
from progress_kit.model import is_terminal
from progress_kit.protocol import decode_snapshot, encode
from progress_kit.protocol.spool import SpooledEnd, end_line, file_name, read
from progress_kit_jupyter.driver import HubDriver
from progress_kit_jupyter.kernels import KernelListener

log: Final = logging.getLogger("progress_kit")

_BATCH: Final = 200
"""So many ends are taken in without letting others have a turn."""


class SpoolReader(KernelListener):
    """Looks into `directory` at the start, every lease, and when a kernel has died. Unknown operations are `owner`'s.

    A file is claimed by renaming it, so that of several servers one has it, and removed when all of it is in the
    history: who is killed in between finds it again. `alive` tells whether there is such a process.
    """

    def __init__(
        self, driver: HubDriver, directory: Path, owner: str, alive: Callable[[int], bool] = check_pid
    ) -> None:
        self._driver = driver
        self._directory = directory
        self._owner = owner
        self._hub_id = driver.manager.hub_id
        self._alive = alive
        self._given: set[str] = set()
        """The ends that this life of the hub was given."""
        self._looking: asyncio.Task[None] | None = None
        self._timer = PeriodicCallback(self.look, driver.manager.limits.lease_s * 1_000)

    def start(self) -> None:
        """Take in what is there, and look again every lease."""
        self.look()
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        if self._looking is not None:
            self._looking.cancel()

    def kernel_died(self, kernel_id: str) -> None:
        """Hear what the dead kernel wrote last, before its operations are called lost."""
        pids = self._driver.manager.pids(kernel_id)
        for path in self._claimed(pids) if pids else ():
            ends = read(spools.lines(path))
            self._give([end for end in ends if self._driver.manager.known(end.snapshot.id) == "open"])
        self.look()  # and for what the hub has not heard of at all

    def look(self) -> None:
        """Take in what is there now, unless that is being done."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            for path in await asyncio.to_thread(self._claimed):
                await self._take_in(path)
        except Exception:
            log.exception("What processes wrote down for this hub cannot be taken in")

    def _claimed(self, pids: Container[int] | None = None) -> list[Path]:
        """Make the files of dead processes (of `pids` only) ours that are for us or any hub; return all of ours."""
        ours = []
        for spool in spools.left(self._directory, self._alive):
            if pids is not None and spool.pid not in pids:
                continue
            name = file_name(spool.pid, self._hub_id)
            if spool.path.name == name:
                ours.append(spool.path)
            elif spool.path.name == file_name(spool.pid):
                with contextlib.suppress(OSError):
                    ours += self._claim(spool.path, name)
        return ours

    def _claim(self, path: Path, name: str) -> list[Path]:
        ends = read(spools.lines(path))
        if not any(self._is_ours(end) for end in ends):
            if not ends:
                path.unlink()  # all of it was struck out
            return []
        claimed = path.with_name(name)
        if claimed.exists():
            return []  # of an earlier process with this id: first that one, then this
        path.rename(claimed)
        others = [end for end in ends if not self._is_ours(end)]
        if others:
            _write(path, others)
        return [claimed]

    def _is_ours(self, end: SpooledEnd) -> bool:
        return end.hub_id in {None, self._hub_id}

    async def _take_in(self, path: Path) -> None:
        ends = [end for end in read(await asyncio.to_thread(spools.lines, path)) if self._is_ours(end)]
        missing = await self._missing(ends)
        fresh = [end for end in missing if end.snapshot.id not in self._given]
        for first in range(0, len(fresh), _BATCH):
            self._give(fresh[first : first + _BATCH])
            missing = await self._missing(missing)  # after what was given: the store answers in order
        waiting = any(self._driver.manager.known(end.snapshot.id) == "ended" for end in missing)
        if not missing or (not waiting and self._driver.store.status[0] == "ok"):
            # What is neither stored nor on the way there was refused, and would be again.
            await asyncio.to_thread(path.unlink, missing_ok=True)
            self._given.difference_update(end.snapshot.id for end in ends)

    def _give(self, ends: list[SpooledEnd]) -> None:
        self._given.update(end.snapshot.id for end in ends)
        if ends:
            self._driver.take_in(Spooled(self._owner, ends))

    async def _missing(self, ends: list[SpooledEnd]) -> list[SpooledEnd]:
        """Return those of `ends` that are not stored."""
        stored = await asyncio.gather(*(self._is_stored(end) for end in ends))
        return [end for end, there in zip(ends, stored, strict=True) if not there]

    async def _is_stored(self, end: SpooledEnd) -> bool:
        driver, operation = self._driver, end.snapshot.id
        if driver.manager.known(operation) == "stored":
            return True
        entry = await asyncio.wrap_future(driver.store.get(self._owner, operation))
        if entry is None or driver.store.status[0] != "ok":
            return False
        try:
            return is_terminal(decode_snapshot(entry).state)
        except ProtocolError:
            return False


def _write(path: Path, ends: list[SpooledEnd]) -> None:
    lines = [end_line(end.hub_id, end.session, encode(end.snapshot), end.stages) for end in ends]
    path.touch(mode=0o600)
    path.write_bytes(b"".join(lines))
