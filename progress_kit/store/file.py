"""Opening the history file, and what is done when that cannot be."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from progress_kit import clock
from progress_kit.store.schema import NewerSchemaError, migrate

_SIDE_FILES: Final = ("", "-wal", "-shm")


def open_file(path: Path) -> sqlite3.Connection:
    """Open (or make) the file at `path`, with an up-to-date schema.

    Raises `OSError`, `sqlite3.Error` or `NewerSchemaError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: "durable" lets a publisher forget an end, so it must survive a power cut as well. The price,
        # one fsync for each group of writes, is paid in the store's own thread.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        connection.execute("PRAGMA busy_timeout = 30000")
    except BaseException:
        connection.close()
        raise
    return connection


def open_memory() -> sqlite3.Connection:
    """Return an empty database that lasts as long as this process."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


def copy_to_memory(path: Path, source: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Return a copy in memory of the open `source`, or of the file at `path` if it can be read; None if it cannot."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        if source is None:
            # Immutable: a file in a read-only folder can be read without the side files that cannot be made there.
            source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            with closing(source):
                source.backup(copy)
        else:
            source.backup(copy)
        migrate(copy)
    except (sqlite3.Error, NewerSchemaError):
        copy.close()
        return None
    return copy


def is_broken(error: Exception) -> bool:
    """Whether `error` says that the file's content is damaged, rather than out of reach."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def keep_aside(path: Path) -> Path | None:
    """Rename the damaged file, so that the next start makes a new one; return its new path, None if that failed."""
    stamp = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    try:
        for suffix in _SIDE_FILES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(aside.with_name(aside.name + suffix))
    except OSError:
        return None
    return aside
