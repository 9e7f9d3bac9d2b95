"""What the history makes of a clock that is wrong, and then right again."""

from collections.abc import Callable

import pytest

from progress_kit import clock
from progress_kit.protocol import decode_snapshot
from progress_kit.store import Retention
from progress_kit.testing import FakeClock

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
DAY_S = 86_400.0
YEAR_S = 365 * DAY_S


class JumpingClock(FakeClock):
    """A wall clock that somebody sets while the monotonic one goes on."""

    off = 0.0

    def wall(self) -> float:
        return super().wall() + self.off


def names(opened: Opened) -> list[str]:
    """Return the history, newest first, read in pages of two."""
    found, before = [], None
    while True:
        page = opened.store.history("local", limit=2, before=before).result(20)
        found += [decode_snapshot(item).id for item in page.items]
        before = page.next
        if before is None:
            return found


def restart(opened: Opened, open_store: OpenStore) -> Opened:
    """Stop the server and start it again: it prunes then."""
    opened.store.close()
    return open_store(retention=Retention(days=30.0))


def test_a_clock_that_jumps_a_year_and_back_deletes_nothing(open_store: OpenStore) -> None:
    """However often the server is started meanwhile: what is deleted for its age was too old a day ago as well."""
    with JumpingClock() as time:
        opened = open_store()
        opened.store.persist(row("op_1", "succeeded"))
        opened.store.revoke("t_stolen", clock.wall() + 7 * DAY_S)
        for time.off in (YEAR_S, YEAR_S, 0.0, -YEAR_S, 0.0):
            for _ in range(3):
                time.advance(3_600.0)
                opened = restart(opened, open_store)
                assert (names(opened), opened.store.revoked()) == (["op_1"], ["t_stolen"])


def test_what_is_old_goes_all_the_same(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day after a holiday, and while the server runs for months; a clock that was wrong once does not stop that."""
    monkeypatch.setattr("progress_kit.store.store._PRUNE_EVERY", 10)
    with JumpingClock() as time:
        opened = open_store()
        opened.store.persist(row("op_1", "succeeded"))
        time.off = YEAR_S
        opened = restart(opened, open_store)
        time.off = 0.0
        opened = restart(opened, open_store)
        time.advance(40 * DAY_S)
        opened = restart(opened, open_store)
        assert names(opened) == ["op_1"]
        time.advance(DAY_S)
        opened = restart(opened, open_store)
        assert names(opened) == []
        opened.store.persist(row("op_2", "succeeded"))
        for days in range(32):
            time.advance(DAY_S)
            for seq in range(10):
                opened.store.persist(row("op_3", "running", 10 * days + seq))
            opened.settle()
        assert names(opened) == []


def test_a_clock_that_is_set_back_loses_no_run_and_repeats_none(open_store: OpenStore) -> None:
    """The history is in the order of the times that it shows, page by page, and each run is in it once."""
    with JumpingClock() as time:
        opened = open_store()
        for number in range(3):
            opened.store.persist(row(f"op_{number}", "succeeded"))
            time.advance(10.0)
        time.off = -DAY_S
        for number in range(3, 6):
            opened.store.persist(row(f"op_{number}", "succeeded"))
            time.advance(10.0)
        assert names(opened) == ["op_2", "op_1", "op_0", "op_5", "op_4", "op_3"]
        opened = restart(opened, open_store)
        assert len(names(opened)) == 6
        assert opened.rows.keys() == {f"op_{number}" for number in range(6)}


def test_an_operation_goes_on_and_ends_while_the_clock_is_set_back(open_store: OpenStore) -> None:
    """What counts is the seq, never the time: the newer state replaces the older one, and the end is final."""
    with JumpingClock() as time:
        opened = open_store()
        opened.store.persist(row("op_1", "running", 1))
        time.off = -DAY_S
        opened.store.persist(row("op_1", "running", 2))
        opened.store.persist(row("op_1", "succeeded", 3))
        time.off = DAY_S
        opened.store.persist(row("op_1", "running", 4))
        opened.settle()
        assert opened.stored == [("op_1", 1), ("op_1", 2), ("op_1", 3)]
        opened = restart(opened, open_store)
        assert opened.store.count("local").result(20) == 1
