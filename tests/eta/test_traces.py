import json
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.eta_adapter import Adapter

TRACES = Path(__file__).parents[1] / "benchmarks" / "traces"
NAMES = sorted(path.stem for path in TRACES.glob("*.json"))
Said = tuple[float, float, float]


def replay(name: str) -> Iterator[tuple[float, float, int, int, Said | None]]:
    """Go through a recorded run, and yield (seconds, seconds left, done, total, what is said) twenty times."""
    trace: dict[str, Any] = json.loads((TRACES / f"{name}.json").read_text())
    total = trace["stages"][0][1] if trace.get("total_known", True) else None
    pauses = trace.get("pauses_s", [])
    end = trace["t_end_ms"] / 1000 - sum(b - a for a, b in pauses)
    adapter = Adapter()
    adapter.start(total, sizes=trace.get("sizes"), workers=trace["workers"])
    at, done = 0.0, 0
    looks = [end * i / 20 for i in range(1, 20)]
    for dt, n in zip(trace["dt_ms"], trace["d_done"], strict=True):
        later = at + dt / 1000
        later -= sum(b - a for a, b in pauses if at <= a and b <= later + 0.05)
        while looks and looks[0] < later:
            look = looks.pop(0)
            yield look, end - look, done, total or 0, adapter.estimate(look)
        at, done = later, done + n
        adapter.update(at, done, 0, done, trace.get("order", [])[done - n : done] or None)


def test_recorded_work_is_foretold_better_than_by_the_mean_speed() -> None:
    """Over all runs, the error of the time left is below that of the mean speed; most truths lie within p10 and p90."""
    ours, plain, within = [], [], []
    for name in NAMES:
        for at, left, done, total, said in replay(name):
            if said is None or not done:
                continue
            low, middle, high = said
            ours.append(min(abs(log(middle / left)), 2.3))
            plain.append(min(abs(log(max(at * (total - done) / done, 1e-6) / left)), 2.3))
            within.append(low <= left <= high)
    assert len(ours) >= 70
    assert sum(ours) < 0.95 * sum(plain)
    assert sum(within) >= 0.7 * len(within)


@pytest.mark.parametrize("name", [name for name in NAMES if "unknown" in name])
def test_a_recorded_loop_of_unknown_length_gets_no_end(name: str) -> None:
    """Without a total and without history there is no basis."""
    assert all(said is None for *_, said in replay(name))
