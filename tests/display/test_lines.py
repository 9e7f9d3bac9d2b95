"""Where nobody watches a terminal a few lines tell how far it is, and the environment decides where it is shown."""

import io
import os
import re
import subprocess
import sys

import pexpect
import pytest
from msgspec.structs import replace

from progress_kit.display.lines import Lines
from progress_kit.model import Estimate, Snapshot


def test_lines_at_start_quarters_and_end() -> None:
    """No more, however often it changes; one that jumps over a quarter says the last one."""
    log = io.StringIO()
    lines = Lines(log)
    rows = Snapshot(id="op_1", name="Rows", state="running", estimate=Estimate(p50_s=40.0))
    for percent in (0, 1, 24, 25, 26, 60, 61, 74, 75, 99):
        lines(replace(rows, fraction=percent / 100), None)
    lines(replace(rows, fraction=1.0, state="succeeded", elapsed_s=61.0), None)
    assert log.getvalue().splitlines() == [
        "Rows: started",
        "Rows: 25 % · about 40 s left",
        "Rows: 60 % · about 40 s left",
        "Rows: 75 % · about 40 s left",
        "Rows: finished in 1 min 01 s",
    ]


def test_of_an_unknown_total_only_start_and_end() -> None:
    """A failure says why."""
    log = io.StringIO()
    lines = Lines(log)
    rows = Snapshot(id="op_1", name="Rows \x1b[2J", state="running")
    for _ in range(9):
        lines(rows, None)
    lines(replace(rows, state="cancelled"), None)
    assert log.getvalue().count("\n") == 2
    assert "\x1b" not in log.getvalue()


def test_a_log_that_cannot_be_written_to_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """With one warning; the loop goes on."""
    log = io.StringIO()
    lines = Lines(log)
    log.close()
    for _ in range(3):
        lines(Snapshot(id="op_1", name="Rows", state="running"), None)
    assert [record.getMessage() for record in caplog.records] == [
        "Progress is not written here any more: ValueError: I/O operation on closed file"
    ]


NO_HUB = {"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0.01", "PROGRESS_KIT_HUB_URL": "http://127.0.0.1:9/"}
PROGRAM = """
import os, sys, threading
import progress_kit as pk
written, write = threading.Event(), sys.stderr.write
sys.stderr.write = lambda text: (write(text), written.set())[0]
with pk.ProgressTracker("Rows", ["main"]):
    written.wait(float(os.environ.get("WAIT_S", "60")))
"""


def shown(**more: str) -> str:
    """Return what a program without a terminal writes to standard error."""
    environment = {
        **os.environ,
        "PROGRESS_KIT_ANNOUNCE_AFTER_S": "0.01",
        "PROGRESS_KIT_HUB_URL": "http://127.0.0.1:9/",
        **more,
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
    return done.stderr.decode()


def test_without_a_terminal_there_are_lines() -> None:
    """In a log, in continuous integration, under an agent."""
    started, ended = shown().splitlines()
    assert started == "Rows: started"
    assert re.match(r"Rows: finished in [\d.]+ s", ended)  # how long that is, the machine says


@pytest.mark.parametrize("where, lines", [("off", 0), ("notebook", 0), ("lines", 2)])
def test_the_environment_decides(where: str, lines: int) -> None:
    """`PROGRESS_KIT_DISPLAY` is for people and for programs that start ours."""
    assert len(shown(PROGRESS_KIT_DISPLAY=where, WAIT_S="60" if lines else "0.3").splitlines()) == lines


def test_a_terminal_can_be_forced() -> None:
    """One line that is rewritten, into whatever standard error is."""
    assert "\rRows" in shown(PROGRESS_KIT_DISPLAY="terminal")


@pytest.mark.parametrize(
    "more, rewritten", [({"CI": ""}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_in_a_terminal_nobody_may_watch(more: dict[str, str], rewritten: bool) -> None:  # noqa: FBT001
    """Continuous integration has terminals too, which keep all that was ever rewritten."""
    environment = {**os.environ, **NO_HUB, "TERM": "xterm", "CI": "", **more}
    program = pexpect.spawn(
        sys.executable,
        ["-c", PROGRAM],
        env=environment,
        encoding="utf-8",
    )
    program.expect(pexpect.EOF)
    program.close()
    assert program.before is not None
    assert ("started" not in program.before) is rewritten
    assert "Rows: finished" in program.before
