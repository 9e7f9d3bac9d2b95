"""What the driver does beside carrying."""

from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.hub import Claims
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import Filter
from progress_kit.store import Retention, Store
from progress_kit_jupyter.driver import HubDriver

ALL = Claims(sub="local", scopes=frozenset({"subscribe"}), op=None, nb=None, iat=0.0, auth_time=0.0, exp=9e9, jti="t_1")


def _row(operation: str, snapshot: bytes) -> StoredOperation:
    return StoredOperation(
        id=operation,
        hub_id="h_1",
        owner="local",
        session=None,
        kind=None,
        state="running",
        seq=1,
        changed_at=clock.wall(),
        ended_at=None,
        snapshot=snapshot,
    )


async def test_a_row_that_cannot_be_read_does_not_stop_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One operation whose snapshot is rubbish is left out with a warning, the others come back."""
    path = tmp_path / "history.sqlite3"
    earlier = Store(path, "h_1", lambda _: None, lambda _status, _reason: None)
    earlier.start()
    earlier.persist(_row("op_bad", b"rubbish"))
    earlier.persist(_row("op_good", encode(Snapshot(id="op_good", name="Good", state="running", seq=1))))
    earlier.close()
    driver = HubDriver("h_1", b"k" * 64, Limits(), path, Retention())
    try:
        polled = driver.manager.poll(ALL, Filter(), None, driver.now())
        assert b"op_good" in polled
        assert b"op_bad" not in polled
        assert "op_bad" in caplog.text
    finally:
        await driver.stop()
