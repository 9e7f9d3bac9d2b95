"""What can still be read of a damaged file, row by row; and rows from one database put into another."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from progress_kit.store.file import open_memory, open_to_read, transaction
from progress_kit.store.table import snapshot


class _Table(NamedTuple):
    name: str
    key: str
    orders: tuple[str, ...]
    """Each is read off another tree of pages, so that the keys are found as long as one of these is whole."""


_TABLES: Final = (
    _Table("operations", "owner, id", ("owner, id", "owner, changed_at, id")),
    _Table("records", "owner, id", ("owner, id",)),
    _Table("inbox", "rowid", ("rowid", "hub_id, owner, id")),
    _Table("revoked_tokens", "jti", ("jti",)),
    _Table("prunings", "at", ("at",)),
)


def salvage_file(path: Path) -> sqlite3.Connection:
    """Return a database in memory with the rows that can be read of the file at `path`."""
    try:
        with closing(open_to_read(path)) as damaged:
            return salvage(damaged)
    except sqlite3.Error:
        return open_memory()


def salvage(damaged: sqlite3.Connection) -> sqlite3.Connection:
    """Return a database in memory with the rows that can be read of `damaged`."""
    memory = open_memory()
    try:
        damaged.execute("PRAGMA writable_schema = ON")  # so that a file that was cut off is read at all
        with transaction(memory):
            copy_rows(damaged, memory)
    except sqlite3.Error:
        pass  # not even its first page can be read
    _drop_rubbish(memory)
    return memory


def _drop_rubbish(memory: sqlite3.Connection) -> None:
    """Delete rows that could be read and are none: SQLite does not see damage within a long value."""
    for owner, operation in memory.execute("SELECT owner, id FROM operations").fetchall():
        if snapshot(memory, owner, operation) is None:
            memory.execute("DELETE FROM operations WHERE owner = ? AND id = ?", (owner, operation))


def copy_rows(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Put the rows of `source` into `target`, but for those that it has; raises `sqlite3.Error`."""
    for table in _TABLES:
        _copy(table, source, target)


def _copy(table: _Table, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    where = " AND ".join(f"{column} = ?" for column in table.key.split(", "))
    for key in _keys(table, source):
        try:
            found = source.execute(f"SELECT * FROM {table.name} WHERE {where}", key)  # noqa: S608 - constants only
            row = found.fetchone()
        except sqlite3.DatabaseError:
            continue  # it lies on a damaged page
        if row is not None:
            columns, marks = ", ".join(column[0] for column in found.description), ", ".join("?" * len(row))
            target.execute(f"INSERT OR IGNORE INTO {table.name} ({columns}) VALUES ({marks})", row)  # noqa: S608


def _keys(table: _Table, source: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Return the keys of all rows: read from both ends, as far as the damage, along each order."""
    keys: dict[tuple[object, ...], None] = {}
    for order in table.orders:
        for direction in ("ASC", "DESC"):
            columns = ", ".join(f"{column} {direction}" for column in order.split(", "))
            found, whole = _read(source, f"SELECT {table.key} FROM {table.name} ORDER BY {columns}")  # noqa: S608
            keys |= dict.fromkeys(found if direction == "ASC" else reversed(found))
            if whole:
                return list(keys)
    return list(keys)


def _read(source: sqlite3.Connection, query: str) -> tuple[list[tuple[object, ...]], bool]:
    """Return the rows, as far as they can be read, and whether that was all."""
    rows: list[tuple[object, ...]] = []
    try:
        for row in source.execute(query):
            rows.append(row)  # noqa: PERF402 - what was read before the damage counts
    except sqlite3.DatabaseError:
        return rows, False
    return rows, True
