"""`run`: a program as an operation, as far as its output says how far it is; the output passes through unchanged."""

import codecs
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import IO, Any, Final, TextIO

from progress_kit.adapters import terminals
from progress_kit.adapters.output import Heard, Output
from progress_kit.display.ipython import running_cell
from progress_kit.errors import InvalidValueError
from progress_kit.tracker import values
from progress_kit.tracker.mirror import Mirror
from progress_kit.tracker.seen import Part, Seen
from progress_kit.tracker.values import NotifyArgument, Real

Argument = str | os.PathLike[str]
Write = Callable[[bytes], None]

_CHUNK: Final = 65_536
_WORDS: Final = 3
_WORD: Final = re.compile(r"[A-Za-z][\w-]*\Z")
_TEXT: Final = 200


def run(  # noqa: PLR0913 - most by keyword
    command: Sequence[Argument] | str,
    name: str | None = None,
    *,
    check: bool = False,
    tty: bool | None = None,
    grace_s: Real = 5.0,
    cwd: Argument | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[Any] | None = None,
    kind: str | None = None,
    notify: NotifyArgument = "default",
) -> subprocess.CompletedProcess[bytes]:
    """Run a program as an operation, wait for its end, and return what `subprocess.run` returns; no output is kept.

        pk.run(["pip", "install", "-r", "requirements.txt"], check=True)

    `command` is a program and its arguments or, as a text, a line for the shell. The bars and percentages in its
    output, such as those of pip, tqdm, curl, git or ffmpeg, are the operation's progress. The output is passed on, byte
    by byte, to this program's; in a notebook to the cell. `tty` says whether the program gets a pseudo terminal, since
    many draw bars only there: by default if this program writes to a terminal or a cell, and only where there are any
    (not on Windows). `cwd`, `env` and `stdin` are those of `subprocess.run`.

    The operation fails if the exit code is not 0; with `check` that raises `subprocess.CalledProcessError` too. When
    someone asks it to stop, the program and all that it started get SIGTERM, and after `grace_s` seconds SIGKILL, and
    `OperationCancelled` is raised. `KeyboardInterrupt` is passed on to them in the same way, first as SIGINT. `name` is
    by default the program and its first words, without what may be secret; `kind` and `notify` are those of
    `ProgressTracker`. Raises `InvalidValueError` for an argument that cannot be meant, and what `subprocess.Popen`
    raises if the program cannot be started.
    """
    if not command or not isinstance(command, str | Sequence):
        raise InvalidValueError(f"command is {command!r}; give a program and its arguments, or a line for the shell")
    called = values.name(name, "name") if name else title(command)
    kind = None if kind is None else values.name(kind, "kind")
    announced, grace = values.notify(notify), float(values.amount(grace_s, "grace_s"))
    in_cell = running_cell() is not None
    program = _Program()
    mirror = Mirror(
        program,
        _Program.look,
        called,
        code=sys._getframe(1).f_code,
        silent=not in_cell,  # a line of ours would be written into the program's own
        kind=kind,
        notify=announced,
        on_cancel=lambda: program.end_within(grace),
    )
    try:
        tty = _wants_tty(in_cell=in_cell) if tty is None else tty
        program.start(command, tty=tty, options={"cwd": cwd, "env": env, "stdin": stdin})
        if mirror.operation.cancelled:  # before there was anything to end
            program.end_within(grace)
        program.wait(reads=stdin is None)
        mirror.operation.raise_if_cancelled()
    except BaseException as error:
        program.end(grace)
        mirror.close(error)
        raise
    code = program.process.returncode
    # Of the whole command something may be secret.
    mirror.close(subprocess.CalledProcessError(code, called) if code else None)
    if check and code:
        raise subprocess.CalledProcessError(code, command)
    return subprocess.CompletedProcess(command, code)


def title(command: Sequence[Argument] | str) -> str:
    """Return ``pip install numpy``: a program and the plain words after it; what follows may be secret, or long."""
    arguments = command.split() if isinstance(command, str) else [os.fsdecode(each) for each in command]
    words = [PurePath(arguments[0]).name]
    if len(arguments) > 2 and arguments[1] == "-m":  # noqa: PLR2004 - python -m pip install
        words, arguments = [arguments[2]], arguments[2:]
    for argument in arguments[1:_WORDS]:
        if not _WORD.match(argument):
            break
        words.append(argument)
    return values.name(" ".join(words), "name")


def _wants_tty(*, in_cell: bool) -> bool:
    if not terminals.has_pty():
        return False
    try:
        return in_cell or sys.stdout.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


