"""The spools in a directory: which there are, whose process is dead, and what is in them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from progress_kit.connection.discovery import is_alive, is_trusted
from progress_kit.protocol.spool import HISTORY_BYTES, SpooledEnd, pid_of, read

MAX_BYTES: Final = 16 * HISTORY_BYTES
"""Of a larger file, which no process of ours writes, the end alone is read."""


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One file that is there."""

    path: Path
    pid: int
    size: int
    modified_ns: int


def spools(directory: Path) -> list[SpoolFile]:
    """Return the spools in `directory`; none where it cannot be read."""
    found = []
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return []
    for entry in entries:
        pid = pid_of(entry.name)
        if pid is None:
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        found.append(SpoolFile(Path(entry.path), pid, status.st_size, status.st_mtime_ns))
    return found


def left(directory: Path, alive: Callable[[int], bool] = is_alive) -> list[SpoolFile]:
    """Return the spools whose process is dead."""
    return [spool for spool in spools(directory) if not alive(spool.pid)]


def lines(path: Path, most: int = MAX_BYTES) -> list[bytes]:
    """Return the lines in the last `most` bytes of a spool; none where it is not this user's own file."""
    try:
        # Opened first and judged by its descriptor, so that nobody can swap the file in between.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not is_trusted(status):
            return []
        file.seek(max(0, status.st_size - most))
        found = file.read(most).split(b"\n")
        return found[1:] if status.st_size > most else found


def history(directory: Path) -> list[SpooledEnd]:
    """Return all ends in the newest MiB of the spools, the oldest first: the history of those who have no hub."""
    room = HISTORY_BYTES
    ends: list[SpooledEnd] = []
    for spool in sorted(spools(directory), key=lambda spool: spool.modified_ns, reverse=True):
        if room <= 0:
            break
        ends += read(lines(spool.path, room), struck=True)
        room -= spool.size
    by_id = {end.snapshot.id: end for end in ends}
    return sorted(by_id.values(), key=lambda end: end.snapshot.ended_at or 0.0)
