"""On a real terminal: what a program writes while the line of operations is drawn, and what a person then sees."""

import os
import sys
from pathlib import Path

import pexpect
import pytest

from tests.display.test_terminal import Screen

PREAMBLE = """
import logging, os, sys, threading
from progress_kit.display.terminal import terminal
from progress_kit.model import Snapshot, Stage
old = logging.StreamHandler()  # holds standard error as it was before
logging.basicConfig(handlers=[old], format="%(levelname)s %(message)s", level="INFO")
line = terminal()
def show(state="running"):
    stage = Stage(name="main", state="running", done=3, total=10, unit="files")
    line.show(Snapshot(id="a", name="Copy", state=state, stage="main", stages=(stage,), fraction=0.3), None)
"""
BAR = "Copy  30 % ━━━━━━──────────────  3 / 10 files"
END = "Copy: cancelled · at 30 %"


def rows(program: str, tmp_path: Path) -> list[str]:
    """Return what a terminal of 60 columns shows after `program`, which begins with `PREAMBLE`."""
    file = tmp_path / "program.py"
    file.write_text(PREAMBLE + program, encoding="utf-8")
    environment = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": ""}
    child = pexpect.spawn(sys.executable, [str(file)], env=environment, encoding="utf-8", dimensions=(24, 60))
    child.expect(pexpect.EOF, timeout=50)
    child.close()
    assert child.before is not None
    return Screen(child.before).rows()


@pytest.mark.parametrize(
    "write, written",
    [
        ("print('on standard output')", ["on standard output"]),
        ("print('on standard error', file=sys.stderr)", ["on standard error"]),
        ("logging.info('of a handler that is older')", ["INFO of a handler that is older"]),
        ("print('x' * 70, 'and', 2)", ["x" * 70 + " and 2"]),
        ("print('one\\ntwo')", ["one", "two"]),
        ("for n in range(200): print(n)", [str(n) for n in range(200)]),
        ("print('in', end=' '); show(); print('parts')", ["in parts"]),
        ("sys.stdout.writelines(['a\\n', 'b\\n'])", ["a", "b"]),
        ("sys.stdout.buffer.write(b'bytes\\n'); sys.stdout.buffer.flush()", ["bytes"]),
        ("sys.stderr.buffer.write(b'bytes\\n'); sys.stderr.buffer.write(b'more\\n')", ["bytes", "more"]),
        ("sys.stdout.buffer.write(memoryview(b'kept back\\n')); show(); sys.stdout.flush()", ["kept back"]),
        ("print('text', end=' '); sys.stdout.flush(); sys.stdout.buffer.write(b'and bytes\\n')", ["text and bytes"]),
        ("sys.stdout.reconfigure(line_buffering=False); print('kept back'); show()", ["kept back"]),
    ],
)
def test_lines_stand_whole_above_the_bar(write: str, written: list[str], tmp_path: Path) -> None:
    """Whoever writes them, and by whichever stream; the bar is at the foot again, and its end below them."""
    shown = rows(f"show()\n{write}\nshow()\nos._exit(0)\n", tmp_path)
    assert shown == [*written, BAR]
    assert rows(f"show()\n{write}\nshow('cancelled')\n", tmp_path) == [*written, END, ""]


BACK = "while not line._drawn: threading.Event().wait(0.01)\n"


def test_the_bar_comes_back_by_itself(tmp_path: Path) -> None:
    """Also when the operation has nothing new to show for a long time."""
    assert rows(f"show()\nprint('news')\n{BACK}os._exit(0)\n", tmp_path) == ["news", BAR]
    # What has been begun is left alone for a while; then it has its line, and the bar the next one.
    assert rows(f"show()\nprint('Name?', end=' ')\n{BACK}os._exit(0)\n", tmp_path) == ["Name?", BAR]


def test_a_bar_of_another_library_is_drawn_over(tmp_path: Path) -> None:
    """A line that is rewritten is no line to be kept; it does not leave one after the other."""
    other = "sys.stderr.write('\\r' + 'other ' * 9)\n"
    assert rows(f"show()\n{other}{BACK}{other}print()\nshow('cancelled')\n", tmp_path) == [
        ("other " * 9).rstrip(),
        END,
        "",
    ]


def test_a_traceback_begins_on_a_line_of_its_own(tmp_path: Path) -> None:
    """A script that fails in the middle of a loop."""
    shown = rows("show()\nraise KeyError('a')\n", tmp_path)
    assert shown[0] == "Traceback (most recent call last):"
    assert "KeyError: 'a'" in shown


