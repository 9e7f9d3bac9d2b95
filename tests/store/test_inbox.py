"""What the store keeps of the inboxes."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.model import Failure, Origin
from progress_kit.protocol.messages import InboxItem
from progress_kit.store import Retention
from progress_kit.testing import FakeClock

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
DAY_S = 86_400.0


def item(name: str = "op_1", *, read: bool = False, age_s: float = 0.0) -> InboxItem:
    """An item as the hub gives it to the store."""
    return InboxItem(
        id=name,
        operation=name,
        state="failed",
        at=clock.wall() - age_s,
        read=read,
        name="Résumé <b>",
        elapsed_s=3.5,
        error=Failure(type="ValueError", message="bad row"),
        origin=Origin(notebook="a.ipynb"),
    )


def test_an_inbox_is_there_after_a_restart(open_store: OpenStore) -> None:
    """Field by field, by owner, and in the order in which the items came, even of one moment."""
    first = open_store()
    items = [item(name) for name in ("op_2", "op_1", "op_3")]
    first.store.keep_inbox("ann", items[:2])
    first.store.keep_inbox("bob", items[:1])
    first.store.keep_inbox("ann", items[2:])
    first.store.close()
    assert open_store().store.inbox() == [("ann", items[0]), ("ann", items[1]), ("bob", items[0]), ("ann", items[2])]


def test_what_is_read_stays_read(open_store: OpenStore) -> None:
    """A mark survives the restart, keeps the item's place, belongs to one owner, and is not undone by a repetition."""
    first = open_store()
    first.store.keep_inbox("ann", [item("op_1"), item("op_2")])
    first.store.keep_inbox("bob", [item("op_1")])
    first.store.keep_inbox("ann", [item("op_1", read=True)])
    first.store.keep_inbox("ann", [item("op_1")])
    first.store.close()
    assert [(owner, each.id, each.read) for owner, each in open_store().store.inbox()] == [
        ("ann", "op_1", True),
        ("ann", "op_2", False),
        ("bob", "op_1", False),
    ]


def test_each_hub_has_its_own(open_store: OpenStore) -> None:
    """Servers share the file, and the inbox of one does not change under the other."""
    for hub_id in ("h_1", "h_2"):
        opened = open_store(hub_id=hub_id)
        opened.store.keep_inbox("ann", [item(f"op_{hub_id}"), item("op_both")])
        opened.store.close()
    names = [each.id for _, each in open_store(hub_id="h_1").store.inbox()]
    assert names == ["op_h_1", "op_both"]


def test_an_inbox_is_bounded(open_store: OpenStore) -> None:
    """The newest thousand of each owner, for as long as the history is kept."""
    with FakeClock() as time:
        first = open_store()
        first.store.keep_inbox("ann", [item(f"op_{number}") for number in range(1_010)])
        first.store.keep_inbox("bob", [item("op_old", age_s=3 * DAY_S), item("op_new", age_s=DAY_S)])
        first.store.close()
        time.advance(DAY_S)
        kept = open_store(retention=Retention(days=2.0)).store.inbox()
    assert [each.id for owner, each in kept if owner == "ann"] == [f"op_{number}" for number in range(10, 1_010)]
    assert [each.id for owner, each in kept if owner == "bob"] == ["op_new"]


def test_an_item_that_cannot_be_read_is_left_out(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One damaged item costs neither the others nor the start, and is named in the log."""
    first = open_store()
    first.store.keep_inbox("ann", [item("op_bad"), item("op_text"), item("op_good")])
    first.store.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE inbox SET item = ? WHERE id = 'op_bad'", (b"\xff rubbish",))
        file.execute("UPDATE inbox SET item = 7 WHERE id = 'op_text'")
    file.close()
    with caplog.at_level(logging.WARNING):
        assert [each.id for _, each in open_store().store.inbox()] == ["op_good"]
    assert "op_bad" in caplog.text
    assert "op_text" in caplog.text


def test_operations_are_stored_beside_it(open_store: OpenStore) -> None:
    """A note for the inbox is no operation that the store would report as stored."""
    opened = open_store()
    opened.store.keep_inbox("local", [item("op_1")])
    opened.store.persist(row("op_1", "failed", 3))
    opened.wait_until_stored("op_1", 3)
    assert opened.stored == [("op_1", 3)]


def test_an_item_goes_with_its_operation(open_store: OpenStore) -> None:
    """What the history forgets, because it is full or by a command, is in no inbox after the next start."""
    first = open_store()
    for number in range(3):
        first.store.keep_inbox("local", [item(f"op_{number}")])
        first.store.persist(row(f"op_{number}", "failed", age_s=10.0 - number))
    first.store.close()
    kept = open_store(retention=Retention(operations=2)).store.inbox()
    assert [each.id for _, each in kept] == ["op_1", "op_2"]


def test_without_a_file_it_lasts_as_long_as_the_process(open_store: OpenStore, tmp_path: Path) -> None:
    """A history that cannot be opened costs the marks after a restart, and nothing now."""
    tmp_path.joinpath("file").write_text("in the way")
    opened = open_store(path=tmp_path / "file" / "history.sqlite3")
    opened.store.keep_inbox("local", [item("op_1")])
    opened.settle()
    assert opened.store.inbox() == []
    assert opened.store.status[0] == "memory"
