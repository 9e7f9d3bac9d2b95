"""What the store keeps, what it gives back, and in which order."""

import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.model import StoredOperation
from progress_kit.protocol import decode_snapshot
from progress_kit.store import Retention
from progress_kit.testing import FakeClock

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
DAY_S = 86_400.0


def test_what_was_stored_is_there_after_a_restart(open_store: OpenStore) -> None:
    """A running and an ended operation are known to the next life of the same hub, field by field."""
    first = open_store()
    running, ended = row("op_1", "running", 3), row("op_2", "failed", 7)
    first.store.persist(running)
    first.store.persist(ended)
    first.wait_until_stored("op_2", 7)
    first.store.close()
    assert open_store().rows == {"op_1": running, "op_2": ended}


def test_closing_writes_what_is_still_queued(open_store: OpenStore) -> None:
    """A clean stop loses nothing, even if it follows at once."""
    first = open_store()
    for seq in range(1, 501):
        first.store.persist(row(f"op_{seq}", "succeeded", seq))
    first.store.close()
    assert len(first.stored) == 500
    assert len(open_store().rows) == 500


def test_only_this_hubs_operations_come_back(open_store: OpenStore) -> None:
    """Hubs share one file, and each takes over only what is its own."""
    first = open_store()
    first.store.persist(row("op_mine"))
    first.store.persist(row("op_other", hub_id="h_2"))
    first.store.close()
    assert set(open_store(hub_id="h_1").rows) == {"op_mine"}
    assert set(open_store(hub_id="h_2").rows) == {"op_other"}


def test_two_hubs_write_one_file_at_the_same_time(open_store: OpenStore) -> None:
    """Two living servers of one user store side by side."""
    stores = [open_store(hub_id="h_1"), open_store(hub_id="h_2")]
    for seq in range(1, 101):
        for number, opened in enumerate(stores, 1):
            opened.store.persist(row(f"op_{number}", "running", seq, hub_id=f"h_{number}"))
    for number, opened in enumerate(stores, 1):
        opened.wait_until_stored(f"op_{number}", 100)
        assert opened.store.status == ("ok", None)


def test_what_ended_or_was_lost_long_ago_is_history_only(open_store: OpenStore) -> None:
    """After an hour an end or a loss is no longer loaded as live; what ran when the hub died is, however old."""
    first = open_store()
    first.store.persist(row("op_ended_now", "succeeded"))
    first.store.persist(row("op_ended_long_ago", "succeeded", age_s=4_000))
    first.store.persist(row("op_lost_now", lease="lost"))
    first.store.persist(row("op_lost_long_ago", lease="lost", age_s=4_000))
    first.store.persist(row("op_quiet_for_long", age_s=4_000))
    first.store.close()
    second = open_store()
    assert set(second.rows) == {"op_ended_now", "op_lost_now", "op_quiet_for_long"}
    page = second.store.history("local").result(20)
    newest, *others = (decode_snapshot(item).id for item in page.items)
    assert (newest, set(others)) == ("op_ended_now", {"op_ended_long_ago", "op_lost_long_ago"})
    assert second.store.count("local").result(20) == 3


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(row("op_1", "running", 9), id="running again"),
        pytest.param(row("op_1", "failed", 4), id="an older end"),
        pytest.param(row("op_1", "failed", 5), id="another end of the same seq"),
    ],
)
def test_an_end_is_final(open_store: OpenStore, later: StoredOperation) -> None:
    """A stored end is neither undone nor replaced by an older one, and nothing of that kind is called stored."""
    opened = open_store()
    opened.store.persist(row("op_1", "succeeded", 5))
    opened.store.persist(later)
    opened.settle()
    stored = opened.store.get("local", "op_1").result(20)
    assert stored is not None
    assert (decode_snapshot(stored).state, decode_snapshot(stored).seq) == ("succeeded", 5)
    assert opened.stored == [("op_1", 5)]


def test_an_older_state_never_replaces_a_newer_one(open_store: OpenStore) -> None:
    """Whatever order the rows come in, the newest stays."""
    opened = open_store()
    for seq in (2, 5, 3):
        opened.store.persist(row("op_1", "running", seq))
    opened.settle()
    assert opened.stored == [("op_1", 2), ("op_1", 5)]


