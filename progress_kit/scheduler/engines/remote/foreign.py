"""The worker's side where the worker belongs to somebody else: any pool of processes that calls a function of ours.

Results go back as the function's result. Beside it, each process has one connection to the scheduler, made and served
by a thread of its own: it tells 20 times a second what runs, how far that is and what it printed, and hears what shall
stop. Where no connection can be made, as from another machine, jobs run all the same.

Before a job begins its key is written to a file of the process; if the whole pool breaks, which most pools do when one
of their processes dies, this tells what had begun.
"""

import os
import pickle
import select
import socket
import struct
import threading
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from progress_kit.scheduler.engines.base import Failed, Job, Key, Outcome, TaskContext, TaskProgress
from progress_kit.scheduler.engines.remote.frames import Wire
from progress_kit.scheduler.engines.remote.output import Output, Stream
from progress_kit.scheduler.outcome import pack
from progress_kit.scheduler.workbench import Workbench

PERIOD_S: Final = 0.05
CONNECT_S: Final = 1.0
"""So long the end of a job that printed something waits for the connection; then that goes to the real streams."""
MARK: Final = struct.Struct("=qq")
"""Number and attempt of the job that a process began last, in its file."""
SECRET_BYTES: Final = 32
HOME: Final = uuid.uuid4().hex
_KEPT: Final = 32

Address = str | tuple[str, int]
Parcel = tuple[int, int, str, bytes, bytes]
"""A job as it travels: number and attempt, name, function, arguments."""
Ended = tuple[int, int, bytes, float, int]
"""A job that has ended: number and attempt, outcome, duration, how many messages of it were sent beside."""


def here() -> tuple[int, str]:
    """Return what tells this interpreter from others: forks share our variables, and sub-interpreters the process."""
    return os.getpid(), HOME


class Ticket(NamedTuple):
    """What a job brings along to find its way back."""

    home: tuple[int, str]
    address: Address
    directory: str
    secret: bytes
    context: TaskContext


def run_jobs(ticket: bytes, parcels: list[Parcel]) -> tuple[str, list[Ended]]:
    """Run jobs one after the other, in a worker of whatever kind; return the worker's name and how each ended.

    `ticket` is a pickled `Ticket`, the same for all jobs of a scheduler.
    """
    found = _posts.get(ticket)
    if found is None:
        found = _posts[ticket] = Post(pickle.loads(ticket))  # noqa: S301 - from our own scheduler
        if len(_posts) > _KEPT:
            _posts.pop(next(iter(_posts))).close()
    return found.name, [found.run(parcel) for parcel in parcels]


