"""What viewers are shown of a scheduler."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import progress_kit as pk
from progress_kit import clock, model
from progress_kit.model import Notify, TaskCounts
from progress_kit.scheduler.engines.base import Key, TaskProgress
from progress_kit.scheduler.operation import SchedulerOperation, outcome_of
from progress_kit.scheduler.tally import Tally
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import context
from progress_kit.tracker.outcome import Outcome


@dataclass
class Task:
    """A task as the plan has it."""

    number: int
    stage: str = "main"
    cost: float | None = None
    attempt: int = 1

    def on(self, worker: str) -> tuple[Key, str, str, str, float | None, float]:
        """What is told of it."""
        return Key(self.number, self.attempt), self.stage, f"task {self.number}", worker, self.cost, clock.monotonic()


@dataclass
class Core:
    """A scheduler's core that does by hand what a real one does by itself."""

    stages: dict[str, float] = field(default_factory=lambda: {"main": 1.0})
    workers: int = 4
    said: dict[Key, TaskProgress] = field(default_factory=dict)
    stopped: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tally = Tally(self.stages)
        self.operation = SchedulerOperation(
            "Thumbnails",
            self.stages,
            tally=self.tally,
            workers=lambda: self.workers,
            progress=lambda: self.said,
            stop=self.stopped.append,
            code=sys._getframe().f_code,
            notify=Notify(),
        )
        self.operation.begin(context.operation())

    def submit(self, *tasks: Task) -> None:
        """Let tasks wait."""
        for task in tasks:
            self.tally.submitted(task.stage, task.cost)

    def start(self, *tasks: Task) -> None:
        """Let each task begin on a worker of its own."""
        for task in tasks:
            self.tally.started(*task.on(f"pid {task.number}"))

    def end(self, *tasks: Task, state: model.TaskState = "succeeded", error: BaseException | None = None) -> None:
        """Let tasks end."""
        for task in tasks:
            self.tally.ended(*task.on(f"pid {task.number}"), state=state, error=error)

    def seen(self) -> model.Snapshot:
        """What is shown now."""
        return self.operation.sample()


@pytest.fixture(autouse=True)
def publisher() -> Iterator[RecordingPublisher]:
    """Nothing leaves the process."""
    with RecordingPublisher() as publisher:
        yield publisher


@pytest.fixture
def now() -> Iterator[FakeClock]:
    """The time is set by hand."""
    with FakeClock() as now:
        yield now


def test_counts_running_and_failed_tasks(now: FakeClock) -> None:
    """Running tasks are listed with worker and what they said, then the newest failed ones with their error."""
    core = Core()
    tasks = [Task(number, cost=10.0) for number in range(5)]
    core.submit(*tasks)
    core.start(*tasks[:4])
    now.advance(2)
    core.end(tasks[0])
    core.end(tasks[1], state="failed", error=ValueError("no luck"))
    core.end(tasks[2], state="failed", error=KeyError("k"))
    core.said[Key(3, 1)] = TaskProgress(3, 12, "lines")
    now.advance(1)
    snapshot = core.seen()
    [stage] = snapshot.stages
    assert (stage.done, stage.total, stage.unit) == (3, 5, "tasks")
    assert stage.tasks == TaskCounts(pending=1, running=1, succeeded=1, failed=2)
    running, second, first = snapshot.tasks
    assert (running.id, running.name, running.state, running.worker) == ("t3", "task 3", "running", "pid 3")
    assert (running.done, running.total, running.unit, running.elapsed_s, running.cost) == (3, 12, "lines", 3.0, 10.0)
    assert (second.id, second.error) == ("t2", model.Failure(type="KeyError", message="'k'"))
    assert (first.id, first.error) == ("t1", model.Failure(type="ValueError", message="no luck"))
    assert (first.started_s, first.elapsed_s, snapshot.tasks_omitted) == (0.0, 2.0, 0)


def test_nothing_new_is_the_same_snapshot(now: FakeClock) -> None:
    """A word of a task, or of what becomes of it, makes a new one."""
    core = Core()
    task = Task(0)
    core.submit(task)
    core.start(task)
    first = core.seen()
    now.advance(1)
    assert core.seen() is first
    core.said = {Key(0, 1): TaskProgress(1, 4)}
    second = core.seen()
    assert (second.seq, second.tasks[0].done) == (first.seq + 1, 1)
    core.end(task)
    assert core.seen().tasks == ()


