import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import progress_kit as pk
from progress_kit import clock
from progress_kit.adapters.program import title
from progress_kit.model import Counter, Snapshot
from progress_kit.testing import RecordingPublisher

Running = Callable[[], Snapshot]

DEADLINE_S = 30.0


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe: a program that reads from it goes on when somebody writes to it."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def open_gate(gate: Path) -> None:
    """Let the program go on."""
    gate.write_text("\n", encoding="utf-8")


def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened in another thread or process."""
    end = clock.monotonic() + DEADLINE_S
    tick = threading.Event()
    while not condition():
        assert clock.monotonic() < end, "it did not happen"
        tick.wait(0.01)


def test_a_program_is_an_operation(
    running: Running, publisher: RecordingPublisher, gate: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """As far as it says itself; its output passes through byte by byte, while it runs."""
    seen: list[Snapshot] = []

    def watch() -> None:
        until(lambda: bool(publisher.sample()) and running().stages[0].done == 2)
        seen.append(running())
        open_gate(gate)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = pk.run(
        f"printf 'start\\377\\n[1/3] one\\r[2/3] two\\r'; read line < {gate}; printf '[3/3] three\\n'; echo err >&2"
    )
    watcher.join(DEADLINE_S)
    assert done.returncode == 0
    assert (seen[0].name, seen[0].stages[0].total, seen[0].message) == ("printf", 3, "two · start\ufffd")
    out, err = capfdbinary.readouterr()
    assert (out, err) == (b"start\xff\n[1/3] one\r[2/3] two\r[3/3] three\n", b"err\n")
    (ended,) = publisher.ended
    assert (ended.state, ended.stages[0].done) == ("succeeded", 3)


def test_bars_beside_steps_are_nested_counters(publisher: RecordingPublisher) -> None:
    """The operation is as far as the steps."""
    pk.run(["printf", "[1/3] fetch\na.whl: 40%%|##  | 40M/100M [00:01<00:01, 40MB/s]\n"], "Build")
    (ended,) = publisher.ended
    assert (ended.name, ended.stages[0].done, ended.stages[0].total) == ("Build", 1, 3)
    assert ended.stages[0].counters == (Counter(name="a.whl", done=40_000_000, total=100_000_000, unit="B"),)


def test_the_exit_code(publisher: RecordingPublisher) -> None:
    """It is returned, and raised if asked for; the operation has failed, and does not tell the arguments."""
    assert pk.run("exit 3").returncode == 3
    with pytest.raises(subprocess.CalledProcessError) as caught:
        pk.run(["sh", "-c", "exit 4", "--token=secret"], check=True)
    assert (caught.value.returncode, caught.value.cmd) == (4, ["sh", "-c", "exit 4", "--token=secret"])
    assert [ended.state for ended in publisher.ended] == ["failed", "failed"]
    assert publisher.ended[1].error is not None
    assert "secret" not in publisher.ended[1].error.message
    assert publisher.ended[1].error.message.endswith("exit status 4.")


def test_a_program_that_is_not_there(publisher: RecordingPublisher, tmp_path: Path) -> None:
    """The error is that of `subprocess`, and the operation has failed by it."""
    with pytest.raises(FileNotFoundError):
        pk.run(["no-such-program-9f3"], tty=True)
    with pytest.raises(FileNotFoundError):
        pk.run(["sh"], cwd=tmp_path / "nowhere")
    assert [(ended.name, ended.state) for ended in publisher.ended] == [
        ("no-such-program-9f3", "failed"),
        ("sh", "failed"),
    ]


@pytest.mark.parametrize("arguments", [{"command": []}, {"command": 7}, {"grace_s": -1}, {"notify": "no word"}])
def test_arguments_are_checked(arguments: dict[str, object], tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(pk.InvalidValueError):
        pk.run(**{"command": ["touch", str(tmp_path / "started")], **arguments})  # type: ignore[arg-type] # the test
    assert list(tmp_path.iterdir()) == []


def test_in_a_terminal_of_its_own(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Programs that draw only in terminals do; what they write is not changed on the way."""
    pk.run("test -t 1 && test -t 2 && printf 'a\\nb\\r\\n\\tc'; test -t 1 || echo none", tty=True)
    assert capfdbinary.readouterr().out == b"a\nb\r\n\tc"
    pk.run("test -t 1 || echo none", tty=False)
    assert capfdbinary.readouterr().out == b"none\n"
    pk.run("stty size <&1 || true", tty=True)
    assert re.fullmatch(rb"\d+ \d+\n", capfdbinary.readouterr().out)


