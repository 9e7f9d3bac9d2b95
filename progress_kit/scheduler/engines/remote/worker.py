"""The program of a worker process of `ProcessEngine`.

Its main thread runs one job after the other and sends each result before it begins with the next job: whatever happens
to the process, the scheduler knows from that which job it was in. A second thread reads what the scheduler says, and
tells it 20 times a second, while a job runs, how far that one is and what it printed.
"""

import os
import pickle
import queue
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, cast

from progress_kit.scheduler.engines.base import Failed, Job, Key, Outcome, TaskContext, TaskProgress
from progress_kit.scheduler.engines.remote.frames import Wire
from progress_kit.scheduler.engines.remote.output import Output
from progress_kit.scheduler.outcome import pack
from progress_kit.scheduler.work import Work
from progress_kit.scheduler.workbench import Workbench

PERIOD_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1

Parcel = tuple[int, int, str, int, bytes]
"""A job as it travels: number and attempt, name, number of the function, arguments."""


class Bench(Workbench):
    """Keeps the last word of the job that has just ended."""

    last: TaskProgress | None = None

    def _end(self, work: Work) -> None:
        self.last = work.progress()
        super()._end(work)


class _Function:
    """A function that is unpickled when it is first called."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._function: Callable[..., Any] | None = None

    def get(self) -> Callable[..., Any]:
        if self._function is None:
            self._function = cast("Callable[..., Any]", pickle.loads(self._data))  # noqa: S301 - from our own scheduler
            self._data = b""
        return self._function


class Worker:
    """One worker process."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._bench = Bench(TaskContext("", ""))
        self._functions: dict[int, _Function] = {}
        self._jobs: queue.SimpleQueue[tuple[Parcel, _Function] | None] = queue.SimpleQueue()
        self._given = self._ended = 0
        self._running: Key | None = None
        """The job whose function runs: it can be interrupted."""
        self._job: Key | None = None
        """The job that what is printed belongs to."""
        self._interrupts: set[Key | None] = set()
        self._said: dict[Key, TaskProgress] = {}
        self._output = Output(self._printed)
        self._output.prompt = True
        self._main = threading.get_ident()
        self._pid = os.getpid()

    # ---------------------------------------------------------------- the main thread

    def run(self) -> None:
        """Run jobs until the scheduler says that there will be no more, or is gone."""
        signal.signal(signal.SIGINT, self._on_sigint)
        if hasattr(signal, "pthread_sigmask"):  # held back since before this program began
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)
        self._output.install()
        threading.Thread(target=self._listen, name="progress_kit channel", daemon=True).start()
        while (item := self._jobs.get()) is not None:
            self._work(*item)
            del item
            self._ended += 1

    def _work(self, parcel: Parcel, function: _Function) -> None:
        number, attempt, name, _, arguments = parcel
        key = self._job = Key(number, attempt)
        try:
            outcome, duration_s = self._execute(key, name, function, arguments)
        except KeyboardInterrupt as error:  # just before or after the function
            self._running = None
            outcome, duration_s = Failed(error), 0.0
        if os.getpid() != self._pid:
            os._exit(0)  # the job forked, and this is what came out of its function a second time
        envelope = pack(outcome, name)
        del outcome
        self._output.flush(all=True)
        self._job = None
        self._said.pop(key, None)
        self._wire.send("finished", number, attempt, envelope, duration_s, self._bench.last)

    def _execute(self, key: Key, name: str, function: _Function, arguments: bytes) -> tuple[Outcome, float]:
        self._bench.last = None
        self._running = key
        try:
            if key in self._interrupts:
                self._interrupts.discard(key)
                raise KeyboardInterrupt  # noqa: TRY301 - it came just before
            args, kwargs = pickle.loads(arguments)  # noqa: S301 - from our own scheduler
            job = Job(key, function.get(), args, kwargs, name)
            del args, kwargs
        except BaseException as error:  # noqa: BLE001 - unpickling runs the user's code
            error.add_note(f"(when task {name!r} was unpickled in its worker)")
            self._running = None
            return Failed(error), 0.0
        outcome = self._bench.execute(job)
        self._running = None
        return outcome

    def _on_sigint(self, number: int, frame: FrameType | None) -> None:
        """Interrupt a job if that was asked for; what a terminal sends to all of its processes is not for workers."""
        del number, frame
        if self._running in self._interrupts:
            self._interrupts.discard(self._running)
            raise KeyboardInterrupt

    def _printed(self, stream: str, text: str) -> None:
        self._wire.send("printed", self._job, stream, text)

    def _in_child(self) -> None:
        """Leave the scheduler's channel to the parent, in a process that a job forked."""
        self._output.passing = True
        self._wire.socket.close()

    # ---------------------------------------------------------------- the other one

    def _listen(self) -> None:
        try:
            self._serve()
        except BaseException:  # noqa: BLE001 - a worker that cannot hear is of no use
            self._output.passing = True
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        # The scheduler is gone: nobody waits for what runs.
        if self._given != self._ended:
            os._exit(1)
        self._jobs.put(None)

    def _serve(self) -> None:
        while True:
            busy = self._given != self._ended
            self._output.prompt = not busy
            if not select.select([self._wire.socket], (), (), PERIOD_S if busy else None)[0]:
                self._tell()
                continue
            messages = self._wire.receive()
            if messages is None:
                return
            for word, *rest in messages:
                getattr(self, f"_on_{word}")(*rest)

    def _tell(self) -> None:
        self._output.flush()
        words = self._bench.progress()
        news = {key: word for key, word in words.items() if self._said.get(key) != word}
        if news:
            self._said.update(news)
            self._wire.send("progress", news)

    def _on_hello(self, context: TaskContext, parent: int, cwd: str, argv: list[str], key: bytes | None) -> None:
        _die_with(parent)
        if key is not None:
            from multiprocessing.process import current_process

            current_process().authkey = key  # for proxies of a manager among the arguments
        sys.argv[:] = argv
        with suppress(OSError):  # it was removed; relative paths do not work in the scheduler's process either
            os.chdir(cwd)
        self._bench.context = context
        self._wire.send("ready")

    def _on_function(self, number: int, data: bytes) -> None:
        self._functions[number] = _Function(data)

    def _on_forget(self, number: int) -> None:
        del self._functions[number]

    def _on_run(self, parcels: list[Parcel]) -> None:
        self._given += len(parcels)
        for parcel in parcels:
            self._jobs.put((parcel, self._functions[parcel[3]]))

    def _on_stop(self, keys: list[Key]) -> None:
        """Tell the one that runs, and give those back that have not begun."""
        self._bench.stop(self._return(keys))

    def _on_pause(self) -> None:
        self._bench.pause()

    def _on_resume(self) -> None:
        self._bench.resume()

    def _on_interrupt(self, keys: list[Key]) -> None:
        self._interrupts.update(self._return(keys))
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._main, signal.SIGINT)
        else:
            import _thread

            _thread.interrupt_main()

    def _on_recall(self) -> None:
        self._return(None)  # answered in any case

    def _on_kill(self, key: Key) -> None:
        if self._running == key:
            os.kill(self._pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _on_close(self) -> None:
        self._jobs.put(None)

    def _return(self, keys: list[Key] | None) -> list[Key]:
        """Give those of the jobs back that have not begun; None stands for all. Return the other keys."""
        kept: list[tuple[Parcel, _Function] | None] = []
        returned: dict[Key, Parcel] = {}
        while True:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                break
            key = None if item is None else Key(*item[0][:2])
            if item is None or key is None or (keys is not None and key not in keys):
                kept.append(item)
            else:
                returned[key] = item[0]
        for item in kept:
            self._jobs.put(item)
        self._given -= len(returned)
        if returned or keys is None:
            self._wire.send("returned", list(returned.values()))
        return [key for key in keys or () if key not in returned]


def _die_with(parent: int) -> None:
    """End this process when the scheduler's ends, be it in the middle of C code that holds the GIL."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform != "win32" and os.getppid() != parent:
        os._exit(1)  # it ended before we asked


def main(handle: int | None, tracker: int | None) -> None:
    """Run a worker whose socket is the file descriptor `handle`; None where the parent shares it on standard input.

    `tracker` is that of the parent's `resource_tracker`, which looks after shared memory, where it has one.
    """
    if tracker is not None:
        from multiprocessing import resource_tracker

        resource_tracker._resource_tracker._fd = tracker  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    if handle is None:
        end = socket.fromshare(sys.stdin.buffer.read())  # type: ignore[attr-defined,unused-ignore] # Windows alone
    else:
        os.set_inheritable(handle, False)  # noqa: FBT003 - it has no other form
        end = socket.socket(fileno=handle)
    Worker(Wire(end)).run()
