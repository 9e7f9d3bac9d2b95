"""Record the traces in `traces/`: a few seconds each of real work of the kinds that people watch.

    python tests/benchmarks/record_traces.py [NAME ...]

A trace is the harness's JSON object: event i is at the sum of `dt_ms` up to i, counts `d_done` more, `pauses_s` (ours)
are the spans that did not count, and `total_known` is false where the loop did not know how long it would be.
"""

import ast
import gzip
import hashlib
import json
import os
import random
import re
import sys
import sysconfig
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, Self

os.environ["PROGRESS_KIT"] = "off"  # nothing is announced while it is recorded

import progress_kit as pk

HERE = Path(__file__).parent / "traces"
TUTORIAL = Path(__file__).parents[2] / "notebooks" / "estimates"
"""What the tutorial about estimates shows."""
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
LIBRARY = Path(sysconfig.get_path("stdlib"))


class Recording:
    """Counts what is done, and when."""

    def __init__(self, name: str, total: int, folder: Path = HERE, **more: Any) -> None:
        self.folder = folder
        self.trace: dict[str, Any] = {
            "v": 1,
            "id": name,
            "split": "own",
            "family": name,
            "kind": name,
            "run": 0,
            "params": {},
            "unit": "item",
            "workers": 1,
            "stages": [["main", total]],
            "size_stage": 0,
            "ended": 0,
            **more,
        }
        self.start = self.last = time.perf_counter()
        self.dt: list[float] = []
        self.done: list[int] = []

    def count(self, n: int = 1) -> None:
        """Count `n` more; what follows within 5 ms is taken together, as a sampler would."""
        now = time.perf_counter()
        if self.dt and (now - self.last) < 0.005:
            self.done[-1] += n
            return
        self.dt.append(round((now - self.last) * 1000, 2))
        self.done.append(n)
        self.last = now

    def end(self, item: int) -> None:
        """Count the task of this number."""
        self.trace["order"].append(item)
        now = time.perf_counter()
        self.dt.append(round((now - self.last) * 1000, 2))
        self.done.append(1)
        self.last = now

    def save(self) -> None:
        """Write the trace."""
        end = (time.perf_counter() - self.start) * 1000
        self.trace |= {
            "t_end_ms": round(end, 2),
            "dt_ms": self.dt,
            "d_done": self.done,
            "stage_rle": [[0, len(self.dt)]],
        }
        write(self.trace, self.folder)


def write(trace: dict[str, Any], folder: Path = HERE) -> None:
    """Write a trace, and say so."""
    text = json.dumps(trace, separators=(",", ":"))
    folder.mkdir(exist_ok=True)
    (folder / f"{trace['id']}.json").write_text(text + "\n")
    seconds, kb = trace["t_end_ms"] / 1000, len(text) / 1000
    print(f"{trace['id']:16s} {seconds:5.1f} s  {len(trace['dt_ms']):4d} events  {kb:5.0f} kB")


def files(count: int, seed: int) -> list[Path]:
    """Some modules of the standard library, in no order."""
    found = sorted(path for path in LIBRARY.glob("**/*.py") if "test" not in path.parts and path.stat().st_size > 500)
    return random.Random(seed).sample(found, count)


def quickstart() -> None:
    """Parse sources; their sizes are known."""
    paths = files(400, 1)
    recording = Recording("quickstart", len(paths), sizes=[path.stat().st_size for path in paths])
    for path in paths:
        ast.parse(path.read_bytes())
        recording.count()
    recording.save()


class Watched(pk.ProgressTracker):
    """A tracker whose stages are read every tenth of a second."""

    seen: list[tuple[float, list[tuple[str, float]]]]

    def __enter__(self) -> Self:
        super().__enter__()
        self.seen, self._over = [], threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *how: Any) -> None:  # noqa: PYI036 - handed through
        self._look()
        self._over.set()
        self._thread.join()
        super().__exit__(*how)

    def _look(self) -> None:
        now = self.snapshot()
        self.seen.append((now.elapsed_s or 0.0, [(stage.name, stage.done) for stage in now.stages]))

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._look()


