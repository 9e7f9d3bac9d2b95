"""What a tracked loop costs: `track()` beside the bare loop, tqdm and rich.track, in one run.

Each round times every contender once, in a new order, and a figure is the median of the rounds. Loops and calls are
timed by the processor time of their own thread, so that other programs do not count. What sampling takes from a loop
can be time spent waiting for the interpreter's lock, so that is timed by the clock on the wall, and the fastest round
counts: other programs can only add. Overhead is what a contender takes more than the bare loop.
"""

import argparse
import io
import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from rich.console import Console
from rich.progress import track as rich_track
from tqdm import tqdm

import progress_kit as pk
from progress_kit.testing import RecordingPublisher

Wrap = Callable[[Iterable[int]], Iterable[int]]


def bare(iterable: Iterable[int]) -> Iterable[int]:
    """The loop as it is."""
    return iterable


def with_tqdm(iterable: Iterable[int]) -> Iterable[int]:
    """As tqdm users write it; its output goes nowhere."""
    bar: Iterable[int] = tqdm(iterable, file=io.StringIO())
    return bar


def with_rich(iterable: Iterable[int]) -> Iterable[int]:
    """As rich users write it; its output goes nowhere."""
    return rich_track(iterable, console=Console(file=io.StringIO()), total=1)


def tracked(iterable: Iterable[int]) -> Iterable[int]:
    """As ours write it."""
    return pk.track(iterable, "Bench")


CONTENDERS: dict[str, Wrap] = {"bare": bare, "progress_kit": tracked, "tqdm": with_tqdm, "rich": with_rich}


def seconds_of(iterable: Iterable[int]) -> float:
    """Return how long an empty loop over `iterable` takes."""
    began = time.thread_time()
    for _ in iterable:
        pass
    return time.thread_time() - began


def iterations(items: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return ns per iteration: iterable → contender → figure."""
    numbers = list(range(items))

    def generator() -> Iterator[int]:
        yield from numbers

    sources: dict[str, Callable[[], Iterable[int]]] = {
        "list": lambda: numbers,
        "range": lambda: range(items),
        "generator": generator,
    }
    times: dict[str, dict[str, list[float]]] = {source: {name: [] for name in CONTENDERS} for source in sources}
    for _ in range(rounds):
        for source, name in shuffled([(source, name) for source in sources for name in CONTENDERS]):
            times[source][name].append(seconds_of(CONTENDERS[name](sources[source]())) / items * 1e9)
    return {source: {name: statistics.median(each) for name, each in by.items()} for source, by in times.items()}


def shuffled(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return `pairs` in a new order, so that no contender always follows the same one."""
    random.shuffle(pairs)
    return pairs


class Sampled(RecordingPublisher):
    """Samples all running operations `rate_hz` times a second from a thread, and sends nothing."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__()
        self._period_s = 1 / rate_hz
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return super().__enter__()

    def __exit__(self, *details: object) -> None:
        self._over.set()
        self._thread.join()
        super().__exit__(None, None, None)

    def _run(self) -> None:
        while not self._over.wait(self._period_s):
            self.sample()


def loss_by_sampling(rounds: int) -> dict[str, float]:
    """Return % by which a loop with work in its body takes longer than the bare one; `bare again` is the noise."""
    data = list(range(500_000))

    def work(iterable: Iterable[int]) -> float:
        began = time.perf_counter()
        total = 0
        for number in iterable:
            total += sum(range(100)) + number
        return time.perf_counter() - began

    def unsampled() -> float:
        with RecordingPublisher():
            return work(pk.track(data, "Work"))

    def sampled() -> float:
        with Sampled(10):
            return work(pk.track(data, "Work"))

    forms: dict[str, Callable[[], float]] = {
        "bare": lambda: work(data),
        "bare again": lambda: work(data),
        "tracked, not sampled": unsampled,
        "tracked, sampled 10 Hz": sampled,
        "tracked, publisher": lambda: work(pk.track(data, "Work")),
    }
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(2 * rounds):
        for name in random.sample(list(forms), len(forms)):
            times[name].append(forms[name]())
    fastest = {name: min(found) for name, found in times.items()}
    bare = fastest.pop("bare")
    return {name: 100 * (seconds / bare - 1) for name, seconds in fastest.items()}


def calls(rounds: int) -> dict[str, float]:
    """Return ns of one call."""
    times: dict[str, list[float]] = {"stage.advance()": [], "tqdm.update()": [], "loop overhead": []}
    count = 300_000
    with RecordingPublisher():
        for _ in range(rounds):
            with pk.ProgressTracker("Bench") as tracker, tracker.stage("analysis", total=count) as stage:
                times["stage.advance()"].append(repeat(stage.advance, count))
            with tqdm(total=count, file=io.StringIO()) as bar:
                times["tqdm.update()"].append(repeat(bar.update, count))
            times["loop overhead"].append(repeat(lambda: None, count))
    return {name: statistics.median(each) for name, each in times.items()}


def repeat(call: Callable[[], object], count: int) -> float:
    """Return ns of one `call`, in the mean of `count`."""
    began = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - began) / count * 1e9


def short_loops(rounds: int) -> dict[str, float]:
    """Return µs of a whole loop over 10 items, beginning and end included."""
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS if name != "rich"}
    items = list(range(10))
    for _ in range(rounds):
        for name, found in times.items():
            count = 2_000 if name != "tqdm" else 200
            began = time.thread_time()
            for _ in range(count):
                for _ in CONTENDERS[name](items):
                    pass
            found.append((time.thread_time() - began) / count * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print figures only")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {
        "ns per call": calls(options.rounds),
        "µs per loop of 10 items": short_loops(options.rounds),
        "% more time of a loop with work": loss_by_sampling(options.rounds),
    }
    loops = iterations(options.items, options.rounds)
    if options.json:
        print(json.dumps({"ns per iteration": loops, **figures}, ensure_ascii=False, indent=1))
        return
    print("ns per iteration".ljust(28), *(name.rjust(13) for name in CONTENDERS), " × bare  tqdm's overhead ÷ ours")
    for source, by in loops.items():
        ours = by["progress_kit"] - by["bare"]
        less = (by["tqdm"] - by["bare"]) / max(ours, 0.1)
        times = (f"{by[name]:13.1f}" for name in CONTENDERS)
        print(f"  {source:<26}", *times, f"{by['progress_kit'] / by['bare']:7.2f}{less:10.0f}×")
    for title, by_name in figures.items():
        print(title)
        for name, figure in by_name.items():
            print(f"  {name:<26}{figure:>14.3f}")


if __name__ == "__main__":
    main()
