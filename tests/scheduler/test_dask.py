"""The scheduler on a Dask cluster: real workers, in processes of their own."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster, Scheduler

import progress_kit as pk
from progress_kit import clock
from progress_kit.errors import (
    NotPicklableError,
    OperationCancelled,
    RemoteTaskError,
    TaskTimeoutError,
    UsageError,
    WorkerLostError,
)
from progress_kit.scheduler.engines.dask import DaskEngine
from progress_kit.scheduler.engines.dask_batch import LARGE
from progress_kit.scheduler.parallel_processor import ParallelTaskScheduler

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("publisher")]


def until(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    waiting = threading.Event()
    while not condition():
        waiting.wait(0.005)


def pid_of(_: object = None) -> int:
    """Return the worker's process id."""
    return os.getpid()


def square(number: int) -> int:
    """Return the square."""
    return number * number


def wait_for(path: Path) -> None:
    """Wait until there is a file."""
    until(path.exists)


# ---------------------------------------------------------------- results


def test_tasks_run_on_the_cluster(client: Client) -> None:
    """`map` keeps the order, dependencies travel as results, other processes do the work, the client stays open."""
    with ParallelTaskScheduler("Squares", engine=client) as scheduler:
        assert list(scheduler.map(square, range(50))) == [n * n for n in range(50)]
        four = scheduler.submit(square, 2)
        assert scheduler.submit(square, four).result() == 16
        assert scheduler.submit(lambda: os.getpid()).result() != os.getpid()  # noqa: PLW0108 - a lambda has to travel
    assert scheduler.state == "succeeded"
    assert client.submit(square, 3).result() == 9
    assert {lane.worker for lane in scheduler.report.lanes} <= {"worker 0", "worker 1"}


def test_tiny_tasks_travel_together(client: Client) -> None:
    """They reach the cluster in fewer pieces than there are of them, and nothing of them is left there."""

    def tasks_of_dask(dask_scheduler: Scheduler) -> tuple[int, int]:
        return dask_scheduler.transition_counter, len(dask_scheduler.tasks)

    before, _ = client.run_on_scheduler(tasks_of_dask)
    with ParallelTaskScheduler("Tiny", engine=client) as scheduler:
        tasks = list(scheduler.as_completed(square, range(1000)))
    assert sorted(task.result() for task in tasks) == [n * n for n in range(1000)]
    after, _ = client.run_on_scheduler(tasks_of_dask)
    assert after - before < 1000
    until(lambda: client.run_on_scheduler(tasks_of_dask)[1] == 0)  # they are on their way out


def test_a_large_function_is_sent_once(client: Client) -> None:
    """What a function has in it does not travel with each of its tasks."""
    data = os.urandom(2 * LARGE)

    def look(number: int) -> int:
        return data[number]

    with ParallelTaskScheduler("Large", engine=client) as scheduler:
        assert list(scheduler.map(look, range(30))) == list(data[:30])


# ---------------------------------------------------------------- while they run


def test_progress_comes_from_inside(client: Client, tmp_path: Path) -> None:
    """`pk.current()` in a worker is the task, and what it reports is seen here while it runs."""

    def work() -> str:
        task = pk.current()
        for _ in range(3):
            task.advance(1, total=10)
        task.message = "halfway"
        wait_for(tmp_path / "go")
        return str(task.id)

    with ParallelTaskScheduler("Progress", engine=client) as scheduler:
        task = scheduler.submit(work)
        until(lambda: task.progress is not None and task.progress.message)
        assert task.progress is not None
        assert (task.progress.done, task.progress.total) == (3, 10)
        assert task.running()
        (tmp_path / "go").touch()
        assert task.result() == scheduler.id


def test_a_paused_task_waits_in_its_worker(client: Client, tmp_path: Path) -> None:
    """Until the scheduler goes on."""

    def work() -> str:
        while not (tmp_path / "go").exists():
            pk.current().advance(1, total=1_000_000)
        return "went on"

    with ParallelTaskScheduler("Paused", engine=client) as scheduler:
        task = scheduler.submit(work)
        until(lambda: task.progress is not None)
        scheduler.pause()
        until(lambda: scheduler.state == "paused")
        (tmp_path / "go").touch()
        assert [each.state for each in scheduler.snapshot().tasks] == ["paused"]
        scheduler.resume()
        assert task.result() == "went on"


