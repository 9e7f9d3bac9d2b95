"""What the history says of the next run of a kind."""

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from progress_kit.errors import ProtocolError
from progress_kit.eta.runs import RUNS, Run, of_runs
from progress_kit.model import Prior, Pseudonyms
from progress_kit.protocol import decode_snapshot
from progress_kit.store import records


def prior(
    connection: sqlite3.Connection, owner: str, kind: str, names: Pseudonyms, stages: Iterable[str] = ()
) -> Prior | None:
    """Return how long the last runs of `kind` took that succeeded; None if there were none.

    Runs that were kept under its pseudonym count too; the pseudonyms of `stages` are replaced by these names.
    """
    rows = connection.execute(
        # Left to itself, SQLite goes through all of the owner's history by time, to save the sorting of a few rows.
        "SELECT snapshot, stages FROM operations INDEXED BY operations_by_kind LEFT JOIN records USING (owner, id) "
        "WHERE owner = ? AND kind IN (?, ?) AND terminal = 1 AND state = 'succeeded' "
        "ORDER BY changed_at DESC, id DESC LIMIT ?",
        (owner, kind, names.kind(kind), RUNS),
    )
    known = {names.stage(stage): stage for stage in stages}
    runs = [_named(run, known) for run in (_run(*row) for row in rows) if run is not None]
    return of_runs(runs[::-1])


def _named(run: Run, known: Mapping[str, str]) -> Run:
    snapshot, told = run
    return (
        replace(
            snapshot, stages=tuple(replace(each, name=known.get(each.name, each.name)) for each in snapshot.stages)
        ),
        [replace(each, name=known.get(each.name, each.name)) for each in told],
    )


def _run(snapshot: bytes, stages: bytes | None) -> Run | None:
    try:
        run = decode_snapshot(bytes(snapshot))
    except ProtocolError:
        return None
    try:
        return run, records.stages(stages)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return run, ()
