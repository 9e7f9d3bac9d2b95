"""The side of a Dask worker: runs jobs, and tells the client now and then how far they are.

Word goes to the hub if this process reaches it, else the way that Dask has for it: `Worker.log_event`, which the
scheduler passes on to whoever has subscribed; what begins and what was printed always go there. It
is told from the worker's event loop, the newest of each job and only where there is news, so that a short job costs no
message of its own; what was printed is told before its job's result.
"""

import pickle
import sys
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import astuple, dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from distributed import get_worker

from progress_kit.scheduler.engines.base import Failed, Job, Key, Outcome, TaskContext, TaskProgress
from progress_kit.scheduler.engines.remote.output import Output, Stream
from progress_kit.scheduler.engines.remote.uplink import Uplink, as_task
from progress_kit.scheduler.outcome import pack
from progress_kit.scheduler.workbench import Workbench

if TYPE_CHECKING:
    from distributed import Nanny, Worker

PERIOD_S: Final = 0.05
HERE: Final = uuid.uuid4().hex
"""Stands for this process: workers may be threads of the client's own."""
_KEPT: Final = 128
"""So many functions are kept unpickled."""

Parcel = tuple[int, int, str, int, bytes]
"""A job as it travels: number and attempt, name, which of the functions beside it, arguments."""
Result = tuple[int, int, bytes, float]
"""Number and attempt, the packed outcome, seconds."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker has to know of the scheduler that it works for."""

    run: str
    topic: str
    context: TaskContext
    process: str


class Site:
    """The jobs of one scheduler in this process."""

    def __init__(self, hello: Hello, worker: "Worker") -> None:
        self._hello = hello
        self._worker = worker
        self._bench = Workbench(hello.context)
        self._lock = threading.Lock()
        self._functions: dict[bytes, Any] = {}
        self._lanes: list[int] = []
        self._most_lanes = 0
        self._waiting: set[Key] = set()
        self._running: dict[Key, str] = {}
        self._outputs: dict[Key, Output] = {}
        self._told: dict[Key, TaskProgress | None] = {}
        self._printed: deque[tuple[int, int, str, str]] = deque()
        self._ticking = False
        if hello.process != HERE:
            _stand_in()
        self._uplink: Uplink | None = None
        if (admitted := _admitted.get(hello.run)) is not None:
            self.reach(admitted)

    # ---------------------------------------------------------------- in a thread of the worker's pool

    def run(self, parcels: list[Parcel], codes: list[bytes]) -> tuple[str, list[Result]]:
        """Run jobs one after the other; return who did, and how each of them ended."""
        keys = [Key(*parcel[:2]) for parcel in parcels]
        with self._lock:
            if not self._lanes:
                self._most_lanes += 1
                heappush(self._lanes, self._most_lanes)
            lane = heappop(self._lanes)
            self._waiting.update(keys)
            if not self._ticking:
                self._ticking = True
                self._worker.loop.add_callback(self._tick_soon)
        name = _name(self._worker, lane)
        try:
            return name, [self._work(key, name, parcel, codes) for key, parcel in zip(keys, parcels, strict=True)]
        finally:
            with self._lock:
                self._waiting.difference_update(keys)
                heappush(self._lanes, lane)

    def _work(self, key: Key, lane: str, parcel: Parcel, codes: list[bytes]) -> Result:
        _, _, name, code, arguments = parcel
        output = Output(lambda stream, text: self._printed.append((*key, stream, text)))
        token = _output.set(output)
        with self._lock:
            self._waiting.discard(key)
            self._running[key] = lane
            self._outputs[key] = output
        try:
            outcome, duration_s = self._execute(key, name, codes[code], arguments)
            envelope = pack(outcome, name)
        finally:
            _output.reset(token)
            output.flush(all=True)
            with self._lock:
                del self._running[key], self._outputs[key]
                self._told.pop(key, None)
        if self._printed:
            self._tell()
        return *key, envelope, duration_s

    def _execute(self, key: Key, name: str, code: bytes, arguments: bytes) -> tuple[Outcome, float]:
        try:
            function = self._functions.get(code)
            if function is None:
                function = pickle.loads(code)  # noqa: S301 - from our own scheduler
                if len(self._functions) >= _KEPT:
                    self._functions.clear()
                self._functions[code] = function
            args, kwargs = pickle.loads(arguments)  # noqa: S301 - as above
        except BaseException as error:  # noqa: BLE001 - unpickling runs the user's code
            error.add_note(f"(when task {name!r} was unpickled in its worker)")
            return Failed(error), 0.0
        return self._bench.execute(Job(key, function, args, kwargs, name))

    # ---------------------------------------------------------------- in the worker's event loop

    def _tick_soon(self) -> None:
        self._worker.loop.call_later(PERIOD_S, self._tick)

    def _tick(self) -> None:
        with self._lock:
            outputs = list(self._outputs.values())
            self._ticking = bool(outputs)
        for output in outputs:
            output.flush()
        self._tell()
        if self._ticking:
            self._tick_soon()

    def _tell(self) -> None:
        """Tell what is new, if anything; from any thread."""
        words = self._bench.progress()
        with self._lock:
            begun = [(*key, lane) for key, lane in self._running.items() if key not in self._told]
            self._told.update((Key(*each[:2]), None) for each in begun)
            news = {key: word for key, word in words.items() if key in self._told and self._told[key] != word}
            self._told.update(news)
            lanes = self._running.copy()
        # The hub has no place for a message.
        brief = {key: word for key, word in news.items() if not word.message}
        uplink = self._uplink
        if (
            uplink is not None
            and brief
            and uplink.tell([as_task(key, lanes[key], brief[key]) for key in brief if key in lanes])
        ):
            news = {key: word for key, word in news.items() if key not in brief}
        printed = [self._printed.popleft() for _ in range(len(self._printed))]
        if begun or news or printed:
            message = {
                "progress_kit": self._hello.run,
                "address": self._worker.address,
                "begun": begun,
                "progress": [(*key, *astuple(word)) for key, word in news.items()],
                "printed": printed,
            }
            self._worker.log_event(self._hello.topic, message)

    def stop(self, keys: Sequence[Key]) -> tuple[list[Key], list[Key]]:
        """Ask jobs to stop; return those that run here, and those of here that will not begin any more."""
        self._bench.stop(keys)
        with self._lock:
            return [key for key in keys if key in self._running], [key for key in keys if key in self._waiting]

    def reach(self, context: TaskContext) -> None:
        """Tell the hub from now on, as far as it is reached."""
        if self._uplink is None:
            self._uplink = Uplink(context, self._tell_again)

    def _tell_again(self) -> None:
        with self._lock:
            self._told = dict.fromkeys(self._told)

    def close(self) -> None:
        """There is nothing more to be done."""
        if self._uplink is not None:
            self._uplink.close()

    def pause(self, *, paused: bool) -> None:
        """Let jobs wait, or go on."""
        if paused:
            self._bench.pause()
        else:
            self._bench.resume()


