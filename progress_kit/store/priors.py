"""What the history says of the next run of a kind."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from progress_kit.errors import ProtocolError
from progress_kit.eta import EXPONENTS, StageRun, learn, quantiles
from progress_kit.model import MAX_STAGES, Prior, Pseudonyms, Snapshot, Stage
from progress_kit.protocol import decode_snapshot
from progress_kit.protocol.messages import StageRecord
from progress_kit.store import records

RUNS: Final = 50
"""How many runs count, the newest."""
Run = tuple[Snapshot, Sequence[StageRecord]]
"""The end of a run, and what its stages told."""


def prior(
    connection: sqlite3.Connection, owner: str, kind: str, names: Pseudonyms, stages: Iterable[str] = ()
) -> Prior | None:
    """Return how long the last runs of `kind` took that succeeded; None if there were none.

    Runs that were kept under its pseudonym count too; the pseudonyms of `stages` are replaced by these names.
    """
    rows = connection.execute(
        "SELECT snapshot, stages FROM operations LEFT JOIN records USING (owner, id) "
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


def of_runs(runs: Sequence[Run]) -> Prior | None:
    """Return what these runs, the oldest first, say of the next one; None if they say nothing.

    Pauses are in no time of theirs.
    """
    totals = [run.elapsed_s for run, _ in runs if run.elapsed_s is not None]
    learnt = learn([_stages(*run) for run in runs])
    if not totals or learnt is None:
        return None
    return Prior(runs=len(totals), total_s=quantiles(totals), stages=learnt.stages[:MAX_STAGES])


def _stages(run: Snapshot, told: Sequence[StageRecord]) -> list[StageRun]:
    by_name = {record.name: record for record in told}
    return [
        _stage(stage, stage.elapsed_s, by_name.get(stage.name))
        for stage in run.stages
        if stage.state == "succeeded" and stage.elapsed_s is not None
    ]


def _stage(stage: Stage, seconds: float, told: StageRecord | None) -> StageRun:
    if told is None:
        return StageRun(stage.name, stage.done, seconds)
    sums = {each.exponent: each.total for each in told.costs}
    costs = tuple(sums[exponent] for exponent in EXPONENTS if exponent in sums)
    return StageRun(stage.name, stage.done, seconds, costs if len(costs) == len(EXPONENTS) else None, told.course)


def _run(snapshot: bytes, stages: bytes | None) -> Run | None:
    try:
        run = decode_snapshot(bytes(snapshot))
    except ProtocolError:
        return None
    try:
        return run, records.stages(stages)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return run, ()
