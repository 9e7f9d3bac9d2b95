"""What a user of the scheduler may rely on, with the engine of threads."""

# mypy: disable-error-code="unused-awaitable"

import concurrent.futures
import threading
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

import progress_kit as pk
from progress_kit.errors import DependencyCycleError, OperationEndedError, UsageError
from progress_kit.scheduler import ParallelTaskScheduler, Task
from progress_kit.testing import RecordingPublisher

if TYPE_CHECKING:
    from progress_kit.scheduler.engines.base import TaskProgress

pytestmark = pytest.mark.usefixtures("publisher")


def square(number: int) -> int:
    """Some work."""
    return number * number


def test_map_returns_results_in_the_order_of_the_inputs() -> None:
    """`map` is the builtin one, with workers; also over several inputs at once."""
    with ParallelTaskScheduler("Squares", max_workers=4) as scheduler:
        assert list(scheduler.map(square, range(100))) == [square(number) for number in range(100)]
        assert list(scheduler.map(pow, [2, 3, 4], [5, 6, 7])) == [32, 729, 16384]


def test_as_completed_returns_tasks_that_know_their_input() -> None:
    """Each task has its item, and its result at once."""
    with ParallelTaskScheduler("Squares", max_workers=4) as scheduler:
        found = {task.item: task.result(timeout=0) for task in scheduler.as_completed(square, range(50))}
    assert found == {number: square(number) for number in range(50)}


def test_as_completed_hands_out_a_quick_task_before_a_slow_one() -> None:
    """The order is that of completion."""
    gate = threading.Event()

    def work(name: str) -> str:
        if name == "slow":
            gate.wait()
        return name

    with ParallelTaskScheduler("Two", max_workers=2) as scheduler:
        order = []
        for task in scheduler.as_completed(work, ["slow", "quick"]):
            order.append(task.name)
            gate.set()
    assert order == ["quick", "slow"]


def test_an_endless_generator_is_drawn_as_needed_and_a_break_cancels_the_rest() -> None:
    """Only a bounded number of inputs is drawn, and leaving the loop ends it."""
    drawn = 0

    def numbers() -> Iterator[int]:
        nonlocal drawn
        for number in count():
            drawn = number + 1
            yield number

    with ParallelTaskScheduler("Endless", max_workers=2) as scheduler:
        taken = []
        for task in scheduler.as_completed(square, numbers(), buffersize=16):
            taken.append(task.result())
            if len(taken) == 10:
                break
        assert scheduler.submit(square, 3).result() == 9  # it goes on with other things
    assert len(taken) == 10
    assert drawn <= 10 + 16


def test_buffersize_bounds_what_is_drawn_and_not_handed_out() -> None:
    """A slow loop does not pile up results."""
    drawn: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    with ParallelTaskScheduler("Slow loop", max_workers=4) as scheduler:
        for done, _ in enumerate(scheduler.map(square, numbers(), buffersize=5)):
            assert len(drawn) <= done + 1 + 5


def test_futures_among_the_arguments_are_dependencies_at_any_depth() -> None:
    """The function gets results, also inside of lists, tuples and dicts."""
    with ParallelTaskScheduler("Graph", max_workers=4) as scheduler:
        two = scheduler.submit(int, "2")
        three = scheduler.submit(square, two)
        total = scheduler.submit(lambda values, more: sum(values) + more["deep"][0], [two, three], {"deep": (three,)})
        assert total.result() == 2 + 4 + 4


def test_a_task_never_begins_before_what_it_needs() -> None:
    """Ten thousand steps one after the other, each needing the one before."""
    with ParallelTaskScheduler("Chain", max_workers=4) as scheduler:
        task: Task[int] = scheduler.submit(int, 0)
        for _ in range(2_000):
            task = scheduler.submit(lambda number: number + 1, task)
        assert task.result() == 2_000