_sites: Final[dict[bytes, Site]] = {}
_admitted: Final[dict[str, TaskContext]] = {}
"""By scheduler: what lets this process tell the hub."""
_making: Final = threading.Lock()


def run_jobs(batch: bytes, carried: list[bytes], hello: bytes) -> tuple[str, list[Result]]:
    """Run the jobs of a batch; the task that Dask sees. Pickled, so that it does not look into what is in it.

    `carried` are functions that travelled by themselves.
    """
    site = _sites.get(hello)
    if site is None:
        with _making:
            site = _sites.get(hello)
            if site is None:
                site = _sites[hello] = Site(pickle.loads(hello), get_worker())  # noqa: S301 - from our own scheduler
    parcels, codes = pickle.loads(batch)  # noqa: S301 - as above
    return site.run(parcels, [*codes, *carried])


def stop_jobs(hello: bytes, keys: list[Key]) -> tuple[list[Key], list[Key]]:
    """Ask jobs of a scheduler to stop, on the worker that this is called on; see `Site.stop`."""
    site = _sites.get(hello)
    return ([], []) if site is None else site.stop(keys)


def reach(hello: bytes, run: str, context: TaskContext) -> None:
    """Let the worker that this is called on tell the hub how far jobs of a scheduler are."""
    _admitted[run] = context
    site = _sites.get(hello)
    if site is not None:
        site.reach(context)


def pause_jobs(hello: bytes, *, paused: bool) -> None:
    """Let jobs of a scheduler wait, or go on, on the worker that this is called on; one that has none will get none."""
    site = _sites.get(hello)
    if site is not None:
        site.pause(paused=paused)


def forget(hello: bytes) -> None:
    """There is nothing more to be done for a scheduler."""
    site = _sites.pop(hello, None)
    if site is not None:
        site.close()
    _admitted.pop(cast("Hello", pickle.loads(hello)).run, None)  # noqa: S301 - from our own scheduler


def carry(code: bytes) -> bytes:
    """Return a function that many batches need, so that it is sent once."""
    return code


async def kill(dask_worker: "Nanny") -> None:
    """End a worker's process at once, on the nanny that this is called on; it starts another one."""
    with suppress(TimeoutError):  # it takes longer than no time at all, that is all that this says
        await dask_worker.kill(timeout=0)


def _name(worker: "Worker", lane: int) -> str:
    name = str(worker.name).partition("://")[2] or f"worker {worker.name}"
    return name if worker.state.nthreads == 1 else f"{name}, thread {lane}"


# ---------------------------------------------------------------- what jobs print

_output: ContextVar[Output | None] = ContextVar("progress_kit.output", default=None)
"""Where what this thread prints belongs; None where the thread does something else than a job of ours."""


class _Stream:
    """Stands in for `sys.stdout` or `sys.stderr`: hands what a job prints to its `Output`, all else to the original."""

    def __init__(self, stream: Stream, original: TextIO) -> None:
        self._stream: Stream = stream
        self._original = original

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the original has
        return getattr(self._original, name)

    def write(self, text: str, /) -> int:
        output = _output.get()
        if output is None:
            return self._original.write(text)
        output.write(self._stream, text)
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:
        for line in lines:
            self.write(line)


_standing_in = threading.Lock()


def _stand_in() -> None:
    """Take the place of this process's streams, once."""
    with _standing_in:
        if not isinstance(sys.stdout, _Stream):
            sys.stdout = cast("TextIO", _Stream("stdout", sys.stdout))
            sys.stderr = cast("TextIO", _Stream("stderr", sys.stderr))
