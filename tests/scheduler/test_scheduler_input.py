"""What cannot be meant is refused where it is written, with words that say what to do."""

# mypy: disable-error-code="unused-awaitable"

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progress_kit.errors import (
    EngineMissingError,
    InvalidValueError,
    NotPicklableError,
    UnknownStageError,
    UsageError,
)
from progress_kit.scheduler import ParallelTaskScheduler

pytestmark = pytest.mark.usefixtures("publisher")


@pytest.mark.parametrize("workers", [0, -1, 10_001, 2.5, "4", True])
@pytest.mark.parametrize("engine", ["threads", "processes", "async", "auto"])
def test_max_workers_is_a_sensible_number(workers: Any, engine: str) -> None:
    """The error says which numbers are."""
    with pytest.raises(InvalidValueError, match=r"max_workers is .*; give a whole number from 1 to 10,000"):
        ParallelTaskScheduler("Workers", engine=engine, max_workers=workers)


@pytest.mark.parametrize("engine", ["thread", "dask", 3, None, object()])
def test_an_unknown_engine_is_refused_with_the_known_ones(engine: object) -> None:
    """Dask is given by its client."""
    with pytest.raises(InvalidValueError, match="'threads', 'processes', 'loky', 'async', 'auto'"):
        ParallelTaskScheduler("Engine", engine=engine)


def test_an_engine_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "loky", None)
    monkeypatch.delitem(sys.modules, "progress_kit.scheduler.engines.loky", raising=False)
    with pytest.raises(EngineMissingError, match=r"'loky' needs loky.*: pip install 'progress-kit\[loky\]'"):
        ParallelTaskScheduler("Engine", engine="loky")


def test_a_function_that_cannot_travel_is_named_before_anything_runs(tmp_path: Path) -> None:
    """With what it brings along; tasks that can run do so."""
    lock = threading.Lock()

    def count(path: Path) -> None:
        with lock:
            path.touch()

    with ParallelTaskScheduler("Travel", engine="processes", max_workers=1) as scheduler:
        for give in (lambda: scheduler.submit(count, tmp_path / "ran"), lambda: scheduler.map(count, [tmp_path])):
            with pytest.raises(NotPicklableError, match=r"count\(\) cannot be sent.* 'lock', a _thread.lock"):
                give()
        assert scheduler.submit(abs, -1).result() == 1
    assert list(tmp_path.iterdir()) == []


MISTAKES: dict[str, tuple[type[Exception], str, Callable[[Any], object]]] = {
    "no function": (InvalidValueError, "is no function", lambda s: s.submit(3)),
    "a call instead": (InvalidValueError, "is no function", lambda s: s.map(abs(-1), [1])),
    "no input": (InvalidValueError, "at least one iterable", lambda s: s.map(abs)),
    "no iterable": (InvalidValueError, "cannot be looped over", lambda s: s.map(abs, 5)),
    "buffersize 0": (InvalidValueError, "buffersize is 0", lambda s: s.map(abs, [], buffersize=0)),
    "negative cost": (InvalidValueError, "cost is -1", lambda s: s.submit(abs, 1, cost=-1)),
    "negative retries": (InvalidValueError, "retries is -1", lambda s: s.submit(abs, 1, retries=-1)),
    "timeout 0": (InvalidValueError, "timeout is 0", lambda s: s.submit(abs, 1, timeout=0)),
    "unknown when": (InvalidValueError, "when is 'never'", lambda s: s.submit(abs, 1, when="never")),
    "unknown stage": (UnknownStageError, "give one of 'main'", lambda s: s.submit(abs, 1, stage="x")),
    "cost of a wrong kind": (InvalidValueError, "cost is 3", lambda s: s.map(abs, [1], cost=3)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_where_it_is_made(mistake: str) -> None:
    """Not later, out of some worker."""
    kind, words, make = MISTAKES[mistake]
    with ParallelTaskScheduler("Mistakes") as scheduler, pytest.raises(kind, match=words):
        make(scheduler)


def test_of_several_stages_one_has_to_be_named() -> None:
    """The error lists them."""
    with ParallelTaskScheduler("Stages", stages=["read", "write"]) as scheduler:
        with pytest.raises(UnknownStageError, match="'read', 'write'"):
            scheduler.submit(abs, 1)
        with pytest.raises(UnknownStageError, match="'read', 'write'"):
            scheduler.map(abs, [1])


@pytest.mark.parametrize(
    "wrong", [{"on_error": "ignore"}, {"retries": 1.5}, {"timeout": 0}, {"backoff": -1}, {"cancel_grace": "5"}]
)
def test_the_schedulers_own_arguments_are_checked(wrong: dict[str, Any]) -> None:
    """The error names the one that is wrong."""
    (name,) = wrong
    with pytest.raises(InvalidValueError, match=name):
        ParallelTaskScheduler("Own", **wrong)


def test_a_future_of_another_scheduler_is_refused() -> None:
    """Also deep in the arguments."""
    with ParallelTaskScheduler("One") as one, ParallelTaskScheduler("Other") as other:
        task = one.submit(abs, -1)
        with pytest.raises(UsageError, match="belongs to another scheduler; give its result"):
            other.submit(sum, [[task]])
        assert other.submit(sum, [task.result()]).result() == 1


def test_a_coroutine_function_is_refused_by_threads() -> None:
    """Nobody would await it."""

    async def fetch() -> None: ...

    with ParallelTaskScheduler("Threads") as scheduler, pytest.raises(UsageError, match="engine='async'"):
        scheduler.submit(fetch)


def test_a_cost_function_that_fails_makes_the_cost_unknown(caplog: pytest.LogCaptureFixture) -> None:
    """The tasks run all the same; one warning tells."""
    with ParallelTaskScheduler("Costs", max_workers=1) as scheduler:
        assert list(scheduler.map(abs, [-1, -2], cost=lambda number: number["size"])) == [1, 2]
    assert [record.message for record in caplog.records if "cost" in record.message] == [
        "progress_kit: the cost of a task is unknown: TypeError(\"'int' object is not subscriptable\")"
    ]


def test_an_exception_of_the_input_passes_into_the_loop() -> None:
    """And cancels the rest."""

    def numbers() -> Any:
        yield 1
        raise KeyError("input")

    with ParallelTaskScheduler("Input", max_workers=1) as scheduler:
        with pytest.raises(KeyError, match="input"):
            list(scheduler.map(abs, numbers()))
        assert scheduler.submit(abs, -2).result() == 2


def test_neither_scheduler_nor_task_can_be_pickled() -> None:
    """The error says what to do instead."""
    import pickle

    with ParallelTaskScheduler("Pickle") as scheduler:
        task = scheduler.submit(abs, 1)
        with pytest.raises(TypeError, match="give it to `submit` as an argument"):
            pickle.dumps(task)
        with pytest.raises(TypeError, match="may make a scheduler of its own"):
            pickle.dumps(scheduler)
