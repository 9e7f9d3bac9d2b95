"""CPU of the publisher's thread, and what a CPU-bound loop loses to it, with a real server at the other end.

The loop is timed in pairs, with and without an operation that is published at 10 Hz, each first in half of the pairs;
its loss is the median of the pairs' ratios, and the noise is that of two equal loops.

    python tests/benchmarks/bench_publisher.py [--json]        about 45 s
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from progress_kit.model import Snapshot
from progress_kit.publisher import Publisher
from progress_kit.settings import read
from tests.integration.processes import Home, Server
from tests.publisher.conftest import Operation

MEASURE_S = 5.0
ROUNDS = 8
LOOPS = 5
LOOP = 5_000_000


class Moving(Operation):
    """An operation with something new at each sample, as large as one with five stages is."""

    def sample(self) -> Snapshot:
        """Return a new snapshot each time."""
        self.done += 1
        return super().sample()


@contextmanager
def publishing(*operations: Operation, rate_hz: float = 10.0) -> Iterator[float]:
    """Publish `operations` meanwhile; yields the id of the thread's CPU clock."""
    os.environ["PROGRESS_KIT_SAMPLE_RATE_HZ"] = str(rate_hz)
    publisher = Publisher(read())
    for operation in operations:
        publisher.add(operation)
    thread = publisher._thread
    assert thread is not None
    assert thread.ident is not None
    threading.Event().wait(1.5)  # connected, imported and warm
    yield time.pthread_getcpuclockid(thread.ident)
    publisher.close(0.0)
    thread.join()


def thread_percent(*operations: Operation) -> float:
    """Return the thread's CPU in percent of one core."""
    with publishing(*operations) as cpu:
        before, began = time.clock_gettime(int(cpu)), time.monotonic()
        threading.Event().wait(MEASURE_S)
        return 100 * (time.clock_gettime(int(cpu)) - before) / (time.monotonic() - began)


def loop_s() -> float:
    """Return the seconds that a bare CPU-bound loop takes."""
    began = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number
    return time.perf_counter() - began


def best_s() -> float:
    """Return the shortest of some loops in a row: what else the machine does only makes them longer."""
    return min(loop_s() for _ in range(LOOPS))


def loss_percent() -> tuple[float, float]:
    """Return what the loop loses, and how much two equal loops differ; percent, medians of the pairs."""
    losses: list[float] = []
    noises: list[float] = []
    for round_ in range(ROUNDS):
        first = best_s() if round_ % 2 else 0.0
        with publishing(Moving(f"op_loop_{round_}")):
            watched = best_s()
        bare, again = best_s(), best_s()
        losses.append(100 * (watched / (first or bare) - 1))
        noises.append(100 * (again / bare - 1))
    return statistics.median(losses), statistics.median(map(abs, noises))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory))
        os.environ["JUPYTER_RUNTIME_DIR"] = str(home.runtime_dir)
        figures: dict[str, float] = {}
        figures["thread, one idle operation, no hub"] = thread_percent(Operation())
        with Server(home):
            figures["thread, one idle operation"] = thread_percent(Operation("op_idle"))
            figures["thread, one operation at 10 Hz"] = thread_percent(Moving("op_moving"))
            figures["thread, 100 operations at 10 Hz"] = thread_percent(*(Moving(f"op_many_{n}") for n in range(100)))
            figures["loop's loss, one operation at 10 Hz"], figures["noise of two equal loops"] = loss_percent()
    if as_json:
        print(json.dumps({"unit": "percent of one core", "figures": figures}))
        return
    for name, percent in figures.items():
        print(f"{name:40} {percent:7.2f} %")


if __name__ == "__main__":
    main()
