"""What progress bars cost, in one run: ours beside tqdm, rich, alive-progress, progressbar2, enlighten, fastprogress.

Each draws as it does for a person, into a pseudo terminal that is read and forgotten. Every round runs each contender
once, in a new order and in a process of its own, and a figure is the median of the rounds: processor time of the whole
process, with its threads, and time on the wall, each less what the same work takes without a bar. Importing is not
counted.
"""

import argparse
import multiprocessing
import os
import pty
import random
import resource
import statistics
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

ITEMS = 1_000_000
CALLS = 100_000
POSTFIXES = 2_000
SIDE = 1_000
PROCESSES = 4

NAMES = (
    "bare",
    "pk.track",
    "progress_kit.tqdm",
    "tqdm",
    "rich",
    "alive-progress",
    "progressbar2",
    "enlighten",
    "fastprogress",
)


def wrapper(name: str) -> Callable[[Iterable[int]], Iterable[int]]:  # noqa: PLR0911 - a list of cases
    """Return what `name` wraps an iterable into."""
    match name:
        case "pk.track":
            import progress_kit as pk

            return lambda items: pk.track(items, "Bench")
        case "progress_kit.tqdm":
            from progress_kit.tqdm import tqdm as ours

            return ours
        case "tqdm":
            from tqdm import tqdm

            return tqdm  # type: ignore[no-any-return] # tqdm ships no types
        case "rich":
            from rich.progress import track

            return track
        case "alive-progress":
            from alive_progress import alive_it

            return lambda items: alive_it(cast("Collection[int]", items))
        case "progressbar2":
            import progressbar

            return progressbar.progressbar
        case "enlighten":
            import enlighten  # type: ignore[import-untyped] # it ships none

            manager = enlighten.get_manager()

            def counted(items: Any) -> Iterable[int]:
                with manager.counter(total=len(items), leave=False) as counter:
                    yield from counter(items)

            return counted
        case "fastprogress":
            from fastprogress.fastprogress import ConsoleProgressBar  # type: ignore[import-untyped] # it ships none

            return ConsoleProgressBar  # type: ignore[no-any-return]
        case _:
            return lambda items: items


def iterate(name: str) -> int:
    """Go through a list."""
    for _ in wrapper(name)(NUMBERS):
        pass
    return ITEMS


def nested(name: str) -> int:
    """A loop in a loop. Rich and alive-progress allow one display only, so that their inner loop is not shown."""
    wrap = wrapper(name)
    inner = wrapper("bare") if name in {"rich", "alive-progress"} else wrap
    for _ in wrap(range(SIDE)):
        for _ in inner(range(SIDE)):
            pass
    return SIDE * SIDE


def update(name: str) -> int:
    """Count by hand."""
    by_hand(name, CALLS, postfix=False)
    return CALLS


def postfix(name: str) -> int:
    """Show a number beside the bar, at every step."""
    by_hand(name, POSTFIXES, postfix=True)
    return POSTFIXES


def by_hand(name: str, count: int, *, postfix: bool) -> None:  # noqa: C901, PLR0912 - a list of cases
    """Count to `count`."""
    match name:
        case "pk.track":
            import progress_kit as pk

            with pk.ProgressTracker("Bench", ["main"]) as tracker, tracker.stage("main", total=count) as stage:
                for n in range(count):
                    stage.advance()
                    if postfix:
                        tracker.metrics["loss"] = n
        case "progress_kit.tqdm" | "tqdm":
            with wrapper(name)(range(count)) as bar:  # type: ignore[attr-defined]
                for n in range(count):
                    bar.update(1)
                    if postfix:
                        bar.set_postfix(loss=n)
        case "rich":
            from rich.progress import Progress

            with Progress() as progress:
                task = progress.add_task("Bench", total=count, loss=0)
                for n in range(count):
                    progress.advance(task)
                    if postfix:
                        progress.update(task, loss=n)
        case "alive-progress":
            from alive_progress import alive_bar

            with alive_bar(count) as alive:
                for n in range(count):
                    alive()
                    if postfix:
                        alive.text = f"loss={n}"
        case "progressbar2":
            import progressbar

            widgets = [progressbar.Bar(), progressbar.Variable("loss")] if postfix else None  # type: ignore[no-untyped-call]
            with progressbar.ProgressBar(max_value=count, widgets=widgets) as bar2:
                for n in range(count):
                    if postfix:
                        bar2.update(n, loss=n)
                    else:
                        bar2.update(n)
        case "enlighten":
            import enlighten

            with enlighten.get_manager().counter(total=count, desc="Bench") as counter:
                for n in range(count):
                    if postfix:
                        counter.desc = f"loss={n}"
                    counter.update()
        case "fastprogress":
            bar = wrapper(name)(range(count))
            bar.update(0)  # type: ignore[attr-defined]
            for n in range(count):
                if postfix:
                    bar.comment = f"loss={n}"  # type: ignore[attr-defined]
                bar.update(n)  # type: ignore[attr-defined]
        case _:
            for _n in range(count):
                pass


