"""Files of older versions, and of newer ones."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from progress_kit.model import Failure, Prior, Snapshot
from progress_kit.protocol import decode_snapshot
from progress_kit.protocol.messages import Span
from progress_kit.protocol.rest import KindSummary
from progress_kit.store import Record
from progress_kit.store.schema import MIGRATIONS
from progress_kit.testing import FakeClock

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
FIRST = Path(__file__).with_name("data") / "history-1.sqlite3"
AT = 1_763_940_000.0
"""When the operations in it changed last: one each second."""
KIND = "Résumé@job.py:main"


@pytest.fixture
def first(path: Path) -> Path:
    """A file that the first version has left."""
    path.parent.mkdir(parents=True)
    shutil.copyfile(FIRST, path)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
    return path


def test_a_file_of_the_first_version_is_brought_up_to_date(open_store: OpenStore, first: Path) -> None:
    """Everything that was in it is there, field by field, and what newer versions ask of it is answered."""
    with closing(sqlite3.connect(first)) as file:
        before = {name: bytes(data) for name, data in file.execute("SELECT id, snapshot FROM operations")}
    with FakeClock(AT + 60):
        opened = open_store(hub_id="h_first")
        assert opened.store.status == ("ok", None)
        assert {name: (each.state, each.seq, each.lease) for name, each in opened.rows.items()} == {
            "op_0": ("succeeded", 10, "ok"),
            "op_1": ("succeeded", 11, "ok"),
            "op_2": ("failed", 12, "ok"),
            "op_3": ("cancelled", 13, "ok"),
            "op_4": ("running", 14, "ok"),
            "op_5": ("running", 15, "lost"),
        }
        assert {name: each.snapshot for name, each in opened.rows.items()} == before
        failed = decode_snapshot(opened.rows["op_2"].snapshot)
        assert isinstance(failed, Snapshot)
        assert (failed.name, failed.error) == ("Résumé 2", Failure(type="ValueError", message="bad row"))
        assert {each.name: each.elapsed_s for each in opened.rows.values()} == {
            f"Résumé {number}": 8.0 + number for number in range(6)
        }
        assert {each.session for each in opened.rows.values()} == {"s_first"}
        assert opened.store.revoked() == ["t_stolen"]
        assert opened.store.kinds("local").result(20) == [
            KindSummary(kind=KIND, name="Résumé 2", runs=3, median_s=8.5, last_at=AT + 2)
        ]
        prior = opened.store.prior("local", KIND).result(20)
        assert isinstance(prior, Prior)
        assert (prior.runs, prior.stages[0].name) == (2, "main")


def test_an_upgraded_file_is_written_to(open_store: OpenStore, first: Path) -> None:
    """An operation that ran under the first version goes on and ends, with what is kept beside it now."""
    with FakeClock(AT + 60):
        opened = open_store(hub_id="h_first")
        opened.store.persist(row("op_4", "running", 20, hub_id="h_first"))
        opened.store.record("local", "op_4", Record(spans=(Span("a", "main", "pid 1", 1, 0.0, 2.0, "succeeded"),)))
        opened.store.persist(row("op_4", "succeeded", 21, hub_id="h_first"))
        opened.store.persist(row("op_0", "running", 99, hub_id="h_first"))
        opened.wait_until_stored("op_4", 21)
        opened.store.close()
        again = open_store(hub_id="h_first")
        assert (again.rows["op_4"].state, again.rows["op_0"].state) == ("succeeded", "succeeded")
        assert len(again.store.recorded("local", "op_4").result(20).spans) == 1


@pytest.mark.parametrize("seen", range(len(MIGRATIONS)))
def test_every_older_file_is_brought_up_to_date(open_store: OpenStore, path: Path, seen: int) -> None:
    """A file that has seen only the first migrations works after the start; a row that is no JSON does no harm."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        for statement in [statement for statements in MIGRATIONS[:seen] for statement in statements]:
            older.execute(statement)
        older.execute(f"PRAGMA user_version = {seen}")
        if seen:
            columns = "owner, id, hub_id, state, terminal, lease, seq, changed_at, snapshot"
            values = ("local", "op_bad", "h_1", "failed", 1, "ok", 1, row().changed_at, b"rubbish")
            older.execute(f"INSERT INTO operations ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
    opened = open_store()
    assert opened.store.status == ("ok", None)
    opened.store.persist(row("op_1", "succeeded", 1))
    opened.wait_until_stored("op_1", 1)
    assert [json.loads(item)["id"] for item in opened.store.history("local").result(20).items] == ["op_1"]


@pytest.mark.usefixtures("quick")
def test_a_file_made_by_a_newer_version_is_left_alone(
    open_store: OpenStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a downgrade the newer file is neither read nor changed, not by a byte; the server works and says why."""
    first = open_store()
    first.store.persist(row("op_1", "succeeded", 1))
    first.store.close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA journal_mode = DELETE")  # it may do as it likes
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    before = path.read_bytes()
    opened = open_store()
    opened.store.persist(row("op_2", "succeeded", 1))
    assert opened.store.count("local").result(20) == 1
    assert opened.store.status[0] == "memory"
    assert f"schema version {len(MIGRATIONS) + 1}" in str(opened.store.status[1])
    assert (opened.rows, opened.stored) == ({}, [])
    opened.store.close()
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert len(caplog.records) == 1