def test_stages_run_at_the_same_time(now: FakeClock) -> None:
    """One is over when all its tasks are, a later one has begun and the block is left; it never begins again.

    The current one is the first that has something to do.
    """
    core = Core({"load": 1, "parse": 2, "write": 1})
    load, parse, more, write = Task(0, "load"), Task(1, "parse"), Task(2, "parse"), Task(3, "write")
    core.submit(load, parse, more, write)

    def states() -> list[str]:
        return [stage.state for stage in core.seen().stages]

    assert states() == ["pending", "pending", "pending"]
    core.start(load)
    assert (states(), core.seen().stage) == (["running", "pending", "pending"], "load")
    now.advance(1)
    core.end(load)
    assert states() == ["running", "pending", "pending"]
    now.advance(1)
    core.start(parse)
    core.start(more)
    assert (states(), core.seen().stage) == (["running", "running", "pending"], "parse")
    assert core.seen().stages[0].elapsed_s == 1.0
    core.end(parse)
    core.start(write)
    assert (states(), core.seen().stage) == (["running", "running", "running"], "parse")
    assert core.seen().fraction == pytest.approx((1 + 2 * 0.5) / 4)
    core.end(more)
    late = Task(4, "load")
    core.submit(late)
    assert (states(), core.seen().stage) == (["running", "running", "running"], "load")
    core.start(late)
    core.end(late)
    core.tally.close()
    assert (states(), core.seen().stage) == (["succeeded", "succeeded", "running"], "write")
    core.submit(Task(5, "parse"))
    assert states() == ["succeeded", "succeeded", "running"]


def test_the_fraction_goes_by_cost_and_never_back(now: FakeClock) -> None:
    """A task of nine tenths of the cost is nine tenths of the work; what a running task has done of it counts too."""
    core = Core()
    big, small = Task(0, cost=90.0), Task(1, cost=10.0)
    core.submit(big, small)
    core.start(big, small)
    now.advance(1)
    core.end(small)
    assert core.seen().fraction == pytest.approx(0.1)
    core.said = {Key(0, 1): TaskProgress(50, 100)}
    assert core.seen().fraction == pytest.approx(0.55)
    core.end(big, state="pending", error=OSError())
    assert core.seen().fraction == pytest.approx(0.55)
    big.attempt = 2
    core.start(big)
    core.end(big)
    core.operation.finish(outcome_of(None))
    assert core.seen().fraction == 1


def test_the_estimate_goes_by_cost_and_workers(now: FakeClock) -> None:
    """One of two workers has the one long task, half of all costs, so that 20 s are left."""
    core = Core(workers=2)
    long, *short = [Task(0, cost=20.0), *(Task(number, cost=2.0) for number in range(1, 11))]
    core.submit(long, *short)
    core.start(long)
    for task in short[:5]:
        core.start(task)
        for second in range(4):
            core.said[Key(task.number, 1)] = TaskProgress(second, 4)
            core.seen()
            now.advance(1)
        core.end(task)
    core.start(short[5])
    estimate = core.seen().estimate
    assert estimate is not None
    assert {"cost", "workers"} <= set(estimate.basis)
    # How exact it is, is for the estimator's own tests.
    assert 10 < estimate.p50_s < 60


def test_a_viewer_cancels_the_scheduler(publisher: RecordingPublisher) -> None:
    """The core is asked to stop, once the operation knows it, and then says itself how it ended."""
    core = Core()
    task = Task(0)
    core.submit(task)
    core.start(task)
    assert core.seen().actions == ("cancel", "pause")
    assert publisher.command(core.operation.id, "cancel", "enough", by="ada") is None
    assert core.stopped == ["enough (by ada)"]
    assert core.operation.cancelled
    assert (core.seen().state, core.seen().actions) == ("running", ())
    core.end(task, state="cancelled")
    core.operation.finish(outcome_of(pk.OperationCancelled("enough")))
    assert (core.seen().state, core.seen().stages[0].state) == ("cancelled", "cancelled")
    assert publisher.ended[-1].id == core.operation.id


def test_it_is_a_part_of_the_tracker_around_it() -> None:
    """It names its parent, and is cancelled with it."""
    with pk.ProgressTracker("Nightly", ["main"]) as tracker:
        core = Core()
        assert core.seen().parent == tracker.id
        tracker.cancel("too late")
        assert core.stopped == ["too late"]
        core.operation.finish(Outcome("cancelled"))