def test_tasks_are_futures_of_the_standard_library() -> None:
    """`concurrent.futures.wait`, `as_completed` and callbacks take them."""
    with ParallelTaskScheduler("Futures", max_workers=2) as scheduler:
        tasks = [scheduler.submit(square, number) for number in range(5)]
        called: list[int] = []
        tasks[0].add_done_callback(lambda task: called.append(task.result()))
        assert concurrent.futures.wait(tasks).not_done == set()
        assert sorted(task.result() for task in concurrent.futures.as_completed(tasks)) == [0, 1, 4, 9, 16]
    assert called == [0]


def test_a_task_tells_what_is_known_of_it() -> None:
    """Its name, stage, state, worker, attempt, cost and duration."""
    with ParallelTaskScheduler("Facts", max_workers=1) as scheduler:
        task = scheduler.submit(square, 3, cost=7)
        task.result()
    assert (task.name, task.stage, task.state, task.attempt, task.cost) == ("square", "main", "succeeded", 1, 7.0)
    assert task.worker == "thread 1"
    assert task.duration_s is not None
    assert task.duration_s >= 0
    assert task.error is None


def test_a_running_task_is_seen_running_with_what_it_says() -> None:
    """`pk.current()` in the task reports its progress; nothing has to be passed."""
    said, gate = threading.Event(), threading.Event()

    def work() -> None:
        current = pk.current()
        current.advance(3, total=10)
        current.message = "three"
        said.set()
        gate.wait()

    with ParallelTaskScheduler("Progress", max_workers=1) as scheduler:
        task = scheduler.submit(work)
        said.wait()
        assert task.running()
        progress = task.progress
        gate.set()
    assert progress is not None
    assert (progress.done, progress.total, progress.message) == (3, 10, "three")


def test_a_loop_in_a_task_counts_for_it() -> None:
    """`pk.track()` in a task drives the task's own count, and is no operation of its own."""
    seen: list[TaskProgress | None] = []

    def work() -> None:
        seen.extend(task.progress for number in pk.track(range(4), unit="rows") if number == 2)

    with ParallelTaskScheduler("Loop", max_workers=1) as scheduler:
        gate = scheduler.submit(int)
        gate.result()
        task = scheduler.submit(work)
        task.result()
    (progress,) = seen
    assert progress is not None
    assert (progress.done, progress.total, progress.unit) == (2, 4, "rows")


def test_a_tracker_in_a_task_is_a_child_of_the_scheduler(publisher: RecordingPublisher) -> None:
    """Its operation names the scheduler's one as its parent."""

    def work() -> None:
        with pk.ProgressTracker("Inner", stages=["only"]):
            pass

    with ParallelTaskScheduler("Outer", max_workers=1) as scheduler:
        scheduler.submit(work).result()
    inner = next(snapshot for snapshot in publisher.ended if snapshot.name == "Inner")
    assert inner.parent == scheduler.id


@pytest.mark.parametrize(
    "outer, middle, inner", [("threads", "threads", "threads"), ("processes", "processes", "threads")]
)
def test_a_scheduler_in_a_task_in_a_task_works(outer: str, middle: str, inner: str) -> None:
    """Each has workers of its own."""

    def innermost(number: int) -> int:
        with ParallelTaskScheduler("Inner", engine=inner, max_workers=2) as scheduler:
            return sum(scheduler.map(lambda each: each * each, range(number)))

    def between(number: int) -> int:
        with ParallelTaskScheduler("Middle", engine=middle, max_workers=1) as scheduler:
            return sum(scheduler.map(innermost, range(number)))

    with ParallelTaskScheduler("Outer", engine=outer, max_workers=2) as scheduler:
        assert list(scheduler.map(between, [3, 4])) == [1, 6]


def test_a_task_that_waits_for_others_gives_its_place_to_them() -> None:
    """However deep, and also where they wait behind it in its own worker; then no more run at a time than before."""

    def fibonacci(number: int) -> int:
        if number < 2:
            return number
        parts = [scheduler.submit(fibonacci, number - less) for less in (1, 2)]
        return parts[0].result() + parts[1].result()

    def sum_of_squares(numbers: int) -> int:
        return sum(scheduler.map(square, range(numbers)))

    with ParallelTaskScheduler("Nested", max_workers=1) as scheduler:
        assert scheduler.submit(fibonacci, 6).result() == 8
        assert list(scheduler.map(sum_of_squares, [10] * 50)) == [285] * 50
        assert scheduler.report.workers == 1


