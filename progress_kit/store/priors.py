"""What the history says of the next run of a kind."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.eta import StageRun, learn, quantiles
from progress_kit.model import MAX_STAGES, Prior, Snapshot
from progress_kit.protocol import decode_snapshot

RUNS: Final = 50
"""How many runs count, the newest."""


def prior(connection: sqlite3.Connection, owner: str, kind: str) -> Prior | None:
    """Return how long the last runs of `kind` took that succeeded; None if there were none."""
    rows = connection.execute(
        "SELECT snapshot FROM operations WHERE owner = ? AND kind = ? AND terminal = 1 AND state = 'succeeded' "
        "ORDER BY changed_at DESC, id DESC LIMIT ?",
        (owner, kind, RUNS),
    )
    return of_runs([run for run in (_run(data) for (data,) in rows) if run is not None])


def of_runs(runs: Sequence[Snapshot]) -> Prior | None:
    """Return what these runs say of the next one; None if they say nothing. Pauses do not count in the whole."""
    totals = [run.elapsed_s - min(run.paused_s, run.elapsed_s) for run in runs if run.elapsed_s is not None]
    learnt = learn([_stages(run) for run in runs])
    if not totals or learnt is None:
        return None
    return Prior(runs=len(totals), total_s=quantiles(totals), stages=learnt.stages[:MAX_STAGES])


def _stages(run: Snapshot) -> list[StageRun]:
    return [
        StageRun(stage.name, stage.done, stage.elapsed_s)
        for stage in run.stages
        if stage.state == "succeeded" and stage.elapsed_s is not None
    ]


def _run(data: bytes) -> Snapshot | None:
    try:
        return decode_snapshot(bytes(data))
    except ProtocolError:
        return None
