"""The store: one thread that owns the database, a queue in front of it, and one transaction for all that is queued."""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from progress_kit import clock
from progress_kit.model import OperationState, Prior, Pseudonyms, StoredOperation
from progress_kit.protocol.messages import InboxItem
from progress_kit.protocol.rest import KindSummary, StoreState
from progress_kit.store import inbox, priors, records, table
from progress_kit.store.database import Database
from progress_kit.store.file import FAULTS
from progress_kit.store.records import Record
from progress_kit.store.table import HistoryPage, HistoryQuery, Retention

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], tuple[str, int] | None]
Read = Callable[[sqlite3.Connection], None]

log: Final = logging.getLogger("progress_kit")

_PRUNE_EVERY: Final = 1_000
_CLOSE_TIMEOUT_S: Final = 10.0
_BATCH: Final = 500
"""So much is done in one transaction at most: others who write to the file wait no longer than for that."""


class _Task(Struct, frozen=True, gc=False):
    """Something to do: a write, or a question that is answered by itself.

    Thousands may be queued. The garbage collector does not track them (``gc=False``): with everything that a busy hub
    queues it would begin to look for cycles in the whole server, on the event loop.
    """

    write: Write | None = None
    read: Read | None = None
    again: bool = False
    """Whether a write that the file missed is done on it later; operations and inboxes the hub gives once more."""


class _Persist(Struct, frozen=True, gc=False):
    """A write of one operation; its answer is what is stored then."""

    row: StoredOperation

    def __call__(self, connection: sqlite3.Connection) -> tuple[str, int] | None:
        return (self.row.id, self.row.seq) if table.persist(connection, self.row) else None


