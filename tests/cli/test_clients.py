"""The client for shell scripts, as a user sources it, beside a real server."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

import progress_kit as pk
from progress_kit import client
from progress_kit.model import Snapshot
from tests.integration.processes import DEADLINE_S, Home, Server

CLIENTS = Path(__file__).parents[2] / "notebooks" / "clients"
NAME = 'Back"up \\ <b>'
BACKUP = r"""
set -u
eval "$(progress-kit token --export)"
. "$CLIENTS/progress.sh"
progress_begin 'Back"up \ <b>' 3 files
while read -r word && [ "$word" = step ]; do
  SECONDS=$((SECONDS + 10)) # it reports once a second; let one have passed
  progress_step "$1" && echo on || echo stop
done
shift
progress_end "$@"
"""


class Backup:
    """A shell script that reports what it does."""

    def __init__(self, home: Home, *end: str) -> None:
        self.process = subprocess.Popen(
            [str(shutil.which("bash")), "-c", BACKUP, "backup", *end],
            env=home.environment(CLIENTS=str(CLIENTS), PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin"),
            cwd=home.root_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=DEADLINE_S)

    def step(self) -> str:
        """Let it do the next step, and return whether it goes ``on``, or has been told to ``stop``."""
        self._tell("step")
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Let it report its end; nothing that went wrong was written anywhere."""
        self._tell("end")
        assert self.process.wait(DEADLINE_S) == 0
        assert self.process.stderr is not None
        assert self.process.stderr.read() == ""

    def _tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


@pytest.fixture
def views(server: Server, here: Home) -> Iterator[Iterator[list[Snapshot]]]:
    """What the hub has of the backup, as it changes."""
    watch = pk.watch()
    yield iter(watch)
    watch.close()


def until(views: Iterator[list[Snapshot]], condition: Callable[[Snapshot], bool]) -> Snapshot:
    """Return the newest backup once it is as wanted."""
    return next(each for view in views for each in reversed(view) if each.name == NAME and condition(each))


def test_a_shell_script_reports(views: Iterator[list[Snapshot]], here: Home) -> None:
    """Its counts while it runs, and how it ended; whatever its texts are made of."""
    with Backup(here, "2", "failed", 'disk "full"') as backup:
        until(views, lambda found: found.state == "running")
        assert backup.step() == "on"
        assert until(views, lambda found: found.fraction == 2 / 3).stages[0].unit == "files"
        backup.end()
        ended = until(views, lambda found: found.state == "failed")
        assert ended.error is not None
        assert ended.error.message == 'disk "full"'


def test_a_shell_script_can_be_cancelled(views: Iterator[list[Snapshot]], here: Home) -> None:
    """From the panel or from anywhere: its next step says so, and who asked is told that it was heard."""
    with Backup(here, "0", "cancelled") as backup:
        running = until(views, lambda found: found.state == "running")
        asking = threading.Thread(target=client.cancel, args=(running.id,))
        asking.start()
        while backup.step() == "on":
            pass
        asking.join(DEADLINE_S)
        backup.end()
        until(views, lambda found: found.id == running.id and found.state == "cancelled")


def test_without_a_hub_a_shell_script_goes_on(here: Home) -> None:
    """Reporting never stops a backup."""
    here_but_away = {"PROGRESS_KIT_HUB_URL": "http://127.0.0.1:9/", "PROGRESS_KIT_TOKEN": "none"}
    script = f". {CLIENTS}/progress.sh; progress_begin Backup; progress_step; echo $?; progress_end succeeded; echo $?"
    done = subprocess.run(
        ["bash", "-c", script], env=here.environment(**here_but_away), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("0\n0\n", "")
