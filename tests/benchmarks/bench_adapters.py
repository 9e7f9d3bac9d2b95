"""What a captured bar costs its own loop: nanoseconds per step, not captured and captured, in one run.

Run it with ``python -m tests.benchmarks.bench_adapters``. The publisher's thread samples as it always does; there is
no hub.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import enlighten  # type: ignore[import-untyped] # it ships none
import progressbar
from alive_progress import alive_it
from fastprogress.fastprogress import ConsoleProgressBar  # type: ignore[import-untyped] # it ships none
from rich.console import Console
from rich.progress import Progress
from rich.progress import track as rich_track
from tqdm import tqdm

import progress_kit as pk

STEPS = 200_000
ROUNDS = 5


def nowhere() -> Any:
    """A file that nobody reads."""
    return io.StringIO()


def loop(items: Any) -> int:
    """Go through `items`, and count the steps."""
    steps = 0
    for _ in items:
        steps += 1
    return steps


def update_tqdm() -> int:
    """Count by hand."""
    with tqdm(total=STEPS, file=nowhere()) as bar:
        for _ in range(STEPS):
            bar.update()
    return STEPS


def advance_rich() -> int:
    """Count by hand, which is slow."""
    steps = STEPS // 20
    with Progress(console=Console(file=nowhere())) as progress:
        task = progress.add_task("rich", total=steps)
        for _ in range(steps):
            progress.advance(task)
    return steps


def loop_click() -> int:
    """Click's are blocks."""
    with click.progressbar(range(STEPS), file=nowhere()) as bar:
        return loop(bar)


def loop_enlighten() -> int:
    """Enlighten's are too."""
    manager = enlighten.Manager(stream=nowhere(), set_scroll=False, no_resize=True)
    with manager.counter(total=STEPS) as counter:
        steps = loop(counter(range(STEPS)))
    manager.stop()
    return steps


WORKS: dict[str, Callable[[], int]] = {
    "tqdm, iterate": lambda: loop(tqdm(range(STEPS), file=nowhere())),
    "tqdm, update": update_tqdm,
    "rich, track": lambda: loop(rich_track(range(STEPS), console=Console(file=nowhere()))),
    "rich, advance": advance_rich,
    "alive_progress, alive_it": lambda: loop(alive_it(range(STEPS), file=nowhere(), enrich_print=False)),
    "fastprogress": lambda: loop(ConsoleProgressBar(range(STEPS), display=False)),
    "progressbar2": lambda: loop(progressbar.ProgressBar(fd=nowhere())(range(STEPS))),
    "enlighten": loop_enlighten,
    "click": loop_click,
}


def ns_per_step(work: Callable[[], int]) -> float:
    """Measure one round, by the processor's time of this thread, which others on the machine do not change much."""
    began = time.thread_time_ns()
    steps = work()
    return (time.thread_time_ns() - began) / steps


@contextmanager
def captured(*, wanted: bool) -> Iterator[None]:
    """Capture, or do not."""
    if not wanted:
        yield
        return
    with pk.capture():
        yield


def main() -> None:
    """Print the table; the rounds of both kinds take turns."""
    print(f"ns per step, median of {ROUNDS}  {'as it is':>10} {'captured':>10}")
    for name, work in WORKS.items():
        rounds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(ROUNDS):
            for wanted, found in rounds.items():
                with captured(wanted=wanted):
                    found.append(ns_per_step(work))
        print(f"{name:30} {statistics.median(rounds[False]):10.1f} {statistics.median(rounds[True]):10.1f}")


if __name__ == "__main__":
    main()
