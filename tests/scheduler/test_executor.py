"""Any executor of `concurrent.futures`, as it is."""

# ruff: noqa: T201 - what jobs print is what is tested
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.errors import NotPicklableError, OperationCancelled, UsageError, WorkerLostError
from progress_kit.scheduler.engines.base import Finished, Lost, Started, TaskProgress
from progress_kit.scheduler.engines.executor import ExecutorEngine
from tests.scheduler.engine_desk import Desk, begun, hold, until
from tests.scheduler.test_outcome import LockedError, TwoArgumentsError

_CONTEXT = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """A pool of two processes that the tests share."""
    with ProcessPoolExecutor(2, mp_context=_CONTEXT) as executor:
        yield executor


@pytest.fixture
def desk(processes: ProcessPoolExecutor) -> Iterator[Desk]:
    """The pool, with an engine of its own for each test."""
    with Desk(ExecutorEngine(processes)) as desk:
        yield desk


@pytest.fixture
def threads() -> Iterator[Desk]:
    """Two threads."""
    with ThreadPoolExecutor(2, thread_name_prefix="pool") as executor, Desk(ExecutorEngine(executor)) as desk:
        yield desk


class InPlace(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


def _raise(error: BaseException) -> None:
    raise error


def _count(gate: Path) -> None:
    pk.current().advance(30, total=100)
    print("now")
    hold(gate)
    until(lambda: pk.current().advance())  # which it never leaves by itself


# ---------------------------------------------------------------- processes


def test_jobs_run_in_the_processes_of_a_pool(desk: Desk) -> None:
    """Lambdas too; begin and end are told, with the worker and the time of the function."""
    key = desk.run(lambda: os.getpid())  # noqa: PLW0108 - a lambda is meant
    pid = desk.value(key)
    assert pid != os.getpid()
    (started,) = desk.wait(Started, key)
    (finished,) = desk.wait(Finished, key)
    assert started.worker == finished.worker == f"process {pid}"
    assert desk.engine.workers == 2
    assert desk.engine.capabilities.pickles


def test_a_batch_runs_in_one_process(desk: Desk) -> None:
    """One after the other; what fails fails alone."""
    first, bad, argument, last = desk.batch(
        (os.getpid,), (lambda: _raise(TwoArgumentsError("no", 5)),), (print, threading.Lock()), (os.getpid,)
    )
    assert desk.value(first) == desk.value(last)
    assert type(desk.error(bad)) is TwoArgumentsError
    assert isinstance(desk.error(argument), NotPicklableError)


def test_what_cannot_travel_leaves_the_pool_alone(desk: Desk) -> None:
    """An exception that cannot be pickled, a result that cannot, a function that cannot, and one that ends programs."""
    lock = threading.Lock()
    assert "LockedError" in str(desk.error(desk.run(lambda: _raise(LockedError()))))
    assert isinstance(desk.error(desk.run(threading.Lock)), NotPicklableError)
    assert isinstance(desk.error(desk.run(sys.exit, 3)), SystemExit)
    with pytest.raises(NotPicklableError, match="its variable 'lock'"):
        desk.engine.check(lambda: lock)
    assert desk.call(abs, -1) == 1


def test_word_of_running_jobs_comes_beside_their_results(desk: Desk, tmp_path: Path) -> None:
    """Progress and lines are seen while a job runs, and it learns that it should stop."""
    key = desk.run(_count, tmp_path / "gate")
    until(lambda: key in desk.engine.progress())
    assert desk.engine.progress()[key] == TaskProgress(30, 100)
    assert desk.wait(Started, key)
    while desk.printed(key) != "now\n":
        desk.events.append(desk._queue.get(timeout=40))
    (tmp_path / "gate").touch()
    desk.engine.stop([key], "soft")
    assert isinstance(desk.error(key), OperationCancelled)
    assert key not in desk.engine.progress()


def test_all_that_was_printed_comes_before_the_result(desk: Desk) -> None:
    """Thousands of lines, in order, also of a job that is over before anybody has listened."""

    def talk(lines: int) -> None:
        for number in range(lines):
            print("line", number)
        sys.stderr.write("no end")

    for lines in (1, 5_000):
        key = desk.run(talk, lines)
        desk.value(key)
        assert desk.printed(key).splitlines() == [f"line {number}" for number in range(lines)]
        assert desk.printed(key, "stderr") == "no end\n"


def test_what_waits_for_the_pool_is_not_begun(desk: Desk, tmp_path: Path) -> None:
    """It is taken back."""
    keys = [desk.run(hold, tmp_path / f"{number}") for number in range(8)]
    begun(tmp_path / "0")
    desk.engine.stop(keys[6:], "soft")
    for key in keys[6:]:
        assert isinstance(desk.error(key), OperationCancelled)
    for number in range(6):
        (tmp_path / f"{number}").touch()
    for key in keys[:6]:
        desk.value(key)
    assert not (tmp_path / "7.begun").exists()


def test_a_broken_pool_loses_what_had_begun_only(tmp_path: Path) -> None:
    """What had not surely had not; then the executor takes no more, and that is told as well."""
    with ProcessPoolExecutor(2, mp_context=_CONTEXT) as executor, Desk(ExecutorEngine(executor)) as desk:
        keys = [desk.run(hold, tmp_path / f"{number}") for number in range(7)]
        batch = desk.batch((abs, -1), (abs, -2))
        pid = begun(tmp_path / "0")
        begun(tmp_path / "1")
        os.kill(pid, signal.SIGKILL)
        lost = desk.wait(Lost, *keys, *batch)
        assert {key for event in lost for key in event.begun} == set(keys[:2])
        assert {key for event in lost for key in event.waiting} == {*keys[2:], *batch}
        assert isinstance(desk.error(desk.run(abs, -1)), WorkerLostError)


def test_a_job_may_fork(desk: Desk) -> None:
    """Nothing of what the child prints comes over our channel."""

    def fork() -> int:
        print("parent")
        child = os.fork()
        if child == 0:
            print("child of a worker")
            os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    key = desk.run(fork)
    assert desk.value(key) == 5
    assert desk.printed(key) == "parent\n"


def test_the_executor_is_left_as_it_was(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    """After the end it works on, and a directory that the engine made is gone."""
    with Desk(ExecutorEngine(processes)) as desk:
        assert desk.call(abs, -1) == 1
        assert isinstance(desk.engine, ExecutorEngine)
        assert desk.engine._station is not None
        directory = Path(desk.engine._station.ticket.directory)
        assert directory.stat().st_mode & 0o077 == 0
        key = desk.run(hold, tmp_path / "gate")
        begun(tmp_path / "gate")
        (tmp_path / "gate").touch()
        desk.engine.close(wait=True)
        desk.value(key)
    assert not directory.exists()
    assert processes.submit(abs, -1).result() == 1


def test_nobody_gets_in_without_the_secret(desk: Desk) -> None:
    """What another process says is not even looked at."""
    import socket

    assert isinstance(desk.engine, ExecutorEngine)
    assert desk.engine._station is not None
    address = desk.engine._station.ticket.address
    assert isinstance(address, str)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(20)
        stranger.connect(address)
        stranger.sendall(b"x" * 32)
        assert stranger.recv(1) == b""
    assert desk.call(abs, -1) == 1


# ---------------------------------------------------------------- threads and others


def test_threads_share_everything(threads: Desk, tmp_path: Path) -> None:
    """Nothing is pickled; progress and stopping need no channel."""
    lock = threading.Lock()
    key = threads.run(lambda: lock)
    assert threads.value(key) is lock
    assert threads.wait(Started, key)[0].worker.startswith("pool")
    assert not threads.engine.capabilities.pickles
    key = threads.run(_count, tmp_path / "gate")
    begun(tmp_path / "gate")
    assert threads.engine.progress()[key] == TaskProgress(30, 100)
    threads.engine.stop([key], "soft")
    (tmp_path / "gate").touch()
    assert isinstance(threads.error(key), OperationCancelled)


def test_a_coroutine_function_is_refused(threads: Desk) -> None:
    """Nobody would await it."""

    async def fetch() -> None:
        """Do nothing."""

    with pytest.raises(UsageError, match="coroutine function"):
        threads.engine.check(fetch)


def test_an_abandoned_job_is_not_waited_for(tmp_path: Path) -> None:
    """The end comes without it."""
    with ThreadPoolExecutor(1) as executor:
        with Desk(ExecutorEngine(executor)) as desk:
            key = desk.run(hold, tmp_path / "gate")
            begun(tmp_path / "gate")
            desk.engine.abandon([key])
            desk.engine.close(wait=True)
        (tmp_path / "gate").touch()


def test_how_an_unknown_executor_works_is_found_out() -> None:
    """By letting it run something; one that does not is refused."""
    with Desk(ExecutorEngine(InPlace())) as desk:
        assert not desk.engine.capabilities.pickles
        assert desk.call(abs, -1) == 1
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with Desk(ExecutorEngine(closed)) as desk:
        assert isinstance(desk.error(desk.run(abs, -1)), WorkerLostError)

    class Broken(Executor):
        pass

    with pytest.raises(UsageError, match="does not run anything"):
        ExecutorEngine(Broken())
