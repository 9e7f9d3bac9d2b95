"""kill -9 of a real server, 30 times at random moments, under 50 operations of processes that survive it."""

from pathlib import Path
from statistics import median

import pytest

from tests.integration.processes import Home
from tests.jupyter.lives import Lives

KILLS = 30
PROCESSES = 5
OPERATIONS = 10
SEED = 7


@pytest.mark.timeout(1_800)
def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    """Every end that was called durable is there after each kill, identical, and shown in no other way again."""
    with Lives(Home(tmp_path), PROCESSES, OPERATIONS, SEED) as lives:
        recoveries = [lives.kill() for _ in range(KILLS)]
        lives.stop()
        assert lives.ended == len(lives.acknowledged)
        kept = lives.history()
        assert {name: kept[name].state for name in lives.acknowledged} == {
            name: snapshot.state for name, snapshot in lives.acknowledged.items()
        }
    started, whole = (sorted(times) for times in zip(*recoveries, strict=True))
    print(f"\nkill -9 of the server: {KILLS} times, {PROCESSES} processes × {OPERATIONS} operations, seed {SEED}")
    print(f"  ends called durable          {len(lives.acknowledged)}, of {lives.ended}; lost or changed: 0")
    print(f"  server answers again         p50 {median(started):.2f} s, max {started[-1]:.2f} s")
    print(f"  everything live again        p50 {median(whole):.2f} s, max {whole[-1]:.2f} s")
