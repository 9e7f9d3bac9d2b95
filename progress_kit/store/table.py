"""What is asked of the history file, as SQL. Every function works on one connection and knows no thread."""

import sqlite3
from typing import Final, NamedTuple

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.model import OperationState, StoredOperation, is_terminal
from progress_kit.protocol import decode_snapshot

DAY_S: Final = 86_400.0
LIVE_S: Final = 3_600.0
"""How long after its last change an operation that ended, or was lost, is among the live ones."""
MAX_PAGE: Final = 500
_PRUNINGS_EVERY_S: Final = 3_600.0

# A row is replaced by a newer one; one that has ended only by a newer end.
_PERSIST: Final = """
    INSERT INTO operations
        (owner, id, hub_id, session, kind, state, terminal, lease, seq, changed_at, ended_at, name, elapsed_s,
         lease_s, snapshot)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, id) DO UPDATE SET
        hub_id = excluded.hub_id, session = excluded.session, kind = excluded.kind, state = excluded.state,
        terminal = excluded.terminal, lease = excluded.lease, seq = excluded.seq,
        changed_at = excluded.changed_at, ended_at = excluded.ended_at, name = excluded.name,
        elapsed_s = excluded.elapsed_s, lease_s = excluded.lease_s, snapshot = excluded.snapshot
    WHERE (terminal = 0 AND excluded.seq >= seq) OR (excluded.terminal = 1 AND excluded.seq > seq)
"""
_COLUMNS: Final = (
    "id, hub_id, owner, session, kind, state, seq, changed_at, ended_at, lease, name, elapsed_s, lease_s, snapshot"
)
HISTORY: Final = "owner = ? AND (terminal = 1 OR (lease = 'lost' AND changed_at < ?))"
"""What is history: takes the owner, and the moment `LIVE_S` ago."""
_LIVE: Final = "hub_id = ? AND (changed_at >= ? OR (terminal = 0 AND lease != 'lost'))"


class Retention(NamedTuple):
    """How much history is kept: the newest `operations` of each owner, for at most `days`."""

    operations: int = 10_000
    days: float = 30.0


class HistoryQuery(NamedTuple):
    """Which page of history is asked for: changed from `since` on, and before `until` (wall-clock seconds).

    Without `kinds` all are.
    """

    owner: str
    kinds: tuple[str, ...]
    limit: int
    before: str | None
    states: tuple[OperationState, ...] = ()
    since: float | None = None
    until: float | None = None


class HistoryPage(NamedTuple):
    """Encoded snapshots, newest first; `next` is the `before` of the following page, None at the end.

    What cannot be read any more is left out, so that a page may be shorter than its limit.
    """

    items: list[bytes]
    next: str | None


def persist(connection: sqlite3.Connection, row: StoredOperation) -> bool:
    """Write `row` unless a newer or final one is there; return whether this very state is stored now."""
    terminal = int(is_terminal(row.state))
    values: tuple[str | int | float | bytes | None, ...]
    values = (row.owner, row.id, row.hub_id, row.session, row.kind, row.state, terminal, row.lease)
    values += (row.seq, row.changed_at, row.ended_at, row.name, row.elapsed_s, row.lease_s, row.snapshot)
    written = connection.execute(_PERSIST, values)
    if written.rowcount:
        return True
    # What was stored before (a publisher repeats an end until it is acknowledged) is as good as written now.
    same = "SELECT 1 FROM operations WHERE owner = ? AND id = ? AND seq = ? AND state = ?"
    return connection.execute(same, (row.owner, row.id, row.seq, row.state)).fetchone() is not None


