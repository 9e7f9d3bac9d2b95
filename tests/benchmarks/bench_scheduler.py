"""What a scheduler costs and what it brings: beside raw executors, joblib and Dask's own `map`, in one run.

    python tests/benchmarks/bench_scheduler.py [--rounds 5] [--only overhead,order,memory,advance] [--engines threads]

Every round runs each contender once, in a new order, on the same pool, which is warm; "raw again" is the raw pool a
second time, so its distance from 1.00 is the noise. Figures are medians of the rounds: of the time, and, in brackets,
of the processor time of this process and all that it started, which the load of the machine disturbs less.
"""

import argparse
import dataclasses
import functools
import lzma
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import psutil

import progress_kit as pk

WORKERS: Final = 2
TASKS: Final = {"no-op": (2_000, 0.0), "1 ms": (300, 0.001), "10 ms": (60, 0.01)}
MEMORY_TASKS: Final = 1_000_000
FILES: Final = 80
LARGEST: Final = 2_500_000


def work(seconds: float) -> float:
    """Take some time without needing a processor, as a query or a download does."""
    if seconds:
        time.sleep(seconds)
    return seconds


def compress(path: str) -> float:
    """Compress a file; return how long that took."""
    began = time.perf_counter()
    lzma.compress(Path(path).read_bytes(), preset=4)
    return time.perf_counter() - began


# ---------------------------------------------------------------- overhead

Run = Callable[[list[float]], object]


def raw(pool: Executor, inputs: Iterable[Any], function: Callable[[Any], Any] = work) -> list[Any]:
    """Submit everything, and wait."""
    futures: list[Future[Any]] = [pool.submit(function, each) for each in inputs]
    return [future.result() for future in futures]


def joblib_on(backend: str, stack: ExitStack) -> Run:
    """As joblib's users write it, with the pool kept between the calls."""
    import joblib  # type: ignore[import-untyped]

    parallel = stack.enter_context(joblib.Parallel(n_jobs=WORKERS, backend=backend))
    return lambda inputs: parallel(joblib.delayed(work)(each) for each in inputs)


def ours(engine: Any, stack: ExitStack) -> Run:
    """As ours write it: one scheduler, whose workers are kept between the calls."""
    scheduler = a_scheduler(engine, stack)
    return lambda inputs: list(scheduler.map(work, inputs))


def a_scheduler(engine: Any, stack: ExitStack) -> pk.ParallelTaskScheduler:
    """Return a scheduler that runs until the stack is unwound."""
    workers = WORKERS if isinstance(engine, str) else None
    return stack.enter_context(pk.ParallelTaskScheduler("Bench", engine=engine, max_workers=workers))


def submitted(engine: Any, stack: ExitStack) -> Run:
    """The same by `submit`, as the raw pool is used."""
    scheduler = a_scheduler(engine, stack)

    def run(inputs: list[float]) -> object:
        tasks = [scheduler.submit(work, each) for each in inputs]
        return [task.result() for task in tasks]

    return run


def completed(engine: Any, stack: ExitStack) -> Run:
    """The same by `as_completed`."""
    scheduler = a_scheduler(engine, stack)
    return lambda inputs: [task.result() for task in scheduler.as_completed(work, inputs)]


def alone(engine: Any, stack: ExitStack) -> Run:
    """The same where no two tasks travel together."""
    scheduler = a_scheduler(engine, stack)
    plan = scheduler.driver.plan
    plan.capabilities = dataclasses.replace(plan.capabilities, batches=False)
    return lambda inputs: list(scheduler.map(work, inputs))


def threads(stack: ExitStack) -> dict[str, Run]:
    """Contenders on threads."""
    pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
    return {
        "raw": functools.partial(raw, pool),
        "raw again": functools.partial(raw, pool),
        "ours": ours("threads", stack),
        "ours, submit": submitted("threads", stack),
        "ours, as_completed": completed("threads", stack),
        "ours on that pool": ours(pool, stack),
        "joblib": joblib_on("threading", stack),
    }


