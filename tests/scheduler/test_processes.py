"""Worker processes of our own: what arrives, what is told, and what happens to whom."""

# ruff: noqa: T201 - what jobs print is what is tested
import functools
import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import pytest

import progress_kit as pk
from progress_kit.errors import NotPicklableError, OperationCancelled, UsageError, WorkerLostError
from progress_kit.scheduler.engines.base import Finished, Lost, Started, TaskProgress
from progress_kit.scheduler.engines.processes import ProcessEngine
from progress_kit.scheduler.engines.remote.functions import KEPT
from tests.scheduler.engine_desk import Desk, alive, begun, gone, hold, until
from tests.scheduler.test_outcome import LockedError, TwoArgumentsError


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    """Two workers that the tests of this file share."""
    with Desk(ProcessEngine(2)) as desk:
        yield desk


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """The shared workers, with nothing told yet."""
    shared.events.clear()
    return shared


def _pids(desk: Desk) -> list[int]:
    assert isinstance(desk.engine, ProcessEngine)
    assert desk.engine._foreman is not None
    return [worker.process.pid for worker in desk.engine._foreman._workers.values()]


def _raise(error: BaseException) -> None:
    raise error


# ---------------------------------------------------------------- what arrives


def test_a_job_runs_in_another_process(desk: Desk) -> None:
    """Its begin and its end are told, with the worker and the time that its function took."""
    key = desk.run(os.getpid)
    assert desk.value(key) != os.getpid()
    (started,) = desk.wait(Started, key)
    (finished,) = desk.wait(Finished, key)
    assert started.worker == finished.worker
    assert desk.events.index(started) < desk.events.index(finished)
    assert 0 < finished.duration_s < 30


def test_lambdas_and_what_they_close_over_travel(desk: Desk) -> None:
    """As in a notebook, nothing has to be importable."""
    factor = {"by": 3}
    assert desk.call(lambda x: x * factor["by"], 7) == 21
    assert desk.call(functools.partial(lambda x, y: (x, y), 1), 2) == (1, 2)


def test_jobs_given_together_run_in_one_worker_in_order(desk: Desk) -> None:
    """Only the first of them tells that it begins."""
    keys = desk.batch(*[(os.getpid,)] * 5)
    assert len({desk.value(key) for key in keys}) == 1
    assert [event.key for event in desk.wait(Finished, *keys)] == keys
    assert [event.key for event in desk.wait(Started, *keys[:1])] == keys[:1]


def test_an_argument_that_cannot_be_pickled_fails_its_job_alone(desk: Desk) -> None:
    """The others that were given with it run."""
    first, second, third = desk.batch(
        (abs, -1),
        (
            print,
            threading.Lock(),
        ),
        (abs, -3),
    )
    error = desk.error(second)
    assert isinstance(error, NotPicklableError)
    assert "arguments of task" in str(error)
    assert (desk.value(first), desk.value(third)) == (1, 3)


def test_a_function_that_cannot_be_pickled_is_refused_before_anything_runs(desk: Desk) -> None:
    """The error names it and the variable."""
    lock = threading.Lock()

    def locked() -> None:
        with lock:
            pass

    def outer() -> None:
        locked()

    with pytest.raises(NotPicklableError, match=r"locked\(\) cannot be sent .* its variable 'lock', a _thread.lock,"):
        desk.engine.check(locked)
    with pytest.raises(NotPicklableError, match=r"outer\(\) .* 'locked' \(its variable 'lock'"):
        desk.engine.check(outer)
    with pytest.raises(NotPicklableError, match=r"its argument 'key', a _thread\.lock"):
        desk.engine.check(functools.partial(dict, key=lock))
    assert isinstance(desk.error(desk.run(locked)), NotPicklableError)


def test_a_coroutine_function_is_refused(desk: Desk) -> None:
    """Nobody would await it."""

    async def fetch() -> None:
        """Do nothing."""

    with pytest.raises(UsageError, match="coroutine function"):
        desk.engine.check(fetch)


def test_any_number_of_functions_may_be_used(desk: Desk) -> None:
    """More than are kept pickled, all of them again."""
    functions = [lambda x, n=n: x + n for n in range(KEPT + 20)]
    for _ in range(2):
        keys = [desk.run(function, 1) for function in functions]
        assert [desk.value(key) for key in keys] == [1 + n for n in range(KEPT + 20)]


