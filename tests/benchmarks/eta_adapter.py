"""A thin skin over the estimator that ships, for harnesses that replay recorded work."""

from collections.abc import Sequence
from typing import Any

from progress_kit.eta import CostSums, Estimator, Pool, Running, Work
from progress_kit.eta.learning import StageRun, course_of, learn
from progress_kit.model import Stage


class Adapter:
    """Feeds an `Estimator` with counts, and answers (p10, p50, p90) in seconds, or None."""

    def start(
        self,
        total: int | None,
        kind: str | None = None,  # noqa: ARG002 - the harness says more than is needed
        stages: Sequence[tuple[str, int | None]] = (),
        sizes: Sequence[float] | None = None,
        workers: int = 1,
        history: Sequence[Any] = (),
        size_stage: int = 0,
    ) -> None:
        """Begin a run; see the harness for what each argument means."""
        self._totals: list[tuple[str, int | None]] = list(stages) or [("main", total)]
        self._sizes = CostSums(sizes) if sizes else None
        self._costed = self._totals[size_stage][0]
        self._workers = workers
        self._done = [0] * len(self._totals)
        self._queue = _Queue(self._totals[size_stage][1] or 0, workers, self._sizes) if workers > 1 else None
        self._estimator = Estimator(prior=learn([_run(run) for run in history]) if history else None)
        self._update(0.0)

    def update(
        self,
        t: float,
        done: int,  # noqa: ARG002 - the harness says more than is needed
        stage: int = 0,
        stage_done: int = 0,
        items: Sequence[int] | None = None,
    ) -> None:
        """Take in what is done `t` seconds after the start."""
        self._done[stage] = stage_done
        if self._queue is not None and items:
            self._queue.finish(items, t)
        self._update(t)

    def estimate(self, t: float) -> tuple[float, float, float] | None:
        """Return the remaining seconds."""
        if self._queue is not None:
            self._update(t)
        found = self._estimator.estimate(t)
        if found is None or found.p10_s is None or found.p90_s is None:
            return None
        return found.p10_s, found.p50_s, found.p90_s

    def slower(self) -> bool:
        """Return whether the run is called slower than usual."""
        found = self._estimator.estimate()
        return found is not None and found.slowdown is not None

    def _update(self, t: float) -> None:
        stages = [
            Stage(
                name=name,
                done=done,
                total=total,
                state="pending" if not done else "succeeded" if total and done >= total else "running",
            )
            for (name, total), done in zip(self._totals, self._done, strict=True)
        ]
        costs, pools = {}, {}
        if self._queue is not None:
            pools[self._costed] = self._queue.pool(t)
        if self._sizes is not None:
            at = [name for name, _ in self._totals].index(self._costed)
            work = self._sizes.work(self._done[at])
            if self._queue is not None:
                work = Work(self._queue.done, work.total, work.step, work.unit)
            costs[self._costed] = work
        self._estimator.update(t, stages, costs=costs, pools=pools)


class _Queue:
    """Who works on what: tasks begin in their order, as soon as a worker is free."""

    def __init__(self, total: int, workers: int, sizes: CostSums | None) -> None:
        self._sizes = sizes
        self._total, self._workers = total, workers
        self._running = dict.fromkeys(range(min(workers, total)), 0.0)
        self._next = len(self._running)
        self._early: set[int] = set()
        self.done = tuple(0.0 for _ in sizes.one(0)) if sizes is not None else ()

    def finish(self, items: Sequence[int], t: float) -> None:
        """Let these tasks end, and others begin in their place."""
        for item in items:
            if self._sizes is not None:
                self.done = tuple(a + b for a, b in zip(self.done, self._sizes.one(item), strict=True))
            if item not in self._running:
                self._early.add(item)  # it was handed out in another order than ours
                continue
            del self._running[item]
            while self._next in self._early:
                self._next += 1
            if self._next < self._total:
                self._running[self._next] = t
                self._next += 1

    def pool(self, t: float) -> Pool:
        """Return the pool as it is at `t`."""
        cost = self._sizes.one if self._sizes is not None else None
        return Pool(
            self._workers,
            [Running(t - since, cost(item) if cost else ()) for item, since in self._running.items()],
            [cost(item) for item in range(max(self._next, self._total - 48), self._total)] if cost else (),
        )


def _run(run: Any) -> list[StageRun]:
    """Return what a recorded run says about its stages: time goes to the stage of the event that ends it."""
    marks: list[list[tuple[float, float]]] = [[(0.0, 0.0)] for _ in run.stages]
    before = 0.0
    for t, stage, done in run.events:
        marks[stage].append((marks[stage][-1][0] + t - before, done / run.stages[stage][1]))
        before = t
    return [
        StageRun(
            name,
            total,
            seen[-1][0],
            CostSums(run.sizes).work(total).sums() if run.sizes and i == run.size_stage else None,
            course_of([(spent / seen[-1][0], share) for spent, share in seen]) if seen[-1][0] > 0 else (),
        )
        for i, ((name, total), seen) in enumerate(zip(run.stages, marks, strict=True))
    ]