class _Program:
    """A program that runs. Its output is read in threads, so that this one can be interrupted."""

    process: subprocess.Popen[bytes]

    def __init__(self) -> None:
        self._heard = Heard()
        # Events, and not `Thread.join`: interrupted while it waits, it takes a thread for ended (Python 3.11).
        self._started: threading.Event | None = None
        self._read_to_end: list[threading.Event] = []
        self._failure: BaseException | None = None
        self._group: terminals.Group | None = None
        self._timer: threading.Timer | None = None

    def start(self, command: Sequence[Argument] | str, *, tty: bool, options: dict[str, Any]) -> None:
        """Start it. In a thread: an interrupt in the middle would leave a program that nobody knows of."""
        arguments = {"command": command, "tty": tty, "options": options}
        starter = threading.Thread(target=self._start, kwargs=arguments)
        self._started = threading.Event()
        starter.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def _start(self, *, command: Sequence[Argument] | str, tty: bool, options: dict[str, Any]) -> None:
        try:
            self._open(command, tty=tty, options=options)
        except BaseException as error:  # noqa: BLE001 - raised by `start`
            self._failure = error
        finally:
            assert self._started is not None
            self._started.set()

    def _open(self, command: Sequence[Argument] | str, *, tty: bool, options: dict[str, Any]) -> None:
        ours, theirs = terminals.open_pty() if tty else (None, subprocess.PIPE)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - that is what it is for
                command,
                shell=isinstance(command, str),
                stdout=theirs,
                stderr=theirs,
                bufsize=0,
                **options,
                **terminals.new_group(),
            )
        except BaseException:
            if ours is not None:
                os.close(ours)
            raise
        finally:
            if ours is not None:
                os.close(theirs)
        self._group = terminals.Group(self.process)
        if ours is not None:
            self._read(io.FileIO(ours), sys.stdout)
        else:
            self._read(self.process.stdout, sys.stdout)
            self._read(self.process.stderr, sys.stderr)

    def _read(self, pipe: IO[bytes] | None, stream: TextIO | None) -> None:
        ended = threading.Event()
        arguments = (pipe, _writer(stream), Output(self._heard), ended)
        self._read_to_end.append(ended)
        threading.Thread(target=_pass_on, args=arguments, daemon=True).start()

    def look(self) -> Seen:
        """Return how far it says that it is."""
        newest, bars = self._heard.newest, self._heard.bars
        text = self._heard.text[:_TEXT]
        if newest is None:
            return Seen(message=text)
        several = len(bars) > 1 or (newest.whole and bars)
        parts: dict[object, Part] = (
            {bar.label: Part(bar.label, bar.done, bar.total, bar.unit) for bar in bars} if several else {}
        )
        return Seen(newest.done, newest.total, newest.label, text, parts=parts, unit=newest.unit)

    def wait(self, *, reads: bool) -> None:
        """Wait for its end, and for that of its output. If it `reads` our standard input, it has our terminal."""
        with terminals.foreground(self.process, reads=reads) as is_shown:
            if is_shown:
                terminals.wait_as_shell(self.process)
            else:
                self.process.wait()
            self._join()
        if is_shown and self.process.returncode == -signal.SIGINT:
            raise KeyboardInterrupt  # that the terminal sent to the program alone

    def end_within(self, grace_s: float) -> None:
        """Ask it to end, and end it after a while; returns at once."""
        if self._group is not None:
            self._group.terminate()
            self._timer = threading.Timer(grace_s, self._group.kill)
            self._timer.daemon = True
            self._timer.start()

    def end(self, grace_s: float) -> None:
        """If it runs: interrupt it, ask it to end, end it, until it has ended. A second interrupt ends it at once."""
        if self._timer is not None:
            self._timer.cancel()
        if self._started is not None:
            self._started.wait()
        group = self._group
        if group is None:
            return
        try:
            for ask in (group.interrupt, group.terminate):
                if self.process.poll() is None:
                    ask()
                    with suppress(subprocess.TimeoutExpired):
                        self.process.wait(grace_s)
        finally:
            group.kill()  # and whatever it left behind
            self.process.wait()
            self._join()

    def _join(self) -> None:
        for ended in self._read_to_end:
            ended.wait()


def _pass_on(pipe: IO[bytes], write: Write, output: Output, ended: threading.Event) -> None:
    """Read until nobody can write any more. If ours cannot be written to, the program learns so as it would itself."""
    try:
        with pipe, suppress(OSError, ValueError):
            while data := _read(pipe):
                write(data)
                output.feed(data)
        output.close()
    finally:
        ended.set()


def _read(pipe: IO[bytes]) -> bytes:
    try:
        return os.read(pipe.fileno(), _CHUNK)
    except OSError:  # so the end of a pseudo terminal is told
        return b""


def _writer(stream: TextIO | None) -> Write:
    """Return what writes bytes to `stream`, be it a real file, a cell's, or none."""
    if stream is None:
        return lambda _data: None
    raw = getattr(stream, "buffer", None)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(data: bytes) -> None:
        if raw is not None:
            raw.write(data)
            raw.flush()
        else:
            stream.write(decoder.decode(data))
            stream.flush()

    if raw is not None:
        stream.flush()  # what was written before comes before
    return write
