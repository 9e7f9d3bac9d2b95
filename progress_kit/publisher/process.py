"""`Publisher`: what user threads call. Cheap calls, one thread behind them, a bounded flush when the process ends."""

import atexit
import os
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Final

from progress_kit import clock, settings
from progress_kit.model import Snapshot
from progress_kit.publisher.sampler import Sampler, Sink, Source
from progress_kit.publisher.session import PublisherSession
from progress_kit.publisher.trouble import Trouble
from progress_kit.settings import Settings

if TYPE_CHECKING:
    from progress_kit.publisher.worker import Worker

CLOSE_S: Final = 0.5


class Publisher:
    """All operations of one process, sampled and sent by one thread that starts with the first of them.

    Called in another process than the one that made it (a forked child), every method does nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pid = os.getpid()
        self._trouble = Trouble()
        self._sampler = Sampler(settings.announce_after_s, self._trouble)
        self._session = PublisherSession(f"s_{uuid.uuid4().hex}")
        self._news = threading.Condition()
        self._starting = threading.Lock()
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None
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
        if os.getpid() == self._pid and self._sampler.end(source):
            self._ensure_thread()
            worker = self._worker
            if worker is not None:
                worker.wake()

    def flush(self, timeout_s: float) -> bool:
        """Wait until the hub has stored every end, at most `timeout_s`; return whether it has.

        Returns at once if no hub can be reached: one try to reach it is made.
        """
        if os.getpid() != self._pid or self._delivered():
            return True
        self._ensure_thread()
        worker = self._worker
        if worker is None:
            return False
        noted = worker.link.failures if worker.link is not None else 0
        worker.hurry()
        with self._news:
            self._news.wait_for(
                lambda: self._delivered() or (worker.link is not None and worker.link.failures > noted), timeout_s
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
        worker, thread = self._worker, self._thread
        if worker is not None and thread is not None:
            worker.stop()
            left_s = timeout_s - (clock.monotonic() - began)
            thread.join(max(0.0, min(CLOSE_S, left_s)))

    def _delivered(self) -> bool:
        return not self._sampler.ending and self._session.settled

    def _changed(self) -> None:
        worker = self._worker
        if worker is not None and worker.link is not None:
            self.hub_id = worker.link.hub_id
        with self._news:
            self._news.notify_all()

    def _ensure_thread(self) -> None:
        worker = self._worker
        if worker is not None:
            if worker.asleep:
                worker.wake()
            return
        # Never waits: who holds the lock starts the thread, be it this very thread, interrupted by the collector.
        if self._starting.acquire(blocking=False):
            try:
                if self._worker is None:
                    self._start()
            finally:
                self._starting.release()

    def _start(self) -> None:
        from progress_kit.publisher.worker import Worker

        self._register_exit()
        worker = Worker(self._sampler, self._session, self._settings, self._changed, self._trouble, self.hub_id)
        thread = threading.Thread(target=self._run, args=(worker,), name="progress_kit publisher", daemon=True)
        self._worker, self._thread = worker, thread
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter exits
            self._worker = self._thread = None
            self._trouble.warn("thread", "progress is not shown, its thread cannot be started: %s", error)

    def _run(self, worker: "Worker") -> None:
        worker.run()
        self._worker = None
        # An operation that was added before this was seen has started no thread: go on for it.
        while not worker.failed and not worker.stopping and self._sampler.busy and self._revive(worker):
            worker.run()
            self._worker = None
        self._changed()

    def _revive(self, worker: "Worker") -> bool:
        with self._starting:
            if self._worker is not None:
                return False
            self._worker = worker
            return True

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
