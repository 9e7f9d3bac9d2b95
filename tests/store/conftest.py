import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.model import HubInfo, Lease, OperationState, Pseudonyms, Snapshot, StoredOperation, is_terminal
from progress_kit.protocol import encode
from progress_kit.protocol.rest import StoreState
from progress_kit.store import Retention, Store


def row(
    operation: str = "op_1",
    state: OperationState = "running",
    seq: int = 1,
    *,
    age_s: float = 0.0,
    lease: Lease = "ok",
    owner: str = "local",
    kind: str | None = None,
    hub_id: str = "h_1",
) -> StoredOperation:
    """A row as the hub gives it to the store, last changed `age_s` ago."""
    changed_at = clock.wall() - age_s
    snapshot = Snapshot(id=operation, name=operation, state=state, seq=seq, hub=HubInfo(owner=owner))
    return StoredOperation(
        id=operation,
        hub_id=hub_id,
        owner=owner,
        session="s_1",
        kind=kind,
        state=state,
        seq=seq,
        changed_at=changed_at,
        ended_at=changed_at if is_terminal(state) else None,
        lease=lease,
        snapshot=encode(snapshot),
    )


class Opened:
    """A started store, and what it reported."""

    def __init__(self, path: Path, hub_id: str, retention: Retention, names: Pseudonyms | None) -> None:
        self.stored: list[tuple[str, int]] = []
        self.statuses: list[tuple[StoreState, str | None]] = []
        self._reported = threading.Condition()
        self.store = Store(path, hub_id, self._on_stored, self._on_status, retention, names=names)
        self.rows = {each.id: each for each in self.store.start()}

    def _on_stored(self, stored: list[tuple[str, int]]) -> None:
        with self._reported:
            self.stored += stored
            self._reported.notify_all()

    def _on_status(self, status: StoreState, reason: str | None) -> None:
        with self._reported:
            self.statuses.append((status, reason))
            self._reported.notify_all()

    def wait_until_stored(self, operation: str, seq: int) -> None:
        """Block until the store has reported this state as written."""
        with self._reported:
            assert self._reported.wait_for(lambda: (operation, seq) in self.stored, timeout=20)

    def wait_for_status(self, *wanted: StoreState) -> str | None:
        """Block until the store has gone through these states, the last ones it reported; return the reason."""
        with self._reported:
            assert self._reported.wait_for(lambda: tuple(state for state, _ in self.statuses[1:]) == wanted, timeout=20)
            return self.statuses[-1][1]

    def settle(self) -> None:
        """Block until everything that was asked before is done."""
        self.store.count("nobody").result(20)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file that failed be tried again at once, and again."""
    monkeypatch.setattr("progress_kit.store.database.HEAL_S", 0.01)
    monkeypatch.setattr("progress_kit.store.database._HEAL_AT_MOST_S", 0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is, in a folder that is not there yet."""
    return tmp_path / "progress_kit" / "history.sqlite3"


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[..., Opened]]:
    """Start a store; all are closed at the end."""
    with ExitStack() as stack:

        def make(
            path: Path = path,
            hub_id: str = "h_1",
            retention: Retention = Retention(),  # noqa: B008
            names: Pseudonyms | None = None,
        ) -> Opened:
            opened = Opened(path, hub_id, retention, names)
            stack.callback(opened.store.close)
            return opened

        yield make
