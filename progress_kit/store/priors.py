"""What the history says of the next run of a kind."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from progress_kit.errors import ProtocolError
from progress_kit.model import MAX_STAGES, Prior, Quantiles, Snapshot, StagePrior
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
    """Return what these runs say of the next one; None if they say nothing. Pauses do not count."""
    totals = [run.elapsed_s - min(run.paused_s, run.elapsed_s) for run in runs if run.elapsed_s is not None]
    if not totals:
        return None
    stages: dict[str, list[float]] = {}
    for run in runs:
        for stage in run.stages:
            if stage.state == "succeeded" and stage.elapsed_s is not None:
                stages.setdefault(stage.name, []).append(stage.elapsed_s)
    found = tuple(StagePrior(name=name, duration_s=quantiles(durations)) for name, durations in stages.items())
    return Prior(runs=len(totals), total_s=quantiles(totals), stages=found[:MAX_STAGES])


def quantiles(values: Sequence[float]) -> Quantiles:
    """Return the 10th, 50th and 90th percentile of one or more values, interpolated between neighbours."""
    ordered = sorted(values)

    def at(share: float) -> float:
        below, beyond = divmod(share * (len(ordered) - 1), 1)
        low = ordered[int(below)]
        return low + (ordered[min(int(below) + 1, len(ordered) - 1)] - low) * beyond

    return at(0.1), at(0.5), at(0.9)


def _run(data: bytes) -> Snapshot | None:
    try:
        return decode_snapshot(bytes(data))
    except ProtocolError:
        return None