def test_a_pool_whose_threads_would_all_wait_says_so() -> None:
    """Nobody can add a thread to it; the task that would be the last to wait fails, so that nothing hangs."""

    def ask() -> int:
        return scheduler.submit(square, 2).result()

    with (
        concurrent.futures.ThreadPoolExecutor(2) as pool,
        ParallelTaskScheduler("Pool", engine=pool, on_error="continue") as scheduler,
    ):
        gate = threading.Barrier(2)
        tasks = [scheduler.submit(lambda: (gate.wait(), ask())[1]) for _ in range(2)]
        ends = [task.exception() for task in tasks]
    assert [type(end) for end in ends if end is not None] == [UsageError]
    assert "all 2 threads" in str(next(end for end in ends if end is not None))


def test_tasks_may_submit_tasks() -> None:
    """What a task discovers runs too, before the block ends."""
    found: list[int] = []

    def visit(depth: int) -> None:
        found.append(depth)
        if depth < 5:
            scheduler.submit(visit, depth + 1)
            scheduler.submit(visit, depth + 1)

    with ParallelTaskScheduler("Crawl", max_workers=3) as scheduler:
        scheduler.submit(visit, 0)
    assert len(found) == 2**6 - 1


def test_stages_run_at_the_same_time(publisher: RecordingPublisher) -> None:
    """A stage is a part of the whole, not a barrier."""
    meeting = threading.Barrier(2)
    with ParallelTaskScheduler("Stages", stages=["read", "write"], max_workers=2) as scheduler:
        scheduler.submit(meeting.wait, stage="read")
        scheduler.submit(meeting.wait, stage="write")
    (ended,) = publisher.ended
    assert [(stage.name, stage.done, stage.total) for stage in ended.stages] == [("read", 1, 1), ("write", 1, 1)]
    assert ended.state == "succeeded"


def test_what_costs_most_goes_first() -> None:
    """The longest task first keeps the last worker from being late."""
    order: list[int] = []

    def work(size: int) -> int:
        order.append(size)
        return size

    with ParallelTaskScheduler("Costs", max_workers=1) as scheduler:
        results = list(scheduler.map(work, [3, 1, 5, 2], cost=lambda size: size))
    assert order == [5, 3, 2, 1]
    assert results == [3, 1, 5, 2]


def test_priority_comes_before_cost_and_cost_before_age() -> None:
    """Tasks that were submitted before the block are ordered as a whole."""
    order: list[str] = []
    scheduler = ParallelTaskScheduler("Order", max_workers=1)
    for name, cost, priority in [("old", 1, 0), ("new", 1, 0), ("dear", 9, 0), ("urgent", 0, 1)]:
        scheduler.submit(order.append, name, name=name, cost=cost, priority=priority)
    with scheduler:
        pass
    assert order == ["urgent", "dear", "old", "new"]


def test_what_much_depends_on_goes_first() -> None:
    """A cheap task at the head of a long chain is more urgent than a dear one on its own."""
    order: list[str] = []

    def work(name: str, *_: object) -> None:
        order.append(name)

    scheduler = ParallelTaskScheduler("Ranks", max_workers=1)
    scheduler.submit(work, "alone", cost=5)
    head = scheduler.submit(work, "head", cost=1)
    scheduler.submit(work, "tail", head, cost=8)
    with scheduler:
        pass
    assert order[0] == "head"


def test_the_plan_tells_the_order_before_anything_runs() -> None:
    """With the predicted makespan and what no schedule can beat, in units of cost while nothing has run."""
    scheduler = ParallelTaskScheduler("Plan", max_workers=2)
    for cost in (1, 4, 2, 3):
        scheduler.submit(square, cost, cost=cost, name=f"of {cost}")
    plan = scheduler.plan()
    assert [step.name for step in plan.steps] == ["of 4", "of 3", "of 2", "of 1"]
    assert (plan.makespan, plan.lower_bound, plan.unit) == (5.0, 5.0, "cost")
    assert "4 tasks on 2 workers" in str(plan)
    with scheduler:
        pass
    assert scheduler.plan().steps == ()


