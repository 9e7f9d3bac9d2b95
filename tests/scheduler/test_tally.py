"""The counts that viewers are told, and what they cost."""

from dataclasses import dataclass

import pytest

from progress_kit.eta import EXPONENTS
from progress_kit.model import TaskCounts
from progress_kit.scheduler.engines.base import Key
from progress_kit.scheduler.tally import LAST, MOST_FAILED, Tally

LINEAR = EXPONENTS.index(1.0)


@dataclass
class Task:
    """A task as the plan has it."""

    number: int
    cost: float | None = None
    stage: str = "main"
    attempt: int = 1

    def on(self, worker: str, now: float) -> tuple[Key, str, str, str, float | None, float]:
        """What is told of it."""
        return Key(self.number, self.attempt), self.stage, f"task {self.number}", worker, self.cost, now


def test_each_task_is_counted_once() -> None:
    """Whatever becomes of it; what is tried again waits again."""
    tally = Tally(["main"])
    tasks = [Task(number) for number in range(6)]
    tally.submitted("main", count=6)
    for task in tasks[:4]:
        tally.started(*task.on("w", 1.0))
    tally.ended(*tasks[0].on("w", 2.0), state="succeeded")
    tally.ended(*tasks[1].on("w", 2.0), state="failed", error=ValueError("no"))
    tally.ended(*tasks[2].on("w", 2.0), state="pending", error=ValueError("again"))
    tally.ended(*tasks[3].on("w", 2.0), state="abandoned")
    tally.dropped("main", "skipped")
    assert tally.stages["main"].counts() == TaskCounts(pending=2, succeeded=1, failed=1, abandoned=1, skipped=1)
    tasks[2].attempt = 2
    tally.started(*tasks[2].on("v", 3.0))
    tally.ended(*tasks[2].on("v", 4.0), state="succeeded")
    tally.dropped("main", "cancelled")
    stage = tally.stages["main"]
    assert stage.counts() == TaskCounts(succeeded=2, failed=1, abandoned=1, skipped=1, cancelled=1)
    assert (stage.ended, stage.total, stage.first, stage.last) == (6, 6, 1.0, 4.0)
    assert tally.running == {}
    assert [(each.key.number, each.state) for each in tally.failures] == [(1, "failed"), (3, "abandoned")]


def test_an_input_of_unknown_length_has_no_total() -> None:
    """Until it has been read to its end."""
    tally = Tally(["main"])
    tally.opened("main")
    tally.submitted("main", count=3)
    assert tally.stages["main"].total is None
    tally.exhausted("main")
    assert tally.stages["main"].total == 3


def test_the_work_that_is_done_counts_by_cost() -> None:
    """A task of unknown cost counts with the mean of those that are known."""
    tally = Tally(["main"])
    assert tally.stages["main"].work() is None
    tasks = [Task(0, 30.0), Task(1, 10.0), Task(2)]
    for task in tasks:
        tally.submitted("main", task.cost)
    for task, done in zip(tasks, (30.0, 40.0, 60.0), strict=True):
        tally.ended(*task.on("w", 1.0), state="succeeded", duration_s=0.5)
        work = tally.stages["main"].work()
        assert work is not None
        assert [work.done[LINEAR], work.total[LINEAR]] == pytest.approx([done, 60.0])


def test_the_cheapest_that_wait_are_known() -> None:
    """They are the last ones in the order of cost, and those that began are not among them."""
    tally = Tally(["main"])
    tasks = [Task(number, float(number + 1)) for number in range(LAST + 10)]
    for task in tasks:
        tally.submitted("main", task.cost)
    assert tally.stages["main"].cheapest == [float(number + 1) for number in range(LAST)]
    tally.started(*tasks[3].on("w", 1.0))
    assert 4.0 not in tally.stages["main"].cheapest


def test_a_million_tasks_are_only_counted() -> None:
    """The newest failures are kept, and nothing of the others."""
    tally = Tally(["main"])
    tally.submitted("main", count=1_000_000)
    for number in range(1_000):
        tally.ended(*Task(number).on("w", 1.0), state="failed", error=ValueError(number))
    assert tally.stages["main"].pending == 999_000
    assert [each.key.number for each in tally.failures] == list(range(1_000 - MOST_FAILED, 1_000))
    assert len(tally.timeline) <= 4_000
