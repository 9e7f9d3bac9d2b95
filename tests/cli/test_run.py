"""`run`: a command with its own output and exit code, and an operation besides."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import progress_kit as pk
from progress_kit import client
from progress_kit.model import Snapshot
from tests.cli.conftest import COMMAND
from tests.integration.processes import DEADLINE_S, Home, Server

COPY = """
import sys
print("10%", end="\\r", flush=True)
print("40%", flush=True)
sys.stdin.readline()
print("done", file=sys.stderr)
sys.exit(3)
"""


def started(here: Home, *command: str, name: str) -> subprocess.Popen[str]:
    """Start a command line that runs another."""
    return subprocess.Popen(
        [*COMMAND, "run", "--name", name, "--", *command],
        env=here.environment(PROGRESS_KIT_ANNOUNCE_AFTER_S="0"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def seen(name: str, state: str, fraction: float | None = None) -> Snapshot:
    """Return the operation of this name once the hub has it in this state, and as far."""
    watch = pk.watch()
    try:
        return next(
            each
            for view in watch
            for each in view
            if (each.name, each.state) == (name, state) and fraction in {None, each.fraction}
        )
    finally:
        watch.close()


def test_a_command_keeps_its_output_and_its_exit_code(server: Server, here: Home) -> None:
    """And what it says of itself is its progress."""
    with started(here, sys.executable, "-c", COPY, name="Copy") as process:
        running = seen("Copy", "running", 0.4)
        assert running.kind == f"Copy@{Path.cwd()}"
        out, err = process.communicate("go on\n", timeout=DEADLINE_S)
    assert (process.returncode, out, err) == (3, "10%\n40%\n", "done\n")
    ended = seen("Copy", "failed")
    assert ended.error is not None
    assert "3" in ended.error.message


def test_a_command_can_be_cancelled_from_elsewhere(server: Server, here: Home) -> None:
    """It ends as by a SIGTERM."""
    with started(here, "sleep", "600", name="Sleep") as process:
        client.cancel(seen("Sleep", "running").id)
        assert process.wait(DEADLINE_S) == 143
    seen("Sleep", "cancelled")


@pytest.mark.parametrize(
    "command, code, message",
    [
        (["no-such-program"], 127, "no-such-program: command not found"),
        (["/etc/passwd"], 126, "/etc/passwd: permission denied"),
        ([], 2, "run needs a command"),
    ],
    ids=["missing", "no program", "none"],
)
def test_a_command_that_cannot_run_says_so(here: Home, command: list[str], code: int, message: str) -> None:
    """With the exit codes of a shell."""
    done = subprocess.run([*COMMAND, "run", "--", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def test_without_a_hub_it_is_just_the_command(here: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is lost, and nothing is said."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    done = subprocess.run([*COMMAND, "run", "echo", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"--help|Usage", done.stdout)