def test_the_plan_is_written_for_people() -> None:
    """One line a task, with numbers that can be read."""
    scheduler = ParallelTaskScheduler("Plan", max_workers=1)
    scheduler.submit(square, 1, cost=12_190, name="big")
    scheduler.submit(square, 1, cost=0.125, name="small")
    assert str(scheduler.plan()).splitlines()[1:] == [
        "predicted makespan 12,190 (in units of cost), lower bound 12,190 (in units of cost)",
        "   1.      0 – 12,190  big [main]",
        "   2. 12,190 – 12,190  small [main]",
    ]
    html = scheduler.plan()._repr_html_()
    assert all(f">{text}</td>" in html for text in ("big", "12,190", "small", "0.125"))
    with scheduler:
        pass


def test_a_graph_is_submitted_in_any_order() -> None:
    """Names stand for results."""
    with ParallelTaskScheduler("Graph", max_workers=2) as scheduler:
        tasks = scheduler.submit_graph(
            {"sum": (sum, "both"), "both": (lambda *each: each, "one", "two"), "one": (int, "1"), "two": (int, "2")}
        )
        assert tasks["sum"].result() == 3
        assert list(tasks) == ["sum", "both", "one", "two"]


def test_a_cycle_is_found_before_anything_runs() -> None:
    """The error names the tasks in it."""
    ran: list[str] = []
    with ParallelTaskScheduler("Cycle") as scheduler, pytest.raises(DependencyCycleError, match=r"'a'.*'b'|'b'.*'a'"):
        scheduler.submit_graph({"first": (ran.append, "x"), "a": (ran.append, "b"), "b": (ran.append, "a")})
    assert ran == []


@pytest.mark.slow
def test_a_hundred_thousand_tiny_tasks_all_run() -> None:
    """And are forgotten one by one."""
    with ParallelTaskScheduler("Tiny", max_workers=4) as scheduler:
        assert sum(scheduler.map(int, range(100_000))) == sum(range(100_000))
        assert not scheduler.driver.plan.nodes


def test_the_report_tells_how_it_went() -> None:
    """As text and as HTML."""
    with ParallelTaskScheduler("Report <b>", max_workers=2) as scheduler:
        list(scheduler.map(square, range(20)))
    report = scheduler.report
    assert report.counts == {"succeeded": 20}
    assert sum(lane.tasks for lane in report.lanes) == 20
    assert report.efficiency is not None
    assert 0 <= report.efficiency <= 1
    assert "20 succeeded" in str(report)
    html = report._repr_html_()
    assert "Report &lt;b&gt;" in html
    assert html.count("<tr>") == len(report.lanes) + len(report.slowest) + 2  # and the heads of two tables
    assert all(f">{slow.name}</td>" in html for slow in report.slowest)


def test_nothing_may_be_submitted_after_the_end() -> None:
    """An end is final, of a scheduler too."""
    with ParallelTaskScheduler("Ended") as scheduler:
        pass
    with pytest.raises(OperationEndedError):
        scheduler.submit(square, 1)
    with pytest.raises(OperationEndedError), scheduler:
        pass


def test_waiting_for_a_scheduler_that_has_not_begun_is_an_error() -> None:
    """It would never end."""
    scheduler = ParallelTaskScheduler("Later")
    task = scheduler.submit(square, 2)
    with pytest.raises(UsageError, match="enter that with"):
        task.result()
    with scheduler:
        assert task.result() == 4


def test_generated_tasks_leave_nothing_behind() -> None:
    """What has ended is forgotten: five thousand more leave no more objects behind than the first ones."""
    import gc

    def known() -> int:
        gc.collect()
        return len(gc.get_objects())

    with ParallelTaskScheduler("Memory", max_workers=2) as scheduler:
        tasks = scheduler.as_completed(square, count())
        for _, _ in zip(range(1_000), tasks, strict=False):
            pass
        before = known()
        for _, _ in zip(range(5_000), tasks, strict=False):
            pass
        assert known() - before < 5_000
        tasks.close()
