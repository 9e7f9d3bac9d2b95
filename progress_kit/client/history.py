"""What the history says of a kind: that of the hub, or where there is none what the spools still have."""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from progress_kit.client.client import first_answer
from progress_kit.connection import Target, access, spools
from progress_kit.connection.rest import refusal, request
from progress_kit.errors import HubNotFoundError, HubUnreachableError, ProtocolError
from progress_kit.model import Prior, Snapshot
from progress_kit.protocol import decode_snapshot
from progress_kit.protocol.rest import HistoryResponse
from progress_kit.protocol.spool import SpooledEnd

PAGE: Final = 500
_prior: Final = msgspec.json.Decoder(Prior)
_page: Final = msgspec.json.Decoder(HistoryResponse)


class History(list[Snapshot]):
    """Runs that have ended, the newest first."""

    def to_pandas(self) -> Any:  # noqa: ANN401 - a DataFrame, of a library that is optional and untyped
        """Return them as a table with a row for each run; its times are in UTC, its durations in seconds.

        Needs pandas; raises `ImportError` without it.
        """
        import pandas as pd  # type: ignore[import-untyped]

        table = pd.DataFrame(
            {
                "id": [run.id for run in self],
                "name": [run.name for run in self],
                "kind": [run.kind for run in self],
                "state": [run.state for run in self],
                "started_at": [run.started_at for run in self],
                "ended_at": [run.ended_at for run in self],
                "elapsed_s": [run.elapsed_s for run in self],
                "paused_s": [run.paused_s for run in self],
                "error": [None if run.error is None else f"{run.error.type}: {run.error.message}" for run in self],
                "host": [run.origin.host for run in self],
                "notebook": [run.origin.notebook for run in self],
                "script": [run.origin.script for run in self],
            }
        )
        for column in ("started_at", "ended_at"):
            table[column] = pd.to_datetime(table[column].astype("float64"), unit="s", utc=True)
        return table


def prior(kind: str) -> Prior | None:
    """Return what the earlier runs of `kind` took; None where none has succeeded yet.

    Without a hub they are those of this machine that no hub has taken in. Raises `HubRefusedError`.
    """
    try:
        return first_answer(lambda target, timeout_s: _ask(target, kind, timeout_s))
    except (HubNotFoundError, HubUnreachableError):
        from progress_kit.eta.runs import RUNS, of_runs

        ends = [end for end in _local(kind) if end.snapshot.state == "succeeded"]
        return of_runs([(end.snapshot, end.stages) for end in ends[-RUNS:]])


def runs(kind: str | None, limit: int) -> History:
    """Return the last `limit` runs that have ended, the newest first: of one kind, or of all.

    Without a hub they are those of this machine that no hub has taken in. Raises `HubRefusedError`.
    """
    try:
        return History(first_answer(lambda target, timeout_s: _read(target, kind, limit, timeout_s)))
    except (HubNotFoundError, HubUnreachableError):
        return History(end.snapshot for end in _local(kind)[::-1][:limit])


def stored(operation: str) -> Snapshot | None:
    """Return what the hub's history has of one operation; None if that is nothing. Raises what `runs` raises."""
    return first_answer(lambda target, timeout_s: _find(target, operation, timeout_s))


def _local(kind: str | None) -> list[SpooledEnd]:
    """Return the ends in this user's spools, the oldest first."""
    from jupyter_core.paths import jupyter_runtime_dir

    ends = spools.history(Path(jupyter_runtime_dir()))
    return [end for end in ends if kind is None or end.snapshot.kind == kind]


def _ask(target: Target, kind: str, timeout_s: float) -> Prior | None:
    token = access(target, ("subscribe",), timeout_s=timeout_s)
    path = f"priors/{quote(kind, safe='')}"
    status, answer = request(target, "GET", path, credential=token.text, timeout_s=timeout_s)
    if status == HTTPStatus.NO_CONTENT:
        return None
    if status != HTTPStatus.OK:
        raise refusal(target, f"the question about {kind!r}", status, answer)
    try:
        return _prior.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error


def _find(target: Target, operation: str, timeout_s: float) -> Snapshot | None:
    token = access(target, ("subscribe",), timeout_s=timeout_s)
    path = f"operations/{quote(operation, safe='')}"
    status, answer = request(target, "GET", path, credential=token.text, timeout_s=timeout_s)
    if status != HTTPStatus.OK:
        return None
    try:
        return decode_snapshot(answer)
    except ProtocolError as error:
        raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error


def _read(target: Target, kind: str | None, limit: int, timeout_s: float) -> list[Snapshot]:
    token = access(target, ("subscribe",), timeout_s=timeout_s)
    found: list[Snapshot] = []
    before: str | None = ""
    while before is not None and len(found) < limit:
        wanted = {"kind": kind, "before": before, "limit": min(PAGE, limit - len(found))}
        query = urlencode({name: value for name, value in wanted.items() if value})
        status, answer = request(
            target, "GET", f"history?{query}", credential=token.text, timeout_s=timeout_s, most=spools.MAX_BYTES
        )
        if status != HTTPStatus.OK:
            raise refusal(target, "the question for the history", status, answer)
        try:
            page = _page.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError(f"{target.url} answers, but not as a progress_kit hub of version 1") from error
        found += page.items
        before = page.next
    return found[:limit]
