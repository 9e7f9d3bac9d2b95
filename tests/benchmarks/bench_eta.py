"""Estimates: what an update and an estimate cost, and how far they are from the truth.

    python tests/benchmarks/bench_eta.py [--stretch 20]

The second part replays recorded work through other libraries' own formulas and through ours. It needs the folder with
the recorded traces and their harness beside the checkout, or where ETA_BENCH says.
"""

import argparse
import os
import pickle
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from progress_kit.eta import CostSums, Estimator, Pool, Running
from progress_kit.model import Stage

ROOT = Path(__file__).parents[2]
HARNESS = Path(os.environ.get("ETA_BENCH", ROOT.parent / "shared" / "eta")) / "eta_bench.py"
ITEMS = 200_000
RUN = """
import importlib.util, eta_bench
peers = eta_bench.peers()
if importlib.util.find_spec("alive_progress") is None:
    peers = [peer for peer in peers if peer.name != "alive-progress"]
eta_bench.peers = lambda: peers
eta_bench.main()
"""
"""Runs the harness with the libraries that are there."""
SLOW = "import eta_slowdown; eta_slowdown.main()"
"""Tells how often runs are called slower than usual, those that are and those that are not."""


def reference() -> int:
    """Do always the same, for about 50 µs."""
    return sum([number * number % 7 for number in range(1_000)])


def timed(label: str, *, costs: bool, workers: int) -> None:
    """Print what one update and one estimate cost in CPU time: the mean, the median and the 99th percentile."""
    sums = CostSums([1.0 + (i * 7919) % 97 for i in range(ITEMS)]) if costs else None
    estimator = Estimator()
    updates, estimates, references = [], [], []
    step = 20
    for done in range(0, ITEMS, step):
        stages = [Stage(name="main", state="running", done=done, total=ITEMS)]
        work = {"main": sums.work(done, step)} if sums else {}
        pools = {}
        if workers > 1 and sums:
            run = [Running(0.01 * (i + 1), sums.one(min(done + i, ITEMS - 1))) for i in range(workers)]
            waiting = [sums.one(min(done + workers + i, ITEMS - 1)) for i in range(40)]
            pools = {"main": Pool(workers, run, waiting)}
        at = 0.1 * done / step + 0.02 * (done % 3)
        before = time.thread_time_ns()
        estimator.update(at, stages, costs=work, pools=pools)
        between = time.thread_time_ns()
        updates.append(between - before)
        if done % (5 * step) == 0:
            estimator.estimate(at)
            after = time.thread_time_ns()
            estimates.append(after - between)
            reference()
            references.append(time.thread_time_ns() - after)
    # Others who use the machine slow all of it down: what the same loop takes when it is quiet tells by how much.
    slower = sum(references) / len(references) / sorted(references)[len(references) // 100]

    def say(found: list[int]) -> str:
        ordered = sorted(found)
        mean, median, late = sum(found) / len(found), ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        quiet = mean / slower / 1000
        return f"{quiet:6.1f} quiet {mean / 1000:6.1f} mean {median / 1000:6.1f} median {late / 1000:7.1f} p99"

    size_kb = len(pickle.dumps(estimator)) // 1000
    print(f"{label:17s} µs: update {say(updates)} | estimate {say(estimates)} | state {size_kb} kB")


def main() -> None:
    """Time the estimator, then compare it on recorded work where there is some."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stretch", type=float, default=1.0, help="make all work this many times as long")
    arguments.add_argument("--only", default="", help="traces whose id contains this")
    given = arguments.parse_args()
    timed("items", costs=False, workers=1)
    timed("costs", costs=True, workers=1)
    timed("costs, 8 workers", costs=True, workers=8)
    if not HARNESS.exists():
        print(f"left out: the comparison on recorded work, because {HARNESS} is not there (set ETA_BENCH)")
        return
    if find_spec("alive_progress") is None:
        print("left out: alive-progress, which is not installed")
    sys.stdout.flush()
    command = [sys.executable, "-c", RUN, "--estimator", "eta_adapter:Adapter", "--family"]
    command += ["--only", given.only, "--stretch", str(given.stretch)]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent), str(HARNESS.parent)])
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True)
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", SLOW], env={**os.environ, "PYTHONPATH": path}, check=True)


if __name__ == "__main__":
    main()
