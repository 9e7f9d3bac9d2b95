"""What the hub's trouble costs a scheduler: the same tasks without a hub, with one, and with one that fails.

    python tests/benchmarks/bench_scheduler_hub.py [--rounds 5] [--engines threads,processes] [--tasks 400]

Each round runs every situation once, in a new order, each in a process of its own; the time is that of the block, its
end included, after the workers are warm. Figures are medians of the rounds, as a multiple of the time with
``PROGRESS_KIT=off``; "off again" is that a second time, so its distance from 1.00 is the noise.
"""

import argparse
import random
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.faults import FaultProxy
from tests.integration.processes import Home, Script, Server, detour

TASK_S: Final = 0.01
WORK: Final = """
import time
import progress_kit as pk

def work(number):
    pk.current().advance(1, total=1)
    time.sleep({task_s})
    return number

if __name__ == "__main__":
    with pk.ParallelTaskScheduler("Bench", engine="{engine}", max_workers=2) as scheduler:
        list(scheduler.map(work, range(20)))
        print("warm")
        input()
        began = time.perf_counter()
        results = []
        for result in scheduler.map(work, range({tasks})):
            results.append(result)
            if len(results) == {tasks} // 2:
                print("half")
    print(time.perf_counter() - began, results == list(range({tasks})))
"""


def nothing(_: FaultProxy) -> None:
    """All is well."""


def stall(proxy: FaultProxy) -> None:
    """Not a byte gets through any more."""
    proxy.mode = "stall"


def refuse(proxy: FaultProxy) -> None:
    """Nobody listens any more."""
    proxy.reset()
    proxy.refuse()


Situation = tuple[dict[str, str] | None, Callable[[FaultProxy], None], Callable[[FaultProxy], None]]
"""The environment (None: by way of the proxy), what happens before the start, and in the middle."""


def run(home: Home, server: Server, source: str, situation: Situation) -> float:
    """Run the tasks once; return how long that took in seconds."""
    environment, before, amid = situation
    with FaultProxy(server.port) as proxy:
        before(proxy)
        with Script(home, source, environment=environment or detour(server, proxy)) as script:
            script.out.until("warm")
            script.go_on()
            script.out.until("half")
            amid(proxy)
            took, right = script.out.next().split()
            assert right == "True", "the results are others than without a hub"
            script.process.kill()  # the exit, which takes its leave of the hub for a bounded time, is none of it
    return float(took)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", default="threads,processes")
    parser.add_argument("--tasks", type=int, default=400)
    options = parser.parse_args()
    print(f"hub: time of {options.tasks} tasks of {TASK_S * 1e3:g} ms on 2 workers, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as directory, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        home = Home(Path(directory))
        off = {"PROGRESS_KIT": "off"}
        down = {"PROGRESS_KIT_HUB_URL": f"http://127.0.0.1:{nobody.getsockname()[1]}/", "PROGRESS_KIT_TOKEN": "none"}
        situations: dict[str, Situation] = {
            "off": (off, nothing, nothing),
            "off again": (off, nothing, nothing),
            "a hub": (None, nothing, nothing),
            "down": (down, nothing, nothing),
            "silent": (None, stall, nothing),
            "lost in the middle": (None, nothing, refuse),
            "silent from the middle": (None, nothing, stall),
        }
        with Server(home) as server:
            for engine in options.engines.split(","):
                source = WORK.format(engine=engine, tasks=options.tasks, task_s=TASK_S)
                taken: dict[str, list[float]] = {name: [] for name in situations}
                for _ in range(options.rounds):
                    for name in random.sample(list(situations), len(situations)):
                        taken[name].append(run(home, server, source, situations[name]))
                medians = {name: statistics.median(each) for name, each in taken.items()}
                base = medians.pop("off")
                figures = "  ".join(f"{name} {seconds / base:4.2f}" for name, seconds in medians.items())
                print(f"  {engine:<10} off {base:5.2f} s  {figures}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
