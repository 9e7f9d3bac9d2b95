"""What viewers see of a scheduler: an operation whose stages run at the same time, with tasks on workers.

For the scheduler's core: make a `Tally` and tell it of every change of a task, holding whatever lock; the tally takes
none. `begin`, `cancel`, `finish` and `sample` take the operation's own lock, and `cancel` calls back into the core:
call none of them while holding the core's lock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import CodeType
from typing import Final, cast

from msgspec.structs import replace

from progress_kit import model
from progress_kit.eta import EXPONENTS, Pool, Running, Work
from progress_kit.model import MAX_TASKS, NAME_LENGTH, Notify, OperationState, Snapshot, shorten
from progress_kit.protocol.messages import Span
from progress_kit.scheduler.engines.base import Key, TaskProgress
from progress_kit.scheduler.tally import Attempt, StageTally, Tally, powers
from progress_kit.tracker.hold import Hold
from progress_kit.tracker.operation import Operation
from progress_kit.tracker.outcome import EndState, Outcome, failure
from progress_kit.tracker.stages import Stage

_FAILED_SHOWN: Final = 16
"""So many places are kept for what failed, however many tasks run."""
_MOST_RUNNING: Final = 1_000
"""Of more tasks that run at once the rest is only counted."""
_PROPORTIONAL: Final = EXPONENTS.index(1.0)
_SAID_NOTHING: Final = TaskProgress()
_NO_NEWS: Final[Mapping[Key, TaskProgress]] = {}


class TaskStage(Stage):
    """A stage that counts tasks; it begins with the first of them, and nobody enters it.

    It is over when all its tasks are and no more can come, which nobody knows before the scheduler's block is left: it
    never begins again.
    """

    __slots__ = ("_furthest", "paused_tasks", "tally")

    def __init__(self, operation: Operation, name: str, weight: float, tally: StageTally) -> None:
        super().__init__(operation, name, weight)
        self.tally: StageTally = tally
        self.paused_tasks: int = 0
        """How many of the tasks that run wait for the operation to go on."""
        self._furthest: tuple[object, float] = (None, 0.0)

    def read(self) -> int:
        """How many tasks have come to an end, whichever."""
        return self.tally.ended

    def refresh(self, *, followed: bool) -> None:
        """Take over what the tally says; `followed`: no more tasks are submitted, and a later stage has begun."""
        tally = self.tally
        self._total = tally.total
        self.began = tally.first
        if self.began is not None:
            complete = self._total is not None and tally.ended >= self._total
            self.ended = tally.last if complete else None
            # A task may still submit others for an earlier stage: what was shown as over stays so.
            if self.state != "succeeded":
                self.state = "succeeded" if followed and complete else "running"

    def close(self, state: EndState, now: float) -> None:
        """End with the operation, which ended as `state`; a stage without any task that ran is left to it."""
        self.refresh(followed=True)
        if self.state == "running" or (self.state == "succeeded" and state != "succeeded"):
            self.state = self._end_state(state)
            self.ended = self.tally.last if self.state == "succeeded" and self.tally.last is not None else now

    def _end_state(self, state: EndState) -> EndState:
        tally = self.tally
        if state == "succeeded" or not (tally.pending or tally.running or tally.cancelled or tally.abandoned):
            return "failed" if state == "failed" and tally.failed else "succeeded"
        return "failed" if state == "failed" and tally.failed else "cancelled"

    def by_cost(self) -> Work | None:
        """Return what is done by cost."""
        return self.tally.work()

    def share(self, parts: Iterable[tuple[Attempt, float]]) -> float | None:
        """Return how far it is, 0 to 1: by cost if that is known, with what running tasks say that they have done.

        It does not run back when a task is tried again. None without a total.
        """
        work, total = self.tally.work(), self.tally.total
        if not total:
            return None
        own = [(attempt, part) for attempt, part in parts if attempt.stage == self.name]
        if work is None:
            done, whole = self.tally.ended + sum(part for _, part in own), float(total)
        else:
            mean = work.step[_PROPORTIONAL]
            whole = work.total[_PROPORTIONAL]
            done = work.done[_PROPORTIONAL]
            done += sum(part * (mean if attempt.cost is None else attempt.cost) for attempt, part in own)
        share = min(1.0, done / whole) if whole > 0 else 0.0
        if self._furthest[0] == whole:
            share = max(share, self._furthest[1])
        self._furthest = whole, share
        return share

    def key(self) -> tuple[object, ...]:
        """Return what a change is seen by, beside the tally, which the operation looks at."""
        return (self.name, self.state, self.unit, self._message)

    def freeze(self, began: float, now: float, *, paused: bool) -> model.Stage:
        """Return the stage with its counts of tasks."""
        counts = self.tally.counts()
        if self.paused_tasks:
            stand = min(self.paused_tasks, counts.running)
            counts = replace(counts, running=counts.running - stand, paused=counts.paused + stand)
        return replace(super().freeze(began, now, paused=paused), tasks=counts)


class SchedulerOperation(Operation):
    """Made by a scheduler, which begins and finishes it.

    `stages` are names and weights; `tally` has what is to be shown of their tasks. `workers()` is how many tasks can
    run at once, `progress()` the newest word of those that run. `stop(reason)`, `pause(now)` and `resume()` are called,
    from any thread, when somebody asks for it, and must not wait for anything; `now` is a clock that stands still while
    the operation does. So is `hear(tasks)`, when workers told the hub of their tasks.
    """

    __slots__ = (
        "_hear_tasks",
        "_news",
        "_pause_tasks",
        "_progress",
        "_resume_tasks",
        "_stop_tasks",
        "_workers",
        "tally",
    )

    def __init__(  # noqa: PLR0913 - all but two by keyword
        self,
        name: str,
        stages: dict[str, float],
        *,
        tally: Tally,
        workers: Callable[[], int],
        stop: Callable[[str | None], None],
        pause: Callable[[Callable[[], float]], None] = lambda _: None,
        resume: Callable[[], None] = lambda: None,
        hear: Callable[[Sequence[model.Task]], None] = lambda _: None,
        progress: Callable[[], Mapping[Key, TaskProgress]] = lambda: _NO_NEWS,
        code: CodeType,
        kind: str | None = None,
        notify: Notify,
        unit: str = "tasks",
        weights_given: bool = False,
    ) -> None:
        self.tally: Tally = tally
        self._workers = workers
        self._stop_tasks = stop
        self._pause_tasks, self._resume_tasks = pause, resume
        self._hear_tasks = hear
        self._progress = progress
        self._news: Mapping[Key, TaskProgress] = _NO_NEWS
        super().__init__(name, stages, code=code, kind=kind, notify=notify, weights_given=weights_given)
        for stage in self.stages.values():
            stage.unit = unit

    def make_stage(self, name: str, weight: float) -> TaskStage:
        """Return a stage that counts tasks."""
        return TaskStage(self, name, weight, self.tally.stages[name])

    # ---------------------------------------------------------------- begin and end

    def cancel(self, reason: str | None = None) -> None:
        """Ask the scheduler to stop, and what runs inside of its tasks in this process."""
        super().cancel(reason)
        if self.state == "running":
            self._stop_tasks(reason)

    @property
    def pausable(self) -> bool:
        """What has not begun can wait on every engine; of what runs, `Capabilities.pauses` tells."""
        return self.alive

    def hold_at(self, hold: Hold) -> None:
        """Let tasks wait."""
        super().hold_at(hold)
        if self._hold is hold:
            hold.then(self._resume_tasks)
            self._pause_tasks(self.now)

    @property
    def visible_state(self) -> OperationState:
        """It stands still when every task does that runs; until then it is running, be it asked to wait."""
        hold = self._hold
        if hold is not None and hold.since is None and self.held:
            news = self._progress()
            if all(news.get(each.key, _SAID_NOTHING).paused for each in self._running()):
                hold.come()
        return super().visible_state

    def _end(self, outcome: Outcome, now: float) -> None:
        for stage in self._task_stages():
            stage.close(outcome.state, now)
        super()._end(outcome, now)

    def hear(self, tasks: Sequence[model.Task]) -> None:
        """Take in what workers in other processes told the hub of their tasks."""
        self._hear_tasks(tasks)

    def spans(self) -> Iterator[Span]:
        """Return which task ran where and when; what is too short to be seen is told in one with its neighbours."""
        return self.tally.timeline.spans(self.began)

    # ---------------------------------------------------------------- reading it

    def _task_stages(self) -> list[TaskStage]:
        return cast("list[TaskStage]", list(self.stages.values()))

    def _seen_by(self) -> tuple[object, ...]:
        followed = False
        for stage in reversed(self._task_stages()):
            stage.refresh(followed=followed and self.tally.closed)
            followed = followed or stage.began is not None
        self._news = dict(self._progress())
        if self._hold is not None:
            stand = [each.stage for each in self._running() if self._news_of(each).paused]
            for stage in self._task_stages():
                stage.paused_tasks = stand.count(stage.name)
        return (*super()._seen_by(), self.tally.version, tuple(self._news.items()))

    def _snapshot(self) -> Snapshot:
        snapshot = super()._snapshot()
        running = self._running() if self.state == "running" else []
        tasks, omitted = self._listed(running, self.now())
        return replace(
            snapshot,
            stage=self._current_stage(),
            fraction=model.operation_fraction(self.state, snapshot.stages, self._shares(running)),
            tasks=tasks,
            tasks_omitted=omitted,
        )

    def _running(self) -> list[Attempt]:
        return list(islice(self.tally.running.copy().values(), _MOST_RUNNING))

    def _news_of(self, attempt: Attempt) -> TaskProgress:
        return self._news.get(attempt.key, _SAID_NOTHING)

    def _current_stage(self) -> str | None:
        """The first stage in which something is still to be done."""
        running = [stage for stage in self._task_stages() if stage.state == "running"]
        unfinished = [stage for stage in running if stage.tally.running or stage.tally.pending]
        return next((stage.name for stage in [*unfinished, *reversed(running)]), None)

    def _shares(self, running: list[Attempt]) -> dict[str, float]:
        parts: list[tuple[Attempt, float]] = []
        for attempt in running:
            news = self._news_of(attempt)
            if news.total:
                parts.append((attempt, min(1.0, max(0.0, news.done / news.total))))
        shares = {stage.name: stage.share(parts) for stage in self._task_stages() if stage.state == "running"}
        return {name: share for name, share in shares.items() if share is not None}

    def _listed(self, running: list[Attempt], now: float) -> tuple[tuple[model.Task, ...], int]:
        """Return the tasks that are listed, those that run first, then the newest failed ones; and how many are not."""
        stages = self.tally.stages.values()
        failed = list(self.tally.failures.copy())[::-1]
        room = MAX_TASKS - min(len(failed), _FAILED_SHOWN)
        tasks = [self._running_task(attempt, now) for attempt in running[:room]]
        tasks += [self._failed_task(attempt) for attempt in failed[: MAX_TASKS - len(tasks)]]
        every = sum(stage.failed + stage.abandoned for stage in stages)
        every += sum(stage.running for stage in stages) if self.state == "running" else 0
        return tuple(tasks), max(0, every - len(tasks))

    def _running_task(self, attempt: Attempt, now: float) -> model.Task:
        news = self._news_of(attempt)
        return replace(
            self._task(attempt),
            state="paused" if news.paused else attempt.state,
            done=news.done,
            total=news.total,
            unit=news.unit and shorten(news.unit, NAME_LENGTH),
            elapsed_s=max(0.0, now - attempt.started),
        )

    def _failed_task(self, attempt: Attempt) -> model.Task:
        ended = attempt.started if attempt.ended is None else attempt.ended
        return replace(
            self._task(attempt),
            elapsed_s=max(0.0, ended - attempt.started),
            error=None if attempt.error is None else failure(attempt.error),
        )

    def _task(self, attempt: Attempt) -> model.Task:
        return model.Task(
            id=f"t{attempt.key.number}",
            stage=attempt.stage,
            name=shorten(attempt.name, NAME_LENGTH),
            state=attempt.state,
            attempt=attempt.key.attempt,
            worker=shorten(attempt.worker, NAME_LENGTH),
            cost=attempt.cost,
            started_s=max(0.0, attempt.started - self.began),
        )

    def pools(self) -> dict[str, Pool]:
        """Return the workers of each running stage, and the tasks that they work on or will last."""
        now = self.now()
        running = self._running()
        workers = max(1, self._workers())
        pools: dict[str, Pool] = {}
        for stage in self._task_stages():
            if stage.state != "running":
                continue
            own = [attempt for attempt in running if attempt.stage == stage.name]
            pools[stage.name] = Pool(
                # Of workers that stages share, each has what the others do not use.
                max(len(own), workers - (len(running) - len(own))),
                [Running(max(0.0, now - each.started), _sums(each.cost)) for each in own],
                [powers(cost) for cost in reversed(stage.tally.cheapest.copy())],
            )
        return pools


def _sums(cost: float | None) -> tuple[float, ...]:
    return () if cost is None else powers(cost)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a scheduler ended that `error` left; of a group the first failure is told, and how many there are."""
    if not isinstance(error, BaseExceptionGroup):
        return Outcome.of(error)
    outcomes = [Outcome.of(each) for each in _leaves(error)]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        return Outcome("cancelled")
    first = failed[0].error
    assert first is not None
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return Outcome("failed", replace(first, message=shorten(first.message, model.MESSAGE_LENGTH - len(more)) + more))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
