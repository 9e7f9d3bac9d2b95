"""What happens to the history when its file fails while the server runs, and when it can be used again."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.protocol import decode_snapshot
from progress_kit.protocol.messages import Span
from progress_kit.store import Record
from progress_kit.store.file import identity, keep_aside

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
SPANS = (Span("a.py", "main", "pid 1", 1, 0.0, 2.0, "succeeded"),)


def names(opened: Opened) -> set[str]:
    """Return which operations the history has."""
    found: set[str] = set()
    before = None
    while True:
        page = opened.store.history("local", limit=500, before=before).result(20)
        found |= {decode_snapshot(item).id for item in page.items}
        before = page.next
        if before is None:
            return found


def fill(opened: Opened, count: int) -> None:
    """Store so many ends."""
    for number in range(count):
        opened.store.persist(row(f"op_{number}", "succeeded", 1))
    opened.wait_until_stored(f"op_{count - 1}", 1)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as a warning or worse."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def kept_aside(path: Path) -> list[Path]:
    """Return the damaged files beside the history, without their journals."""
    return [found for found in path.parent.glob("*.broken-*") if not found.name.endswith(("-wal", "-shm"))]


# ---------------------------------------------------------------- damage


def test_rubbish_in_its_place_is_kept_aside(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The start does not fail: the rubbish is kept, a new file is begun, and one warning and the status say so."""
    path.parent.mkdir()
    path.write_bytes(b"This is no database." * 1_000)
    opened = open_store()
    opened.store.persist(row("op_1", "succeeded", 1))
    opened.wait_until_stored("op_1", 1)
    (aside,) = kept_aside(path)
    assert aside.read_bytes() == b"This is no database." * 1_000
    assert [state for state, _ in opened.statuses] == ["memory", "ok"]
    assert aside.name in str(opened.store.status[1])
    assert len(warnings(caplog)) == 1
    opened.store.close()
    assert open_store().store.status == ("ok", None)
    assert path.stat().st_mode & 0o777 == 0o600


def damage_header(content: bytearray) -> None:
    """The first bytes, which say what it is."""
    content[:64] = b"\xff" * 64


def damage_page(content: bytearray) -> None:
    """A few pages in the middle."""
    middle = len(content) // 2 // 4_096 * 4_096
    content[middle : middle + 8_192] = b"\xff" * 8_192


def cut_the_end(content: bytearray) -> None:
    """What a copy that was broken off leaves."""
    del content[-20_000:]


def cut_after_header(content: bytearray) -> None:
    """What a full disk may leave."""
    del content[50:]


