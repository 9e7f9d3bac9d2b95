"""From a script to somebody who watches, with a real Jupyter server between them."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from progress_kit.client import operations
from tests.integration.processes import Home, Script, Server, Watcher

pytestmark = pytest.mark.slow

STEPS = """
import progress_kit as pk
with pk.ProgressTracker({name!r}, stages={{"main": 1}}) as tracker:
    with tracker.stage("main", total=3, unit="steps") as stage:
        for step in range(3):
            print("at", step, tracker.id)
            input()
            stage.advance()
print("done")
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The directories of the server that tests share."""
    return Home(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def town_hall(town: Home) -> Iterator[Server]:
    """A server for tests that do it no harm; each has operations under names of its own, and asks for no others."""
    with Server(town) as running:
        yield running


def test_a_script_is_seen_live_and_its_end_is_stored(town: Home, town_hall: Server) -> None:
    """It runs beside the server, in its root directory, and needs nothing but an import."""
    with Script(town, STEPS.format(name="Résumé")) as script, Watcher(town) as watcher:
        operation = script.out.until("at 0").split()[2]
        found = watcher.wait("Résumé", "running", lease="ok")
        assert found.id == operation
        assert found.origin.pid == script.process.pid
        script.go_on()
        watcher.until(lambda: watcher.session.view[operation].stages[0].done == 1)
        script.go_on()
        script.go_on()
        assert watcher.wait("Résumé", "succeeded", stored=True).fraction == 1
        assert script.wait() == 0
        assert script.err.rest() == ""


def test_a_server_killed_and_started_again_knows_everything(home: Home) -> None:
    """`kill -9`: the surviving script comes back by itself, what had ended is still known, its end meanwhile too."""
    with Script(home, STEPS.format(name="Surviving")) as surviving, Script(home, STEPS.format(name="Ended")) as ended:
        with Server(home) as first, Watcher(home) as watcher:
            for _ in range(3):
                ended.go_on()
            watcher.wait("Ended", "succeeded", stored=True)
            before = watcher.wait("Surviving", "running")
            first.kill()
        surviving.go_on()
        surviving.out.until("at 1")
        with Server(home), Watcher(home) as watcher:
            found = watcher.wait("Surviving", "running", lease="ok")
            assert found.id == before.id
            watcher.until(lambda: watcher.session.view[before.id].stages[0].done == 1)
            assert watcher.wait("Ended", "succeeded").hub is not None
            surviving.go_on()
            surviving.go_on()
            watcher.wait("Surviving", "succeeded", stored=True)
        assert surviving.wait() == ended.wait() == 0
        assert surviving.err.rest() == ended.err.rest() == ""


def test_an_end_without_a_server_is_told_to_the_next_one(home: Home) -> None:
    """What ends while the server is down is delivered when it is up again."""
    source = STEPS.format(name="Meanwhile") + "input()\n"
    with Script(home, source) as script:
        with Server(home) as first, Watcher(home) as watcher:
            watcher.wait("Meanwhile", "running")
            first.kill()
        for _ in range(3):
            script.go_on()
        script.out.until("done")
        with Server(home), Watcher(home) as watcher:
            watcher.wait("Meanwhile", "succeeded", stored=True)
        script.go_on()
        assert script.wait() == 0


@pytest.mark.parametrize(
    "name, body, state",
    [
        ("Left", "raise SystemExit(3)", "failed"),
        ("Divided", "1 / 0", "failed"),
        ("Short", "threading.Event().wait(0.6)", "succeeded"),
    ],
)
def test_a_script_that_exits_right_after_its_end_is_not_lost(
    town: Home, town_hall: Server, name: str, body: str, state: str
) -> None:
    """The exit waits, for a bounded time, until the hub has stored the end."""
    source = f"import progress_kit as pk, threading\nwith pk.ProgressTracker({name!r}):\n {body}"
    with Script(town, source) as script:
        script.wait()
        assert "progress_kit" not in script.err.rest().replace("import progress_kit", "")
    with Watcher(town) as watcher:
        watcher.wait(name, state, stored=True)


def test_a_worker_of_multiprocessing_is_not_lost(town: Home, town_hall: Server) -> None:
    """Such a process leaves without atexit: its last state is flushed all the same."""
    source = """
import multiprocessing, progress_kit as pk
def work():
    with pk.ProgressTracker("In a worker"):
        raise ValueError("no luck")
process = multiprocessing.get_context("fork").Process(target=work)
with pk.ProgressTracker("Around it"):
    process.start()
    process.join()
    input()
