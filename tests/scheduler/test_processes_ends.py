"""Scripts with worker processes: however they end, no process is left."""

# ruff: noqa: T201 - what jobs print is what is tested
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from progress_kit.scheduler import ParallelTaskScheduler
from progress_kit.scheduler.engines.processes import ProcessEngine
from tests.scheduler.engine_desk import Desk, alive, begun, gone, hold, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@contextmanager
def script(
    source: str, directory: Path, prelude: str = "import progress_kit as pk\n"
) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group of its own, as a shell starts it. It has no ``if __name__ == "__main__"``."""
    path = directory / "script.py"
    path.write_text(prelude + source, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(path)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PROGRESS_KIT": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


HOLD = """
import os, sys, time, pathlib
from progress_kit.scheduler import ParallelTaskScheduler

def hold(name):
    here = pathlib.Path(name)
    here.with_suffix(".begun").write_text(str(os.getpid()))
    while not here.exists():
        time.sleep(0.01)
    return name
"""


def test_a_script_needs_no_guard_and_its_classes_travel(tmp_path: Path) -> None:
    """Functions and classes of `__main__` go to the workers and come back as the same classes."""
    source = """
from dataclasses import dataclass
from progress_kit.scheduler import ParallelTaskScheduler

@dataclass
class Point:
    x: int

class FarError(Exception):
    def __init__(self, point, limit):
        super().__init__("too far")
        self.point = point

def move(point):
    print("moving", point.x)
    if point.x > 2:
        raise FarError(point, 2)
    return Point(point.x + 1)

with ParallelTaskScheduler("Move", engine="processes", max_workers=2, on_error="continue") as scheduler:
    tasks = [scheduler.submit(move, Point(x)) for x in range(4)]
print([task.result() for task in tasks[:3]], [isinstance(task.result(), Point) for task in tasks[:3]])
error = tasks[3].exception()
print(type(error) is FarError, error.point)
"""
    with script(source, tmp_path) as process:
        out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    lines = out.splitlines()
    assert sorted(lines[:4]) == [f"moving {x}" for x in range(4)]
    assert lines[4] == "[Point(x=1), Point(x=2), Point(x=3)] [True, True, True]"
    assert lines[5] == "True Point(x=3)"


def test_an_interrupt_from_the_terminal_leaves_no_process(tmp_path: Path) -> None:
    """It goes to the whole group; the workers leave it to the script, which ends with `KeyboardInterrupt` alone."""
    source = (
        HOLD
        + """
with ParallelTaskScheduler("Hold", engine="processes", max_workers=2, cancel_grace=0.5) as scheduler:
    list(scheduler.map(hold, ["a", "b", "c"]))
"""
    )
    with script(source, tmp_path) as process:
        pids = [begun(tmp_path / "a"), begun(tmp_path / "b")]
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=50)
        gone(pids)
    assert process.returncode == -signal.SIGINT
    assert err.count("Traceback") == 1
    assert "KeyboardInterrupt" in err
    assert not (tmp_path / "c.begun").exists()


def test_workers_end_with_a_script_that_is_killed(tmp_path: Path) -> None:
    """Those that do nothing, those that run a job, and those that run C code which lets nothing else happen."""
    source = (
        HOLD
        + """
import itertools
def stuck(name):
    pathlib.Path(name).with_suffix(".begun").write_text(str(os.getpid()))
    sum(itertools.repeat(1))

with ParallelTaskScheduler("Hold", engine="processes", max_workers=3) as scheduler:
    for task in [scheduler.submit(hold, "a"), scheduler.submit(stuck, "b"), scheduler.submit(hold, "idle")]:
        pass
    hold("script")
"""
    )
    with script(source, tmp_path) as process:
        pids = [begun(tmp_path / name) for name in ("a", "b", "idle")]
        (tmp_path / "idle").touch()
        begun(tmp_path / "script")
        os.kill(process.pid, signal.SIGKILL)
        try:
            gone(pids)
        finally:  # one that stays would never end
            for pid in filter(alive, pids):
                os.kill(pid, signal.SIGKILL)


def test_a_job_in_c_code_is_killed(tmp_path: Path) -> None:
    """It cannot hear that it shall die."""

    def stuck(mark: Path) -> None:
        mark.write_text(str(os.getpid()), encoding="ascii")
        sum(itertools.repeat(1))

    with Desk(ProcessEngine(1)) as desk:
        key = desk.run(stuck, tmp_path / "gate.begun")
        pid = begun(tmp_path / "gate")
        desk.engine.stop([key], "kill")
        assert desk.call(abs, -1) == 1
        assert not alive(pid)


@pytest.mark.timeout(180)  # forks of a large process take their time on a busy machine
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_forks_do_not_disturb_the_workers() -> None:
    """200 children of this process, while jobs come and go: none hangs, and none says a word to a worker."""

    def talk(number: int) -> int:
        print("x" * 200)
        return number

    with Desk(ProcessEngine(2)) as desk:
        desk.call(abs, -1)
        assert isinstance(desk.engine, ProcessEngine)
        assert desk.engine._foreman is not None
        sockets = [worker.process.link.socket for worker in desk.engine._foreman._workers.values()]
        keys = []
        for number in range(200):
            keys += [desk.run(talk, number) for _ in range(5)]
            child = os.fork()
            if child == 0:
                try:
                    desk.engine.run([desk.job(abs, -1)])
                    desk.engine.stop(keys, "kill")
                    desk.engine.close(wait=True)
                    os._exit(7 if all(socket.fileno() == -1 for socket in sockets) else 2)
                finally:
                    os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert [desk.value(key) for key in keys] == [number for number in range(200) for _ in range(5)]


def test_jobs_may_fork_while_the_channel_is_busy() -> None:
    """200 children of a worker whose other thread is at work; what they print is not heard of."""

    def fork() -> int:
        import progress_kit as pk

        ended = 0
        for number in range(200):
            pk.current().advance()
            print("line", number)
            child = os.fork()
            if child == 0:
                print("never heard of" * 10_000)
                os._exit(7)
            ended += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        return ended

    with Desk(ProcessEngine(1)) as desk:
        key = desk.run(fork)
        assert desk.value(key) == 200
        assert desk.printed(key).splitlines() == [f"line {number}" for number in range(200)]
        until(lambda: desk.call(abs, -1) == 1)


@pytest.mark.usefixtures("publisher")
def test_one_of_four_workers_is_killed(tmp_path: Path) -> None:
    """Its task alone is lost, and tried again where that was asked for; all others have their results."""
    gates = [tmp_path / name for name in "abcdef"]
    with ParallelTaskScheduler("Four", engine="processes", max_workers=4, retries=1, backoff=0) as scheduler:
        tasks = [scheduler.submit(hold, gate) for gate in gates]
        victim = begun(gates[0])
        for gate in gates[1:4]:
            begun(gate)
        os.kill(victim, signal.SIGKILL)
        for gate in gates:
            gate.touch()
        pids = [task.result() for task in tasks]
    assert victim not in pids
    assert [task.attempt for task in tasks] == [2, 1, 1, 1, 1, 1]
    assert scheduler.snapshot().state == "succeeded"
