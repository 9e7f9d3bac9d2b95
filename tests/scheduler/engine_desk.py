"""An engine by itself, as a scheduler would use it: jobs in, events out."""

import itertools
import os
import queue
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from progress_kit import clock
from progress_kit.scheduler.engines.base import (
    Engine,
    Event,
    Failed,
    Finished,
    Job,
    Key,
    Lost,
    Printed,
    Resized,
    Started,
    Succeeded,
    TaskContext,
)

DEADLINE_S = 40.0
E = TypeVar("E", Started, Finished, Lost, Printed)


class Desk:
    """Gives jobs to an engine and keeps what it reports, in order."""

    def __init__(self, engine: Engine, context: TaskContext | None = None) -> None:
        self.engine = engine
        self.events: list[Event] = []
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._numbers = itertools.count()
        engine.start(context or TaskContext("op_1", "Thumbnails"), self._report)

    def _report(self, *events: Event) -> None:
        for event in events:
            self._queue.put(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.engine.close(wait=False)

    def job(self, function: Callable[..., Any], *args: Any, name: str = "") -> Job:
        number = next(self._numbers)
        return Job(Key(number, 1), function, args, {}, name or f"task {number}")

    def run(self, function: Callable[..., Any], *args: Any, name: str = "") -> Key:
        """Give one job."""
        job = self.job(function, *args, name=name)
        self.engine.run([job])
        return job.key

    def batch(self, *calls: tuple[Any, ...]) -> list[Key]:
        """Give jobs that one worker shall run one after the other."""
        jobs = [self.job(*call) for call in calls]
        self.engine.run(jobs)
        return [job.key for job in jobs]

    def wait(self, kind: type[E], *keys: Key) -> list[E]:
        """Wait until there is an event of this kind for each of `keys`, or of any; return them in order."""

        def found() -> list[E]:
            return [event for event in self.events if isinstance(event, kind) and (not keys or _keys(event) & {*keys})]

        missing = set(keys)
        while True:
            events = found()
            known = set().union(*map(_keys, events)) if events else set()
            if events and not missing - known:
                return events
            self.events.append(self._queue.get(timeout=DEADLINE_S))

    def value(self, key: Key) -> Any:
        """Wait for a job's result."""
        outcome = self.wait(Finished, key)[0].outcome
        assert isinstance(outcome, Succeeded), outcome
        return outcome.value

    def error(self, key: Key) -> BaseException:
        """Wait for a job's exception."""
        outcome = self.wait(Finished, key)[0].outcome
        assert isinstance(outcome, Failed), outcome
        return outcome.error

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run one job and return its result."""
        return self.value(self.run(function, *args))

    def printed(self, key: Key | None, stream: str = "stdout") -> str:
        """Return what a job has printed so far."""
        lines = [e for e in self.events if isinstance(e, Printed) and e.key == key and e.stream == stream]
        return "".join(event.text for event in lines)


def _keys(event: Event) -> set[Key | None]:
    if isinstance(event, Lost):
        return {*event.begun, *event.waiting}
    return set() if isinstance(event, Resized) else {event.key}


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so that cannot be waited for in another way."""
    deadline = clock.monotonic() + DEADLINE_S
    while not condition():
        assert clock.monotonic() < deadline, "it never happened"
        clock.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is over and not yet waited for does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    if Path("/proc/self").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pids: Sequence[int]) -> None:
    """Wait until none of these processes runs."""
    until(lambda: not any(map(alive, pids)))


# ---------------------------------------------------------------- what jobs do


def hold(gate: Path) -> int:
    """Wait for `gate` to be opened, tell of it at once, and return the process's id."""
    gate.with_suffix(".begun").write_text(str(os.getpid()), encoding="ascii")
    until(gate.exists)
    return os.getpid()


def begun(gate: Path) -> int:
    """Wait until a job holds at `gate`; return its process's id."""
    mark = gate.with_suffix(".begun")
    until(lambda: mark.exists() and mark.read_text(encoding="ascii"))
    return int(mark.read_text(encoding="ascii"))