def test_exceptions_and_results_that_cannot_travel_leave_the_workers_alone(desk: Desk) -> None:
    """What breaks other pools is an error of one job here."""
    desk.call(os.getpid)
    before = _pids(desk)
    two, locked, lock = desk.batch(
        (lambda: _raise(TwoArgumentsError("no", 5)),), (lambda: _raise(LockedError()),), (threading.Lock,)
    )
    assert type(desk.error(two)) is TwoArgumentsError
    assert "LockedError" in str(desk.error(locked))
    assert isinstance(desk.error(lock), NotPicklableError)
    assert desk.call(abs, -1) == 1
    assert set(before) <= set(_pids(desk))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_programs_ends_a_job_only(desk: Desk, error: BaseException) -> None:
    """A `sys.exit` in a task does not end the worker."""
    pid = desk.call(os.getpid)
    assert type(desk.error(desk.run(_raise, error))) is type(error)
    assert alive(pid)


def test_much_data_goes_both_ways_at_once(desk: Desk) -> None:
    """More than fits into any buffer, to workers that are sending much themselves."""
    data = b"x" * 5_000_000
    keys = [desk.run(lambda d, n: d + bytes([n]), data, n) for n in range(8)]
    assert all(desk.value(key) == data + bytes([n]) for n, key in enumerate(keys))


# ---------------------------------------------------------------- progress


def test_progress_is_seen_while_a_job_runs(desk: Desk, tmp_path: Path) -> None:
    """Its newest word, until it ends."""

    def count(gate: Path) -> None:
        for _ in range(30):
            pk.current().advance(1, total=100)
        pk.current().message = "page 30"
        hold(gate)

    key = desk.run(count, tmp_path / "gate")
    until(lambda: key in desk.engine.progress())
    assert desk.engine.progress()[key] == TaskProgress(30, 100, "", "page 30")
    (tmp_path / "gate").touch()
    desk.value(key)
    assert key not in desk.engine.progress()


# ---------------------------------------------------------------- output


def test_what_jobs_print_arrives_as_whole_lines(desk: Desk) -> None:
    """Also what is logged, warned of, written in pieces, as bytes, and not ended."""

    def talk() -> None:
        print("one", end="")
        print(" line")
        sys.stdout.buffer.write("bytes é\n".encode())
        sys.stderr.write("progress 1%\rprogress 99%\r")
        sys.stderr.write("progress 100%\n")
        logging.getLogger("app").warning("careful %d", 7)
        warnings.warn("old", stacklevel=1)
        print("no end", end="")

    key = desk.run(talk)
    desk.value(key)
    assert desk.printed(key) == "one line\nbytes é\nno end\n"
    said = desk.printed(key, "stderr")
    assert said.split("\n")[0].endswith("progress 100%")
    assert "careful 7\n" in said
    assert "UserWarning: old" in said


def test_a_line_is_seen_while_its_job_runs(desk: Desk, tmp_path: Path) -> None:
    """Nobody has to wait for the end."""

    def talk(gate: Path) -> None:
        print("now")
        hold(gate)

    key = desk.run(talk, tmp_path / "gate")
    begun(tmp_path / "gate")
    while desk.printed(key) != "now\n":
        desk.events.append(desk._queue.get(timeout=40))
    (tmp_path / "gate").touch()
    desk.value(key)


def test_ten_thousand_lines_arrive_in_order(desk: Desk) -> None:
    """All of them before the result."""

    def talk() -> None:
        for number in range(10_000):
            print("line", number)

    key = desk.run(talk)
    desk.value(key)
    assert desk.printed(key).splitlines() == [f"line {number}" for number in range(10_000)]


