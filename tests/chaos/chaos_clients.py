"""The client for R, as a user sources it, beside a real server; needs R with httr2 (``apt install r-cran-httr2``)."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import progress_kit as pk
from progress_kit import client
from progress_kit.model import Snapshot
from tests.integration.processes import DEADLINE_S, Home, Lines, Server

CLIENT = Path(__file__).parents[2] / "notebooks" / "clients" / "progress.R"
NAME = 'Boot "strap" é'
SCRIPT = f"""
source("{CLIENT}", encoding = "UTF-8")
p <- progress('{NAME}', total = 4, unit = "samples")
input <- file("stdin", "r")
while (length(word <- readLines(input, 1)) && word == "step") {{
  Sys.sleep(1.1) # it reports once a second
  cat(if (p$step()) "on" else "stop", "\\n")
}}
p$end(word, if (word == "failed") "did not converge")
"""


class R:
    """An R program that reports what it does; it does what it is told."""

    def __init__(self, home: Home, **more: str) -> None:
        rscript = shutil.which("Rscript")
        assert rscript is not None, "these tests need R"
        shell = f'eval "$({Path(sys.executable).parent}/progress-kit token --export)"; exec {rscript} -e "$0"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, SCRIPT],
            env={**home.environment(), "LC_ALL": "C.UTF-8", **more},
            cwd=home.root_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout)

    def tell(self, word: str) -> None:
        """Let it take a ``step``, or end as ``succeeded``, ``failed`` or ``cancelled``."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def step(self) -> str:
        """Let it take a step; return whether it goes ``on`` or has been told to ``stop``."""
        self.tell("step")
        return self.lines.next().strip()

    def end(self, state: str) -> None:
        """Let it end."""
        self.tell(state)
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_S) == 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A user with a running server; the tests ask it as this user."""
    home = Home(tmp_path)
    for name, value in home.environment().items():
        if name.startswith("JUPYTER"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.root_dir)
    with Server(home):
        yield home


def until(state: str, done: int) -> Snapshot:
    """Return the operation once it is so far."""
    watch = pk.watch()
    try:
        return next(
            each
            for view in watch
            for each in view
            if each.name == NAME and each.state == state and each.stages[0].done == done
        )
    finally:
        watch.close()


def test_an_r_program_reports(home: Home) -> None:
    """Its counts, and how it ended; its times are the hub's."""
    program = R(home)
    assert program.step() == "on"
    running = until("running", 1)
    assert running.fraction == 0.25
    program.end("failed")
    ended = until("failed", 1)
    assert ended.error is not None
    assert ended.error.message == "did not converge"
    assert ended.elapsed_s is not None
    assert ended.elapsed_s > 1


def test_an_r_program_can_be_cancelled(home: Home) -> None:
    """Its next step says so, and who asked is told that it was heard."""
    program = R(home)
    running = until("running", 0)
    asking = threading.Thread(target=client.cancel, args=(running.id,))
    asking.start()
    while program.step() == "on":
        pass
    asking.join(DEADLINE_S)
    program.end("cancelled")
    assert pk.wait(running.id, timeout=DEADLINE_S).state == "cancelled"
