"""How often a run is called slower than usual that is not, and one that is.

    python tests/benchmarks/eta_slowdown.py

Every recorded run is replayed with priors made from its siblings, which are runs of the same kind, or from itself where
it has none: each of them, and the run, goes through a machine whose speed wanders and differs from run to run by as
much as it does between the recorded siblings. Made-up runs follow. A run that is made slower is so from its begin or
from its middle.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from copy import copy
from math import exp, log, sqrt
from pathlib import Path
from random import Random
from statistics import fmean, pvariance
from typing import Any

sys.path[:0] = [str(Path(__file__).parent)]

DRAWS = 5
LOOKS = 60
"""So many times in each run it is asked whether it is slower than usual."""
FACTORS = (1.5, 2.0, 3.0)
Events = list[tuple[float, int, int]]


def apart(traces: Sequence[Any]) -> float:
    """Return the standard deviation, between siblings, of the logarithm of the time per cost or per item."""
    kinds: dict[str, list[float]] = {}
    for trace in traces:
        size = sum(trace.sizes) if trace.sizes and len(trace.stages) == 1 else trace.total
        kinds.setdefault(trace.kind, []).append(log(trace.T / size))
    found = [(pvariance(each) * len(each), len(each) - 1) for each in kinds.values() if len(each) > 1]
    return sqrt(sum(each[0] for each in found) / sum(each[1] for each in found))


def through(trace: Any, random: Random, spread: float) -> Any:
    """Return the run as it might have gone another time."""
    machine, speed = importlib.import_module("eta_madeup").Machine(random, trace.T), exp(random.gauss(0, spread))
    before = at_s = 0.0
    events: Events = []
    for t, stage, done in trace.events:
        at_s += machine.takes((t - before) * speed, at_s)
        events.append((at_s, stage, done))
        before = t
    found = copy(trace)
    found.events, found.T = events, at_s
    return found


def slowed(events: Events, factor: float, share: float) -> Events:
    """Return the events of a run that is so many times as slow from this share of its items on."""
    begin = events[int(share * (len(events) - 1))][0] if share else 0.0
    return [(t if t <= begin else begin + factor * (t - begin), stage, done) for t, stage, done in events]


def called(run: Any, events: Events, history: Sequence[Any]) -> bool:
    """Return whether the run is called slower than usual at any time."""
    adapter = importlib.import_module("eta_adapter").Adapter()
    adapter.start(run.total, run.kind, run.stages, run.sizes, 1, history, run.size_stage)
    counts = [0] * len(run.stages)
    every = max(1, len(events) // LOOKS)
    for number, (t, stage, done) in enumerate(events):
        counts[stage] = done
        adapter.update(t, sum(counts), stage, done)
        if number % every == 0 and adapter.slower():
            return True
    return False


def cases(traces: Sequence[Any], spread: float) -> Iterator[tuple[Any, list[Any]]]:
    """Yield normal runs with those before them."""
    for trace in traces:
        siblings = [other for other in traces if other.kind == trace.kind and other is not trace] or [trace]
        for draw in range(DRAWS):
            random = Random(f"{trace.id} {draw}")
            count = random.choice((3, 4, 5, 8, 12))
            history = [through(random.choice(siblings), random, spread) for _ in range(count)]
            yield through(trace, random, spread), history


def made_up(harness: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield made-up normal runs with those before them."""
    runs = [harness.Trace(each) for each in importlib.import_module("eta_madeup").again(3, 16, 9)]
    for run in runs:
        history = [other for other in runs if other.kind == run.kind and other.run < run.run]
        if len(history) >= 3:
            yield run, history


def report(traces: Sequence[Any], harness: Any) -> None:
    """Print how often "slower than usual" is said of normal runs, and of the same runs made slower."""
    spread = apart(traces)
    print(f"runs of one kind are apart by {spread:.2f}, the standard deviation of the logarithm of their speed")
    for name, chosen in (("recorded", list(cases(traces, spread))), ("made up", list(made_up(harness)))):
        normal = [called(run, run.events, history) for run, history in chosen]
        print(f"{name}: called slower than usual: {sum(normal)} of {len(normal)} normal runs ({fmean(normal):.1%})")
        some = chosen[:: max(1, len(chosen) // 80)]
        for share, since in ((0.0, "the begin"), (0.5, "the middle")):
            told = [fmean(called(r, slowed(r.events, f, share), h) for r, h in some) for f in FACTORS]
            each = ", ".join(f"{factor:g} times {part:.0%}" for factor, part in zip(FACTORS, told, strict=True))
            print(f"{name}: of {len(some)} made slower from {since}: {each}")


def main() -> None:
    """Measure it on the recorded traces."""
    crossval = importlib.import_module("eta_crossval")
    if not crossval.HARNESS.exists():
        print(f"left out: false alarms, because {crossval.HARNESS} is not there (set ETA_BENCH)")
        return
    report(crossval.development(), importlib.import_module("eta_bench"))


if __name__ == "__main__":
    main()
