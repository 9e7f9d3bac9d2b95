"""`Publisher`: what user threads call. Cheap calls, one thread behind them, a bounded flush when the process ends."""

import atexit
import os
import sys
import threading
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from progress_kit import clock, settings
from progress_kit.model import Snapshot
from progress_kit.protocol.messages import Span, StageRecord
from progress_kit.publisher.forking import undivided
from progress_kit.publisher.sampler import Sampler, Sink, Source
from progress_kit.publisher.session import PublisherSession
from progress_kit.publisher.trouble import Trouble
from progress_kit.settings import Settings

if TYPE_CHECKING:
    from progress_kit.publisher.spool import Spool
    from progress_kit.publisher.worker import Worker

CLOSE_S: Final = 0.5


class Publisher:
    """All operations of one process, sampled and sent by one thread that starts with the first of them.

    The thread loads what it needs, an event loop and sockets, when an operation is old enough to be announced: short
    loops never pay for it.

    Called in another process than the one that made it (a forked child), every method does nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pid = os.getpid()
        self._trouble = Trouble()
        self._sampler = Sampler(settings.announce_after_s, self._trouble)
        self._session = PublisherSession(f"s_{uuid.uuid4().hex}", history=settings.history)
        self._news = threading.Condition()
        self._starting = threading.Lock()
        self._worker: Worker | None = None
        self._spool: Spool | None = None
        self._spools: list[Spool] = []
        self._thread: threading.Thread | None = None
        self._running = False
        self._stopping = False
        self._due = threading.Event()
        """Ends the thread's wait for an operation that is old enough."""
        self._exit_registered = False
        self.hub_id: str | None = None
        """Id of the hub that is or was last connected; None if there was none."""

    def __repr__(self) -> str:
        return f"Publisher(pid={self._pid}, session={self._session.id!r}, hub_id={self.hub_id!r})"

    def add(self, source: Source, sink: Sink | None = None) -> None:
        """Sample `source` until its `end`; show each new snapshot by `sink`. Takes microseconds and never waits."""
        if os.getpid() != self._pid:
            return
        self._sampler.add(source, sink)
        self._ensure_thread()

    def end(self, source: Source) -> None:
        """Tell the end of `source`, whose `sample` is terminal now.

        One that is younger than `Settings.announce_after_s` and did not fail is dropped without a trace.
        """
        if os.getpid() == self._pid and self._sampler.end(source, self._write_down):
            self._ensure_thread()
            self._due.set()
            worker = self._worker
            if worker is not None:
                worker.wake()

    def timeline(self, operation: str, spans: Iterable[Span], stages: Sequence[StageRecord] = ()) -> None:
        """Take in which task ran where and when, just before the `end`; `spans` is gone through in our thread.

        `stages` are what the operation tells later runs of its kind.
        """
        if os.getpid() == self._pid:
            self._sampler.timeline(operation, spans, stages)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the hub has stored every end, at most `timeout_s`; return whether it has.

        Returns at once if no hub can be reached: one try to reach it is made.
        """
        if os.getpid() != self._pid or self._delivered():
            return True
        self._ensure_thread()
        noted = self._failures()
        self._due.set()
        worker = self._worker
        if worker is not None:
            worker.hurry()
        with self._news:
            self._news.wait_for(
                lambda: self._delivered() or self._failures() > noted or not self._running,
                timeout_s,
            )
        return self._delivered()

    def snapshots(self) -> list[Snapshot]:
        """Return what this process knows of its own operations, without any hub."""
        return self._sampler.snapshots() if os.getpid() == self._pid else []

    def close(self, timeout_s: float) -> None:
        """Flush, then end the thread; together at most about `timeout_s`. A later `add` starts it again."""
        if os.getpid() != self._pid:
            return
        began = clock.monotonic()
        self.flush(timeout_s)
        self._stopping = True
        self._due.set()
        worker, thread = self._worker, self._thread
        if worker is not None:
            worker.stop()
        if thread is not None:
            left_s = timeout_s - (clock.monotonic() - began)
            thread.join(max(0.0, min(CLOSE_S, left_s)))
        self._tidy(last=True)

    def _write_down(self, snapshot: Snapshot, stages: tuple[StageRecord, ...]) -> None:
        """Keep an end, in the thread that brought it about: in the next moment the process may be gone."""
        spool = self._open_spool()
        if spool is not None:
            spool.end(snapshot, stages, self.hub_id)

    def _open_spool(self) -> "Spool | None":
        if self._spool is None:
            try:
                from progress_kit.publisher.spool import Spool
            except Exception as error:  # noqa: BLE001 - as in `_hire`; or the collector runs in the middle of this import
                self._trouble.warn("spool", "ends cannot be kept for a hub that is away: %r", error)
                return None
            self._spools.append(Spool(self._settings, self._session.id, self._trouble))
            self._spool = self._spools[0]  # of whichever thread was first
        return self._spool

    def _tidy(self, *, last: bool = False) -> None:
        if self._spool is not None:
            self._spool.durable(self._session.take_durable())
            self._spool.tidy(self.hub_id, last=last)

    def _failures(self) -> int:
        worker = self._worker
        return 0 if worker is None or worker.link is None else worker.link.failures

    def _delivered(self) -> bool:
        return not self._sampler.ending and self._session.settled

    def _changed(self) -> None:
        worker = self._worker
        if worker is not None and worker.link is not None:
            self.hub_id = worker.link.hub_id
        with self._news:
            self._news.notify_all()

    def _ensure_thread(self) -> None:
        if self._running:
            worker = self._worker
            if worker is not None and worker.asleep:
                worker.wake()
            return
        # Never waits: who holds the lock starts the thread, be it this very thread, interrupted by the collector.
        if self._starting.acquire(blocking=False):
            try:
                if not self._running:
                    self._start()
            finally:
                self._starting.release()

    def _start(self) -> None:
        self._register_exit()
        self._running, self._stopping = True, False
        self._thread = threading.Thread(target=self._run, name="progress_kit publisher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter exits
            self._running, self._thread = False, None
            self._trouble.warn("thread", "progress is not shown, its thread cannot be started: %s", error)

    def _run(self) -> None:
        self._due.wait(self._settings.announce_after_s)
        worker = None if self._stopping else self._hire()
        while worker is not None:
            self._worker = worker
            if self._stopping:
                worker.stop()
            worker.run()
            self._worker = None
            self._tidy(last=not self._sampler.busy)
            self._rest()
            # An operation that was added before this was seen has started no thread: go on for it.
            if worker.failed or worker.stopping or not self._sampler.busy or not self._revive():
                break
        else:
            self._rest()
        self._changed()

    def _rest(self) -> None:
        self._due.clear()
        self._running = False

    def _revive(self) -> bool:
        with self._starting:
            if self._running:
                return False
            self._running = True
            return True

    def _hire(self) -> "Worker | None":
        """Load and make what does the thread's work."""
        try:
            with undivided():
                from progress_kit.publisher.worker import Worker

                self._open_spool()
        except Exception as error:  # noqa: BLE001 - a broken installation does not reach the user's work
            self._trouble.warn("thread", "progress is not shown, the publisher cannot be loaded: %r", error)
            return None
        return Worker(
            self._sampler, self._session, self._settings, self._changed, self._trouble, self.hub_id, self._tidy
        )

    def _register_exit(self) -> None:
        if self._exit_registered:
            return
        self._exit_registered = True
        atexit.register(self._at_exit)
        multiprocessing = sys.modules.get("multiprocessing.process")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            # A worker of multiprocessing leaves without atexit, but runs these.
            from multiprocessing.util import Finalize

            Finalize(None, self._at_exit, exitpriority=1)

    def _at_exit(self) -> None:
        try:
            self.close(self._settings.exit_flush_s)
        except KeyboardInterrupt:
            return  # the user wants to leave now


class Disabled:
    """The publisher under ``PROGRESS_KIT=off``: does nothing."""

    hub_id: None = None

    def add(self, source: Source, sink: Sink | None = None) -> None:
        """Do nothing."""

    def end(self, source: Source) -> None:
        """Do nothing."""

    def timeline(self, operation: str, spans: Iterable[Span], stages: Sequence[StageRecord] = ()) -> None:
        """Do nothing."""

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - the same shape as Publisher's
        """Return at once: there is nothing to send."""
        return True

    def snapshots(self) -> list[Snapshot]:
        """Return nothing."""
        return []

    def close(self, timeout_s: float) -> None:
        """Do nothing."""


def create() -> Publisher | Disabled:
    """Return a publisher as the environment wants it; a wrong setting is one warning and its default."""
    found = settings.read()
    for problem in found.problems:
        Trouble().warn("settings", "%s", problem)
    return Publisher(found) if found.enabled else Disabled()
