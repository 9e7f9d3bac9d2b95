"""Record the traces in `traces/`: a few seconds each of real work of the kinds that people watch.

    python tests/benchmarks/record_traces.py

A trace is the harness's JSON object: event i is at the sum of `dt_ms` up to i, counts `d_done` more, `pauses_s` (ours)
are the spans that did not count, and `total_known` is false where the loop did not know how long it would be.
"""

import ast
import gzip
import json
import random
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "traces"
LIBRARY = Path(sysconfig.get_path("stdlib"))


class Recording:
    """Counts what is done, and when."""

    def __init__(self, name: str, total: int, **more: Any) -> None:
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

    def save(self) -> None:
        """Write the trace."""
        end = (time.perf_counter() - self.start) * 1000
        self.trace |= {
            "t_end_ms": round(end, 2),
            "dt_ms": self.dt,
            "d_done": self.done,
            "stage_rle": [[0, len(self.dt)]],
        }
        text = json.dumps(self.trace, separators=(",", ":"))
        (HERE / f"{self.trace['id']}.json").write_text(text + "\n")
        print(f"{self.trace['id']:16s} {end / 1000:5.1f} s  {len(self.dt):4d} events  {len(text) / 1000:5.0f} kB")


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
            recording.trace["order"].append(running[future])
            recording.dt.append(round((time.perf_counter() - recording.last) * 1000, 2))
            recording.done.append(1)
            recording.last = time.perf_counter()
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


def main() -> None:
    """Record them all."""
    HERE.mkdir(exist_ok=True)
    work: list[Callable[[], None]] = [quickstart, pool, cached_prefix, pause, unknown_total]
    for each in work:
        each()


if __name__ == "__main__":
    main()
