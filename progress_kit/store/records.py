"""The history as SQL: its kinds, how runs are deleted, and what is kept of one beside its last state."""

import sqlite3
from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from progress_kit.protocol.messages import Span, StageRecord
from progress_kit.protocol.rest import EstimateSample, KindSummary
from progress_kit.store.table import HISTORY, LIVE_S

_spans: Final = msgspec.json.Decoder(tuple[Span, ...])
_estimates: Final = msgspec.json.Decoder(tuple[EstimateSample, ...])
_stages: Final = msgspec.json.Decoder(tuple[StageRecord, ...])

# The parts come by themselves, in any order; the newer one of each counts.
_KEEP: Final = """
    INSERT INTO records (owner, id, spans, estimates, stages) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (owner, id) DO UPDATE SET
        spans = coalesce(excluded.spans, spans), estimates = coalesce(excluded.estimates, estimates),
        stages = coalesce(excluded.stages, stages)
"""


class Record(msgspec.Struct, frozen=True):
    """What is kept of one run beside its last state."""

    spans: tuple[Span, ...] = ()
    estimates: tuple[EstimateSample, ...] = ()
    stages: tuple[StageRecord, ...] = ()


def keep(connection: sqlite3.Connection, owner: str, operation: str, record: Record) -> None:
    """Write what `record` has; an empty part leaves what is there."""
    parts = [msgspec.json.encode(part) if part else None for part in (record.spans, record.estimates, record.stages)]
    connection.execute(_KEEP, (owner, operation, *parts))


def load(connection: sqlite3.Connection, owner: str, operation: str) -> Record:
    """Return what is kept of one run; parts that cannot be read are empty."""
    row = connection.execute(
        "SELECT spans, estimates, stages FROM records WHERE owner = ? AND id = ?", (owner, operation)
    ).fetchone()
    if row is None:
        return Record()
    try:
        return Record(_spans.decode(row[0] or b"[]"), _estimates.decode(row[1] or b"[]"), stages(row[2]))
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return Record()


def stages(data: bytes | None) -> tuple[StageRecord, ...]:
    """Return what the stages of a run told, as `keep` wrote it; raises `msgspec.DecodeError` and the like."""
    return _stages.decode(data or b"[]")


def delete(connection: sqlite3.Connection, owner: str, operation: str) -> bool:
    """Delete one run for good; return whether it was there."""
    cursor = connection.execute("DELETE FROM operations WHERE owner = ? AND id = ?", (owner, operation))
    return cursor.rowcount > 0


def delete_history(connection: sqlite3.Connection, owner: str, kinds: Sequence[str], now: float) -> int:
    """Delete all of the history of `owner` for good, or only these kinds; return how many runs that were."""
    where, values = HISTORY, [owner, now - LIVE_S]
    if kinds:
        where, values = f"{where} AND kind IN ({', '.join('?' * len(kinds))})", [*values, *kinds]
    return connection.execute(f"DELETE FROM operations WHERE {where}", values).rowcount  # noqa: S608 - constants only


def prune(connection: sqlite3.Connection) -> None:
    """Delete what belongs to no operation (it came, but its operation never did)."""
    connection.execute(
        "DELETE FROM records WHERE NOT EXISTS"
        " (SELECT 1 FROM operations WHERE operations.owner = records.owner AND operations.id = records.id)"
    )


def kinds(connection: sqlite3.Connection, owner: str, now: float) -> list[KindSummary]:
    """Return what the history of `owner` has of each kind, the one that ran last first."""
    rows = connection.execute(
        f"SELECT kind, name, state, elapsed_s, changed_at FROM operations WHERE {HISTORY} AND kind IS NOT NULL "  # noqa: S608
        "ORDER BY changed_at DESC, id DESC",
        (owner, now - LIVE_S),
    )
    newest: dict[str, tuple[str, float]] = {}
    runs: dict[str, int] = {}
    durations: dict[str, list[float]] = {}
    for kind, name, state, elapsed_s, changed_at in rows:
        newest.setdefault(kind, (name, changed_at))
        runs[kind] = runs.get(kind, 0) + 1
        if state == "succeeded" and elapsed_s is not None:
            durations.setdefault(kind, []).append(elapsed_s)
    return [
        KindSummary(
            kind=kind,
            name=name,
            runs=runs[kind],
            median_s=median(durations[kind]) if kind in durations else None,
            last_at=last_at,
        )
        for kind, (name, last_at) in newest.items()
    ]
