"""The tables of the history file, as numbered migrations.

The file's ``user_version`` is the number of migrations that it has seen. A migration that was released is never edited;
a change is a new one at the end.
"""

import sqlite3
from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE operations (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            hub_id TEXT NOT NULL,
            session TEXT,
            kind TEXT,
            state TEXT NOT NULL,
            terminal INTEGER NOT NULL,
            lease TEXT NOT NULL,
            seq INTEGER NOT NULL,
            changed_at REAL NOT NULL,
            ended_at REAL,
            snapshot BLOB NOT NULL,
            PRIMARY KEY (owner, id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX operations_by_time ON operations (owner, changed_at, id)",
        "CREATE INDEX operations_by_kind ON operations (owner, kind, changed_at, id)",
        "CREATE INDEX operations_by_hub ON operations (hub_id)",
        "CREATE TABLE revoked_tokens (jti TEXT PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID",
    ),
    (
        # Has a rowid: it is the order in which the items came.
        """
        CREATE TABLE inbox (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            hub_id TEXT NOT NULL,
            at REAL NOT NULL,
            read INTEGER NOT NULL,
            item BLOB NOT NULL,
            UNIQUE (hub_id, owner, id)
        )
        """,
        """
        CREATE TRIGGER inbox_items_go_with_their_operation AFTER DELETE ON operations BEGIN
            DELETE FROM inbox WHERE hub_id = OLD.hub_id AND owner = OLD.owner AND id = OLD.id;
        END
        """,
    ),
    (
        "ALTER TABLE operations ADD COLUMN name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE operations ADD COLUMN elapsed_s REAL",
        """
        UPDATE operations SET
            name = coalesce(json_extract(CAST(snapshot AS TEXT), '$.name'), ''),
            elapsed_s = json_extract(CAST(snapshot AS TEXT), '$.elapsed_s')
        WHERE json_valid(CAST(snapshot AS TEXT))
        """,
        """
        CREATE TABLE records (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            spans BLOB,
            estimates BLOB,
            PRIMARY KEY (owner, id)
        ) WITHOUT ROWID
        """,
        """
        CREATE TRIGGER records_go_with_their_operation AFTER DELETE ON operations BEGIN
            DELETE FROM records WHERE owner = OLD.owner AND id = OLD.id;
        END
        """,
    ),
    ("ALTER TABLE records ADD COLUMN stages BLOB",),
    # When the history was pruned lately (wall-clock seconds): what is deleted for its age was old a day ago as well.
    ("CREATE TABLE prunings (at REAL PRIMARY KEY) WITHOUT ROWID",),
    ("ALTER TABLE operations ADD COLUMN lease_s REAL",),
)


class NewerSchemaError(Exception):
    """The file was written by a newer version of progress_kit; it is left as it is."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file of `connection` (in autocommit mode) up to date, in one transaction.

    Raises what `check_version` raises.
    """
    # Two servers may start at the same time: the version is read again under the write lock.
    if check_version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[check_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check_version(connection: sqlite3.Connection) -> int:
    """Return how many migrations the file has seen.

    Raises `NewerSchemaError` if it has some that are unknown here, or `sqlite3.Error`.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise NewerSchemaError(f"it has schema version {version}, and this progress_kit knows {len(MIGRATIONS)}")
    return int(version)