class Post:
    """What this process knows of one scheduler."""

    def __init__(self, ticket: Ticket) -> None:
        self.pid: int = os.getpid()
        self.name: str = f"process {self.pid}"
        self._ticket = ticket
        self._bench = Workbench(ticket.context)
        self._functions: dict[bytes, Callable[..., Any]] = {}
        self._wire: Wire | None = None
        self._connected = threading.Event()
        self._idle = True
        self._ear, self._mouth = socket.socketpair()
        self._running: dict[Key, int] = {}
        """The jobs that run, and how many messages of each were sent."""
        self._told: dict[Key, TaskProgress | None] = {}
        self._sending = threading.Lock()
        self._job: Key | None = None
        self._output: Output | None = Output(self._printed) if ticket.home != here() else None
        self._mark = _open_mark(ticket.directory, self.pid)
        threading.Thread(target=self._serve, name="progress_kit channel", daemon=True).start()

    # ---------------------------------------------------------------- in the thread that runs a job

    def run(self, parcel: Parcel) -> Ended:
        """Run a job and return how it ended."""
        number, attempt, name, function, arguments = parcel
        key = Key(number, attempt)
        if self._mark is not None:
            os.pwrite(self._mark, MARK.pack(number, attempt), 0)
        self._running[key] = 0
        if self._idle:
            self._idle = False
            with suppress(OSError):  # nobody is there to be woken
                self._mouth.send(b"!")
        output = self._output
        if output is not None:
            self._job = key
            output.install()
        try:
            outcome, duration_s = self._execute(key, name, function, arguments)
            if os.getpid() != self.pid:
                os._exit(0)  # the job forked, and this is what came out of its function a second time
            envelope = pack(outcome, name)
        finally:
            if output is not None:
                output.restore()
                if output.filled and not self._connected.wait(CONNECT_S):
                    output.passing = True
                output.flush(all=True)
                self._job = None
        with self._sending:
            self._told.pop(key, None)
            sent = self._running.pop(key)
        return number, attempt, envelope, duration_s, sent

    def _execute(self, key: Key, name: str, function: bytes, arguments: bytes) -> tuple[Outcome, float]:
        try:
            known = self._functions.get(function)
            if known is None:
                known = cast("Callable[..., Any]", pickle.loads(function))  # noqa: S301 - from our own scheduler
                if len(self._functions) >= _KEPT:
                    self._functions.clear()
                self._functions[function] = known
            args, kwargs = pickle.loads(arguments)  # noqa: S301 - as above
        except BaseException as error:  # noqa: BLE001 - unpickling runs the user's code
            error.add_note(f"(when task {name!r} was unpickled in its worker)")
            return Failed(error, traceback.format_exc()), 0.0
        return self._bench.execute(Job(key, known, args, kwargs, name))

    def _printed(self, stream: Stream, text: str) -> None:
        with self._sending:
            self._send("printed", self._job, self.name, stream, text)
            if self._job in self._running:
                self._running[self._job] += 1

    def disown(self) -> None:
        """Leave the scheduler's channel to the parent, in a process that a job forked."""
        if self._output is not None:
            self._output.passing = True
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.socket.close()
        self.close()

    def close(self) -> None:
        """Give back what is open here."""
        self._ear.close()
        self._mouth.close()
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None

    # ---------------------------------------------------------------- in the thread of the channel

    def _serve(self) -> None:
        with suppress(OSError), _connect(self._ticket.address) as end:
            end.sendall(self._ticket.secret)
            self._wire = Wire(end)
            self._connected.set()
            while True:
                ready, _, _ = select.select([end, self._ear], (), (), None if self._idle else PERIOD_S)
                if end in ready:
                    messages = self._wire.receive()
                    if messages is None:
                        break
                    for word, *rest in messages:
                        getattr(self._bench, word)(*rest)  # stop, pause, resume
                elif ready:
                    self._ear.recv(64)
                else:
                    self._tell()
                    self._idle = not self._running
        # There is no way there, as to another machine, or the scheduler is gone.
        wire, self._wire = self._wire, None
        if wire is not None:
            for ticket in [ticket for ticket, post in list(_posts.items()) if post is self]:
                del _posts[ticket]
                self.close()

    def _tell(self) -> None:
        words = self._bench.progress()
        with self._sending:
            news = {key: words.get(key) for key in self._running if self._told.get(key, "") != words.get(key)}
            if news:
                self._told.update(news)
                self._send("running", self.name, news)
        if self._output is not None:
            self._output.flush()

    def _send(self, *message: object) -> None:
        wire = self._wire
        if wire is not None:
            wire.send(*message)


_posts: Final[dict[bytes, Post]] = {}


def _in_child() -> None:
    for post in list(_posts.values()):
        post.disown()
    _posts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _connect(address: Address) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address, CONNECT_S)
    end = socket.socket(socket.AF_UNIX)
    end.settimeout(CONNECT_S)
    end.connect(address)
    return end


def _open_mark(directory: str, pid: int) -> int | None:
    if not hasattr(os, "pwrite"):
        return None
    try:
        return os.open(os.path.join(directory, f"{pid}.begun"), os.O_WRONLY | os.O_CREAT, 0o600)  # noqa: PTH118 - as text
    except OSError:
        return None  # it is another machine
