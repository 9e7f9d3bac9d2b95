import pytest

from progress_kit.model import Estimate, Origin, Snapshot, Stage


@pytest.fixture
def survey() -> Snapshot:
    """A running operation of three stages, 43 % done."""
    return Snapshot(
        id="op_1",
        name="Survey the standard library",
        state="running",
        seq=42,
        stage="analysis",
        fraction=0.43,
        stages=(
            Stage(name="initialization", state="succeeded", weight=1.0, done=1, total=1, elapsed_s=1.0),
            Stage(
                name="analysis",
                state="running",
                weight=8.0,
                done=698,
                total=1836,
                unit="files",
                rate=74.3,
                message="email/parser.py",
                started_s=1.0,
                elapsed_s=63.0,
            ),
            Stage(name="finalization", weight=1.0),
        ),
        estimate=Estimate(p50_s=41.2, basis=("rate",)),
        metrics={"complexity": 4.125},
        started_at=1_763_940_000.0,
        elapsed_s=64.2,
        origin=Origin(host="h", pid=812, cell_id="c1"),
    )
