"""When an operation is done: the one class that the tracker, the hub and the scheduler use."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from progress_kit.eta import plain
from progress_kit.eta.bounds import MOST, number
from progress_kit.eta.calm import Calm, Reason
from progress_kit.eta.interval import interval, spread
from progress_kit.eta.learning import course_of
from progress_kit.eta.plan import History, Part, Whole, whole
from progress_kit.eta.pool import Pool
from progress_kit.eta.slowdown import Slowdown
from progress_kit.eta.stage import StageForecast
from progress_kit.eta.why import why
from progress_kit.eta.work import Work
from progress_kit.model import Basis, Estimate, Prior, Stage, is_terminal

_BY_COST: Final = 0.2
_BY_HISTORY: Final = 0.1
"""What an estimate rests on is named from such a share on."""
_NO_COSTS: Final[Mapping[str, Work]] = {}
_NO_POOLS: Final[Mapping[str, Pool]] = {}


class Estimator:
    """Estimate one operation from what its stages count, and from what is known before.

    Feed it with `update` as often as you like, ask `estimate` when you want to know. It does not ask the time, its
    memory is bounded, and it can be pickled at any moment. Neither the unit of time nor that of cost means anything to
    it: a run that takes a thousand times as long is foretold a thousand times as long.

    `weights_given` says that the stages' weights are the user's word and not just equal ones; `prior` is what earlier
    runs of the kind say.
    """

    def __init__(self, *, prior: Prior | None = None, weights_given: bool = False) -> None:
        self.prior = prior
        self._weights_given = weights_given
        self._now_s = 0.0
        self._loose_s = 0.0
        """Time that has passed since something moved, and that belongs to whatever moves next."""
        self._forecasts: dict[str, StageForecast] = {}
        self._counts: dict[str, float] = {}
        self._spent_s: dict[str, float] = {}
        self._since_s: dict[str, float] = {}
        self._last_moved: str | None = None
        self._stages: Sequence[Stage] = ()
        self._costs: Mapping[str, Work] = _NO_COSTS
        self._pools: Mapping[str, Pool] = _NO_POOLS
        self._calm = Calm()
        self._reason = Reason()
        self._slowdown = Slowdown()

    @property
    def prior(self) -> Prior | None:
        """What earlier runs say; it may be set at any time."""
        return self._prior

    @prior.setter
    def prior(self, prior: Prior | None) -> None:
        self._prior = prior
        self._history = History(plain.prior(prior))

    # ---------------------------------------------------------------- what is seen

    def update(
        self,
        elapsed_s: float,
        stages: Sequence[Stage],
        *,
        costs: Mapping[str, Work] = _NO_COSTS,
        pools: Mapping[str, Pool] = _NO_POOLS,
    ) -> None:
        """Take in the stages as they are `elapsed_s` seconds after the operation's start.

        `costs` and `pools` belong to stages by name: what is done there by cost, and who works on it. Time that goes
        back, or that is no number, counts as standing still.

        A pool is given anew with each update: `Pool(workers, running, waiting)`. `running` has one `Running` for each
        task that runs now, with the seconds for which it has and, where costs are known, its cost for each exponent as
        `CostSums.one(item)` gives it; `waiting` has such costs of the tasks that wait, in the order of their turn, of
        which the last 48 are enough. From a task that is there no longer when `done` has grown, the estimator learns
        how far durations are apart; so tell the real begin of tasks, not that of a batch. With a pool, `Work.done` is
        the sum over the tasks that have ended, in whatever order, and `Work.step` means nothing.
        """
        stages = list(map(plain.stage, stages))
        passed_s = self._since(elapsed_s)
        self._now_s += passed_s
        if any(stage.state == "paused" for stage in stages):
            passed_s = 0.0
        self._loose_s += passed_s
        self._stages, self._costs, self._pools = stages, costs, pools
        moved = []
        for stage in stages:
            before = self._counts.get(stage.name, 0.0)
            if stage.done < before:  # set back by the user: what was before says nothing now
                self._forecasts.pop(stage.name, None)
                self._since_s[stage.name] = self._spent_s.get(stage.name, 0.0)
                self._calm.forget()
                self._counts[stage.name] = float(stage.done)
            elif stage.done > before or (is_terminal(stage.state) and stage.name == self._last_moved):
                moved.append(stage)
            elif stage.name in pools and stage.name in self._forecasts:
                self._forecasts[stage.name].crew.look_at(plain.pool(pools[stage.name]), self._now_s, moved=False)
        if moved:
            each_s = self._loose_s / len(moved)
            self._loose_s = 0.0
            for stage in moved:
                self._counts[stage.name] = float(stage.done)
                self._spent_s[stage.name] = self._spent_s.get(stage.name, 0.0) + each_s
                if is_terminal(stage.state):
                    self._last_moved = None  # the time from here on is that of others
                    continue
                self._forecast(stage, each_s)
                self._last_moved = stage.name

    def _forecast(self, stage: Stage, passed_s: float) -> None:
        work, pool = self._work(stage.name), self._pools.get(stage.name)
        width = 1 if work is None else 1 + len(work.done)
        forecast = self._forecasts.get(stage.name)
        if forecast is None or len(forecast.course.here) != width:
            forecast = self._forecasts[stage.name] = StageForecast(width)
            passed_s = self._spent_s[stage.name] - self._since_s.get(stage.name, 0.0)
        forecast.unit = stage.unit
        forecast.wait(passed_s)
        forecast.crew.look_at(None if pool is None else plain.pool(pool), self._now_s, moved=True)
        forecast.see(float(stage.done), stage.total, work)

    def _since(self, elapsed_s: float) -> float:
        return elapsed_s - self._now_s if self._now_s < elapsed_s <= MOST else 0.0

    def _work(self, stage: str) -> Work | None:
        work = self._costs.get(stage)
        return None if work is None else plain.work(work)

    # ---------------------------------------------------------------- what follows

    def estimate(self, elapsed_s: float | None = None) -> Estimate | None:
        """Return what is left at `elapsed_s` (by default the last update's time); None where there is no basis."""
        later_s = 0.0 if elapsed_s is None else self._since(elapsed_s)
        if not self._stages or any(stage.state == "paused" for stage in self._stages):
            return None
        found = self._whole(later_s)
        if found is None or not isfinite(found.left_s) or found.left_s <= 0:
            self._calm.forget()
            return None
        left_s, now_s = found.left_s, self._now_s + later_s
        apart = spread(found, now_s)
        low_s, high_s = interval(left_s, apart)
        slowdown = None
        if found.usual is not None:
            slowdown = self._slowdown.see(now_s, left_s, left_s * min(apart, 1.0), found.usual)
        shown_s = self._calm.show(now_s, low_s, left_s, high_s, shared=self._shared())
        return Estimate(
            p10_s=min(low_s, shown_s),
            p50_s=shown_s,
            p90_s=max(high_s, shown_s),
            basis=self._basis(found),
            slowdown=slowdown,
            why=self._reason.show(now_s, why(found.facts) if found.facts is not None else ""),
        )

    def rates(self) -> dict[str, float | None]:
        """Return how many items a second every stage does of late, or did in the mean; None where that is unknown."""
        found: dict[str, float | None] = {}
        for stage in self._stages:
            found[stage.name] = None
            forecast = self._forecasts.get(stage.name)
            if is_terminal(stage.state):
                elapsed_s = number(stage.elapsed_s or 0.0)
                found[stage.name] = stage.done / elapsed_s if stage.done > 0 and elapsed_s else None
            elif stage.state == "running" and forecast is not None:
                found[stage.name] = forecast.rate(self._loose_s if stage.name == self._current() else 0.0)
        return found

    def course(self, stage: str) -> tuple[float, ...]:
        """Return how the time of a stage that is done went, as `StagePrior` has it; empty where it is unknown."""
        forecast, done = self._forecasts.get(stage), self._counts.get(stage, 0.0)
        if forecast is None or done <= 0 or forecast.course.now_s <= 0:
            return ()
        seen = forecast.course
        return course_of([(i * seen.spacing_s / seen.now_s, cell[0] / done) for i, cell in enumerate(seen.cells)])

    def _whole(self, later_s: float) -> Whole | None:
        current = self._current()
        history = self._history
        parts = []
        for stage in self._stages:
            spent_s = self._spent_s.get(stage.name, 0.0)
            forecast = self._forecasts.get(stage.name)
            outlook, share = None, 0.0
            here_s = self._loose_s + later_s if stage.name == current else 0.0
            if forecast is not None and not is_terminal(stage.state):
                outlook, share = forecast.outlook(here_s, later_s, history.course(stage.name)), forecast.share
            parts.append(Part(stage, spent_s + here_s, share, outlook, self._work(stage.name)))
        return whole(parts, history, weights_given=self._weights_given)

    def _current(self) -> str | None:
        """Return the stage that time is passing for."""
        waiting = [stage for stage in self._stages if not is_terminal(stage.state)]
        for stage in waiting:
            if stage.name == self._last_moved and (stage.total is None or stage.done < stage.total):
                return stage.name
        running = [stage for stage in waiting if stage.state == "running"]
        return (running or waiting)[0].name if waiting else None

    def _shared(self) -> bool:
        return any(pool.workers > 1 for pool in self._pools.values())

    def _basis(self, found: Whole) -> tuple[Basis, ...]:
        basis: list[Basis] = []
        if found.by_cost > _BY_COST:
            basis.append("cost")
        if found.by_history > _BY_HISTORY:
            basis.append("history")
        if self._shared():
            basis.append("workers")
        if found.by_history < 1 - _BY_HISTORY:
            basis.append("rate")
        return tuple(basis)
