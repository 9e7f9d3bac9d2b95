import os
import pty
import subprocess
import sys
import termios
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from progress_kit.display.terminal import Terminal, columns_of, cut
from progress_kit.model import Failure, Snapshot


class Screen(StringIO):
    """A terminal's stream; `rows` is what a person sees on it."""

    def rows(self) -> list[str]:
        """Each line after its last rewriting."""
        seen = []
        for row in self.getvalue().split("\n"):
            cells: list[str] = []
            for rewritten in row.split("\r"):
                cells[: len(rewritten)] = rewritten
            seen.append("".join(cells).rstrip())
        return seen


def test_one_operation_is_one_line_that_is_rewritten(survey: Snapshot) -> None:
    """The line says name, percent, bar, counter, rate and time left, and stays one line."""
    screen = Screen()
    terminal = Terminal(screen)
    terminal.show(replace(survey, name="Survey", fraction=0.1), None)
    terminal.show(replace(survey, name="Survey"), None)
    assert screen.rows() == ["Survey  43 % ━━━━━━━━────────────  698 / 1,836 files · 74 files/s · about 40 s…"]


def test_the_end_leaves_a_line_of_its_own(survey: Snapshot) -> None:
    """Nothing of the longer running line remains beside it, and the next output starts on a new line."""
    screen = Screen()
    terminal = Terminal(screen)
    terminal.show(survey, None)
    terminal.show(replace(survey, name="Survey", state="failed", error=Failure(type="KeyError", message="'a'")), None)
    assert screen.rows() == ["Survey: failed: KeyError: 'a' · after 1 min 04 s at 43 %", ""]


def test_several_operations_share_the_line(survey: Snapshot) -> None:
    """Each has its name and percentage; the one that ends stands above the others."""
    screen = Screen()
    terminal = Terminal(screen)
    for number in range(3):
        terminal.show(replace(survey, id=f"op_{number}", name=f"Job {number}", fraction=number / 10), None)
    assert screen.rows() == ["Job 0 0 % | Job 1 10 % | Job 2 20 %"]
    terminal.show(replace(survey, id="op_1", name="Job 1", state="succeeded", fraction=1.0, elapsed_s=3.2), None)
    assert screen.rows() == [
        "Job 1: finished in 3.2 s, 698 / 1,836 files",
        "Job 0 0 % | Job 2 20 %",
    ]


def test_too_many_operations_are_counted(survey: Snapshot) -> None:
    """The line never wraps: what does not fit is a number."""
    screen = Screen()
    terminal = Terminal(screen)
    for number in range(30):
        terminal.show(replace(survey, id=f"op_{number}", name=f"Job {number}"), None)
    [row] = screen.rows()
    assert row.endswith(" | +25 more")
    assert columns_of(row) < 80


def test_a_terminal_that_cannot_write_an_ellipsis_gets_a_question_mark(survey: Snapshot) -> None:
    """An ASCII terminal is no reason to fail."""

    class Ascii(Screen):
        encoding = "ascii"

    screen = Ascii()
    Terminal(screen).show(replace(survey, name="Résumé"), None)
    assert screen.rows()[0].startswith("R?sum?  43 % ????????")


def test_a_real_terminal_shows_the_line_and_its_end() -> None:
    """In a pseudo terminal of 60 columns the line is rewritten on standard error and ends with a new line."""
    program = (
        "from progress_kit.display import open_sink\n"
        "from progress_kit.model import Snapshot, Stage\n"
        "sink = open_sink()\n"
        "stage = Stage(name='main', state='running', done=3, total=10, unit='files')\n"
        "sink(Snapshot(id='a', name='Copy', state='running', stage='main', stages=(stage,), fraction=0.3), None)\n"
        "sink(Snapshot(id='a', name='Copy', state='cancelled', stage='main', stages=(stage,), fraction=0.3), None)\n"
    )
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 60))
    watched = {**os.environ, "CI": "", "TERM": "xterm"}
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, env=watched, stdout=subprocess.PIPE, stderr=child, timeout=30
    )
    os.close(child)
    seen = os.read(parent, 10_000).decode()
    os.close(parent)
    assert run.stdout == b""
    assert seen.startswith("\rCopy  30 % ━━━━━━──────────────  3 / 10 files\r")
    assert seen.rstrip(" \r\n").endswith("Copy: cancelled · at 30 %")
    assert seen.endswith("\r\n")


@pytest.mark.parametrize("text,columns", [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👍", 2)])
def test_wide_characters_take_two_columns(text: str, columns: int) -> None:
    """The width of a line is counted as a terminal draws it."""
    assert columns_of(text) == columns


@given(st.text(), st.integers(1, 40))
def test_a_cut_text_fits(text: str, columns: int) -> None:
    """What is cut takes no more columns than there are, and what fits is left alone."""
    assert columns_of(cut(text, columns)) <= columns
    assert cut(text, columns) == text or columns_of(text) > columns
