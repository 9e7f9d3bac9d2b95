import json
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

from progress_kit.eta import CostSums, Estimator
from progress_kit.model import Estimate, Stage

TRACES = Path(__file__).parents[1] / "benchmarks" / "traces"


def replay(name: str, *, known: bool = True) -> Iterator[tuple[float, float, int, int, Estimate | None]]:
    """Go through a recorded run, and yield (seconds, seconds left, done, total, what is said) twenty times."""
    trace: dict[str, Any] = json.loads((TRACES / f"{name}.json").read_text())
    total = trace["stages"][0][1]
    pauses = trace.get("pauses_s", [])
    end = trace["t_end_ms"] / 1000 - sum(b - a for a, b in pauses)
    estimator = Estimator()
    sums = CostSums(trace["sizes"]) if "sizes" in trace and not trace.get("order") else None
    at = done = 0.0
    looks = [end * i / 20 for i in range(1, 20)]
    for dt, n in zip(trace["dt_ms"], trace["d_done"], strict=True):
        later = at + dt / 1000
        paused = sum(b - a for a, b in pauses if at <= a and b <= later + 0.05)
        later -= paused
        while looks and looks[0] < later:
            look = looks.pop(0)
            yield look, end - look, int(done), total, estimator.estimate(look)
        at, done = later, done + n
        stage = Stage(name="main", state="running", done=int(done), total=total if known else None)
        estimator.update(at, [stage], costs={"main": sums.work(done)} if sums else {})


def test_recorded_work_is_foretold_as_well_as_by_the_mean_speed_or_better() -> None:
    """Over all runs, the error of the time left is below that of the mean speed; most truths lie within p10 and p90."""
    ours, plain, within = [], [], []
    for name in ("quickstart", "pool", "cached_prefix", "pause"):
        for at, left, done, total, said in replay(name):
            if said is None or not done:
                continue
            assert said.p10_s is not None
            assert said.p90_s is not None
            ours.append(min(abs(log(said.p50_s / left)), 2.3))
            plain.append(min(abs(log(max(at * (total - done) / done, 1e-6) / left)), 2.3))
            within.append(said.p10_s <= left <= said.p90_s)
    assert len(ours) >= 70
    assert sum(ours) < sum(plain)
    assert sum(within) >= 0.7 * len(within)


def test_a_recorded_loop_of_unknown_length_gets_no_end() -> None:
    """Without a total and without history there is no basis."""
    assert all(said is None for *_, said in replay("unknown_total", known=False))
