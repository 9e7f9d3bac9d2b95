"""What the drop-in costs beside tqdm: the same calls on `progress_kit.tqdm.tqdm` and on `tqdm.tqdm`, in one run.

Both believe that standard error is a terminal, whose output goes nowhere. Each round times both once, in a new order;
a figure is the median of the rounds, by the processor time of the own thread.
"""

import argparse
import io
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm as theirs

from progress_kit.tqdm import tqdm as ours

CLASSES: dict[str, Any] = {"progress_kit.tqdm": ours, "tqdm": theirs}
COUNT = 300_000
NUMBERS = list(range(COUNT))


class Console(io.StringIO):
    """A terminal that keeps nothing."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True

    def write(self, text: str) -> int:
        """Take `text`, and forget it."""
        return len(text)


def loop(bar_class: Any) -> float:
    """Return ns per iteration over a list."""
    began = time.thread_time()
    for _ in bar_class(NUMBERS):
        pass
    return (time.thread_time() - began) / COUNT * 1e9


def called(call: Callable[[Any], Callable[[], object]], count: int) -> Callable[[Any], float]:
    """Return what times a call, in ns, that `call` makes of a bar."""

    def timed(bar_class: Any) -> float:
        with bar_class(total=count) as bar:
            call_once = call(bar)
            began = time.thread_time()
            for _ in range(count):
                call_once()
            return (time.thread_time() - began) / count * 1e9

    return timed


def short(bar_class: Any) -> float:
    """Return ns of a whole loop over 10 items."""
    items, count = list(range(10)), 200
    began = time.thread_time()
    for _ in range(count):
        for _ in bar_class(items, leave=False):
            pass
    return (time.thread_time() - began) / count * 1e9


FIGURES: dict[str, Callable[[Any], float]] = {
    "one iteration over a list": loop,
    "update(1)": called(lambda bar: bar.update, COUNT),
    "set_postfix(loss=…, step=…)": called(lambda bar: lambda: bar.set_postfix(loss=0.25, step=3), 3_000),
    "set_description(…)": called(lambda bar: lambda: bar.set_description("epoch 2"), 3_000),
    "a loop over 10 items": short,
}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return figure → class → ns."""
    times: dict[str, dict[str, list[float]]] = {figure: {name: [] for name in CLASSES} for figure in FIGURES}
    pairs = [(figure, name) for figure in FIGURES for name in CLASSES]
    for _ in range(rounds):
        for figure, name in random.sample(pairs, len(pairs)):
            times[figure][name].append(FIGURES[figure](CLASSES[name]))
    return {figure: {name: statistics.median(each) for name, each in by.items()} for figure, by in times.items()}


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print figures only")
    options = parser.parse_args()
    terminal, sys.stderr = sys.stderr, Console()
    try:
        figures = measure(options.rounds)
    finally:
        sys.stderr = terminal
    if options.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    print("ns".ljust(30), *(name.rjust(18) for name in CLASSES))
    for figure, by in figures.items():
        print(f"  {figure:<28}", *(f"{by[name]:18.0f}" for name in CLASSES))


if __name__ == "__main__":
    main()
