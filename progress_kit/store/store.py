"""The store: one thread that owns the database, a queue in front of it, and one transaction for all that is queued."""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from progress_kit import clock
from progress_kit.model import OperationState, Prior, Pseudonyms, StoredOperation
from progress_kit.protocol.messages import InboxItem
from progress_kit.protocol.rest import KindSummary, StoreState
from progress_kit.store import inbox, priors, records, table
from progress_kit.store.file import copy_to_memory, is_broken, keep_aside, open_file, open_memory
from progress_kit.store.records import Record
from progress_kit.store.schema import NewerSchemaError
from progress_kit.store.table import HistoryPage, HistoryQuery, Retention

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], tuple[str, int] | None]
Read = Callable[[sqlite3.Connection], None]

log: Final = logging.getLogger("progress_kit")

_PRUNE_EVERY: Final = 1_000
_CLOSE_TIMEOUT_S: Final = 10.0
# A value that SQLite cannot hold spoils its own row, never the transaction of the others.
_BAD_VALUE: Final = (OverflowError, UnicodeError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)


class Store:
    """Operations and history in one SQLite file, which several hubs of one user may share.

    `on_stored` gets (operation, seq) of what was committed, `on_status` the state of the store and the reason; both are
    called in the store's thread. A file that is damaged or cannot be written never stops anything: the store goes on in
    memory, with one warning, and calls nothing stored any more. Its state is ``ok``, ``read_only`` (what the file had
    is known, what comes is lost at the end of the process) or ``memory`` (nothing of the file is known). A kind is
    found by its name also where it is kept under its pseudonym of `names`.
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
        self._path = path
        self._hub_id = hub_id
        self._on_stored = on_stored
        self._on_status = on_status
        self._retention = retention
        self._names = names or Pseudonyms(b"")
        self._status: tuple[StoreState, str | None] = ("memory", "not started")
        self._revoked: list[str] = []
        self._inbox: list[tuple[str, InboxItem]] = []
        self._queue: queue.SimpleQueue[tuple[Write | None, Read | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="progress_kit store", daemon=True)
        self._ready: Future[list[StoredOperation]] = Future()
        self._connection: sqlite3.Connection
        self._until_prune = _PRUNE_EVERY

    @property
    def status(self) -> tuple[StoreState, str | None]:
        """The state of the store, and the reason if it is not ``ok``."""
        return self._status

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

        def write(connection: sqlite3.Connection) -> tuple[str, int] | None:
            return (row.id, row.seq) if table.persist(connection, row) else None

        self._queue.put((write, None))

    def revoke(self, jti: str, expires_at: float) -> None:
        """Remember that a token is void, until `expires_at` (wall-clock seconds)."""
        self._queue.put((lambda connection: table.revoke(connection, jti, expires_at), None))

    def revoked(self) -> list[str]:
        """Return the tokens that were void when the store was started."""
        return self._revoked

    def keep_inbox(self, owner: str, items: Sequence[InboxItem]) -> None:
        """Queue new items of the inbox of `owner`, or known ones that are read now."""
        self._queue.put((lambda connection: inbox.keep(connection, self._hub_id, owner, items), None))

    def inbox(self) -> list[tuple[str, InboxItem]]:
        """Return owner and item of everything that this hub's inboxes had when the store was started, oldest first."""
        return self._inbox

    def record(self, owner: str, operation: str, record: Record) -> None:
        """Queue what is kept of an operation beside its state; an empty part leaves what is there."""
        self._queue.put((lambda connection: records.keep(connection, owner, operation, record), None))

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
        return self._ask(lambda connection: records.delete(connection, owner, operation))

    def delete_history(self, owner: str, kind: str | None = None) -> "Future[int]":
        """Delete the history of `owner` for good, all of it or one kind; the answer is how many runs that were."""
        return self._ask(lambda connection: records.delete_history(connection, owner, self._kinds(kind), clock.wall()))

    def _kinds(self, kind: str | None) -> tuple[str, ...]:
        """Return the names under which runs of a kind may be kept; none for all kinds."""
        return () if kind is None else (kind, self._names.kind(kind))

    def _ask(self, query: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        future: Future[T] = Future()

        def read(connection: sqlite3.Connection) -> None:
            try:
                future.set_result(query(connection))
            except Exception as error:
                if isinstance(error, sqlite3.DatabaseError) and self._status[0] == "ok":
                    raise  # and asked once more, in memory
                future.set_exception(error)

        self._queue.put((None, read))
        return future

    # ------------------------------------------------------------ in the store's thread

    def _run(self) -> None:
        try:
            rows = self._open()
        except BaseException as error:  # noqa: BLE001 - start() raises it
            self._ready.set_exception(error)
            return
        self._ready.set_result(rows)
        closing = False
        while not closing:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            closing = None in batch
            entries = [entry for entry in batch if entry is not None]
            self._write([write for write, _ in entries if write is not None])
            for _, read in entries:
                if read is not None:
                    self._guarded(read)
        self._connection.close()

    def _open(self) -> list[StoredOperation]:
        status: tuple[StoreState, str | None] = ("ok", None)
        try:
            self._connection = open_file(self._path)
            rows = self._load()
        except (OSError, sqlite3.Error, NewerSchemaError) as error:
            status = self._degraded(error, getattr(self, "_connection", None))
            rows = self._load()
        self._report(status)
        return rows

    def _load(self) -> list[StoredOperation]:
        self._prune(self._connection)
        self._revoked = table.revoked(self._connection)
        self._inbox = inbox.load(self._connection, self._hub_id)
        return table.live(self._connection, self._hub_id, clock.wall())

    def _write(self, writes: list[Write]) -> None:
        if not writes:
            return
        stored: list[tuple[str, int]] = []

        def commit(connection: sqlite3.Connection) -> None:
            stored[:] = _in_one_transaction(connection, writes)

        self._guarded(commit)
        if stored and self._status[0] == "ok":
            _call(lambda: self._on_stored(stored))
        self._until_prune -= len(writes)
        if self._until_prune <= 0:
            self._until_prune = _PRUNE_EVERY
            self._guarded(self._prune)

    def _prune(self, connection: sqlite3.Connection) -> None:
        table.prune(connection, self._retention, clock.wall())
        records.prune(connection)
        inbox.prune(connection, self._retention.days, clock.wall())

    def _guarded(self, work: Read) -> None:
        """Do `work` on the file, or else in memory: whatever happens to the file, the thread lives on."""
        try:
            work(self._connection)
        except sqlite3.DatabaseError as error:
            if self._status[0] != "ok":
                log.exception("The history in memory failed as well")
                return
            self._report(self._degraded(error, self._connection))
            self._guarded(work)

    def _degraded(self, error: Exception, connection: sqlite3.Connection | None) -> tuple[StoreState, str]:
        """Go on in memory, with what can still be read of the file; warn once, and return the new status."""
        broken = is_broken(error)
        copy = None if broken else copy_to_memory(self._path, connection)
        if connection is not None:
            connection.close()
        self._connection = open_memory() if copy is None else copy
        aside = keep_aside(self._path) if broken else None
        reason = f"{self._path}: {error}" + (f"; the damaged file was kept as {aside.name}" if aside else "")
        log.warning("The history is kept in memory only, until the server is started again: %s", reason)
        return ("memory" if copy is None else "read_only"), reason

    def _report(self, status: tuple[StoreState, str | None]) -> None:
        self._status = status
        _call(lambda: self._on_status(*status))


def _in_one_transaction(connection: sqlite3.Connection, writes: list[Write]) -> list[tuple[str, int]]:
    stored = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for write in writes:
            try:
                done = write(connection)
            except _BAD_VALUE:
                log.exception("A row that SQLite cannot hold was left out")
            else:
                if done is not None:
                    stored.append(done)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return stored


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        log.exception("A callback of the store failed")