"""
    with Script(town, source) as script, Watcher(town) as watcher:
        failed = watcher.wait("In a worker", "failed", stored=True)
        assert failed.error is not None
        assert failed.error.message == "no luck"
        around = watcher.wait("Around it", "running")
        assert failed.origin.pid != around.origin.pid == script.process.pid
        script.go_on()
        watcher.wait("Around it", "succeeded")
        assert script.wait() == 0


def test_ctrl_c_reaches_the_script_and_not_the_thread(town: Home, town_hall: Server) -> None:
    """KeyboardInterrupt is the user's: the operation is cancelled, and nothing of ours is in the traceback."""
    with Script(town, STEPS.format(name="Interrupted")) as script, Watcher(town) as watcher:
        watcher.wait("Interrupted", "running")
        script.process.send_signal(signal.SIGINT)
        watcher.wait("Interrupted", "cancelled", stored=True)
        assert script.wait() in {130, -signal.SIGINT}
        assert script.err.rest().count("Traceback") == 1
        assert "publisher" not in script.err.rest()


def test_cancel_reaches_the_loop(town: Home, town_hall: Server) -> None:
    """Somebody else's cancel ends the script's loop at its next step."""
    source = """
import progress_kit as pk
try:
    for item in pk.track(iter(input, "end"), "Endless"):
        print("item")
except pk.OperationCancelled:
    print("stopped")
"""
    with Script(town, source) as script, Watcher(town) as watcher:
        found = watcher.wait("Endless", "running")
        request, frame = watcher.session.command(found.id, "cancel")
        watcher.send(frame)
        watcher.until(lambda: request in watcher.session.results)
        assert watcher.session.results[request].ok
        script.go_on()
        script.out.until("stopped")
        watcher.wait("Endless", "cancelled", stored=True)


def test_the_nearest_server_gets_it(home: Home, server: Server) -> None:
    """Of two servers of one user, a script belongs to the one whose root directory is around it."""
    inner = home.root_dir / "project"
    inner.mkdir()
    with (
        Server(home, root_dir=inner),
        Script(home, STEPS.format(name="Outside")) as outside,
        Script(home, STEPS.format(name="Inside"), cwd=inner) as inside,
        Watcher(home) as outer_watcher,
        Watcher(home, cwd=inner) as inner_watcher,
    ):
        outer_watcher.wait("Outside", "running")
        inner_watcher.wait("Inside", "running")
        assert len(outer_watcher.session.view) == len(inner_watcher.session.view) == 1
        for script in (outside, inside):
            for _ in range(3):
                script.go_on()
            assert script.wait() == 0


def test_without_a_hub_a_program_is_as_without_progress_kit(home: Home) -> None:
    """Same output, nothing on stderr, no delay at exit worth speaking of."""
    source = """
import threading, progress_kit as pk
for item in pk.track(range(7), "Alone"):
    threading.Event().wait(0.1)
print("finished")
"""
    with Script(home, source) as script:
        assert script.wait() == 0
        assert script.out.rest() == "finished\n"
        assert script.err.rest() == ""


def test_off_means_off(home: Home, server: Server) -> None:
    """`PROGRESS_KIT=off`: nothing is published, no thread is started."""
    source = "import progress_kit as pk, threading\nwith pk.ProgressTracker('x'):\n print(threading.active_count())"
    with Script(home, source, environment={"PROGRESS_KIT": "off"}) as script:
        assert script.wait() == 0
        assert script.out.rest() == "1\n"
    with Watcher(home) as watcher:
        assert watcher.session.view == {}


def test_a_program_whose_server_refuses_goes_on_with_one_warning(town: Home, town_hall: Server) -> None:
    """A wrong token in the environment costs one line in the log and nothing else."""
    url = town_hall.file.read_text().split('"url":"')[1].split('"')[0]
    environment = {"PROGRESS_KIT_HUB_URL": url, "PROGRESS_KIT_TOKEN": "wrong-token"}
    source = """
import progress_kit as pk
try:
    with pk.ProgressTracker("x"):
        1 / 0
except ZeroDivisionError:
    print("as usual")
"""
    with Script(town, source, environment=environment) as script:
        assert script.wait() == 0
        assert script.out.rest() == "as usual\n"
        lines = script.err.rest().splitlines()
        assert len(lines) == 1
        assert "refused" in lines[0]
        assert "wrong-token" not in lines[0]


def test_the_client_finds_the_server(home: Home, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pk.operations()` from any directory, by the connection file alone."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home.runtime_dir))
    for name in ("PROGRESS_KIT_CONNECTION_FILE", "PROGRESS_KIT_HUB_URL", "PROGRESS_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert operations() == []


def test_no_secret_is_in_the_process_list_or_the_servers_log(home: Home, server: Server) -> None:
    """Tokens travel in headers and frames only."""
    secret = server.file.read_text().split('"token":"')[1].split('"')[0]
    with Script(home, STEPS.format(name="Quiet")) as script, Watcher(home) as watcher:
        watcher.wait("Quiet", "running")
        listing = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
        assert secret not in listing
        assert "eyJ" not in "\n".join(line for line in listing.splitlines() if str(script.process.pid) in line)
    server.stop()
    assert secret not in server.lines.rest()
    assert "eyJ" not in server.lines.rest()
