"""What follows from the death of a kernel: its operations have failed, and nobody will say so but the hub."""

from collections.abc import Iterator
from typing import Final

import msgspec

from progress_kit.hub.events import Now
from progress_kit.hub.peers import Session
from progress_kit.hub.publications import Publications
from progress_kit.hub.registry import Entry, Registry
from progress_kit.model import Failure, Snapshot, Stage, Task
from progress_kit.protocol import encode

LAST_WORDS_S: Final = 2.0
"""How long the last frames of a dead process are waited for, if its connection has not been seen to close."""
LOST: Final = Failure(type="Lost", message="Its kernel died.")


class Deaths:
    """Ends the operations of dead kernels.

    What a process sent before it died may still lie in the socket, so that its operations are ended only when its
    connection has closed. A restarted kernel has the same id and a new session: it is not touched.
    """

    def __init__(self, registry: Registry, publications: Publications) -> None:
        self._registry = registry
        self._publications = publications
        self._dying: list[tuple[Session, str, float]] = []

    def died(self, kernel_id: str, now: Now) -> None:
        """Take in that a kernel is dead, or was until it was restarted just now."""
        for session in self._publications.sessions():
            if any(self._of_kernel(session, kernel_id)):
                self._dying.append((session, kernel_id, now.monotonic + LAST_WORDS_S))

    def bury(self, now: Now) -> Iterator[tuple[Entry, Entry]]:
        """End what can be ended now; yield each entry with the one before it."""
        if not self._dying:
            return
        waiting: list[tuple[Session, str, float]] = []
        for session, kernel_id, deadline in self._dying:
            # What the server itself said is never on its way.
            if session.conn is not None and session.via != "server" and now.monotonic < deadline:
                waiting.append((session, kernel_id, deadline))
                continue
            for entry in list(self._of_kernel(session, kernel_id)):
                yield self._end(session, entry, now), entry
        self._dying = waiting

    def _of_kernel(self, session: Session, kernel_id: str) -> Iterator[Entry]:
        for operation in session.open:
            entry = self._registry.get(operation)
            if entry is not None and entry.snapshot.origin.kernel_id == kernel_id:
                yield entry

    def _end(self, session: Session, entry: Entry, now: Now) -> Entry:
        session.open.discard(entry.id)
        hub = msgspec.structs.replace(entry.hub, lease="ok", changed_at=now.wall, stored=False)
        full = msgspec.structs.replace(lost(entry.snapshot, now.monotonic - entry.changed, now.wall), hub=hub)
        return self._registry.put(full, encode(full), entry.session, now.monotonic)


def lost(snapshot: Snapshot, silent_s: float, ended_at: float) -> Snapshot:
    """Return how an operation ends whose kernel died `silent_s` seconds after this was said of it."""
    if snapshot.state == "paused":
        silent_s = 0.0  # the clock of what is paused stands still
    elapsed_s = None if snapshot.elapsed_s is None else snapshot.elapsed_s + silent_s
    return msgspec.structs.replace(
        snapshot,
        state="failed",
        seq=snapshot.seq + 1,
        stage=None,
        stages=tuple(_lost_stage(stage, silent_s) for stage in snapshot.stages),
        tasks=tuple(_lost_task(task, silent_s) for task in snapshot.tasks),
        estimate=None,
        error=LOST,
        actions=(),
        elapsed_s=elapsed_s,
        ended_at=ended_at,
    )


def _lost_stage(stage: Stage, silent_s: float) -> Stage:
    if stage.state not in {"running", "paused"}:
        return stage
    counts = stage.tasks
    if counts is not None:
        failed = counts.failed + counts.running + counts.paused
        counts = msgspec.structs.replace(counts, failed=failed, running=0, paused=0)
    elapsed_s = None if stage.elapsed_s is None else stage.elapsed_s + silent_s
    return msgspec.structs.replace(stage, state="failed", rate=None, elapsed_s=elapsed_s, tasks=counts)


def _lost_task(task: Task, silent_s: float) -> Task:
    if task.state not in {"running", "paused"}:
        return task
    elapsed_s = None if task.elapsed_s is None else task.elapsed_s + silent_s
    return msgspec.structs.replace(task, state="failed", error=LOST, elapsed_s=elapsed_s)
