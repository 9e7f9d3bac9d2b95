import sys
from collections.abc import Iterator

import pytest

import progress_kit as pk
from tests.integration.processes import Home, Script, Server

COMMAND = [sys.executable, "-m", "progress_kit.cli"]
JOB = """
import progress_kit as pk
with pk.ProgressTracker("Train [red]model", stages={"load": 1, "train": 3}) as tracker:
    with tracker.stage("load", total=1) as stage:
        stage.advance()
    with tracker.stage("train", total=4, unit="epochs") as stage:
        stage.advance()
        print(tracker.id)
        for line in iter(input, "finish"):
            if line == "fail":
                raise OSError("disk full")
            tracker.raise_if_cancelled()
"""


class Job:
    """A script whose operation runs, at 44 %, until it is told."""

    def __init__(self, script: Script) -> None:
        self.id = script.out.next()
        self.script = script
        watch = pk.watch(operations=[self.id])
        next(view for view in watch if view)
        watch.close()

    def tell(self, word: str) -> None:
        """Let it ``finish``, ``fail``, or look whether it was cancelled."""
        assert self.script.process.stdin is not None
        self.script.process.stdin.write(f"{word}\n")
        self.script.process.stdin.flush()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A user's own directories."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    """A running Jupyter server."""
    with Server(home) as running:
        yield running


@pytest.fixture
def here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The command line runs as this user."""
    for name in ("PROGRESS_KIT_CONNECTION_FILE", "PROGRESS_KIT_HUB_URL", "PROGRESS_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in home.environment().items():
        if name.startswith("JUPYTER"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.root_dir)
    return home


@pytest.fixture
def job(server: Server, here: Home) -> Iterator[Job]:
    """A running operation."""
    with Script(here, JOB, environment={"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"}) as script:
        yield Job(script)
