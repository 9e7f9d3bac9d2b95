"""The inboxes in the history file, as SQL. Every function works on one connection and knows no thread."""

import logging
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from progress_kit.protocol.limits import INBOX_ITEMS
from progress_kit.protocol.messages import InboxItem

log: Final = logging.getLogger("progress_kit")

_item: Final = msgspec.json.Decoder(InboxItem)
# An item is final, but for this: what was read stays read, in whatever order the writes come.
_KEEP: Final = """
    INSERT INTO inbox (owner, id, hub_id, at, read, item) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (hub_id, owner, id) DO UPDATE SET read = max(read, excluded.read)
"""


def keep(connection: sqlite3.Connection, hub_id: str, owner: str, items: Sequence[InboxItem]) -> None:
    """Write new items, and which of the known ones are read now."""
    connection.executemany(
        _KEEP, [(owner, item.id, hub_id, item.at, int(item.read), msgspec.json.encode(item)) for item in items]
    )


def load(connection: sqlite3.Connection, hub_id: str) -> list[tuple[str, InboxItem]]:
    """Return owner and item of all that `hub_id` keeps, oldest first; what cannot be read is left out."""
    found = []
    rows = connection.execute("SELECT owner, id, read, item FROM inbox WHERE hub_id = ? ORDER BY rowid", (hub_id,))
    for owner, name, read, item in rows:
        try:
            found.append((str(owner), msgspec.structs.replace(_item.decode(item), read=bool(read))))
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            log.warning("Item %s of the inbox cannot be read and is left out", name)
    return found


def prune(connection: sqlite3.Connection, oldest: float | None) -> None:
    """Delete what came before `oldest` (wall-clock second), and what is not among the newest of its inbox."""
    if oldest is not None:
        connection.execute("DELETE FROM inbox WHERE at < ?", (oldest,))
    connection.execute(
        """
        DELETE FROM inbox WHERE rowid IN (
            SELECT number FROM (
                SELECT rowid AS number, row_number() OVER (PARTITION BY hub_id, owner ORDER BY rowid DESC) AS place
                FROM inbox
            ) WHERE place > ?
        )
        """,
        (INBOX_ITEMS,),
    )