def test_what_tasks_print_is_shown_here(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines arrive whole and in order, of both streams, before the task's result does."""

    def talk(number: int) -> None:
        for line in range(200):
            print(f"task {number} line", line)  # noqa: T201 - that is what is tested
        print("over", file=sys.stderr, end="")  # noqa: T201 - as above

    with ParallelTaskScheduler("Talk", engine=client) as scheduler:
        for task in [scheduler.submit(talk, number) for number in range(2)]:
            task.result()
    out, err = capsys.readouterr()
    lines = out.splitlines()
    for number in range(2):
        assert [line for line in lines if line.startswith(f"task {number} ")] == [
            f"task {number} line {line}" for line in range(200)
        ]
    assert len(lines) == 400
    assert err == "over\nover\n"


def test_trackers_in_tasks_are_children(client: Client) -> None:
    """An operation that begins in a worker says which scheduler it belongs to."""

    def nested() -> str | None:
        with pk.ProgressTracker("Inside", stages=["one"]) as tracker:
            return tracker.snapshot().parent

    with ParallelTaskScheduler("Outside", engine=client) as scheduler:
        assert scheduler.submit(nested).result() == scheduler.id


def test_async_for_does_not_block_the_loop(client: Client) -> None:
    """In an event loop the same client is awaited."""

    async def main() -> list[int]:
        async with ParallelTaskScheduler("Squares", engine=client) as scheduler:
            first = await scheduler.submit(square, 5)
            return [first, *[result async for result in scheduler.map(square, range(4))]]

    assert asyncio.run(main()) == [25, 0, 1, 4, 9]


def test_an_asynchronous_client(cluster: LocalCluster) -> None:
    """A client that lives in the loop is used there, and cannot be used where the loop would be blocked."""

    async def main() -> list[int]:
        async with Client(cluster.scheduler_address, asynchronous=True) as client:
            with pytest.raises(UsageError, match="async with"), ParallelTaskScheduler("Blocking", engine=client):
                pass
            async with ParallelTaskScheduler("Squares", engine=client) as scheduler:
                return [result async for result in scheduler.map(square, range(4))]

    assert asyncio.run(main()) == [0, 1, 4, 9]


# ---------------------------------------------------------------- what goes wrong


class TwoArgumentsError(Exception):
    """An exception that does not survive pickling by itself."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


def test_failures_tell_what_and_where(client: Client) -> None:
    """Exceptions arrive with the worker's traceback; what does not pickle is described, and harms nobody else."""

    def fail() -> None:
        raise ValueError("no")

    def fail_twice() -> None:
        raise TwoArgumentsError("nothing", "here")

    with ParallelTaskScheduler("Failures", engine=client, on_error="continue") as scheduler:
        errors = [scheduler.submit(each).exception() for each in (fail, fail_twice, threading.Lock)]
        assert scheduler.submit(square, 3).result() == 9
    assert isinstance(errors[0], ValueError)
    assert "in fail" in str(errors[0].__cause__)
    assert isinstance(errors[1], RemoteTaskError | TwoArgumentsError)
    assert "nothing in here" in str(errors[1])
    assert isinstance(errors[2], NotPicklableError)
    assert "lock" in str(errors[2])


def test_what_cannot_run_there_is_refused_before_anything_runs(client: Client) -> None:
    """Functions that do not pickle, and coroutine functions, raise where they are given."""
    lock = threading.Lock()

    def locked() -> bool:
        return lock.locked()

    async def coroutine() -> None:
        """Do nothing."""

    with ParallelTaskScheduler("Refused", engine=client) as scheduler:
        with pytest.raises(NotPicklableError, match="lock"):
            _ = scheduler.submit(locked)
        with pytest.raises(UsageError, match="async"):
            _ = scheduler.submit(coroutine)


def test_arguments_that_do_not_pickle_fail_their_own_task(client: Client) -> None:
    """The others of the same batch are run."""
    with ParallelTaskScheduler("Arguments", engine=client, on_error="continue") as scheduler:
        results = list(scheduler.map(pid_of, [1, threading.Lock(), 2]))
    assert isinstance(results[1], NotPicklableError)
    assert all(isinstance(result, int) for result in (results[0], results[2]))


def test_cancel_reaches_the_tasks(client: Client, tmp_path: Path) -> None:
    """What runs stops at its next step, what waits never begins, and the block ends as cancelled."""

    def loop(number: int) -> None:
        (tmp_path / str(number)).touch()
        while True:
            pk.current().advance()
            clock.sleep(0.001)

    scheduler = ParallelTaskScheduler("Cancel", engine=client, cancel_grace=600)
    with pytest.raises(OperationCancelled, match="enough"), scheduler:  # noqa: PT012 - the block is what raises
        tasks = [scheduler.submit(loop, number) for number in range(5)]
        wait_for(tmp_path / "0")
        wait_for(tmp_path / "1")
        scheduler.operation.cancel("enough")
    assert [task.state for task in tasks] == ["cancelled"] * 5
    assert scheduler.state == "cancelled"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_timeouts_run_from_the_start(client: Client) -> None:
    """A task that takes too long is told so and has failed; one that waited for its turn meanwhile has not."""

    def loop() -> None:
        while True:
            pk.current().raise_if_cancelled()
            clock.sleep(0.001)

    scheduler = ParallelTaskScheduler("Slow", engine=client, on_error="continue", timeout=0.3, cancel_grace=600)
    with scheduler:
        slow = [scheduler.submit(loop) for _ in range(2)]
        quick = scheduler.submit(square, 3, timeout=60)
    assert [type(task.error) for task in slow] == [TaskTimeoutError] * 2
    assert quick.result() == 9


def test_a_task_that_ignores_it_is_killed_with_its_worker(client: Client, tmp_path: Path) -> None:
    """That is done where a worker has one thread; Dask starts another one, and the other tasks have their results."""

    def ignore() -> None:
        (tmp_path / "began").touch()
        clock.sleep(60)

    with ParallelTaskScheduler("Kill", engine=client, cancel_grace=0.1) as scheduler:
        deaf = scheduler.submit(ignore)
        wait_for(tmp_path / "began")
        until(deaf.running)
        assert not deaf.cancel()
        assert [scheduler.submit(square, number).result() for number in range(5)] == [0, 1, 4, 9, 16]
    assert deaf.state == "cancelled"


def test_a_lost_worker(client: Client, tmp_path: Path) -> None:
    """Dask runs what was on a lost worker on another one; what loses every worker has failed, and says why."""

    def die(*, once: bool) -> str:
        mark = tmp_path / "died"
        if not once or not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "survived"

    with ParallelTaskScheduler("Lost", engine=client, on_error="continue") as scheduler:
        assert scheduler.submit(die, once=True).result() == "survived"
        lost = scheduler.submit(die, once=False)
        assert isinstance(lost.exception(), WorkerLostError)
        assert scheduler.submit(square, 3).result() == 9
    assert lost.state == "failed"


def test_the_client_is_closed_in_the_middle(cluster: LocalCluster, tmp_path: Path) -> None:
    """Nothing hangs: what had no result has failed, and says that the client was closed."""
    client = Client(cluster)
    with ParallelTaskScheduler("Closed", engine=client, on_error="continue") as scheduler:
        tasks = [scheduler.submit(wait_for, tmp_path / "never", timeout=None) for _ in range(4)]
        until(tasks[0].running)
        client.close()
        tasks.append(scheduler.submit(wait_for, tmp_path / "never"))
    (tmp_path / "never").touch()
    assert [type(task.error) for task in tasks] == [WorkerLostError] * 5
    assert "closed" in str(tasks[-1].error)
    with pytest.raises(UsageError, match="closed"):
        ParallelTaskScheduler("Again", engine=client)


def test_the_connection_is_lost_in_the_middle(client: Client, tmp_path: Path) -> None:
    """Dask forgets what a client has asked for when it is gone, so that has failed; a client that is back is used."""
    with ParallelTaskScheduler("Lost", engine=client, on_error="continue") as scheduler:
        task = scheduler.submit(wait_for, tmp_path / "go")
        until(task.running)
        assert client.loop is not None
        assert client.scheduler_comm is not None
        client.loop.add_callback(client.scheduler_comm.comm.abort)
        with pytest.raises(WorkerLostError, match="connection to the scheduler"):
            task.result()
        again = scheduler.submit(wait_for, tmp_path / "go")
        until(again.running)
        (tmp_path / "go").touch()
        again.result()


# ---------------------------------------------------------------- workers that are threads of this process


@pytest.fixture
def threads_cluster() -> Iterator[LocalCluster]:
    """A cluster whose workers are threads of this process, and have a resource."""
    terms = {"resources": {"slots": 2}, "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **terms) as cluster:
        yield cluster


def test_workers_in_this_process(threads_cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """This process keeps its streams, a worker that is added is used, and one with two threads is never killed."""
    with Client(threads_cluster) as client, ParallelTaskScheduler("Here", engine=client) as scheduler:
        assert scheduler.submit(pid_of).result() == os.getpid()
        scheduler.submit(print, "hello").result()
        assert capsys.readouterr().out == "hello\n"
        engine = scheduler.driver.engine
        assert engine is not None
        assert engine.workers == 2
        assert engine.capabilities.stops == ("soft",)
        threads_cluster.scale(2)
        until(lambda: engine.workers == 4)


def test_priority_and_resources_are_passed_to_dask(threads_cluster: LocalCluster, tmp_path: Path) -> None:
    """An engine that was made by hand says what Dask shall think of when it places the tasks."""

    def needs(dask_scheduler: Scheduler) -> list[object]:
        return [task.resource_restrictions for task in dask_scheduler.tasks.values()]

    with Client(threads_cluster) as client:
        engine = DaskEngine(client, priority=5, resources={"slots": 1})
        with ParallelTaskScheduler("Terms", engine=engine) as scheduler:
            task = scheduler.submit(wait_for, tmp_path / "go")
            until(task.running)
            assert client.run_on_scheduler(needs) == [{"slots": 1}]
            (tmp_path / "go").touch()
            task.result()
