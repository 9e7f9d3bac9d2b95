"""Schedulers of a script, as whoever watches a real hub sees them."""

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from progress_kit.connection import access, candidates
from progress_kit.model import Action, Snapshot
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.settings import Settings
from tests.integration.processes import DEADLINE_S, Home, Script, Server, Watcher
from tests.scheduler.engine_desk import gone

pytestmark = pytest.mark.slow

WORK = """
import time
from pathlib import Path
import progress_kit as pk

def work(number):
    task = pk.current()
    task.advance(1, total=4)
    while not Path(f"{name}-{{number}}").exists():
        task.raise_if_cancelled()
        time.sleep(0.01)
    if number == 1:
        raise ValueError("no luck")
    return number

if __name__ == "__main__":
"""
RUN = """
    with pk.ParallelTaskScheduler("{name}", engine="{engine}", max_workers=2, on_error="continue") as scheduler:
        for task in scheduler.as_completed(work, [0, 1, 2], cost=lambda number: 10 - number, name="number {{}}".format):
            print("ended", task.item, task.state)
    print("done")
"""
INTERRUPTED = """
    with pk.ParallelTaskScheduler("{name}", engine="{engine}", max_workers=2) as scheduler:
        print(list(scheduler.map(work, [0, 1, 2])))
"""


NEEDED = """
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
import progress_kit as pk

@contextmanager
def cluster():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        yield client
"""
WORKERS = {
    "threads": 'nullcontext("threads")',
    "processes": 'nullcontext("processes")',
    "loky": 'nullcontext("loky")',
    "pool": "ProcessPoolExecutor(1)",
    "dask": "cluster()",
}
ALONE = """
    with {engine} as engine, pk.ParallelTaskScheduler("{name}", engine=engine, max_workers=2) as scheduler:
        print(list(scheduler.map(work, [0, 1, 2])))
"""

# An operation in a task, and another one in that, wherever the task may run.
NESTED = """
def innermost(_):
    while True:
        pk.current().advance(1, total=1_000_000)
        time.sleep(0.01)

def work(_):
    with pk.ProgressTracker("{name}-tracker", ["main"]), pk.ParallelTaskScheduler("{name}-scheduler") as scheduler:
        list(scheduler.map(innermost, [0]))

if __name__ == "__main__":
    with {engine} as engine, pk.ParallelTaskScheduler("{name}", engine=engine, max_workers=1) as scheduler:
        list(scheduler.map(work, [0]))
"""

KILLED = """
import os, time
from pathlib import Path
import progress_kit as pk

def work(number):
    with pk.ProgressTracker(f"{name}-{{number}}", ["main"]):
        Path(f"{name}-{{number}}.new").write_text(str(os.getpid()))
        os.replace(f"{name}-{{number}}.new", f"{name}-{{number}}.pid")
        while True:
            time.sleep(0.01)

if __name__ == "__main__":
    with pk.ParallelTaskScheduler("{name}", engine="processes", max_workers=2, on_error="continue") as scheduler:
        list(scheduler.map(work, [0, 1], name="number {{}}".format))
"""