def processes(stack: ExitStack) -> dict[str, Run]:
    """Contenders on processes."""
    pool = stack.enter_context(ProcessPoolExecutor(WORKERS))
    return {
        "raw": functools.partial(raw, pool),
        "raw again": functools.partial(raw, pool),
        "ours": ours("processes", stack),
        "ours, submit": submitted("processes", stack),
        "ours, alone": alone("processes", stack),
        "ours on that pool": ours(pool, stack),
        "alone on that pool": alone(pool, stack),
    }


def loky(stack: ExitStack) -> dict[str, Run]:
    """Contenders on loky's processes, which joblib uses too."""
    from loky import get_reusable_executor  # type: ignore[import-untyped]

    pool = get_reusable_executor(max_workers=WORKERS)
    stack.callback(pool.shutdown)
    return {
        "raw": functools.partial(raw, pool),
        "raw again": functools.partial(raw, pool),
        "ours": ours("loky", stack),
        "ours, alone": alone("loky", stack),
        "joblib": joblib_on("loky", stack),
    }


def dask(stack: ExitStack) -> dict[str, Run]:
    """Contenders on a Dask cluster of this machine."""
    from distributed import Client, LocalCluster

    cluster = stack.enter_context(
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0")
    )
    client = stack.enter_context(Client(cluster))

    def mapped(inputs: list[float]) -> object:
        return client.gather(client.map(work, inputs, pure=False))

    return {"raw": mapped, "raw again": mapped, "ours": ours(client, stack), "ours, alone": alone(client, stack)}


ENGINES: Final = {"threads": threads, "processes": processes, "loky": loky, "dask": dask}


def processor_time() -> float:
    """Return the seconds of processor time of this process and of all that descend from it."""
    used = 0.0
    for process in (own := psutil.Process(), *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return float(used + time.process_time() - sum(own.cpu_times()[:2]))  # of this process more exactly than in ticks


def overhead(rounds: int, engines: Iterable[str]) -> None:
    """Print what each contender takes, as a multiple of the raw pool."""
    print(f"overhead: time (processor time) as a multiple of the raw pool's, {WORKERS} workers, {rounds} rounds")
    for engine in engines:
        make = ENGINES[engine]
        with ExitStack() as stack:
            contenders = make(stack)
            for run in contenders.values():
                run([0.0] * 50)
            for label, (count, seconds) in TASKS.items():
                inputs = [seconds] * count
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
                for _ in range(rounds):
                    for name in random.sample(list(contenders), len(contenders)):
                        began, used = time.perf_counter(), processor_time()
                        contenders[name](inputs)
                        taken[name].append((time.perf_counter() - began, processor_time() - used))
                means = {
                    name: tuple(statistics.median(column) for column in zip(*each, strict=True))
                    for name, each in taken.items()
                }
                base, used = means.pop("raw")
                figures = "  ".join(
                    f"{name} {wall / base:5.2f} ({cpu / max(used, 1e-9):4.2f})" for name, (wall, cpu) in means.items()
                )
                micros = f"{base / count * 1e6:7.1f} ({used / count * 1e6:6.1f})"
                print(f"  {engine:<10} {label:>5}  raw {micros} µs a task  {figures}", flush=True)


# ---------------------------------------------------------------- order


def heavy_files() -> list[str]:
    """Return installed files whose sizes differ as sizes do: a few are larger than all others together."""
    found = [path for path in Path(sysconfig.get_path("purelib")).rglob("*.*") if path.is_file()]
    sized = sorted((path.stat().st_size, str(path)) for path in found if path.stat().st_size < LARGEST)
    small = [path for size, path in sized if LARGEST / 1_000 < size < LARGEST / 30]
    large = [max((size, path) for size, path in sized if size < LARGEST / 2**half)[1] for half in range(3)]
    return random.Random(7).sample(small, min(FILES, len(small))) + large


def order(rounds: int) -> None:
    """Print makespan / lower bound on real files: in the order of the list, and as the scheduler orders them."""
    files = heavy_files()
    sizes = [Path(path).stat().st_size for path in files]
    print(f"order: compress {len(files)} files, {sum(sizes) / 1e6:.0f} MB, largest {max(sizes) / 1e6:.1f} MB")
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(WORKERS))
        scheduler = stack.enter_context(pk.ParallelTaskScheduler("Bench", engine="processes", max_workers=WORKERS))
        contenders: dict[str, Callable[[], list[float]]] = {
            "raw, as they come": lambda: raw(pool, files, compress),
            "ours, no costs": lambda: list(scheduler.map(compress, files)),
            "ours, by size": lambda: list(scheduler.map(compress, files, cost=os.path.getsize)),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for run in contenders.values():
            run()
        for _ in range(rounds):
            random.shuffle(files)  # as they come: in another order each round, the same for all
            for name in random.sample(list(contenders), len(contenders)):
                began = time.perf_counter()
                durations = contenders[name]()
                makespan = time.perf_counter() - began
                found[name].append((makespan, makespan / max(sum(durations) / WORKERS, *durations)))
    for name, each in found.items():
        makespan, ratio = (statistics.median(column) for column in zip(*each, strict=True))
        print(f"  {name:<18} makespan {makespan:6.2f} s, {ratio:5.3f} × the lower bound", flush=True)


# ---------------------------------------------------------------- memory

MEMORY: Final = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
import progress_kit as pk
from progress_kit import model
def nothing(number): return None
def ours(count):
    with pk.ParallelTaskScheduler("Bench", engine="threads", max_workers=2) as scheduler:
        for _ in scheduler.as_completed(nothing, (number for number in range(count))):
            pass
def raw(count):
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(nothing, number) for number in range(count)]:
            future.result()