class Store:
    """Operations and history in one SQLite file, which several hubs of one user may share.

    `on_stored` gets (operation, seq) of what was committed, `on_status` the state of the store and the reason; both are
    called in the store's thread. A file that is damaged or cannot be written never stops anything: the store goes on in
    memory, with one warning, and calls nothing stored until the file can be used again (see `Database`). Whoever is
    told then that the state is ``ok`` persists all live operations and inboxes once more. A kind is found by its name
    also where it is kept under its pseudonym of `names`.
    """

    def __init__(  # noqa: PLR0913 - where it is, and whom it tells
        self,
        path: Path,
        hub_id: str,
        on_stored: Callable[[list[tuple[str, int]]], None],
        on_status: Callable[[StoreState, str | None], None],
        retention: Retention = Retention(),  # noqa: B008 - an immutable tuple
        *,
        names: Pseudonyms | None = None,
    ) -> None:
        self._hub_id = hub_id
        self._on_stored = on_stored
        self._database = Database(path, lambda *status: _call(lambda: on_status(*status)))
        self._retention = retention
        self._names = names or Pseudonyms(b"")
        self._revoked: list[str] = []
        self._inbox: list[tuple[str, InboxItem]] = []
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="progress_kit store", daemon=True)
        self._ready: Future[list[StoredOperation]] = Future()
        self._until_prune = _PRUNE_EVERY
        self.commits = 0
        """How many transactions were on the disk, in `commit_s` seconds altogether."""
        self.commit_s = 0.0

    @property
    def status(self) -> tuple[StoreState, str | None]:
        """The state of the store, and the reason if it is not ``ok``, or if something was lost on the way to it."""
        return self._database.status

    def start(self) -> list[StoredOperation]:
        """Open the file; return this hub's operations that run, or that ended or were lost within the last hour."""
        self._thread.start()
        return self._ready.result()

    def close(self) -> None:
        """Write what is queued, and close the file. Blocks for at most 10 s; what is asked later is never answered."""
        if self._thread.ident is not None:
            self._queue.put(None)
            self._thread.join(_CLOSE_TIMEOUT_S)

    def persist(self, row: StoredOperation) -> None:
        """Queue `row`; `on_stored` is called when it is on the disk. An ended row is final."""
        self._queue.put(_Task(_Persist(row)))

    def revoke(self, jti: str, expires_at: float) -> None:
        """Remember that a token is void, until `expires_at` (wall-clock seconds)."""
        self._queue.put(_Task(lambda connection: table.revoke(connection, jti, expires_at), again=True))

    def revoked(self) -> list[str]:
        """Return the tokens that were void when the store was started."""
        return self._revoked

    def keep_inbox(self, owner: str, items: Sequence[InboxItem]) -> None:
        """Queue new items of the inbox of `owner`, or known ones that are read now."""
        self._queue.put(_Task(lambda connection: inbox.keep(connection, self._hub_id, owner, items)))

    def inbox(self) -> list[tuple[str, InboxItem]]:
        """Return owner and item of everything that this hub's inboxes had when the store was started, oldest first."""
        return self._inbox

    def record(self, owner: str, operation: str, record: Record) -> None:
        """Queue what is kept of an operation beside its state; an empty part leaves what is there."""
        self._queue.put(_Task(lambda connection: records.keep(connection, owner, operation, record), again=True))

    def history(  # noqa: PLR0913 - each is a filter of its own
        self,
        owner: str,
        kind: str | None = None,
        limit: int = 100,
        before: str | None = None,
        *,
        states: tuple[OperationState, ...] = (),
        since: float | None = None,
        until: float | None = None,
    ) -> "Future[HistoryPage]":
        """Ask for a page of what has ended or is lost, newest first.

        `limit` is cut to 1 … 500; `since` (inclusive) and `until` are wall-clock seconds of the last change.
        Fails with `ProtocolError` if `before` does not come from a page's `next`.
        """
        query = HistoryQuery(owner, self._kinds(kind), limit, before, states, since, until)
        return self._ask(lambda connection: table.history(connection, query, clock.wall()))

    def get(self, owner: str, operation: str) -> "Future[bytes | None]":
        """Ask for the encoded snapshot of one operation of `owner`."""
        return self._ask(lambda connection: table.snapshot(connection, owner, operation))

    def count(self, owner: str) -> "Future[int]":
        """Ask how many operations the history of `owner` has."""
        return self._ask(lambda connection: table.count(connection, owner, clock.wall()))

    def recorded(self, owner: str, operation: str) -> "Future[Record]":
        """Ask what is kept of an operation beside its state; empty if there is nothing."""
        return self._ask(lambda connection: records.load(connection, owner, operation))

    def kinds(self, owner: str) -> "Future[list[KindSummary]]":
        """Ask which kinds have runs in the history of `owner`, the one that ran last first."""
        return self._ask(lambda connection: records.kinds(connection, owner, clock.wall()))

    def prior(self, owner: str, kind: str, stages: Iterable[str] = ()) -> "Future[Prior | None]":
        """Ask how long the last runs of `kind` took that succeeded; None if there were none.

        Stages that are kept under pseudonyms have theirs in the answer, but for those that are named in `stages`.
        """
        return self._ask(lambda connection: priors.prior(connection, owner, kind, self._names, stages))

    def delete(self, owner: str, operation: str) -> "Future[bool]":
        """Delete one operation for good; the answer is whether it was there."""
        return self._ask(lambda connection: records.delete(connection, owner, operation), again=True)

    def delete_history(self, owner: str, kind: str | None = None) -> "Future[int]":
        """Delete the history of `owner` for good, all of it or one kind; the answer is how many runs that were."""
        kinds = self._kinds(kind)
        return self._ask(lambda connection: records.delete_history(connection, owner, kinds, clock.wall()), again=True)

    def _kinds(self, kind: str | None) -> tuple[str, ...]:
        """Return the names under which runs of a kind may be kept; none for all kinds."""
        return () if kind is None else (kind, self._names.kind(kind))

    def _ask(self, query: Callable[[sqlite3.Connection], T], *, again: bool = False) -> "Future[T]":
        future: Future[T] = Future()

        def read(connection: sqlite3.Connection) -> None:
            if not future.running() and not future.set_running_or_notify_cancel():
                return  # nobody waits for the answer any more
            try:
                answer = query(connection)
            except Exception as error:
                if isinstance(error, FAULTS) and self._database.ok:
                    raise  # and asked once more, in memory
                future.set_exception(error)
                return
            if again and not self._database.ok:
                self._database.missed(query)
            future.set_result(answer)

        self._queue.put(_Task(read=read))
        return future

    # ------------------------------------------------------------ in the store's thread

    def _run(self) -> None:
        try:
            self._database.open()
            self._prune()
            rows = self._database.do(self._load)
        except BaseException as error:  # noqa: BLE001 - start() raises it
            self._ready.set_exception(error)
            return
        self._ready.set_result(rows)
        closing = False
        while not closing:
            batch = self._next()
            closing = None in batch
            tasks = [task for task in batch if task is not None]
            self._write([(task.write, task.again) for task in tasks if task.write is not None])
            for task in tasks:
                if task.read is not None:
                    self._database.do(task.read)
        self._database.write([])  # if the file has been removed, it is made anew a last time
        self._database.close()

    def _next(self) -> list[_Task | None]:
        """Return what is queued, as much as fits; wait for something, and for the file to heal meanwhile."""
        batch: list[_Task | None] = []
        while not batch:
            if self._database.heal_in_s == 0:
                self._database.heal()
            with suppress(queue.Empty):
                batch.append(self._queue.get(timeout=self._database.heal_in_s))
        while len(batch) < _BATCH and not self._queue.empty():
            batch.append(self._queue.get())
        return batch

    def _load(self, connection: sqlite3.Connection) -> list[StoredOperation]:
        self._revoked = table.revoked(connection)
        self._inbox = inbox.load(connection, self._hub_id)
        return table.live(connection, self._hub_id, clock.wall())

    def _write(self, writes: list[tuple[Write, bool]]) -> None:
        if not writes:
            return
        begun = clock.monotonic()
        try:
            done = self._database.write([write for write, _ in writes])
        except sqlite3.Error:
            log.exception("The history in memory failed as well")
            return
        if self._database.ok:
            self.commits += 1
            self.commit_s += clock.monotonic() - begun
            stored = [each for each in done if each is not None]
            if stored:
                _call(lambda: self._on_stored(stored))
        else:
            for write, again in writes:
                if again:
                    self._database.missed(write)
        self._until_prune -= len(writes)
        if self._until_prune <= 0:
            self._until_prune = _PRUNE_EVERY
            self._prune()

    def _prune(self) -> None:
        """Delete what is not kept any longer; while another server is writing, that has time until the next time."""

        def prune(connection: sqlite3.Connection) -> None:
            now = clock.wall()
            oldest = table.oldest_kept(connection, self._retention.days, now)
            table.prune(connection, self._retention.operations, oldest)
            records.prune(connection)
            inbox.prune(connection, oldest)

        try:
            self._database.do_if_free(prune)
        except sqlite3.Error:
            log.exception("The history in memory failed as well")


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        log.exception("A callback of the store failed")