@pytest.mark.parametrize(
    "damage, saved",
    [(damage_header, 0), (damage_page, 350), (cut_the_end, 300), (cut_after_header, 0)],
)
def test_what_can_be_read_of_a_damaged_file_is_saved(
    open_store: OpenStore,
    path: Path,
    damage: Callable[[bytearray], None],
    saved: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Runs that do not lie on the damaged pages are in the history still; the damaged file is kept aside as it was."""
    opened = open_store()
    fill(opened, 400)
    opened.store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        # Damage that SQLite does not see; the first and the last one lie on pages that stay whole.
        file.execute("UPDATE operations SET snapshot = ? WHERE id IN ('op_0', 'op_99')", (b"rubbish",))
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    opened = open_store()
    found = names(opened)
    assert found <= {f"op_{number}" for number in range(400)}
    assert len(found) >= saved
    assert f" {len(found)} operations" in str(opened.store.status[1])
    opened.store.persist(row("op_new", "failed", 1))
    opened.wait_until_stored("op_new", 1)
    assert len(warnings(caplog)) == 1
    assert len(kept_aside(path)) == 1
    opened.store.close()
    assert names(open_store()) == found | {"op_new"}


def test_a_damaged_page_that_is_met_in_the_middle_of_the_work(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The question is answered from what can be read, and the write that met it is stored in the new file."""
    opened = open_store()
    fill(opened, 400)
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    content = bytearray(path.read_bytes())
    for page in range(4_096, len(content), 4_096):
        content[page : page + 64] = b"\xff" * 64
    with path.open("r+b") as raw:
        raw.write(content)
    opened.store.persist(row("op_new", "failed", 1))
    names(opened)
    opened.wait_for_status("memory", "ok")
    opened.store.persist(row("op_new", "failed", 1))
    opened.settle()
    assert ("op_new", 1) in opened.stored
    assert len(warnings(caplog)) == 1


def test_damage_in_a_file_that_is_held_by_somebody_else(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can only be copied, with its damage: the start does not fail, and what can be read is known."""
    monkeypatch.setattr("progress_kit.store.database.BUSY_S", 0.02)
    opened = open_store()
    fill(opened, 400)
    opened.store.close()
    content = bytearray(path.read_bytes())
    damage_page(content)
    path.write_bytes(content)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        opened = open_store()
        assert opened.store.status[0] == "read_only"
        assert 350 <= len(names(opened)) < 400


def test_two_servers_keep_one_damaged_file_aside_once(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second one that meets the damage finds the new file of the first, and does not take it for the damaged."""
    first, second = open_store(hub_id="h_1"), open_store(hub_id="h_2")
    fill(first, 400)
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    with path.open("r+b") as raw:
        raw.write(b"\xff" * 4_096 * 3)
    for number, opened in enumerate((first, second)):
        names(opened)
        for seq in (1, 2, 3):
            opened.store.persist(row(f"op_of_{number}", "running", seq, hub_id=f"h_{number + 1}"))
            opened.settle()
        assert opened.store.status[0] == "ok"
    assert len(kept_aside(path)) == 1
    for opened in (first, second):
        opened.store.close()
    assert {"op_of_1"} <= open_store(hub_id="h_2").rows.keys()
    assert len(warnings(caplog)) <= 2


def test_only_the_file_that_was_found_damaged_is_kept_aside(path: Path) -> None:
    """Not one that another server has made in its place a moment ago."""
    path.parent.mkdir()
    path.write_text("damaged")
    damaged = identity(path)
    other = path.with_name("other")
    other.write_text("new")
    other.replace(path)
    assert keep_aside(path, damaged) is None
    assert path.read_text() == "new"
    assert keep_aside(path, identity(path)) is not None
    assert not path.exists()


# ---------------------------------------------------------------- out of reach for a while


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have the file written to by somebody else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_another_process_that_is_writing_is_waited_for(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An end is called stored when it is; nobody is alarmed, and a start meanwhile does not wait."""
    opened = open_store()
    with locked(path):
        opened.store.persist(row("op_1", "succeeded", 1))
        assert open_store(hub_id="h_2").store.status == ("ok", None)
        assert opened.stored == []
    opened.wait_until_stored("op_1", 1)
    assert opened.statuses == [("ok", None)]
    assert warnings(caplog) == []


@pytest.mark.usefixtures("quick")
def test_another_process_that_never_lets_go(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while the history goes on in memory; when the file is free again, all that was missed gets into it."""
    monkeypatch.setattr("progress_kit.store.database._WAIT", "PRAGMA busy_timeout = 10")
    opened = open_store()
    opened.store.persist(row("op_before", "succeeded", 1))
    opened.store.persist(row("op_deleted", "succeeded", 1))
    opened.settle()
    with locked(path):
        opened.store.persist(row("op_1", "succeeded", 1))
        opened.store.record("local", "op_1", Record(spans=SPANS))
        opened.store.revoke("t_1", clock.wall() + 3_600)
        reason = opened.wait_for_status("read_only")
        assert "locked" in str(reason)
        assert opened.store.delete("local", "op_deleted").result(20) is True
        assert names(opened) == {"op_before", "op_1"}
        assert ("op_1", 1) not in opened.stored
    opened.wait_for_status("read_only", "ok")
    opened.store.persist(row("op_1", "succeeded", 1))  # as the hub does when it hears that
    opened.wait_until_stored("op_1", 1)
    assert len(warnings(caplog)) == 1
    opened.store.close()
    again = open_store()
    assert names(again) == {"op_before", "op_1"}
    assert again.store.recorded("local", "op_1").result(20) == Record(spans=SPANS)
    assert again.store.revoked() == ["t_1"]


@pytest.mark.usefixtures("quick")
def test_a_full_disk_that_has_room_again(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While SQLite says that the disk is full nothing is called stored; then all of it is, with one warning."""
    opened = open_store()
    fill(opened, 10)
    full = True

    def check_room(folder: Path) -> None:
        if full:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("progress_kit.store.database.check_room", check_room)
    opened.store._ask(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone()).result(20)
    for number in range(100):
        opened.store.persist(row(f"op_late_{number}", "succeeded", 1, kind="k" * 1_000))
    assert "full" in str(opened.wait_for_status("read_only"))
    opened.settle()
    assert not any(name.startswith("op_late") for name, _ in opened.stored)
    assert len(names(opened)) == 110
    full = False
    opened.wait_for_status("read_only", "ok")
    for number in range(100):
        opened.store.persist(row(f"op_late_{number}", "succeeded", 1))
    opened.wait_until_stored("op_late_99", 1)
    assert len(warnings(caplog)) == 1
    opened.store.close()
    assert len(names(open_store())) == 110


@pytest.mark.parametrize("gone", ["the file", "its folder"])
def test_a_file_that_is_removed_while_it_is_used(
    open_store: OpenStore, path: Path, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is written to a removed file is not called stored: the file is made anew, with all that was in it."""
    opened = open_store()
    fill(opened, 20)
    opened.store.keep_inbox("local", [])
    if gone == "the file":
        path.unlink()
    else:
        shutil.rmtree(path.parent)
    opened.store.persist(row("op_after", "failed", 1))
    opened.wait_until_stored("op_after", 1)
    assert [state for state, _ in opened.statuses] == ["ok", "read_only", "ok"]
    assert len(warnings(caplog)) == 1
    opened.store.close()
    assert names(open_store()) == {f"op_{number}" for number in range(20)} | {"op_after"}


@pytest.mark.usefixtures("quick")
def test_a_place_that_cannot_be_written_at_the_start(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The start does not fail, and as soon as the place can be written, the history is there."""
    path.parent.write_text("a file where the folder should be")
    opened = open_store()
    opened.store.persist(row("op_1", "succeeded", 1))
    opened.settle()
    assert (opened.store.status[0], opened.stored) == ("memory", [])
    path.parent.unlink()
    opened.wait_for_status("ok")
    opened.store.persist(row("op_1", "succeeded", 1))
    opened.wait_until_stored("op_1", 1)
    assert len(warnings(caplog)) == 1
    opened.store.close()
    assert names(open_store()) == {"op_1"}


@pytest.mark.usefixtures("quick")
def test_a_file_that_fails_again_and_again_is_no_flood_of_warnings(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second time in ten minutes the same fault is not told again, and is not tried in a hurry."""
    opened = open_store()
    for seq in range(1, 6):
        path.unlink(missing_ok=True)
        opened.store.persist(row("op_1", "running", seq))
        opened.settle()
    opened.store.persist(row("op_1", "succeeded", 9))
    opened.settle()
    assert len(warnings(caplog)) == 1