def test_streams_are_as_good_as_the_real_ones(desk: Desk) -> None:
    """Programs ask them for this and that."""

    def ask() -> tuple[Any, ...]:
        sys.stdout.flush()
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        return sys.stdout.isatty(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.encoding, sys.stdout.writable()

    assert desk.call(ask) == (False, 1, 2, "utf-8", True)


# ---------------------------------------------------------------- stopping


def test_a_job_is_asked_to_stop(desk: Desk, tmp_path: Path) -> None:
    """It learns of it when it counts next."""

    def count(gate: Path) -> None:
        gate.touch()
        until(lambda: pk.current().advance())  # which it never leaves by itself

    key, other = desk.run(count, tmp_path / "gate"), desk.run(hold, tmp_path / "other")
    until((tmp_path / "gate").exists)
    begun(tmp_path / "other")
    desk.engine.stop([key], "soft")
    (tmp_path / "other").touch()
    desk.value(other)
    assert isinstance(desk.error(key), OperationCancelled)


def test_a_job_is_interrupted(desk: Desk, tmp_path: Path) -> None:
    """Be it that it waits for something, and nobody else is."""
    key, other = desk.run(hold, tmp_path / "gate"), desk.run(hold, tmp_path / "other")
    pid = begun(tmp_path / "gate")
    begun(tmp_path / "other")
    desk.engine.stop([key], "signal")
    assert isinstance(desk.error(key), KeyboardInterrupt)
    (tmp_path / "other").touch()
    desk.value(other)
    assert alive(pid)


def test_an_interrupt_that_was_not_asked_for_is_ignored(desk: Desk, tmp_path: Path) -> None:
    """A terminal sends it to every process; what it means is for the script to say."""
    pid = desk.call(os.getpid)
    os.kill(pid, signal.SIGINT)
    keys = [desk.run(hold, tmp_path / name) for name in "ab"]
    for name in "ab":
        os.kill(begun(tmp_path / name), signal.SIGINT)
        (tmp_path / name).touch()
    assert pid in {desk.value(key) for key in keys}


def test_a_job_is_killed_alone(desk: Desk, tmp_path: Path) -> None:
    """Its worker is replaced, and the neighbour finishes."""
    key, other = desk.run(hold, tmp_path / "gate"), desk.run(hold, tmp_path / "other")
    pid = begun(tmp_path / "gate")
    neighbour = begun(tmp_path / "other")
    desk.engine.stop([key], "kill")
    (lost,) = desk.wait(Lost, key)
    assert (lost.begun, lost.waiting) == ((key,), ())
    assert "SIGKILL" in lost.reason
    assert not alive(pid)
    again = desk.run(hold, tmp_path / "again")
    assert begun(tmp_path / "again") not in {pid, neighbour}
    (tmp_path / "other").touch()
    (tmp_path / "again").touch()
    assert desk.value(other) == neighbour
    desk.value(again)


def test_what_waits_is_not_begun_any_more(desk: Desk, tmp_path: Path) -> None:
    """Wherever it waits: behind a job in a worker, or for a worker."""
    first, behind = desk.batch((hold, tmp_path / "1"), (hold, tmp_path / "behind"))
    second = desk.run(hold, tmp_path / "2")
    begun(tmp_path / "1")
    begun(tmp_path / "2")
    waiting = desk.run(hold, tmp_path / "waiting")
    for key in (behind, waiting):
        desk.engine.stop([key], "soft")
        error = desk.error(key)
        assert isinstance(error, OperationCancelled)
        assert "before it began" in str(error)
    (tmp_path / "1").touch()
    (tmp_path / "2").touch()
    desk.value(first)
    desk.value(second)
    assert not (tmp_path / "behind.begun").exists()
    assert not (tmp_path / "waiting.begun").exists()


def test_what_waits_behind_a_long_job_goes_to_another_worker(desk: Desk, tmp_path: Path) -> None:
    """Jobs that were given together do not stay together whatever happens."""
    long, *short = desk.batch((hold, tmp_path / "gate"), (abs, -1), (abs, -2))
    assert [desk.value(key) for key in short] == [1, 2]
    (tmp_path / "gate").touch()
    desk.value(long)


def test_what_waits_behind_a_long_job_goes_to_a_worker_that_is_started_for_it(tmp_path: Path) -> None:
    """Where none has been needed so far."""
    with Desk(ProcessEngine(2)) as desk:
        long, *short = desk.batch((hold, tmp_path / "gate"), (abs, -1), (abs, -2))
        assert [desk.value(key) for key in short] == [1, 2]
        (tmp_path / "gate").touch()
        desk.value(long)


def test_another_worker_takes_the_place_of_an_abandoned_one(desk: Desk, tmp_path: Path) -> None:
    """Two more jobs run beside the one that does not stop; if it ends after all, that is told."""
    key = desk.run(hold, tmp_path / "gate")
    pid = begun(tmp_path / "gate")
    desk.engine.abandon([key])
    others = [desk.run(hold, tmp_path / name) for name in "ab"]
    assert pid not in {begun(tmp_path / name) for name in "ab"}
    for name in ("gate", "a", "b"):
        (tmp_path / name).touch()
    assert desk.value(key) == pid
    for other in others:
        desk.value(other)
    gone([pid])


# ---------------------------------------------------------------- death


def test_a_worker_that_dies_takes_one_job_with_it(desk: Desk, tmp_path: Path) -> None:
    """What waited behind it in the same worker surely had not begun; the neighbour's result arrives."""
    key, behind = desk.batch((hold, tmp_path / "gate"), (abs, -1))
    other = desk.run(hold, tmp_path / "other")
    pid = begun(tmp_path / "gate")
    begun(tmp_path / "other")
    os.kill(pid, signal.SIGKILL)
    (lost,) = desk.wait(Lost, key)
    assert (lost.begun, lost.waiting) == ((key,), (behind,))
    assert desk.wait(Started, key)[0].worker == lost.worker
    assert "SIGKILL" in lost.reason
    (tmp_path / "other").touch()
    desk.value(other)
    assert desk.call(os.getpid) != pid


def test_a_job_that_ends_its_process_is_lost(desk: Desk) -> None:
    """The reason tells how."""
    key = desk.run(os._exit, 3)
    assert "exit code 3" in desk.wait(Lost, key)[0].reason


def test_a_worker_that_cannot_be_started_is_an_error_of_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried a few times, and not for ever."""
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/bin/false")
    with Desk(ProcessEngine(2)) as desk:
        error = desk.error(desk.run(abs, -1))
        assert isinstance(error, WorkerLostError)
        assert "before it was ready" in str(error)
        monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/no/such/python")
        assert isinstance(desk.error(desk.run(abs, -1)), FileNotFoundError)
        monkeypatch.undo()
        assert desk.call(abs, -1) == 1


# ---------------------------------------------------------------- around it


def test_a_job_may_fork(desk: Desk) -> None:
    """What the child prints goes to the real streams, and not a byte to the scheduler."""

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


def test_a_child_that_comes_back_from_its_job_ends_there(desk: Desk) -> None:
    """A forgotten `os._exit` does not run the rest of the worker's jobs twice."""
    pid, _ = desk.call(lambda: (os.getpid(), os.fork()))
    assert desk.call(abs, -1) == 1
    assert alive(pid)


def test_workers_start_where_the_script_is(desk: Desk) -> None:
    """The same working directory, import path and arguments."""
    assert desk.call(lambda: (Path.cwd(), sys.argv)) == (Path.cwd(), sys.argv)
    assert set(sys.path) - {"", "."} <= set(desk.call(lambda: sys.path))


def test_a_tracker_in_a_job_is_a_part_of_the_operation(desk: Desk) -> None:
    """Its parent is the scheduler's operation."""

    def track() -> str | None:
        with pk.ProgressTracker("Page", stages=["read"]) as tracker:
            return tracker.snapshot().parent

    assert desk.call(track) == "op_1"


def test_shared_memory_outlives_the_workers_that_use_it() -> None:
    """It belongs to whoever made it."""

    def write(name: str) -> bool:
        from multiprocessing.resource_tracker import _resource_tracker as tracker

        memory = SharedMemory(name)
        assert memory.buf is not None
        memory.buf[0] = 7
        memory.close()
        return getattr(tracker, "_pid", None) is None  # else the worker's own would remove it with the worker

    memory = SharedMemory(create=True, size=64)
    try:
        with Desk(ProcessEngine(1)) as desk:
            assert desk.call(write, memory.name)
            desk.engine.close(wait=True)
        again = SharedMemory(memory.name)
        assert again.buf is not None
        assert again.buf[0] == 7
        again.close()
    finally:
        memory.close()
        memory.unlink()


def test_closing_lets_jobs_end_or_does_not(tmp_path: Path) -> None:
    """With `wait` a running job ends first; without, it is lost. No process is left either way."""
    with Desk(ProcessEngine(1)) as desk:
        key = desk.run(hold, tmp_path / "gate")
        pid = begun(tmp_path / "gate")
        (tmp_path / "gate").touch()
        desk.engine.close(wait=True)
        assert desk.value(key) == pid
        assert not alive(pid)
    with Desk(ProcessEngine(1)) as desk:
        key = desk.run(hold, tmp_path / "never")
        pid = begun(tmp_path / "never")
        waiting = desk.run(abs, -1)
        desk.engine.close(wait=False)
        assert not alive(pid)
        assert desk.wait(Lost, key)[0].begun == (key,)
        assert isinstance(desk.error(waiting), OperationCancelled)
        desk.engine.close(wait=False)  # once more does nothing


def test_an_engine_that_was_not_used_starts_nothing() -> None:
    """No thread, no process."""
    threads = threading.active_count()
    with Desk(ProcessEngine(4)):
        assert threading.active_count() == threads
