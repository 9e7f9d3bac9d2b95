"""The engine of a Dask cluster: jobs are tasks of a `distributed.Client`, which the user has and keeps.

Everything happens in the client's event loop. Jobs that are given in one turn of it travel in one graph, and results
are gathered as they come, many at a time.
"""

import asyncio
import logging
import pickle
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from inspect import iscoroutinefunction
from itertools import count
from typing import Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from distributed import Client, KilledWorker

from progress_kit.errors import OperationCancelled, UsageError, WorkerLostError
from progress_kit.scheduler.engines.base import (
    Capabilities,
    Event,
    Failed,
    Finished,
    Hardness,
    Job,
    Key,
    Lost,
    Printed,
    Resized,
    Started,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.engines.dask_batch import LARGE, Batch, DaskFuture
from progress_kit.scheduler.engines.remote import dask_worker
from progress_kit.scheduler.engines.remote.dask_worker import Hello
from progress_kit.scheduler.engines.remote.functions import Functions
from progress_kit.scheduler.engines.remote.uplink import admit, is_published
from progress_kit.scheduler.outcome import unpack

LATENCY_S: Final = 0.1
"""A job's way through client, scheduler and worker, and its result's way back."""
GATHER_S: Final = 0.02
"""While there is work, what is given within so long is sent in one graph, which costs more than what is in it."""
ADMIT_TURNS: Final = 30
"""After so many looks a hub that gave no task token is asked again."""
LOOK_S: Final = 1.0
"""So often it is seen which workers there are."""
LEAVE_S: Final = 5.0
"""So long `close` waits at most for workers to be killed."""

T = TypeVar("T")
_log: Final = logging.getLogger("progress_kit")


class DaskEngine:
    """Runs jobs on the workers of a client's cluster, as many at a time as these have threads.

    `priority` and `resources` are passed to Dask with each job. The client stays open.
    """

    name: Literal["dask"] = "dask"

    def __init__(self, client: Client, *, priority: float = 0, resources: Mapping[str, float] | None = None) -> None:
        _check_open(client)
        self._client: Any = client  # half of its methods have no types
        self._loop: Any = client.loop
        self._in_loop = bool(client.asynchronous)
        self._terms = {"priority": priority, "resources": dict(resources) if resources else None}
        self._report: Callable[[Event], None] = _ignore
        self._functions = Functions()
        self._carried: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._none_left = threading.Condition(self._lock)
        self._outbox: list[Batch] = []
        self._sending = False
        self._batches: dict[Key, Batch] = {}
        self._begun: dict[Key, tuple[str, str]] = {}
        """Where a job runs: what its worker is called, and its address."""
        self._progress: dict[Key, TaskProgress] = {}
        self._coroutines: set[asyncio.Task[None]] = set()
        self._errands: set[asyncio.Task[None]] = set()
        """What has to be done to its end, also when this is closed: a worker that shall die must not live on."""
        self._left = threading.Event()
        self._paused = False
        self._closed = False
        self._workers = 1
        self._can_kill = False
        self._take_in(client.scheduler_info())

    @property
    def capabilities(self) -> Capabilities:
        """Workers are killed where each has one thread, so no neighbours, and a nanny, which starts another one."""
        stops: tuple[Hardness, ...] = ("soft", "kill") if self._can_kill else ("soft",)
        return Capabilities(
            stops=stops,
            pickles=True,
            batches=True,
            loop=self._in_loop,
            pauses=True,
            calls_home=True,
            latency_s=LATENCY_S,
        )

    @property
    def workers(self) -> int:
        """How many threads the workers have, at the moment; 1 where there are none yet."""
        return self._workers

    # ---------------------------------------------------------------- its life

    def start(self, context: TaskContext, report: Callable[[Event], None]) -> None:
        """Listen to the workers; raises `UsageError` where the client is closed."""
        client = self._client
        _check_open(client)
        self._report = report
        # One topic for all schedulers of a client: the cluster keeps the last messages of each topic for ever.
        topic = f"progress_kit-{client.id}"
        hello = Hello(uuid.uuid4().hex, topic, context, dask_worker.HERE)
        self._hello = pickle.dumps(hello, pickle.HIGHEST_PROTOCOL)
        self._run, self._context = hello.run, context
        listening = _listening.setdefault(client, WeakValueDictionary())
        listening[hello.run] = self
        client.subscribe_topic(topic, partial(_hear, listening))
        self._soon(lambda: self._do(self._look))

    def close(self, *, wait: bool) -> None:
        """Take leave of the workers; `wait`: when they have done what they were given."""
        with self._lock:
            if wait and not self._in_loop:
                self._none_left.wait_for(lambda: not self._batches)
            self._closed = True
        self._report = _ignore
        errands = bool(self._errands)
        self._soon(self._leave)
        if errands and not self._in_loop:
            self._left.wait(LEAVE_S)

    async def closed(self) -> None:
        """Wait until `close` has done its work, in an asynchronous client's own loop."""
        await asyncio.sleep(0)  # it begins there
        if self._coroutines:
            await asyncio.wait(self._coroutines.copy(), timeout=LOOK_S)

    def _leave(self) -> None:
        futures = [batch.future for batch in set(self._batches.values()) if batch.future is not None]
        for each in self._coroutines:
            each.cancel()
        self._batches.clear()
        self._carried.clear()

        errands = self._errands.copy()

        async def leave() -> None:
            with suppress(Exception):  # the client may be closed by now
                if errands:
                    await asyncio.wait(errands)
                self._left.set()
                if futures:
                    await self._client.cancel(futures, asynchronous=True)
                await self._on_workers(dask_worker.forget)

        _ = self._do(leave)

    # ---------------------------------------------------------------- what the scheduler calls, from any thread

    def check(self, function: Callable[..., Any]) -> None:
        """Refuse what cannot be pickled, and coroutine functions."""
        if iscoroutinefunction(function):
            raise UsageError(f"{function!r} is a coroutine function; use engine='async' for it")
        self._functions.code(function)

    def run(self, jobs: Sequence[Job]) -> None:
        """Send jobs to the cluster, in one graph with what else is sent now."""
        batch = Batch(jobs, self._functions)
        for refused in batch.refused:
            self._report(refused)
        with self._lock:
            alone = not self._batches
            self._batches.update(dict.fromkeys(batch.names, batch))
            self._outbox.append(batch)
            due, self._sending = not self._sending, True
        if self._client.status not in _OPEN:
            self._lose([batch], self._why())
        elif due:
            self._soon(self._send if alone else lambda: self._loop.call_later(GATHER_S, self._send))

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:
        """Tell jobs to stop; ``kill`` ends the processes of their workers, and Dask starts others."""
        if hardness == "kill":
            self._soon(lambda: self._do(partial(self._kill, list(keys)), self._errands))
        else:
            self._soon(lambda: self._do(partial(self._stop, list(keys))))

    def abandon(self, keys: Sequence[Key]) -> None:
        """Do not wait for jobs; Dask knows that their workers are busy."""
        with self._lock:
            for key in keys:
                self._batches.pop(key, None)
            self._none_left.notify_all()

    def pause(self) -> None:
        """Let jobs wait."""
        self._paused = True
        self._soon(lambda: self._do(self._pause))

    def resume(self) -> None:
        """Let them go on."""
        self._paused = False
        self._soon(lambda: self._do(self._pause))

    def hear(self, words: Mapping[Key, TaskProgress]) -> None:
        """Take in what workers told the hub."""
        self._progress.update({key: word for key, word in words.items() if key in self._batches})

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        return self._progress.copy()

    # ---------------------------------------------------------------- in the client's event loop

    def _soon(self, callback: Callable[[], object]) -> None:
        self._loop.add_callback(callback)

    def _do(
        self, work: Callable[[], Coroutine[Any, Any, None]], among: set[asyncio.Task[None]] | None = None
    ) -> asyncio.Task[None]:
        tasks = self._coroutines if among is None else among

        async def do() -> None:
            try:
                await work()
            except Exception:  # noqa: BLE001 - the client may be closed at any time, and its user's work goes on
                if self._client.status in _OPEN:
                    _log.exception("progress_kit: a Dask cluster could not be told something")

        task = asyncio.create_task(do())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _send(self) -> None:
        with self._lock:
            batches, self._outbox, self._sending = self._outbox, [], False
        batches = [batch for batch in batches if batch.names]
        if not batches or self._closed:
            return
        try:
            futures: list[DaskFuture] = self._client.map(
                dask_worker.run_jobs,
                [batch.blob() for batch in batches],
                [self._carry(batch) for batch in batches],
                hello=self._hello,
                key=[f"{batch.prefix}-{uuid.uuid4().hex}" for batch in batches],
                pure=False,
                **self._terms,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, these jobs will not run
            self._lose(batches, error)
            return
        for batch, future in zip(batches, futures, strict=True):
            batch.future = future
            batch.follower = self._do(partial(self._follow, batch, future))

    def _carry(self, batch: Batch) -> list[Any]:
        """Return the functions that are too large to be sent with each batch, as futures."""
        for code in batch.large:
            if code.number not in self._carried:
                self._carried[code.number] = self._client.submit(dask_worker.carry, code.data, pure=False)
        return [self._carried[code.number] for code in batch.large]

    async def _follow(self, batch: Batch, future: DaskFuture) -> None:
        try:
            worker, results = await self._client.gather(future, asynchronous=True)
        except (asyncio.CancelledError, CancelledError) as error:
            if not self._closed:
                self._lose([batch], self._why(error))
            return
        except KilledWorker as error:
            self._report_lost(batch, f"worker {error.last_worker.address}", str(error))
            return
        except Exception as error:  # noqa: BLE001 - our own code did not get as far as to run a job
            if isinstance(error, ImportError | AttributeError):
                error.add_note("(Dask's workers need progress_kit too, in the same version as here)")
            self._lose([batch], error)
            return
        finally:
            batch.future = None
        for number, attempt, envelope, duration_s in results:
            key = Key(number, attempt)
            outcome = unpack(envelope) if len(envelope) < LARGE else await asyncio.to_thread(unpack, envelope)
            self._finish(batch, key, Finished(key, worker, outcome, duration_s))

    def _finish(self, batch: Batch, key: Key, event: Event | None) -> None:
        with self._lock:
            if batch.names.pop(key, None) is None:
                return  # its end has been reported
            self._batches.pop(key, None)
            self._begun.pop(key, None)
            self._progress.pop(key, None)
            if not self._batches:
                self._none_left.notify_all()
        if event is not None:
            self._report(event)

    def _refuse(self, batch: Batch, keys: Iterable[Key]) -> None:
        for key in [key for key in keys if key in batch.names]:
            error = OperationCancelled(f"{batch.names[key] or 'a task'} was cancelled before it began")
            self._finish(batch, key, Finished(key, "", Failed(error), 0.0))

    def _why(self, error: BaseException | None = None) -> Exception:
        """Return what to say where Dask has let go of a task."""
        reason = getattr(error, "reason", "unknown")
        if self._client.status in {"closing", "closed"}:
            why = "the Dask client was closed"
        elif reason == "scheduler-connection-lost":
            why = "the Dask client lost its connection to the scheduler"
        else:
            why = f"Dask let go of the task ({reason})"
        return WorkerLostError(f"{why} before the task had ended")

    def _lose(self, batches: Sequence[Batch], error: Exception) -> None:
        """Dask will not run these."""
        for batch in batches:
            for key in list(batch.names):
                self._finish(batch, key, Finished(key, "", Failed(error), 0.0))

    def _report_lost(self, batch: Batch, worker: str, reason: str) -> None:
        """Report a batch whose worker died, when nobody tries again."""
        keys = list(batch.names)
        begun = tuple(key for key in keys if key in self._begun) or tuple(keys)
        worker = next((self._begun[key][0] for key in begun if key in self._begun), worker)
        waiting = tuple(key for key in keys if key not in begun)
        for key in keys:
            self._finish(batch, key, None)
        self._report(Lost(worker, begun, waiting, reason))

    async def _drop(self, batches: Iterable[Batch]) -> None:
        """Let Dask forget batches of which nobody waits for anything any more."""
        futures = []
        for batch in batches:
            if batch.future is not None and batch.follower is not None:
                futures.append(batch.future)
                batch.follower.cancel()
        if futures:
            await self._client.cancel(futures, asynchronous=True)

    def _whole(self, keys: Iterable[Key]) -> list[Batch]:
        """Return the batches of which nobody waits for any other job than these."""
        asked = set(keys)
        batches = {self._batches[key] for key in asked if key in self._batches}
        return [batch for batch in batches if asked.issuperset(batch.names)]

    async def _on_workers(self, function: Callable[..., T], *args: object, **options: Any) -> dict[str, T]:  # noqa: ANN401
        found: dict[str, T] = await self._client.run(
            function, self._hello, *args, on_error="ignore", asynchronous=True, **options
        )
        return found

    async def _stop(self, keys: list[Key]) -> None:
        answers = await self._on_workers(dask_worker.stop_jobs, keys)
        running = {key for there, _ in answers.values() for key in there}
        for key in (key for _, refused in answers.values() for key in refused):
            if key in self._batches:
                self._refuse(self._batches[key], [key])
        for batch in self._whole(keys):
            waits = batch.future is None or batch.future.status == "pending"
            if waits and running.isdisjoint(batch.names):  # no worker has begun it, and none that has it by now will
                self._refuse(batch, keys)
                await self._drop([batch])

    async def _pause(self) -> None:
        await self._on_workers(dask_worker.pause_jobs, paused=self._paused)

    async def _kill(self, keys: list[Key]) -> None:
        keys = [key for key in keys if key in self._begun and key in self._batches]
        addresses = list({self._begun[key][1] for key in keys})
        batches = {self._batches[key] for key in keys}
        for batch in batches:
            self._report_lost(batch, "", "it was killed, since a task did not stop")
        await self._drop(batches)
        if addresses:
            await self._client.run(
                dask_worker.kill, workers=addresses, nanny=True, on_error="ignore", asynchronous=True
            )

    async def _look(self) -> None:
        """Follow the cluster as workers come and go."""
        known: dict[str, int] = {}
        admitted: TaskContext | None = None
        ask_at = 1  # not at once: short runs are never told to the hub
        for turn in count():
            if self._closed:
                return
            new: set[str] = set()
            with suppress(OSError):  # it does not answer; whether it ever will again, the client finds out
                found = await self._client.scheduler.ncores()
                if found != known:
                    new, known = found.keys() - known.keys(), found
                    self._take_in(await self._client.scheduler.identity())
                    self._report(Resized())
                    if self._paused:
                        await self._pause()
            if admitted is None and turn >= ask_at and is_published():
                ask_at = turn + ADMIT_TURNS
                admitted = await asyncio.to_thread(admit, self._context)
                new = set(known)
            if admitted is not None and new:
                await self._on_workers(dask_worker.reach, self._run, admitted, workers=[*new])
            await asyncio.sleep(LOOK_S)

    def _take_in(self, info: Mapping[str, Any]) -> None:
        workers = list(info["workers"].values())
        self._workers = max(1, sum(each["nthreads"] for each in workers) or info.get("total_threads", 0))
        self._can_kill = bool(workers) and all(each.get("nanny") and each["nthreads"] == 1 for each in workers)

    def take_in(self, message: Mapping[str, Any]) -> None:
        """Take in what a worker says."""
        address = message["address"]
        for number, attempt, worker in message["begun"]:
            key = Key(number, attempt)
            if key in self._batches:
                self._begun[key] = (worker, address)
                self._report(Started(key, worker))
        for number, attempt, *word in message["progress"]:
            key = Key(number, attempt)
            if key in self._batches:
                self._progress[key] = TaskProgress(*word)
        for number, attempt, stream, text in message["printed"]:
            key = Key(number, attempt)
            self._report(Printed(key, self._begun.get(key, (address, ""))[0], stream, text))


_OPEN: Final = frozenset({"running", "connecting"})
_listening: Final["WeakKeyDictionary[Client, WeakValueDictionary[str, DaskEngine]]"] = WeakKeyDictionary()


def _hear(engines: "WeakValueDictionary[str, DaskEngine]", event: tuple[float, Any]) -> None:
    """Hand on what a worker told; Dask itself tells other things under a client's id."""
    _, message = event
    if isinstance(message, dict) and "progress_kit" in message:
        engine = engines.get(message["progress_kit"])
        if engine is not None:
            engine.take_in(message)


def _check_open(client: Client) -> None:
    if client.status not in _OPEN:
        raise UsageError(f"{client!r} is {client.status}; give a client that is connected to a cluster")


def _ignore(event: Event) -> None:
    """Nobody listens any more."""