def live(connection: sqlite3.Connection, hub_id: str, now: float) -> list[StoredOperation]:
    """Return what runs at `hub_id`, or ended or was lost within the last hour, the oldest change first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM operations WHERE {_LIVE} ORDER BY changed_at, id",  # noqa: S608 - constants only
        (hub_id, now - LIVE_S),
    )
    names = _COLUMNS.split(", ")
    return [msgspec.convert(dict(zip(names, row, strict=True)), StoredOperation) for row in rows]


def history(connection: sqlite3.Connection, query: HistoryQuery, now: float) -> HistoryPage:
    """Return one page of what has ended, or was lost more than an hour ago, newest first."""
    limit = min(max(query.limit, 1), MAX_PAGE)
    where = HISTORY
    values: list[str | float] = [query.owner, now - LIVE_S]
    if query.kinds:
        where += f" AND kind IN ({', '.join('?' * len(query.kinds))})"
        values += query.kinds
    if query.states:
        where += f" AND state IN ({', '.join('?' * len(query.states))})"
        values += query.states
    if query.since is not None:
        where += " AND changed_at >= ?"
        values.append(query.since)
    if query.until is not None:
        where += " AND changed_at < ?"
        values.append(query.until)
    if query.before is not None:
        where += " AND (changed_at, id) < (?, ?)"
        values += _cursor(query.before)
    index = "operations_by_kind" if query.kinds else "operations_by_time"  # see `priors.prior`
    rows = connection.execute(
        f"SELECT changed_at, id, snapshot FROM operations INDEXED BY {index} WHERE {where} "  # noqa: S608 - constants
        "ORDER BY changed_at DESC, id DESC LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    page = rows[:limit]
    last = f"{page[-1][0]!r}_{page[-1][1]}" if len(rows) > limit else None
    return HistoryPage([bytes(row[2]) for row in page if _is_readable(row[2])], last)


def _is_readable(data: object) -> bool:
    try:
        decode_snapshot(data if isinstance(data, bytes) else b"")
    except ProtocolError:
        return False
    return True


def _cursor(before: str) -> tuple[float, str]:
    changed_at, separator, operation = before.partition("_")
    try:
        return float(changed_at), operation if separator else ""
    except ValueError:
        raise ProtocolError("bad_request", "before: not the `next` of a page of history") from None


def snapshot(connection: sqlite3.Connection, owner: str, operation: str) -> bytes | None:
    """Return the encoded snapshot of one operation of `owner`; None if there is none that can be read."""
    row = connection.execute(
        "SELECT snapshot FROM operations WHERE owner = ? AND id = ?", (owner, operation)
    ).fetchone()
    return None if row is None or not _is_readable(row[0]) else bytes(row[0])


def count(connection: sqlite3.Connection, owner: str, now: float) -> int:
    """Return how many operations `history` has for `owner`."""
    query = f"SELECT count(*) FROM operations WHERE {HISTORY}"  # noqa: S608 - constants only
    return int(connection.execute(query, (owner, now - LIVE_S)).fetchone()[0])


def revoke(connection: sqlite3.Connection, jti: str, expires_at: float) -> None:
    """Remember that a token is void, until `expires_at` (wall-clock seconds), when it is void anyway."""
    connection.execute("INSERT OR REPLACE INTO revoked_tokens VALUES (?, ?)", (jti, expires_at))


def revoked(connection: sqlite3.Connection) -> list[str]:
    """Return the tokens that are void."""
    return [jti for (jti,) in connection.execute("SELECT jti FROM revoked_tokens")]


def oldest_kept(connection: sqlite3.Connection, days: float, now: float) -> float | None:
    """Return the wall-clock second before which nothing is kept; None if nothing is deleted for its age now.

    A clock that is wrong for less than a day costs nothing: what is deleted was too old at a prune a day ago as well.
    """
    connection.execute("DELETE FROM prunings WHERE at > ?", (now,))
    connection.execute(
        "INSERT INTO prunings SELECT ? WHERE NOT EXISTS (SELECT 1 FROM prunings WHERE at > ?)",
        (now, now - _PRUNINGS_EVERY_S),
    )
    (certain,) = connection.execute("SELECT max(at) FROM prunings WHERE at <= ?", (now - DAY_S,)).fetchone()
    if certain is None:
        return None
    connection.execute("DELETE FROM prunings WHERE at < ?", (certain,))
    return float(certain) - days * DAY_S


def prune(connection: sqlite3.Connection, operations: int, oldest: float | None) -> None:
    """Delete what changed before `oldest`, and all but the newest so many `operations` of each owner.

    What still runs is written anew at its next change.
    """
    if oldest is not None:
        connection.execute("DELETE FROM operations WHERE changed_at < ?", (oldest,))
        connection.execute("DELETE FROM revoked_tokens WHERE expires_at < ?", (oldest,))
    connection.execute(
        """
        DELETE FROM operations WHERE (owner, id) IN (
            SELECT owner, id FROM (
                SELECT owner, id, row_number() OVER (PARTITION BY owner ORDER BY changed_at DESC, id DESC) AS place
                FROM operations
            ) WHERE place > ?
        )
        """,
        (operations,),
    )
