"""`ProcessEngine`: worker processes of our own, each on its own socket, so that one can be stopped or lost alone.

A worker is a fresh interpreter, not a fork: safe whatever threads the notebook has, and a script needs no
``if __name__ == "__main__"``, because functions of `__main__` travel by value. It costs about 0.1 s of processor time
once for each worker; they begin when they are needed, and stay until the scheduler ends.

Arguments are pickled in the thread that gives a job. All else is the foreman's, who has a thread of his own.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from progress_kit.scheduler.engines.base import (
    Capabilities,
    Failed,
    Finished,
    Hardness,
    Job,
    Key,
    TaskContext,
    TaskProgress,
)
from progress_kit.scheduler.engines.remote.foreman import Foreman
from progress_kit.scheduler.engines.remote.functions import Functions
from progress_kit.scheduler.engines.remote.hands import Errand
from progress_kit.scheduler.outcome import cannot_go


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ProcessEngine:
    """Runs jobs in `max_workers` processes, by default one for each processor that this one may use."""

    name = "processes"
    capabilities: Capabilities = Capabilities(
        stops=("soft", "signal", "kill"), pickles=True, batches=True, replaces=True, pauses=True
    )

    def __init__(self, max_workers: int | None = None) -> None:
        self._max_workers = max_workers or processors()
        self._pid = os.getpid()
        self._functions = Functions()
        self._foreman: Foreman | None = None

    def __repr__(self) -> str:
        return f"<ProcessEngine: {self._foreman.hands if self._foreman else 0} of {self._max_workers} workers>"

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return self._max_workers

    # ---------------------------------------------------------------- what the scheduler asks for, in any thread

    def start(self, context: TaskContext, report: Callable[..., None]) -> None:
        """Get ready; no process is started before the first job."""
        self._foreman = Foreman(self._max_workers, context, report)

    def check(self, function: Callable[..., Any]) -> None:
        """Raise `NotPicklableError` if a function cannot be sent to a worker, naming it and what does not pickle."""
        self._functions.code(function)

    def run(self, jobs: Sequence[Job]) -> None:
        """Run jobs one after the other in one worker."""
        foreman = self._here
        if foreman is None:
            return
        batch: list[Errand] = []
        refused: list[Finished] = []
        for job in jobs:
            try:
                batch.append(Errand(job, self._functions.code(job.function)))
            except Exception as error:  # noqa: BLE001 - pickling runs the user's code
                refused.append(Finished(job.key, "", Failed(cannot_go(error, job.name)), 0.0))
        foreman.give(batch, refused)

    def stop(self, keys: Sequence[Key], hardness: Hardness) -> None:
        """Ask jobs to stop."""
        if foreman := self._here:
            foreman.stop(set(keys), hardness)

    def abandon(self, keys: Sequence[Key]) -> None:
        """Let other workers take the place of those that run these jobs; they are killed at the end."""
        if foreman := self._here:
            foreman.abandon(set(keys))

    def pause(self) -> None:
        """Let jobs wait."""
        if foreman := self._here:
            foreman.pause(paused=True)

    def resume(self) -> None:
        """Let them go on."""
        if foreman := self._here:
            foreman.pause(paused=False)

    def progress(self) -> Mapping[Key, TaskProgress]:
        """Return the newest word of the jobs that run and said anything."""
        return {} if self._foreman is None else self._foreman.words.copy()

    def close(self, *, wait: bool) -> None:
        """Let the workers leave; without `wait` those that run jobs are killed."""
        if foreman := self._here:
            foreman.close(wait=wait)

    @property
    def _here(self) -> Foreman | None:
        """The foreman; None in a fork of the process that the engine was made in."""
        return self._foreman if os.getpid() == self._pid else None