def peak_kb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run = {"ours": ours, "raw": raw}[sys.argv[1]]
run(1_000)
before = peak_kb()
run(int(sys.argv[2]))
print(peak_kb() - before)
"""


def memory(count: int) -> None:
    """Print by how much the memory of a process grows, at its peak."""
    print("memory: growth of the process at its peak (the kernel's own count)")
    for name, tasks in (("ours", count), ("raw", count // 10)):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, name, str(tasks)], capture_output=True, text=True, check=True
        )
        grown = int(done.stdout)
        seconds = time.perf_counter() - began
        figures = f"{grown / 1024:7.1f} MB, {grown * 1024 / tasks:8.1f} bytes a task, {seconds:5.1f} s"
        print(f"  {name:<5} {tasks:>9,} generated no-ops: {figures}", flush=True)


# ---------------------------------------------------------------- advance


def advances(count: int) -> float:
    """Return ns of one `advance` in a task, beside an empty loop."""
    task = pk.current()
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        for _ in range(count):
            task.advance()
        between = time.thread_time()
        for _ in range(count):
            pass
        best = min(best, (between - began - (time.thread_time() - between)) / count * 1e9)
    return best


def advance() -> None:
    """Print what one `advance` costs in a worker."""
    print("advance: ns of CPU time for one `pk.current().advance()`, the method looked up each time")
    for engine in ("threads", "processes"):
        with pk.ParallelTaskScheduler("Bench", engine=engine, max_workers=1) as scheduler:
            print(f"  {engine:<10} {scheduler.submit(advances, 200_000).result():7.0f} ns", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="overhead,order,memory,advance")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--tasks", type=int, default=MEMORY_TASKS, help="for the memory")
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "overhead": lambda: overhead(options.rounds, options.engines.split(",")),
        "order": lambda: order(options.rounds),
        "memory": lambda: memory(options.tasks),
        "advance": advance,
    }
    for part in options.only.split(","):
        parts[part]()


if __name__ == "__main__":
    main()