def four_processes(name: str) -> int:
    """The loop over a list in some forked processes at once, each with a bar of its own."""
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=iterate, args=(name,)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return ITEMS * PROCESSES


NUMBERS = list(range(ITEMS))
WORKS: dict[str, Callable[[str], int]] = {
    "iterate": iterate,
    "update": update,
    "postfix": postfix,
    "nested": nested,
    "4 processes": four_processes,
}


def processor_s() -> float:
    """Return what this process and its ended children have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def child(name: str, work: str) -> None:
    """Do `work` once, and tell on standard input's place, file 3, what a step took: processor, wall, in ns."""
    for _ in wrapper(name)(range(10)):  # long enough that all is loaded that a long loop loads
        time.sleep(0.05)
    by_hand(name, 10, postfix=True)
    began, began_cpu = time.perf_counter(), processor_s()
    steps = WORKS[work](name)
    took, took_cpu = time.perf_counter() - began, processor_s() - began_cpu
    os.write(3, f"{took_cpu / steps * 1e9} {took / steps * 1e9}".encode())


def measure(name: str, work: str) -> tuple[float, float]:
    """Run a child in a pseudo terminal; return ns of processor and wall time per step."""
    parent, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    told, tell = os.pipe()

    def forget() -> None:
        try:
            while data := os.read(parent, 65_536):
                if b"\x1b[6n" in data:  # enlighten waits until the terminal says where its cursor is
                    os.write(parent, b"\x1b[1;1R")
        except OSError:  # so its end is told
            return

    reader = threading.Thread(target=forget)
    reader.start()
    environment = {**os.environ, "TERM": "xterm-256color", "CI": "", "PROGRESS_KIT_HUB_URL": "http://127.0.0.1:9/"}
    command = ["/bin/sh", "-c", f'exec "$@" 3>&{tell}', "sh", sys.executable, __file__, "--child", name, work]
    subprocess.run(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        pass_fds=[tell],
        check=True,
        timeout=60,
    )
    os.close(terminal)
    os.close(tell)
    reader.join()
    os.close(parent)
    with os.fdopen(told) as answer:
        cpu, wall = map(float, answer.read().split())
    return cpu, wall


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("NAME", "WORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    pairs = [(name, work) for work in WORKS for name in NAMES]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {pair: [] for pair in pairs}
    for _ in range(options.rounds):
        for pair in random.sample(pairs, len(pairs)):
            found[pair].append(measure(*pair))
    print("ns per step more than without a bar: processor / wall")
    print(" " * 18, *(work.rjust(19) for work in WORKS))
    for name in NAMES[1:]:
        cells = []
        for work in WORKS:
            more = [
                statistics.median(each[kind] for each in found[name, work])
                - statistics.median(each[kind] for each in found["bare", work])
                for kind in (0, 1)
            ]
            cells.append(f"{more[0]:,.0f} / {more[1]:,.0f}".rjust(19))
        print(name.ljust(18), *cells)


if __name__ == "__main__":
    main()
