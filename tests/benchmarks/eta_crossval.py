"""Estimates, out of sample: are the estimator's constants good for work that they were not chosen on?

    python tests/benchmarks/eta_crossval.py [MODULE.NAME=VALUE,VALUE ...]

Each constant is tried with other values, one at a time, on the recorded traces. Then, for each family of traces, the
value that is best on all *other* families is taken: "held out" is the score that the family gets with it. Where it is
about that "as shipped", the constants are not made for these traces. Takes some minutes.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).parents[2]
HARNESS = Path(os.environ.get("ETA_BENCH", ROOT.parent / "shared" / "eta"))
sys.path[:0] = [str(ROOT), str(HARNESS)]

DEFAULT = (
    "hindcast._DRIFT=0.05,0.2",
    "hindcast._NOISE=1,4",
    "hindcast._TRUST=3,12",
    "hindcast._TRUST_WITH_COSTS=1.5,6",
    "hindcast._WINDOW_TRUST=3,12",
    "hindcast._WINDOW_PRIOR=1,4",
    "stage._STILL=2,8",
    "estimator._PASSES=0,0.25",
    "plan._APART=0.25,0.45",
    "plan._OTHER=0.1,0.4",
)
KNOWN = {
    "none": ("stages", "workers"),
    "sizes": ("stages", "sizes", "workers"),
    "all": ("stages", "sizes", "history", "workers"),
}
Trial = dict[tuple[str, str], tuple[float, float, float, float]]
"""By what is known and the trace's id: score, coverage, width of the interval, flicker."""


def classes(traces: Sequence[Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield (name, what is known, traces) as the harness has it."""
    one = [trace for trace in traces if len(trace.stages) == 1]
    yield "all, everything known", "all", list(traces)
    yield "one stage, nothing known", "none", [t for t in one if not t.sizes and not t.history]
    yield "one stage, any shape", "none", one
    yield "costs known", "sizes", [t for t in one if t.sizes]
    yield "history known", "all", [t for t in traces if t.history]
    yield "stages", "none", [t for t in traces if len(t.stages) > 1]
    yield "stages with history", "all", [t for t in traces if len(t.stages) > 1 and t.history]
    yield "pools with costs", "all", [t for t in traces if t.workers > 1 and t.sizes]


def development() -> list[Any]:
    """Load the harness's traces, of which only what is scored is asked for."""
    harness: Any = importlib.import_module("eta_bench")
    harness.FINE = harness.ACC
    traces: list[Any] = harness.load(HARNESS / "traces" / "dev")
    return traces


def trial(traces: Sequence[Any]) -> Trial:
    """Score the estimator as it is now."""
    harness, Adapter = importlib.import_module("eta_bench"), importlib.import_module("eta_adapter").Adapter  # noqa: N806
    found: Trial = {}
    for trace in traces:
        for known, info in KNOWN.items():
            got = harness.score(trace, harness.replay(trace, Adapter(), info))
            found[known, trace.id] = (
                fmean(got["pen"]),
                fmean(got["cov"] or [0]),
                fmean(got["lw"] or [0]),
                got["jit"][0],
            )
    return found


def trials(traces: Sequence[Any], changes: Sequence[str]) -> dict[str, Trial]:
    """Score it with each change of a constant, and as shipped."""
    found = {"as shipped": trial(traces)}
    for change in changes:
        name, _, values = change.partition("=")
        module = importlib.import_module("progress_kit.eta." + name.split(".")[0])
        constant = name.split(".")[1]
        shipped = getattr(module, constant)
        for value in values.split(","):
            setattr(module, constant, float(value))
            found[f"{name}={value}"] = trial(traces)
            setattr(module, constant, shipped)
    return found


def report(traces: Sequence[Any], found: dict[str, Trial]) -> None:
    """Print each class as shipped, with the best change, and held out."""
    families = sorted({trace.family for trace in traces})
    print(f"{'class':26s}   n  shipped held out    best  cover lnwidth flicker")
    for name, known, chosen in classes(traces):
        scores = {change: {trace.id: each[known, trace.id][0] for trace in chosen} for change, each in found.items()}
        held = []
        for family in families:
            others = [trace.id for trace in chosen if trace.family != family]
            best = min(scores, key=lambda change: fmean([scores[change][i] for i in others]) if others else 0.0)
            held += [scores[best][trace.id] for trace in chosen if trace.family == family]
        means = {change: fmean(each.values()) for change, each in scores.items()}
        shipped = [found["as shipped"][known, trace.id] for trace in chosen]
        _, cover, width, flicker = (fmean(column) for column in zip(*shipped, strict=True))
        print(
            f"{name:26s} {len(chosen):3d} {means['as shipped']:8.3f} {fmean(held):8.3f} {min(means.values()):7.3f} "
            f"{cover:6.2f} {width:7.2f} {flicker:7.2f}"
        )


def main() -> None:
    """Cross-validate, and measure what is said of slow runs."""
    if not HARNESS.exists():
        print(f"left out: the cross-validation, because {HARNESS} is not there (set ETA_BENCH)")
        return
    traces = development()
    report(traces, trials(traces, sys.argv[1:] or DEFAULT))


if __name__ == "__main__":
    main()