def test_what_is_nested_in_tasks_is_not_drawn_here() -> None:
    """The scheduler's bar stands for it in its own program; elsewhere it is seen as a part of the scheduler."""

    def nested() -> tuple[str | None, bool]:
        with pk.ProgressTracker("Inside", ["main"]) as tracker:
            return tracker.snapshot().parent, tracker.operation.silent

    with pk.ParallelTaskScheduler("Around", engine="threads", max_workers=1) as scheduler:
        assert scheduler.submit(nested).result() == (scheduler.id, True)
        assert not scheduler.operation.silent


@pytest.mark.parametrize(
    "error, ended, stages",
    [
        (None, "succeeded", ["succeeded", "succeeded", "skipped"]),
        (ExceptionGroup("2 tasks failed", [ValueError("a")]), "failed", ["succeeded", "failed", "pending"]),
        (KeyboardInterrupt(), "cancelled", ["succeeded", "cancelled", "pending"]),
    ],
)
def test_the_end_shuts_the_stages(error: BaseException | None, ended: str, stages: list[str]) -> None:
    """One whose tasks all ended well has succeeded whatever comes later; one with failures fails with the operation."""
    core = Core({"load": 1, "parse": 1, "write": 1})
    load, bad, late = Task(0, "load"), Task(1, "parse"), Task(2, "parse")
    core.submit(load, bad, late)
    core.start(load, bad)
    core.end(load)
    core.end(bad, state="failed", error=ValueError("a"))
    core.tally.dropped("parse", "cancelled")
    core.operation.finish(outcome_of(error))
    snapshot = core.seen()
    assert (snapshot.state, [stage.state for stage in snapshot.stages]) == (ended, stages)
    assert [task.state for task in snapshot.tasks] == ["failed"]
    assert core.seen() is snapshot


def test_the_error_of_a_group_is_its_first_failure() -> None:
    """What was cancelled because of it is no failure, and a group of nothing else is a cancel."""
    several = BaseExceptionGroup(
        "tasks", [pk.OperationCancelled("x"), ExceptionGroup("", [ValueError("a"), OSError()])]
    )
    assert outcome_of(several) == Outcome("failed", model.Failure(type="ValueError", message="a (and 1 more)"))
    assert outcome_of(ExceptionGroup("tasks", [KeyError("k")])).error == model.Failure(type="KeyError", message="'k'")
    assert outcome_of(BaseExceptionGroup("tasks", [KeyboardInterrupt()])).state == "cancelled"
    assert outcome_of(KeyboardInterrupt()).state == "cancelled"
    assert outcome_of(None).state == "succeeded"


def test_the_timeline_is_told_with_the_end(now: FakeClock, publisher: RecordingPublisher) -> None:
    """Every attempt on its worker, in seconds since the operation began."""
    now.advance(100)
    core = Core()
    task = Task(0)
    core.submit(task)
    now.advance(1)
    core.start(task)
    now.advance(2)
    core.end(task, state="pending")
    task.attempt = 2
    core.start(task)
    now.advance(3)
    core.end(task)
    core.operation.finish(outcome_of(None))
    spans = publisher.timelines[core.operation.id]
    assert [(span.worker, span.attempt, span.start_s, span.end_s, span.state) for span in spans] == [
        ("pid 0", 1, 1.0, 3.0, "failed"),
        ("pid 0", 2, 3.0, 6.0, "succeeded"),
    ]


def test_a_million_tasks_make_a_small_snapshot() -> None:
    """Of thousands that run or failed 64 are listed, both sorts among them, and the others are counted."""
    core = Core()
    core.tally.submitted("main", count=1_000_000)
    tasks = [Task(number) for number in range(300)]
    core.start(*tasks)
    core.end(*tasks[200:], state="failed", error=ValueError("no"))
    snapshot = core.seen()
    assert len(snapshot.tasks) == model.MAX_TASKS
    assert [task.state for task in snapshot.tasks].count("failed") == 16
    assert snapshot.tasks[-16].id == "t299"
    assert snapshot.tasks_omitted == 300 - model.MAX_TASKS
    assert snapshot.stages[0].total == 1_000_000
