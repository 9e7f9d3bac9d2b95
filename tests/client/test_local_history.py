"""Without a hub, the spools are the history: of the processes of this user on this machine."""

from pathlib import Path

import pytest

import progress_kit as pk
from progress_kit.client import prior, runs
from progress_kit.model import Failure, OperationState, Snapshot, Stage
from progress_kit.protocol import encode
from progress_kit.protocol.spool import durable_line, end_line, file_name


def run(number: int, kind: str = "train", state: OperationState = "succeeded") -> Snapshot:
    """A run that took ten seconds and its number; they ended one after another."""
    seconds = 10.0 + number
    return Snapshot(
        id=f"op_{number}",
        name="Training",
        kind=kind,
        state=state,
        seq=9,
        stages=(Stage(name="main", state="succeeded", done=5, total=5, elapsed_s=seconds),),
        error=Failure(type="ValueError", message="no") if state == "failed" else None,
        started_at=1_700_000_000.0 + 100 * number,
        ended_at=1_700_000_000.0 + 100 * number + seconds,
        elapsed_s=seconds,
    )


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime directory of somebody who has no server."""
    for name in ("PROGRESS_KIT_CONNECTION_FILE", "PROGRESS_KIT_HUB_URL", "PROGRESS_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def write(directory: Path, pid: int, *ends: Snapshot) -> None:
    """Leave the spool of a process."""
    path = directory / file_name(pid)
    path.touch(mode=0o600)
    struck = durable_line({end.id: end.seq for end in ends[:1]})
    path.write_bytes(b"".join(end_line(None, "s_1", encode(end)) for end in ends) + struck)


def test_earlier_runs_are_known_without_a_hub(nowhere: Path) -> None:
    """Of all processes, in the order of their ends; what a hub has stored before it went away counts too."""
    write(nowhere, 4_000_001, run(3), run(1), run(7, "other"))
    write(nowhere, 4_000_002, run(2), run(4, state="failed"))
    found = prior("train")
    assert found is not None
    assert (found.runs, found.total_s[1]) == (3, 12.0)
    assert [each.id for each in runs("train", 100)] == ["op_4", "op_3", "op_2", "op_1"]
    assert [each.id for each in pk.history(limit=2)] == ["op_7", "op_4"]
    estimate = pk.estimate("train")
    assert estimate is not None
    assert estimate.p50_s == pytest.approx(12, rel=0.3)


def test_no_runs_are_no_estimate(nowhere: Path) -> None:
    """Rather than a guess."""
    assert prior("train") is None
    assert pk.estimate("train") is None
    assert pk.history("train") == []


def test_a_history_becomes_a_table(nowhere: Path) -> None:
    """One row for each run, with times that pandas understands."""
    write(nowhere, 4_000_001, run(1), run(2, state="failed"))
    table = pk.history("train").to_pandas()
    assert list(table["state"]) == ["failed", "succeeded"]
    assert table["error"][0] == "ValueError: no"
    assert list(table["error"].isna()) == [False, True]
    assert (table["ended_at"] - table["started_at"]).dt.total_seconds().tolist() == pytest.approx([12.0, 11.0])
    assert str(table["started_at"].dt.tz) == "UTC"
    assert pk.history("nothing").to_pandas().empty


def test_a_limit_must_be_a_number() -> None:
    """As everywhere."""
    with pytest.raises(pk.InvalidValueError):
        pk.history(limit="many")  # type: ignore[arg-type]
