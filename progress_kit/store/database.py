"""The history file, or the memory that stands in for it while the file cannot be used."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from progress_kit import clock
from progress_kit.protocol.rest import StoreState
from progress_kit.store.file import (
    FAULTS,
    Identity,
    check_room,
    copy_to_memory,
    identity,
    is_broken,
    is_busy,
    keep_aside,
    open_file,
    open_memory,
    transaction,
)
from progress_kit.store.salvage import copy_rows, salvage, salvage_file
from progress_kit.store.schema import MIGRATIONS, NewerSchemaError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], object]

log: Final = logging.getLogger("progress_kit")

BUSY_S: Final = 10.0
"""How long others who are writing are waited for."""
HEAL_S: Final = 10.0
"""After how long a file that failed is tried again; twice as long after each try that came to nothing."""
_HEAL_AT_MOST_S: Final = 60.0
_CALM_S: Final = 600.0
"""What held so long after it was healed fails anew, and not again."""
_WAIT: Final = f"PRAGMA busy_timeout = {BUSY_S * 1_000:.0f}"
_MISSED: Final = 10_000
_BAD_VALUE: Final = (OverflowError, UnicodeError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)


class Database:
    """One connection, used by one thread. Whatever happens to the file, there is one to work on.

    A file that fails is replaced by a copy in memory, with one warning; a damaged one is kept aside, with what can be
    read of it in the copy. Then the file is tried again from time to time, and made anew if it is gone. `on_status` is
    called at each change: ``ok``, ``read_only`` (what the file had is known) or ``memory`` (nothing of it is), and why.
    After damage the reason stays with ``ok``.
    """

    def __init__(self, path: Path, on_status: Callable[[StoreState, str | None], None]) -> None:
        self._path = path
        self._on_status = on_status
        self._wait_s = HEAL_S
        self._connection: sqlite3.Connection | None = None
        self._file: Identity | None = None
        self._missed: deque[Work] = deque(maxlen=_MISSED)
        self._heal_at = 0.0
        self._healed_at: float | None = None
        self._warned: str | None = None
        self._damage: str | None = None
        self.status: tuple[StoreState, str | None] = ("memory", "not started")

    @property
    def ok(self) -> bool:
        """Whether work is done on the file."""
        return self.status[0] == "ok"

    @property
    def heal_in_s(self) -> float | None:
        """After how many seconds `heal` is due; None while the file works."""
        return None if self.ok else max(0.0, self._heal_at - clock.monotonic())

    def open(self) -> None:
        """Open the file, or else memory."""
        self._file = identity(self._path)
        try:
            connection = open_file(self._path, wait_s=BUSY_S / 2)
        except FAULTS as error:
            self._degrade(error)
        else:
            self._use(connection)
            self._report("ok", None)

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` gives on the file or, if that fails, on what stands in for it.

        Raises what `work` raises there.
        """
        assert self._connection is not None
        try:
            return work(self._connection)
        except FAULTS as error:
            if self.ok:
                self._degrade(error)
            elif is_broken(error):  # the damage was copied with the file
                damaged, self._connection = self._connection, salvage(self._connection)
                damaged.close()
            else:
                raise
        return self.do(work)

    def write(self, writes: Sequence[Callable[[sqlite3.Connection], T]]) -> list[T]:
        """Do all of `writes` in one transaction; what SQLite cannot hold is left out."""

        def work(connection: sqlite3.Connection) -> list[T]:
            done = _in_one_transaction(connection, writes)
            # Of a file that was removed or replaced SQLite knows nothing: it would write on, and all would be lost.
            if self.ok and identity(self._path) != self._file:
                raise FileNotFoundError("it was removed or replaced")
            return done

        return self.do(work)

    def do_if_free(self, work: Work) -> None:
        """Do `work` in one transaction, but for a file to which somebody else is writing now: there it is left out."""

        def attempt(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                with transaction(connection):
                    work(connection)
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
            finally:
                connection.execute(_WAIT)

        self.do(attempt)

    def missed(self, work: Work) -> None:
        """Have `work`, which was done in memory, done on the file as well when it can be used again."""
        self._missed.append(work)

    def heal(self) -> None:
        """Go back to the file if it can be used again: with what it missed, or with everything if it is new."""
        fresh = not self._path.exists()
        found = identity(self._path)
        try:
            healed = open_file(self._path, wait_s=0.2)
        except FAULTS as error:
            if is_broken(error):
                keep_aside(self._path, found)
            self._later()
            return
        try:
            check_room(self._path.parent)
            self._catch_up(healed, fresh=fresh)
        except FAULTS:
            healed.close()
            self._later()
            return
        self._missed.clear()
        self._use(healed)
        self._healed_at = clock.monotonic()
        log.info("The history is kept in %s again", self._path)
        self._report("ok", self._damage)

    def close(self) -> None:
        """Close what is open."""
        if self._connection is not None:
            self._connection.close()

    # ------------------------------------------------------------ inside

    def _use(self, connection: sqlite3.Connection) -> None:
        self.close()
        self._connection = connection
        self._file = identity(self._path)
        connection.execute(_WAIT)

    def _catch_up(self, healed: sqlite3.Connection, *, fresh: bool) -> None:
        if fresh and self._connection is not None:
            with transaction(healed):
                copy_rows(self._connection, healed)
        # So that something is written, even if nothing was missed.
        version: list[Work] = [lambda connection: connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")]
        _in_one_transaction(healed, version if fresh else [*version, *self._missed])

    def _degrade(self, error: Exception) -> None:
        """Go on in memory, with what can still be read of the file."""
        reason = f"{self._path}: {error}"
        if is_broken(error):
            known, reason = self._rescue(reason)
            self._damage = reason
        else:
            newer = isinstance(error, NewerSchemaError)
            copy = None if newer else copy_to_memory(self._path, self._connection)
            self.close()
            self._connection = open_memory() if copy is None else copy
            known = copy is not None
        calm = self._healed_at is None or clock.monotonic() - self._healed_at > _CALM_S
        if calm or reason != self._warned:
            log.warning("The history is kept in memory only, until its file can be used again: %s", reason)
        self._warned = reason
        self._report("read_only" if known else "memory", reason)
        if calm:
            self._wait_s = HEAL_S
        self._heal_at = clock.monotonic() + self._wait_s
        if calm and (is_broken(error) or isinstance(error, FileNotFoundError)):
            self.heal()
        elif not calm:
            self._later()

    def _rescue(self, reason: str) -> tuple[bool, str]:
        """Keep the damaged file aside and what can be read of it in memory; return whether that is anything."""
        self.close()
        aside = keep_aside(self._path, self._file)
        self._connection = salvage_file(aside or self._path)
        (count,) = self._connection.execute("SELECT count(*) FROM operations").fetchone()
        if aside is not None:
            reason += f"; the damaged file was kept as {aside.name}, {count} operations in it could be read"
        return count > 0, reason

    def _later(self) -> None:
        self._wait_s = min(2 * self._wait_s, _HEAL_AT_MOST_S)
        self._heal_at = clock.monotonic() + self._wait_s

    def _report(self, state: StoreState, reason: str | None) -> None:
        self.status = (state, reason)
        self._on_status(state, reason)


def _in_one_transaction(connection: sqlite3.Connection, writes: Sequence[Callable[[sqlite3.Connection], T]]) -> list[T]:
    done = []
    with transaction(connection):
        for write in writes:
            try:
                done.append(write(connection))
            except _BAD_VALUE:
                log.exception("A row that SQLite cannot hold was left out")
    return done
