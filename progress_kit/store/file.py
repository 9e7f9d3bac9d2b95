"""The history file: how it is opened, what is wrong with it, and what is done with one that is damaged."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from progress_kit import clock
from progress_kit.store.schema import NewerSchemaError, check_version, migrate

FAULTS: Final = (OSError, sqlite3.DatabaseError, NewerSchemaError)
"""What a file can do to its store."""
Identity = tuple[int, int]
"""Which file it is that lies at a path: its device and its number there."""

_SIDE_FILES: Final = ("-wal", "-shm", "")
_ROOM_BYTES: Final = 1024 * 1024


def open_file(path: Path, *, wait_s: float) -> sqlite3.Connection:
    """Open (or make) the file at `path`, with an up-to-date schema; `wait_s` for others who are writing.

    Raises one of `FAULTS`. A file of a newer version is left as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
    try:
        check_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: "durable" lets a publisher forget an end, so it must survive a power cut as well. The price,
        # one fsync for each group of writes, is paid in the store's own thread.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_memory() -> sqlite3.Connection:
    """Return an empty database that lasts as long as this process."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it, or nothing; raises `sqlite3.Error`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def copy_to_memory(path: Path, source: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Return a copy in memory of the open `source`, or of the file at `path` if it can be read; None if it cannot."""
    if source is not None:
        return _copy(source)
    # The second try reads what lies in a read-only folder, where the side files cannot be made.
    for immutable in (False, True):
        try:
            with closing(open_to_read(path, immutable=immutable)) as readable:
                copy = _copy(readable)
        except sqlite3.Error:
            continue
        if copy is not None:
            return copy
    return None


def _copy(source: sqlite3.Connection) -> sqlite3.Connection | None:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        # A backup would wait for ever for somebody who holds the file; who reads already need not wait.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy)
        migrate(copy)
    except (sqlite3.Error, NewerSchemaError):
        copy.close()
        return None
    finally:
        if source.in_transaction:
            source.execute("ROLLBACK")
    return copy


def open_to_read(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Open the file so that nothing of it is changed; `immutable` also without a look at the side files.

    Raises `sqlite3.Error`.
    """
    unlocked = "&immutable=1" if immutable else ""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{unlocked}", timeout=0.2, uri=True, isolation_level=None)


def identity(path: Path) -> Identity | None:
    """Return which file it is that lies at `path`, None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_room(folder: Path) -> None:
    """Raise `OSError` if no new megabyte can be written in `folder`.

    A full disk may still take a small write into a journal that is there already.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_ROOM_BYTES))
        file.flush()
        os.fsync(file.fileno())


def is_broken(error: Exception) -> bool:
    """Whether `error` says that the file's content is damaged, rather than out of reach."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_busy(error: Exception) -> bool:
    """Whether `error` says that somebody else is writing."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def keep_aside(path: Path, damaged: Identity | None) -> Path | None:
    """Rename the damaged file, so that a new one can be made; return its new path.

    None if that failed, or if another server has done so already and a new file lies there.
    """
    stamp = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    try:
        if identity(path) != damaged or aside.exists():
            return None
        for suffix in _SIDE_FILES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(aside.with_name(aside.name + suffix))
    except OSError:
        return None
    return aside
