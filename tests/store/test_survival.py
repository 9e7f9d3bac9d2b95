"""What happens to the history when the process, the file or the disk fails."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from progress_kit.protocol import decode_snapshot

from .conftest import Opened, row

OpenStore = Callable[..., Opened]

# Writes for ever, and prints what the store says to be stored.
WRITER = """
import sys
from pathlib import Path
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import encode
from progress_kit.store import Store

def stored(pairs):
    print("\\n".join(f"{operation} {seq}" for operation, seq in pairs), flush=True)

store = Store(Path(sys.argv[1]), "h_1", stored, lambda status, reason: None)
store.start()
for seq in range(1, 1_000_000):
    operation = f"op_{seq % 50}"
    state = "succeeded" if seq > 5_000 and seq % 50 < 10 else "running"
    snapshot = encode(Snapshot(id=operation, name="x" * 150, state=state, seq=seq))
    store.persist(StoredOperation(id=operation, hub_id="h_1", owner="local", session=None, kind=None, state=state,
                                  seq=seq, changed_at=4e9, ended_at=None, snapshot=snapshot))
    if seq % 100 == 0:
        store.count("local").result()
"""


@pytest.mark.parametrize("reports", [1, 3_000, 12_000])
def test_kill_9_loses_nothing_that_was_called_stored(open_store: OpenStore, path: Path, reports: int) -> None:
    """A process that is killed in the middle of writing leaves a file that has all it reported."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported: dict[str, int] = {}
        for number, line in enumerate(writer.stdout, 1):
            operation, text = line.split()
            reported[operation] = int(text)
            if number == reports:
                writer.send_signal(signal.SIGKILL)
    opened = open_store()
    assert opened.statuses == [("ok", None)]
    assert reported
    for operation, seq in reported.items():
        assert opened.rows[operation].seq >= seq
        assert decode_snapshot(opened.rows[operation].snapshot).seq == opened.rows[operation].seq


@pytest.mark.parametrize("obstacle", ["a directory in its place", "a file as its folder"])
def test_a_place_that_cannot_be_written(
    open_store: OpenStore, tmp_path: Path, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no file can be made the store works in memory and says so."""
    if obstacle == "a directory in its place":
        path = tmp_path / "history.sqlite3"
        path.mkdir()
    else:
        (tmp_path / "folder").write_text("not a folder")
        path = tmp_path / "folder" / "history.sqlite3"
    opened = open_store(path)
    opened.store.persist(row("op_1", "succeeded", 1))
    assert opened.store.count("local").result(20) == 1
    assert opened.store.status[0] == "memory"
    assert opened.stored == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# Runs a store under a limit, as another user where one is given, and says what became of it.
RESTRICTED = """
import json, os, sys
from pathlib import Path
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import encode
from progress_kit.store import Store

if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
stored = []
store = Store(Path(sys.argv[1]), "h_1", stored.extend, lambda status, reason: None)
restored = [row.id for row in store.start()]
for seq in range(1, 301):
    snapshot = encode(Snapshot(id=f"op_{seq}", name="x" * 200, message="y" * 2000, state="succeeded", seq=seq))
    store.persist(StoredOperation(id=f"op_{seq}", hub_id="h_1", owner="local", session=None, kind=None,
                                  state="succeeded", seq=seq, changed_at=4e9, ended_at=4e9, snapshot=snapshot))
    if seq % 10 == 0:
        store.count("local").result()
print(json.dumps({"restored": restored, "stored": len(stored), "known": store.count("local").result(),
                  "status": store.status[0], "reason": store.status[1]}))
"""


def _restricted(path: Path, *arguments: str, limit: Callable[[], None] | None = None) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", RESTRICTED, str(path), *arguments],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert done.stderr.count("kept in memory only") == 1
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_full_disk_costs_nothing_but_durability(open_store: OpenStore, path: Path) -> None:
    """When the disk is full all operations stay known until the server stops, and what was called stored is stored."""
    open_store().store.close()

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    answer = _restricted(path, limit=limit_file_size)
    assert (answer["known"], answer["status"]) == (300, "read_only")
    assert 0 < int(str(answer["stored"])) < 300
    assert len(open_store().rows) >= int(str(answer["stored"]))


def test_a_read_only_folder_is_read(open_store: OpenStore, path: Path) -> None:
    """A history that can be read and not written is shown, and what comes is known until the server stops."""
    opened = open_store()
    opened.store.persist(row("op_before", "succeeded", 1))
    opened.store.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    # The superuser is not stopped by modes; nobody is, and must be let as far as the file.
    nobody = ["65534"] if os.geteuid() == 0 else []
    for folder in path.parent.parents:
        if nobody and folder.name.startswith(("pytest-", "popen-", "test_")):
            folder.chmod(0o755)
    try:
        answer = _restricted(path, *nobody)
    finally:
        path.parent.chmod(0o700)
    assert answer["restored"] == ["op_before"]
    assert (answer["known"], answer["stored"], answer["status"]) == (301, 0, "read_only")