def test_many_threads_print(tmp_path: Path) -> None:
    """No line is lost or torn, and the bar is never between the parts of one."""
    program = """
show()
def talk(number):
    for line in range(50):
        sys.stdout.write(f"thread {number} line {line}\\n")
threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
while any(thread.is_alive() for thread in threads): show()
show("cancelled")
"""
    shown = rows(program, tmp_path)
    assert sorted(shown[:-2]) == sorted(f"thread {number} line {line}" for number in range(4) for line in range(50))
    assert shown[-2:] == [END, ""]


def test_the_streams_are_given_back(tmp_path: Path) -> None:
    """As soon as nothing runs they are as they were; while something runs they are the same objects."""
    program = """
streams = sys.stdout, sys.stderr
bare = [dict(vars(each)) for each in streams]
show()
assert (sys.stdout, sys.stderr) == streams
assert sys.stdout.isatty() and sys.stdout.fileno() == 1 and sys.stdout.buffer
assert [set(vars(each)) - set(was) for each, was in zip(streams, bare)] == [{"write"}, {"write"}]
assert sys.stdout.write("abc\\n") == 4
show("cancelled")
assert [dict(vars(each)) for each in streams] == bare
"""
    assert rows(program, tmp_path) == ["abc", END, ""]


def test_a_write_that_somebody_else_has_put_there_stays(tmp_path: Path) -> None:
    """Before us, it is called and put back; after us, it is left where it is and goes on working."""
    program = """
def loud(before):
    return lambda text: before(text.upper())
sys.stdout.write = first = loud(sys.stdout.write)
show()
print("before")
show("cancelled")
assert sys.stdout.write is first
del sys.stdout.write
show()
sys.stdout.write = second = loud(sys.stdout.write)
show("cancelled")
assert sys.stdout.write is second
print("after")
"""
    assert rows(program, tmp_path) == ["BEFORE", END, END, "AFTER", ""]


def test_what_is_redirected_is_left_alone(tmp_path: Path) -> None:
    """A standard output that a program has put in place of its own, and one that is a file."""
    program = """
import contextlib, io
text, file = io.StringIO(), open(__file__ + ".log", "w")
with contextlib.redirect_stdout(text):
    show()
    print("into a text")
    assert vars(sys.__stdout__)["write"]
sys.stdout = file
print("into a file")
show("cancelled")
file.close()
assert text.getvalue() == "into a text\\n" and open(file.name).read() == "into a file\\n"
"""
    assert rows(program, tmp_path) == [END, ""]


def test_a_forked_child_writes_as_ever(tmp_path: Path) -> None:
    """Even if the fork came in the middle of a drawing: nothing of the line's is in the child."""
    program = """
show()
line._lock.acquire()  # as another thread would have it
child = os.fork()
if not child:
    print("from the child", flush=True)
    os._exit("write" in vars(sys.stdout))
line._lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
show("cancelled")
"""
    shown = rows(program, tmp_path)
    assert shown[0].endswith("from the child")
    assert shown[1:] == [END, ""]


def test_a_stuck_drawing_does_not_stop_the_program(tmp_path: Path) -> None:
    """Who writes waits a second at most for the line to be out of the way."""
    program = """
show()
held, let_go = threading.Event(), threading.Event()
def hold():
    with line._lock:
        held.set()
        let_go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
print("goes on")
let_go.set()
thread.join()
show("cancelled")
"""
    shown = rows(program, tmp_path)
    assert shown[0].endswith("goes on")


def test_a_tracked_script_that_prints_logs_and_fails(tmp_path: Path) -> None:
    """The whole way: `track` in a terminal, without a hub."""
    program = """
os.environ |= {"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0.01", "PROGRESS_KIT_HUB_URL": "http://127.0.0.1:9/", "CI": ""}
import progress_kit as pk
for number in pk.track(range(5), "Rows"):
    while not line._drawn:
        threading.Event().wait(0.01)
    print("row", number)
    logging.info("seen %s", number)
    if number == 3:
        raise ValueError("three")
"""
    shown = rows(program, tmp_path)
    assert shown[:8] == [text for number in range(4) for text in (f"row {number}", f"INFO seen {number}")]
    assert shown[8] == "Traceback (most recent call last):"
    [end] = [row for row in shown if row.startswith("Rows")]
    assert end.startswith("Rows: failed: ValueError: three")