def test_surroundings_are_passed_on(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Directory, environment and standard input, as by `subprocess.run`."""
    (tmp_path / "input").write_text("from a file\n", encoding="utf-8")
    with (tmp_path / "input").open("rb") as file:
        pk.run('pwd; echo "$WORD"; cat', cwd=tmp_path, env={**os.environ, "WORD": "hello"}, stdin=file)
    assert capfdbinary.readouterr().out == f"{tmp_path}\nhello\nfrom a file\n".encode()


def cancelled(running: Running, publisher: RecordingPublisher, command: str, grace_s: float, ready: Path) -> None:
    """Run `command`, and cancel it when it has written to `ready`."""

    def cancel() -> None:
        ready.read_text(encoding="utf-8")
        publisher.command(running().id, "cancel")

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(pk.OperationCancelled):
        pk.run(command, grace_s=grace_s)
    thread.join(DEADLINE_S)
    (ended,) = publisher.ended
    assert ended.state == "cancelled"


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_cancel_asks_it_to_end(running: Running, publisher: RecordingPublisher, gate: Path, tmp_path: Path) -> None:
    """It may clean up; what it started is told as well."""
    command = (
        f"trap 'echo bye > {tmp_path}/said; exit 0' TERM; sleep 300 & echo $! > {tmp_path}/child; echo > {gate}; wait"
    )
    cancelled(running, publisher, command, 60, gate)
    assert (tmp_path / "said").read_text(encoding="utf-8") == "bye\n"
    until(lambda: not is_alive(int((tmp_path / "child").read_text(encoding="utf-8"))))


def test_cancel_ends_what_does_not_listen(
    running: Running, publisher: RecordingPublisher, gate: Path, tmp_path: Path
) -> None:
    """After the grace, with all that it started."""
    command = f"trap '' TERM; (trap '' TERM; sleep 300) & echo $! > {tmp_path}/child; echo > {gate}; wait; sleep 300"
    cancelled(running, publisher, command, 0.1, gate)
    until(lambda: not is_alive(int((tmp_path / "child").read_text(encoding="utf-8"))))


PROGRAM = """
import signal, sys
import progress_kit as pk
from progress_kit.testing import RecordingPublisher
signal.signal(signal.SIGINT, signal.default_int_handler)
with RecordingPublisher() as publisher:
    try:
        pk.run(sys.argv[1], grace_s=60)
    except KeyboardInterrupt:
        print("interrupted", publisher.ended[0].state)
"""


def test_an_interrupt_is_passed_on(gate: Path) -> None:
    """As Ctrl-C in a shell would; the operation is cancelled."""
    command = f"trap 'echo caught; exit 0' INT; echo > {gate}; while :; do sleep 0.01; done"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, command], stdout=subprocess.PIPE, text=True) as process:
        gate.read_text(encoding="utf-8")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == "caught\ninterrupted cancelled\n"


def test_in_our_own_terminal() -> None:
    """The program has it, as in a shell: it reads what is typed, and Ctrl-C is for it first."""
    command = (
        "trap 'echo caught; exit 130' INT; printf 'name? '; read name; echo \"hello $name\"; "
        "while :; do sleep 0.01; done"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, f"sh -c {shlex.quote(command)}"])  # noqa: S606 - in the terminal that was made for it
    text = b""

    def read_until(words: bytes) -> None:
        nonlocal text
        while words not in text:
            assert select.select([terminal], [], [], DEADLINE_S)[0], text
            text += os.read(terminal, 4096)

    try:
        read_until(b"name? ")
        os.write(terminal, b"Ada\n")
        read_until(b"hello Ada")
        os.write(terminal, b"\x03")
        read_until(b"caught")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_where_there_is_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under pythonw, and where a text is all that can be written to."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert pk.run("echo nobody").returncode == 0


def test_a_reader_that_went_away() -> None:
    """The program learns of it as if it had written there itself, and is not waited for forever."""
    program = "import progress_kit as pk, sys; sys.exit(pk.run('yes').returncode)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(DEADLINE_S) != 0


@pytest.mark.parametrize(
    "command, name",
    [
        (["/usr/bin/pip", "install", "numpy", "scipy"], "pip install numpy"),
        ([sys.executable, "-m", "pip", "install", "-q", "numpy"], "pip install"),
        ("curl https://user:secret@host/file", "curl"),
        (["mysqldump", "-psecret", "shop"], "mysqldump"),
        ([Path("/opt/tool")], "tool"),
    ],
    ids=["words", "module", "url", "option", "path"],
)
def test_its_name(command: list[str] | str, name: str) -> None:
    """It tells what is done, but nothing that may be secret."""
    assert title(command) == name
