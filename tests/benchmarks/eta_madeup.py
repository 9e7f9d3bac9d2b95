"""Made-up work of many kinds, for judging estimates on what they were not made for.

Each run is a list of items with the seconds that each would take on a quiet machine, sent through a machine whose speed
wanders, which is shared with others for a while, and which is faster or slower as a whole from one run to the next. The
same seed gives the same runs.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from math import cos, exp, pi, sqrt
from random import Random
from typing import Any

RUN_TO_RUN = 0.25
"""The standard deviation of the logarithm of the speed between runs of one kind, as between the recorded siblings."""
SPACING_S = 0.02
"""No two events of a run are closer than this, as a publisher samples."""
Item = tuple[int, float, float | None]
"""Its stage, its seconds on a quiet machine, and its size where that is known."""


class Machine:
    """Turns seconds of work into seconds of a clock: its speed wanders about one."""

    def __init__(self, random: Random, expected_s: float, *, calm: bool = False) -> None:
        self._random = random
        self._spread = 0.03 if calm else random.choice((0.05, 0.1, 0.2, 0.3))
        self._holds_s = expected_s * random.choice((0.02, 0.1, 0.4))
        self._at_s = 0.0
        self._wander = random.gauss(0, self._spread)
        self._jitter = 0.0 if calm else random.choice((0.02, 0.1, 0.3))
        begin = random.uniform(0, expected_s)
        shared = random.random() < 0.25 and not calm
        self._shared = (begin, begin + random.uniform(0.1, 0.5) * expected_s) if shared else (0.0, 0.0)
        self._slow = random.uniform(1.3, 2.0)

    def takes(self, work_s: float, at_s: float) -> float:
        """Return how long so much work takes when it begins at `at_s`."""
        kept = exp(-max(0.0, at_s - self._at_s) / self._holds_s)
        self._at_s = max(at_s, self._at_s)
        self._wander = self._wander * kept + self._random.gauss(0, self._spread) * sqrt(1 - kept * kept)
        factor = exp(self._wander + self._random.gauss(0, self._jitter))
        return work_s * factor * (self._slow if self._shared[0] <= at_s < self._shared[1] else 1.0)


def _run(
    name: str, run: int, stages: Sequence[tuple[str, int]], items: Sequence[Item], random: Random, **more: Any
) -> dict[str, Any]:
    """Return the run of these items, one after the other, in the form of a recorded one."""
    machine = Machine(random, sum(item[1] for item in items), calm=more.pop("calm", False))
    speed = exp(random.gauss(0, RUN_TO_RUN))
    at_s, ends = 0.0, []
    for stage, work_s, _ in items:
        at_s += machine.takes(work_s * speed, at_s)
        ends.append((at_s, stage))
    return _recorded(name, run, stages, ends, sizes=_sizes(items), size_stage=_size_stage(items), **more)


def _sizes(items: Sequence[Item]) -> list[float] | None:
    return [item[2] for item in items if item[2] is not None] or None


def _size_stage(items: Sequence[Item]) -> int:
    return next((item[0] for item in items if item[2] is not None), 0)


def _recorded(
    name: str, run: int, stages: Sequence[tuple[str, int]], ends: Sequence[tuple[float, int]], **more: Any
) -> dict[str, Any]:
    events: list[list[Any]] = []
    for at_s, stage in ends:
        if events and events[-1][1] == stage and at_s - events[-1][3] < SPACING_S:
            events[-1][0] = at_s
            events[-1][2] += 1
        else:
            events.append([at_s, stage, 1, at_s])
    times = [0.0, *[event[0] for event in events]]
    return {
        "id": f"{name}-{run}",
        "family": name.partition("_")[0],
        "kind": name,
        "run": run,
        "split": "made up",
        "ended": 1e6 * run + times[-1],
        "workers": 1,
        "stages": [list(stage) for stage in stages],
        "t_end_ms": times[-1] * 1000,
        "dt_ms": [(b - a) * 1000 for a, b in pairwise(times)],
        "d_done": [event[2] for event in events],
        "stage_rle": [[event[1], 1] for event in events],
        **more,
    }


# ---------------------------------------------------------------- kinds of work, each with all its runs


def _even(random: Random) -> list[Item]:
    count = random.choice((60, 400, 3_000))
    return [(0, random.uniform(6, 40) / count, None)] * count


def _curved(random: Random, *, known: bool) -> list[Item]:
    """Items that take ever longer, or ever less, by some power of their number."""
    count, power = random.choice((50, 200, 1_500)), random.choice((0.5, 1.0, 1.5, 2.0, 3.0))
    seconds = [((i + 1) / count) ** power + random.choice((0.0, 0.02)) for i in range(count)]
    scale = random.uniform(6, 40) / sum(seconds)
    if random.random() < 0.4:
        seconds.reverse()
    off = random.choice((1.0, 1.0, 0.7, 1.4))
    return [(0, each * scale, each ** (1 / off) if known else None) for each in seconds]


def _files(random: Random, *, known: bool = True) -> list[Item]:
    """Files whose sizes are far apart, in some order, at a cost that goes about with the size."""
    count = random.choice((80, 400, 2_000))
    sizes = [random.lognormvariate(9, random.choice((1.0, 1.5))) for _ in range(count)]
    order = random.choice(("sorted", "reversed", "shuffled", "by folder"))
    if order in ("sorted", "reversed"):
        sizes.sort(reverse=order == "reversed")
    elif order == "by folder":
        folders = [random.gauss(0, 1) for _ in range(12)]
        sizes = [size * exp(folders[i * 12 // count]) for i, size in enumerate(sizes)]
    exponent, noise, least = random.choice((0.7, 1.0, 1.0, 1.3)), random.choice((0.1, 0.4)), random.choice((0.0, 0.3))
    seconds = [size**exponent * random.lognormvariate(0, noise) for size in sizes]
    mean = sum(seconds) / count
    scale = random.uniform(6, 40) / (sum(seconds) + least * mean * count)
    return [
        (0, (each + least * mean) * scale, size if known else None) for each, size in zip(seconds, sizes, strict=True)
    ]


def _phases(random: Random) -> list[Item]:
    """A loop that goes at another speed from some point on, or from several."""
    count = random.choice((200, 2_000))
    edges = sorted(random.uniform(0.1, 0.9) for _ in range(random.choice((1, 1, 2, 3))))
    speeds = [exp(random.gauss(0, 0.7)) for _ in range(len(edges) + 1)]
    seconds = [speeds[sum(edge <= i / count for edge in edges)] for i in range(count)]
    scale = random.uniform(6, 40) / sum(seconds)
    return [(0, each * scale, None) for each in seconds]


def _stops(random: Random) -> list[Item]:
    """Requests, of which some have to wait for long."""
    count, often, stop = random.choice((200, 1_000)), random.choice((0.01, 0.05)), random.choice((10.0, 40.0))
    seconds = [1 + (stop * random.expovariate(1) if random.random() < often else 0.0) for _ in range(count)]
    scale = random.uniform(6, 40) / sum(seconds)
    return [(0, each * scale, None) for each in seconds]


def _starts(random: Random) -> list[Item]:
    """A loop whose first items take long: compiling, empty caches; or none, for what is done already."""
    count, way = random.choice((150, 1_500)), random.choice(("compile", "cache", "done"))
    if way == "compile":
        seconds = [random.uniform(5, 60) * count / 150] + [1.0] * (count - 1)
    elif way == "cache":
        fill, saves = random.choice((0.1, 0.3)) * count, random.uniform(3, 20)
        seconds = [1 + saves * exp(-i / fill) for i in range(count)]
    else:
        ready = random.choice((0.2, 0.5)) * count
        seconds = [0.001 if i < ready else 1.0 for i in range(count)]
    scale = random.uniform(6, 40) / sum(seconds)
    return [(0, each * scale, None) for each in seconds]


def _waves(random: Random) -> list[Item]:
    """A loop over a grid: the time of its items comes and goes, and is known by half."""
    period, times = random.choice((4, 8, 16)), random.choice((6, 12, 30))
    count = period * times
    seconds = [1 + random.choice((0.0, 1.0)) + 4 * (1 + cos(2 * pi * i / period)) for i in range(count)]
    scale = random.uniform(6, 40) / sum(seconds)
    known = random.random() < 0.5
    return [(0, each * scale * random.lognormvariate(0, 0.1), each if known else None) for each in seconds]


def _epochs(random: Random) -> list[Item]:
    """Training and validation, in turn."""
    epochs, steps, checks = random.choice((5, 20, 60)), random.choice((10, 40)), random.choice((2, 10))
    each_s = random.uniform(6, 40) / (epochs * (steps + checks))
    slower = random.uniform(0.3, 3)
    train: list[Item] = [(0, each_s, None)] * steps
    check: list[Item] = [(1, each_s * slower, None)] * checks
    return (train + check) * epochs


def _pipeline(random: Random, plan: Sequence[tuple[float, float, str]], size: float) -> list[Item]:
    """Stages one after the other, each with the seconds for one of `size`, the power it goes by, and how it goes."""
    items: list[Item] = []
    for stage, (usual_s, power, way) in enumerate(plan):
        count = 1 if way == "one" else max(2, round(way.startswith("many") * 300 * size + 4))
        seconds = [1.0] * count
        if way == "many files":
            seconds = [random.lognormvariate(0, 1) for _ in range(count)]
        elif way == "many ever longer":
            seconds = [i + 1.0 for i in range(count)]
        whole_s = usual_s * size**power * random.lognormvariate(0, 0.08)
        scale = whole_s / sum(seconds)
        known = stage == _costly(plan)
        items += [(stage, each * scale, each if known else None) for each in seconds]
    return items


def _costly(plan: Sequence[tuple[float, float, str]]) -> int:
    return next((i for i, each in enumerate(plan) if each[2] == "many files"), -1)


def _plan(random: Random) -> list[tuple[float, float, str]]:
    ways = ("one", "few", "many", "many files", "many ever longer")
    weights = [random.lognormvariate(0, 1) for _ in range(random.choice((2, 3, 4, 5, 6)))]
    scale = random.uniform(6, 40) / sum(weights)
    return [(each * scale, random.choice((0.0, 1.0, 1.0)), random.choice(ways)) for each in weights]


def _pool(name: str, random: Random) -> dict[str, Any]:
    """Tasks that several workers share, each taking the next one as soon as it is free."""
    workers = random.choice((2, 3, 4, 8, 16))
    count = workers * random.choice((6, 20, 40))
    sizes = [random.lognormvariate(0, random.choice((0.3, 0.8, 1.3))) for _ in range(count)]
    if random.random() < 0.4:
        sizes.sort(reverse=True)
    noise, known = random.choice((0.05, 0.3)), random.random() < 0.65
    scale = random.uniform(6, 30) * workers / sum(sizes)
    machine = Machine(random, sum(sizes) * scale / workers)
    running: list[tuple[float, int]] = []
    ends: list[tuple[float, int]] = []
    for task, size in enumerate(sizes):
        free_s = 0.0
        if len(running) == workers:
            free_s, ended = heappop(running)
            ends.append((free_s, ended))
        took_s = machine.takes(size * scale * random.lognormvariate(0, noise), free_s)
        heappush(running, (free_s + took_s, task))
    ends += sorted(running)
    found = _recorded(name, 0, [("tasks", count)], [(at_s, 0) for at_s, _ in ends], sizes=sizes if known else None)
    return {**found, "workers": workers, "order": [task for _, task in ends]}


def runs(seed: int = 1, each: int = 8) -> Iterator[dict[str, Any]]:
    """Yield made-up runs: `each` kinds of every family, those with stages and some others several times."""
    loops: dict[str, Callable[[Random], list[Item]]] = {
        "even": _even,
        "curved": lambda random: _curved(random, known=False),
        "sized": lambda random: _curved(random, known=True),
        "files": _files,
        "blind": lambda random: _files(random, known=False),
        "phases": _phases,
        "stops": _stops,
        "starts": _starts,
        "waves": _waves,
    }
    for family, make in loops.items():
        for number in range(each):
            random = Random(f"{seed} {family} {number}")
            items = make(random)
            yield _run(f"{family}_{number}", 0, [("loop", len(items))], items, random)
    for number in range(each):
        yield _pool(f"pool_{number}", Random(f"{seed} pool {number}"))
        random = Random(f"{seed} epochs {number}")
        items = _epochs(random)
        totals = [sum(1 for item in items if item[0] == stage) for stage in (0, 1)]
        yield _run(f"epochs_{number}", 0, [("train", totals[0]), ("check", totals[1])], items, random)
    yield from again(seed, each)


def again(seed: int, each: int, times: int = 5) -> Iterator[dict[str, Any]]:
    """Yield kinds of work that were run so many times, with more or less to do."""
    for number in range(each):
        random = Random(f"{seed} pipeline {number}")
        plan = _plan(random)
        for run in range(times):
            items = _pipeline(random, plan, random.lognormvariate(0, 0.4))
            totals = [(f"s{i}", sum(1 for item in items if item[0] == i)) for i in range(len(plan))]
            yield _run(f"pipeline_{number}", run, totals, items, random)
        random = Random(f"{seed} course {number}")
        make = random.choice((_starts, _phases, lambda random: _curved(random, known=False)))
        state = random.getstate()
        for run in range(times - 1):
            shape = Random()
            shape.setstate(state)
            items = make(shape)
            yield _run(f"course_{number}", run, [("loop", len(items))], items, Random(f"{seed} {number} {run}"))