# Workers as on another machine: they find no hub by themselves, and their Dask lets no word of progress through.
ELSEWHERE = """
from pathlib import Path
import dask, time
import progress_kit as pk

def work(number):
    from distributed import get_worker
    worker = get_worker()
    log_event = worker.log_event
    worker.log_event = lambda topic, message: log_event(topic, {{**message, "progress": []}})
    task = pk.current()
    while not Path(f"{name}-{{number}}").exists():
        task.advance(1, total=1_000_000)
        time.sleep(0.01)

def told(dask_worker):
    return [repr(task.run_spec) for task in dask_worker.state.tasks.values()]

if __name__ == "__main__":
    from distributed import Client, LocalCluster
    terms = {{"distributed.nanny.environ.JUPYTER_RUNTIME_DIR": {runtime_dir!r}}}
    with dask.config.set(terms), LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client, pk.ParallelTaskScheduler("{name}", engine=client) as scheduler:
            task = scheduler.submit(work, 0)
            input()
            seen = client.get_worker_logs(), client.get_scheduler_logs(), client.run(told), scheduler.driver.engine
            print("token" if "eyJ" in repr(seen) else "no token", flush=True)
            task.result()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A user's own directories."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """A running Jupyter server."""
    with Server(home, None, "--ProgressKit.limits", "lease_s=4", "--ProgressKit.limits", "heartbeat_s=1") as running:
        yield running


def let(home: Home, name: str, number: int) -> None:
    """Let a task come to its end."""
    (home.root_dir / f"{name}-{number}").touch()


def asked(home: Home, path: str) -> dict[str, Any]:
    """What the hub answers to a question over REST."""
    (target, *_) = candidates(Settings(), cwd=home.root_dir, runtime_dir=home.runtime_dir)
    token = access(target, ("subscribe",), timeout_s=DEADLINE_S).text
    request = urllib.request.Request(f"{target.url}api/{path}", headers={TOKEN_HEADER: token})  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - our own
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_tasks_are_seen_on_their_workers(home: Home, server: Server, engine: str) -> None:
    """Running ones with their word, failed ones with their error, counts of all, and in the end who did what when."""
    name = f"Seen-{engine}"
    source = (WORK + RUN).format(name=name, engine=engine)
    with Script(home, source) as script, Watcher(home) as watcher:
        operation = watcher.wait(name, "running").id

        def seen() -> Snapshot:
            return watcher.session.view[operation]

        watcher.until(
            lambda: (
                [(task.name, task.done, task.total) for task in seen().tasks]
                == [("number 0", 1, 4), ("number 1", 1, 4)]
            )
        )
        [stage] = seen().stages
        assert stage.tasks is not None
        assert (stage.done, stage.total, stage.tasks.running, stage.tasks.pending) == (0, 3, 2, 1)
        assert len({task.worker for task in seen().tasks}) == 2
        assert [task.cost for task in seen().tasks] == [10, 9]
        let(home, name, 1)
        watcher.until(lambda: [task.state for task in seen().tasks] == ["running", "running", "failed"])
        failed = seen().tasks[-1]
        assert failed.error is not None
        assert (failed.name, failed.error.type, failed.error.message) == ("number 1", "ValueError", "no luck")
        let(home, name, 0)
        let(home, name, 2)
        ended = watcher.wait(name, "succeeded", stored=True)
        assert (ended.fraction, ended.stages[0].done) == (1, 3)
        assert script.wait() == 0
        assert script.err.rest() == ""
        assert script.out.rest().splitlines()[-1] == "done"
    spans = asked(home, f"operations/{operation}/tasks")["spans"]
    assert sorted((task, stage, state) for task, stage, _, _, _, _, state in spans) == [
        ("number 0", "main", "succeeded"),
        ("number 1", "main", "failed"),
        ("number 2", "main", "succeeded"),
    ]
    assert len({worker for _, _, worker, *_ in spans}) == 2
    assert all(0 <= start_s <= end_s <= (ended.elapsed_s or 0) + 0.1 for _, _, _, _, start_s, end_s, _ in spans)


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_a_viewer_cancels_it(home: Home, server: Server, engine: str) -> None:
    """What runs stops, what waits never begins, and the script goes on after its block."""
    name = f"Stopped-{engine}"
    source = (WORK + RUN).format(name=name, engine=engine).replace('    print("done")', "")
    with Script(home, source) as script, Watcher(home) as watcher:
        operation = watcher.wait(name, "running").id
        watcher.until(lambda: len(watcher.session.view[operation].tasks) == 2)
        request, frame = watcher.session.command(operation, "cancel")
        watcher.send(frame)
        watcher.until(lambda: request in watcher.session.results)
        assert watcher.session.results[request].ok
        ended = watcher.wait(name, "cancelled", stored=True)
        counts = ended.stages[0].tasks
        assert counts is not None
        assert (counts.cancelled, counts.running, counts.pending) == (3, 0, 0)
        script.wait()
        assert "OperationCancelled" in script.err.rest()


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_ctrl_c_cancels_it(home: Home, server: Server, engine: str) -> None:
    """The script is interrupted as any other, and the hub knows."""
    name = f"Interrupted-{engine}"
    with Script(home, (WORK + INTERRUPTED).format(name=name, engine=engine)) as script, Watcher(home) as watcher:
        operation = watcher.wait(name, "running").id
        watcher.until(lambda: len(watcher.session.view[operation].tasks) == 2)
        script.process.send_signal(signal.SIGINT)
        ended = watcher.wait(name, "cancelled", stored=True)
        assert ended.error is None
        assert script.wait() in {130, -signal.SIGINT}
        assert script.err.rest().count("KeyboardInterrupt") == 1


@pytest.mark.parametrize("workers", WORKERS)
def test_what_is_nested_in_a_task_is_a_part_of_it(home: Home, server: Server, workers: str) -> None:
    """Wherever the task runs, operations in it are seen with their parents; a viewer's word reaches all of them."""
    name = f"Nested-{workers}"
    with Script(home, (NEEDED + NESTED).format(name=name, engine=WORKERS[workers])) as script, Watcher(home) as watcher:
        names = [name, f"{name}-tracker", f"{name}-scheduler"]
        around, tracker, scheduler = (watcher.wait(each, "running") for each in names)
        assert [around.parent, tracker.parent, scheduler.parent] == [None, around.id, tracker.id]
        assert (tracker.origin.pid == around.origin.pid) == (workers == "threads")
        watcher.until(lambda: any(task.done for task in watcher.session.view[scheduler.id].tasks))
        asked: list[tuple[Action, str]] = [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")]
        for action, state in asked:
            request, frame = watcher.session.command(around.id, action)
            watcher.send(frame)
            for each in names:
                watcher.wait(each, state)
            watcher.until(lambda: request in watcher.session.results)  # noqa: B023 - it is called at once
            assert watcher.session.results[request].ok
        watcher.wait(name, "cancelled", stored=True)
        script.wait()
        assert script.err.rest().strip().splitlines()[-1].startswith("progress_kit.errors.OperationCancelled")


def test_a_killed_worker_and_a_killed_script(home: Home, server: Server) -> None:
    """A worker's death fails its task alone, and what that tracked is lost; so is everything that a script leaves."""
    name = "Killed"
    with Script(home, KILLED.format(name=name)) as script, Watcher(home) as watcher:
        operation = watcher.wait(name, "running").id
        for number in range(2):
            watcher.wait(f"{name}-{number}", "running")
        pids = [int((home.root_dir / f"{name}-{number}.pid").read_text(encoding="ascii")) for number in range(2)]
        os.kill(pids[0], signal.SIGKILL)

        def counts() -> tuple[int, int]:
            [stage] = watcher.session.view[operation].stages
            return (stage.tasks.running, stage.tasks.failed) if stage.tasks is not None else (0, 0)

        watcher.until(lambda: counts() == (1, 1) and len(watcher.session.view[operation].tasks) == 2)
        found = watcher.session.view[operation]
        assert found.state == "running"
        [running, failed] = found.tasks
        assert (running.name, running.state) == ("number 1", "running")
        assert failed.error is not None
        assert (failed.name, failed.error.type) == ("number 0", "WorkerLostError")
        assert "SIGKILL" in failed.error.message
        watcher.wait(f"{name}-0", "running", lease="lost")

        script.process.kill()
        gone(pids)
        for each in (name, f"{name}-1"):
            watcher.wait(each, "running", lease="lost")


def test_dask_workers_elsewhere_tell_the_hub(home: Home, server: Server, tmp_path: Path) -> None:
    """A token for this one operation lets them, and is seen nowhere; how far a task is comes from them by the hub."""
    name = "Elsewhere"
    source = ELSEWHERE.format(name=name, runtime_dir=str(tmp_path))
    with Script(home, source) as script, Watcher(home) as watcher:
        operation = watcher.wait(name, "running").id
        watcher.until(
            lambda: (
                [(task.done > 0, task.total, task.worker) for task in watcher.session.view[operation].tasks]
                == [(True, 1_000_000, "worker 0")]
            )
        )
        script.go_on()
        assert script.out.until("token") == "no token"
        let(home, name, 0)
        watcher.wait(name, "succeeded", stored=True)
        assert script.wait() == 0


@pytest.mark.parametrize("workers", ["processes", "dask"])
def test_a_hub_that_says_no_or_goes_away_changes_nothing(tmp_path: Path, workers: str) -> None:
    """The same results and the same exit where it refuses, was never there, or is killed meanwhile; nobody is told."""
    home = Home(tmp_path)
    name = "Alone"
    source = (
        (NEEDED + WORK + ALONE).format(name=name, engine=WORKERS[workers]).replace("if number == 1", "if number == 9")
    )
    with Server(home) as server, socket.socket() as nobody:
        (target, *_) = candidates(Settings(), cwd=home.root_dir, runtime_dir=home.runtime_dir)
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        down = target.url.replace(f":{server.port}/", f":{nobody.getsockname()[1]}/")
        places = [
            {"PROGRESS_KIT_HUB_URL": target.url, "PROGRESS_KIT_TOKEN": "eyJhbGciOiJub25lIn0.e30.wrong"},
            {"PROGRESS_KIT_HUB_URL": down, "PROGRESS_KIT_TOKEN": "eyJhbGciOiJub25lIn0.e30.wrong"},
            {},
        ]
        with ExitStack() as stack:
            if workers == "dask":
                places = places[-1:]  # a cluster takes its time
            scripts = [stack.enter_context(Script(home, source, environment=place)) for place in places]
            watcher = stack.enter_context(Watcher(home))
            watcher.wait(name, "running")
            server.kill()
            for number in range(3):
                let(home, name, number)
            for script in scripts:
                assert script.wait() == 0
                assert script.out.rest() == "[0, 1, 2]\n"
                assert "Traceback" not in script.err.rest()
                assert "wrong" not in script.err.rest()