def test_an_end_that_is_repeated_is_acknowledged_again(open_store: OpenStore) -> None:
    """A publisher repeats an end until it hears that it is stored; the second time it must hear it too."""
    first = open_store()
    first.store.persist(row("op_1", "cancelled", 8))
    first.store.close()
    second = open_store()
    second.store.persist(row("op_1", "cancelled", 8))
    second.wait_until_stored("op_1", 8)


def test_everybody_reads_only_what_is_theirs(open_store: OpenStore) -> None:
    """The same id of two owners is two operations, and neither sees the other's."""
    opened = open_store()
    opened.store.persist(row("op_1", "succeeded", 1, owner="ann"))
    opened.store.persist(row("op_1", "failed", 1, owner="bob"))
    opened.store.persist(row("op_2", "failed", 1, owner="bob"))
    assert opened.store.count("ann").result(20) == 1
    assert opened.store.get("ann", "op_2").result(20) is None
    stored = opened.store.get("ann", "op_1").result(20)
    assert stored is not None
    assert decode_snapshot(stored).state == "succeeded"


def test_history_is_read_page_by_page(open_store: OpenStore) -> None:
    """Pages come newest first, miss nothing and repeat nothing, even where many ended in the same moment."""
    opened = open_store()
    same_moment = row("op_0", "succeeded").changed_at
    for number in range(25):
        each = row(f"op_{number}", "succeeded", kind="train" if number % 2 else "test")
        opened.store.persist(msgspec.structs.replace(each, changed_at=same_moment - number // 5))
    seen: list[str] = []
    before: str | None = None
    while True:
        page = opened.store.history("local", None, 4, before).result(20)
        seen += [decode_snapshot(item).id for item in page.items]
        before = page.next
        if before is None:
            break
    assert len(seen) == 25
    assert [int(each.removeprefix("op_")) // 5 for each in seen] == sorted(number // 5 for number in range(25))
    assert len(opened.store.history("local", "train").result(20).items) == 12


@pytest.mark.parametrize("before", ["", "nonsense", "x_op_1", "'; DROP TABLE operations; --"])
def test_a_page_that_nobody_gave_out_is_refused(open_store: OpenStore, before: str) -> None:
    """A `before` that is none fails that question alone."""
    opened = open_store()
    with pytest.raises(ProtocolError, match="before"):
        opened.store.history("local", before=before).result(20)
    assert opened.store.count("local").result(20) == 0


def test_retention_keeps_the_newest_of_each_owner(open_store: OpenStore) -> None:
    """Beyond its number and age the history forgets, for one user as for another."""
    with FakeClock() as time:
        first = open_store()
        for number in range(10):
            first.store.persist(row(f"op_{number}", "succeeded", age_s=number * 60.0, owner="ann"))
        first.store.persist(row("op_old", "succeeded", age_s=30.1 * DAY_S, owner="bob"))
        first.store.persist(row("op_new", "succeeded", age_s=29.9 * DAY_S, owner="bob"))
        first.store.close()
        time.advance(DAY_S)
        second = open_store(retention=Retention(operations=3, days=30.0))
        ann, bob = (second.store.history(owner).result(20).items for owner in ("ann", "bob"))
        assert [decode_snapshot(item).id for item in ann] == ["op_0", "op_1", "op_2"]
        assert [decode_snapshot(item).id for item in bob] == ["op_new"]


def test_a_revoked_token_stays_revoked(open_store: OpenStore) -> None:
    """The next life of the hub knows which tokens are void; it forgets those that would be void anyway."""
    with FakeClock() as time:
        first = open_store()
        first.store.revoke("t_stolen", clock.wall() + 31 * DAY_S)
        first.store.revoke("t_expired", clock.wall() - 1)
        first.store.close()
        time.advance(31 * DAY_S)
        open_store().store.close()
        time.advance(DAY_S)
        assert open_store().store.revoked() == ["t_stolen"]


def test_a_number_that_sqlite_cannot_hold_spoils_only_its_own_row(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    """One publisher's nonsense never costs another publisher's state."""
    opened = open_store()
    opened.store.persist(row("op_huge", "running", 2**70))
    opened.store.persist(row("op_1", "succeeded", 2))
    opened.wait_until_stored("op_1", 2)
    assert opened.store.status == ("ok", None)
    assert "left out" in caplog.text


def test_only_the_user_may_read_the_file(open_store: OpenStore, path: Path) -> None:
    """Names and messages of operations are nobody else's business."""
    open_store()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