def survey(run: int) -> None:
    """What the quickstart notebook does, all of its stages."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    made: list[Watched] = []

    def tracker(*given: Any, **options: Any) -> Watched:
        made.append(Watched(*given, **options))
        return made[-1]

    space: dict[str, Any] = {"__name__": "survey"}
    sys.modules["survey"] = type(sys)("survey")  # dataclasses look their module up
    original, pk.ProgressTracker = pk.ProgressTracker, tracker  # type: ignore[assignment, misc]
    try:
        for cell in cells:
            exec("".join(cell["source"]), space)  # noqa: S102 - our own notebook
            if made and made[-1].state == "succeeded":
                break
    finally:
        pk.ProgressTracker = original  # type: ignore[misc]
    seen = made[-1].seen
    names = [name for name, _ in seen[-1][1]]
    before, at = dict.fromkeys(names, 0.0), 0.0
    dt, done, stages = [], [], []
    for t, counts in seen:
        for name, count in counts:
            if count > before[name]:
                dt.append(round((t - at) * 1000, 1))
                done.append(int(count - before[name]))
                stages.append([names.index(name), 1])
                before[name], at = count, t
    trace = Recording(f"survey-{run}", 0, family="survey", kind="survey", run=run).trace
    trace |= {"unit": "", "stages": [[name, int(count)] for name, count in seen[-1][1]], "ended": time.time()}
    trace |= {"t_end_ms": round(seen[-1][0] * 1000, 1), "dt_ms": dt, "d_done": done, "stage_rle": stages}
    write(trace)


def shared(name: str, executor: Executor, workers: int, work: Callable[[bytes], int], paths: list[Path]) -> None:
    """Let an executor work on files, and record in which order they end."""
    data = [path.read_bytes() * 12 for path in paths]
    recording = Recording(name, len(data), workers=workers, sizes=[len(each) for each in data], order=[])
    with executor:
        running: dict[Future[int], int] = {executor.submit(work, each): i for i, each in enumerate(data)}
        for future in as_completed(running):
            recording.end(running[future])
    recording.save()


def compress(data: bytes) -> int:
    """Return how small it can be made."""
    return len(zlib.compress(data, 9))


def fingerprint(data: bytes) -> int:
    """Return a number that takes a while."""
    return hashlib.pbkdf2_hmac("sha256", data, b"salt", max(1, len(data) // 40))[0]


def pool_compress() -> None:
    """Three threads compress modules, in no order."""
    shared("pool_compress", ThreadPoolExecutor(3), 3, compress, files(160, 6))


def pool_hash() -> None:
    """Two processes hash modules, the largest one last."""
    paths = sorted(files(300, 7), key=lambda path: path.stat().st_size)
    shared("pool_hash", ProcessPoolExecutor(2), 2, fingerprint, paths)


def pool() -> None:
    """Three threads wait for answers of very different length."""
    draw = random.Random(2)
    seconds = [min(2.0, draw.lognormvariate(-2.8, 1.0)) for _ in range(120)]
    recording = Recording(
        "pool", len(seconds), workers=3, sizes=[s * draw.uniform(0.7, 1.4) for s in seconds], order=[]
    )
    with ThreadPoolExecutor(3) as executor:
        running = {executor.submit(time.sleep, s): i for i, s in enumerate(seconds)}
        for future in as_completed(running):
            recording.end(running[future])
    recording.save()


def cached_prefix() -> None:
    """The first 40 % were done by an earlier run."""
    paths = files(250, 3)
    recording = Recording("cached_prefix", len(paths))
    cache = dict.fromkeys(paths[:100], b"")
    for path in paths:
        if path not in cache:
            gzip.compress(path.read_bytes() * 4)
        recording.count()
    recording.save()


def pause() -> None:
    """Someone pauses it for three seconds, a third of the way."""
    recording = Recording("pause", 300, pauses_s=[])
    data = random.Random(4).randbytes(150_000)
    for number in range(300):
        if number == 100:
            at = time.perf_counter() - recording.start
            time.sleep(3)
            recording.trace["pauses_s"].append([round(at, 3), round(time.perf_counter() - recording.start, 3)])
        gzip.compress(data)
        recording.count()
    recording.save()


def unknown_total() -> None:
    """A generator tells its length only by its end."""

    def chunks() -> Iterable[bytes]:
        for path in files(150, 5):
            yield path.read_bytes()

    recording = Recording("unknown_total", 150, total_known=False)
    for chunk in chunks():
        gzip.compress(chunk * 4)
        recording.count()
    recording.save()


def steady() -> None:
    """The same work again and again."""
    recording = Recording("steady", 300, folder=TUTORIAL)
    data = random.Random(8).randbytes(400_000)
    for _ in range(300):
        gzip.compress(data)
        recording.count()
    recording.save()


def growing() -> None:
    """Each text is compared with all earlier ones."""
    texts = [set(re.findall(rb"[A-Za-z_]+", path.read_bytes())) for path in files(600, 9)]
    recording = Recording("growing", len(texts), folder=TUTORIAL)
    for number, text in enumerate(texts):
        max((len(text & other) for other in texts[:number]), default=0)
        recording.count()
    recording.save()


def slow_start(name: str, seed: int) -> None:
    """Each word is looked at once, and most words are met early."""
    paths = files(500, seed)
    recording = Recording(name, len(paths), folder=TUTORIAL)
    known: dict[bytes, int] = {}
    for path in paths:
        for word in re.findall(rb"[A-Za-z_]{3,}", path.read_bytes()):
            if word not in known:
                known[word] = hashlib.pbkdf2_hmac("sha256", word, b"salt", 150)[0]
        recording.count()
    recording.save()


def stalls() -> None:
    """A server answers quickly, and now and then not at all for a while."""
    draw = random.Random(10)
    recording = Recording("stalls", 400, folder=TUTORIAL)
    for _ in range(400):
        time.sleep(draw.uniform(0.2, 0.9) if draw.random() < 0.03 else draw.uniform(0.005, 0.015))
        recording.count()
    recording.save()


def sorted_files(name: str, *, reverse: bool) -> None:
    """Compress files in the order of their size."""
    data = [path.read_bytes() for path in sorted(files(900, 11), key=lambda path: path.stat().st_size, reverse=reverse)]
    recording = Recording(name, len(data), folder=TUTORIAL, sizes=[len(each) for each in data])
    for each in data:
        zlib.compress(each, 9)
        recording.count()
    recording.save()


def main() -> None:
    """Record those that are named, or all."""
    work: dict[str, Callable[[], None]] = {
        each.__name__: each
        for each in (quickstart, pool, pool_compress, pool_hash, cached_prefix, pause, unknown_total)
    }
    work |= {f"survey-{run}": partial(survey, run) for run in range(2)}
    work |= {each.__name__: each for each in (steady, growing, stalls)}
    work |= {name: partial(slow_start, name, seed) for name, seed in (("slow_start_yesterday", 12), ("slow_start", 13))}
    for order in ("last", "first"):
        name = f"large_files_{order}"
        work[name] = partial(sorted_files, name, reverse=order == "first")
    for name in sys.argv[1:] or work:
        work[name]()


if __name__ == "__main__":
    main()
