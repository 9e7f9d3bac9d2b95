"""What a process writes down of its ends, for a hub that may not hear of them."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.connection import spools
from progress_kit.model import Snapshot
from progress_kit.protocol.messages import StageRecord
from progress_kit.protocol.spool import HISTORY_BYTES, SpooledEnd, file_name, read
from progress_kit.publisher import Publisher
from progress_kit.publisher.spool import MAX_PENDING, STRUCK_BYTES, Spool, remove_oldest
from progress_kit.publisher.trouble import Trouble
from progress_kit.settings import Settings
from tests.publisher.conftest import Operation
from tests.wire_server import HubServer

Warned = Callable[[], list[str]]


def end(operation: str = "op_1", size: int = 0) -> Snapshot:
    """How an operation ended."""
    return Snapshot(id=operation, name="Nightly", state="failed", seq=3, message="m" * size, ended_at=1.0)


def of_this_process(directory: Path) -> Path:
    """The spool of this process."""
    return directory / file_name(os.getpid())


def left(directory: Path, *, struck: bool = False) -> list[SpooledEnd]:
    """What a hub would find."""
    path = of_this_process(directory)
    return read(spools.lines(path), struck=struck) if path.exists() else []


def ids(ends: list[SpooledEnd]) -> list[str]:
    """The operations of these ends."""
    return [each.snapshot.id for each in ends]


@pytest.fixture
def spool(runtime_dir: Path) -> Spool:
    """A spool in the runtime directory."""
    return Spool(Settings(), "s_1", Trouble())


def test_an_end_is_in_the_file_at_once(spool: Spool, runtime_dir: Path) -> None:
    """Nobody but the user can read it."""
    spool.end(end(), (StageRecord(name="main", course=(0.5,)),), "h_1")
    (found,) = left(runtime_dir)
    assert (found.hub_id, found.session, found.snapshot, found.stages[0].course) == ("h_1", "s_1", end(), (0.5,))
    assert stat.S_IMODE(of_this_process(runtime_dir).stat().st_mode) == 0o600


def test_what_is_stored_is_struck_out_and_the_file_goes_with_the_process(spool: Spool, runtime_dir: Path) -> None:
    """Nothing is left of a process of which the hub knows everything."""
    spool.end(end("op_1"), (), None)
    spool.end(end("op_2"), (), None)
    spool.durable({"op_1": 3, "op_other": 1})
    assert ids(left(runtime_dir)) == ["op_2"]
    spool.tidy("h_1", last=True)
    assert ids(left(runtime_dir)) == ["op_2"]
    spool.durable({"op_2": 3})
    assert left(runtime_dir) == []
    assert ids(left(runtime_dir, struck=True)) == ["op_1", "op_2"]
    spool.tidy("h_1")
    assert of_this_process(runtime_dir).exists()
    spool.tidy("h_1", last=True)
    assert not of_this_process(runtime_dir).exists()
    spool.end(end("op_3"), (), None)
    assert ids(left(runtime_dir)) == ["op_3"]


def test_the_file_does_not_grow_with_what_is_stored(spool: Spool, runtime_dir: Path) -> None:
    """A kernel may live for weeks."""
    for number in range(40):
        spool.end(end(f"op_{number}", 2_000), (), None)
        spool.durable({f"op_{number}": 3})
        spool.tidy("h_1")
    path = of_this_process(runtime_dir)
    assert not path.exists() or path.stat().st_size < STRUCK_BYTES


def test_without_a_hub_the_newest_are_kept(spool: Spool, runtime_dir: Path) -> None:
    """They are the history then; the oldest are forgotten."""
    for number in range(MAX_PENDING + 10):
        spool.end(end(f"op_{number}", 1_100), (), None)
    spool.tidy(None)
    path = of_this_process(runtime_dir)
    assert path.stat().st_size < HISTORY_BYTES
    found = ids(left(runtime_dir))
    assert found[-1] == f"op_{MAX_PENDING + 9}"
    assert len(found) > 300
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ids(spools.history(runtime_dir)) == found


def test_an_end_that_comes_while_the_file_is_removed_is_kept(
    spool: Spool, runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may write at the very moment."""
    spool.end(end("op_1"), (), None)
    spool.durable({"op_1": 3})
    real = Path.unlink

    def unlink(path: Path, *, missing_ok: bool) -> None:
        spool.end(end("op_2"), (), None)
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    spool.tidy("h_1", last=True)
    assert ids(left(runtime_dir)) == ["op_2"]


def test_what_dead_processes_left_is_bounded(runtime_dir: Path) -> None:
    """Where no hub takes it, the oldest goes; what lives, and what is no spool, stays."""
    dead = [runtime_dir / file_name(4_000_000 + number) for number in range(4)]
    for number, path in enumerate(dead):
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    own, other = of_this_process(runtime_dir), runtime_dir / "kernel-1.json"
    own.write_bytes(b"x" * 1_000)
    other.touch()
    remove_oldest(runtime_dir, keep=own, most=250)
    assert [path.exists() for path in dead] == [False, False, True, True]
    assert own.exists()
    assert other.exists()


@pytest.mark.parametrize("history", ["off", "anonymous"])
def test_who_wants_no_names_kept_has_none_written_down(runtime_dir: Path, history: str) -> None:
    """The wish counts more than the last moment of a process that dies at once."""
    Spool(Settings(history=history), "s_1", Trouble()).end(end(), (), None)  # type: ignore[arg-type]
    assert left(runtime_dir) == []


def test_the_file_lies_where_the_kernel_s_server_looks(
    runtime_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And says that it is for its hub, even if that was never reached."""
    theirs = tmp_path_factory.mktemp("runtime")
    named = theirs / "progress-kit-1.json"
    named.write_text('{"hub_id":"h_theirs"}', encoding="utf-8")
    Spool(Settings(connection_file=named), "s_1", Trouble()).end(end(), (), None)
    assert [each.hub_id for each in left(theirs)] == ["h_theirs"]
    assert left(runtime_dir) == []


def test_a_missing_directory_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter may never have run here."""
    missing = tmp_path / "share" / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(missing))
    Spool(Settings(), "s_1", Trouble()).end(end(), (), None)
    assert ids(left(missing)) == ["op_1"]


def full(descriptor: int, data: bytes) -> int:
    """Write as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def torn(descriptor: int, data: bytes) -> int:
    """Write as a disk does that is full in the middle."""
    return _write(descriptor, data[:20])


_write = os.write


@pytest.mark.parametrize("write", [full, torn])
def test_a_full_disk_is_one_warning(
    spool: Spool,
    runtime_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings: Warned,
    write: Callable[[int, bytes], int],
) -> None:
    """And when there is room again, the next end is kept."""
    monkeypatch.setattr(os, "write", write)
    spool.end(end("op_1"), (), None)
    spool.end(end("op_2"), (), None)
    monkeypatch.setattr(os, "write", _write)
    spool.end(end("op_3"), (), None)
    assert ids(left(runtime_dir)) == ["op_3"]
    assert len(warnings()) == 1
    assert "cannot be kept" in warnings()[0]


def test_a_directory_that_cannot_be_used_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: Warned
) -> None:
    """Such as one that is a file: nothing is raised into the loop."""
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(blocked))
    spool = Spool(Settings(), "s_1", Trouble())
    spool.end(end("op_1"), (), None)
    spool.end(end("op_2"), (), None)
    spool.durable({"op_1": 3})
    spool.tidy(None, last=True)
    assert len(warnings()) == 1


def test_an_end_that_is_no_valid_text_is_one_warning(spool: Spool, runtime_dir: Path, warnings: Warned) -> None:
    """A lone surrogate cannot be written; the next end can."""
    spool.end(Snapshot(id="op_1", name="\ud800", state="failed"), (), None)
    spool.end(end("op_2"), (), None)
    assert ids(left(runtime_dir)) == ["op_2"]
    assert len(warnings()) == 1


def test_a_link_in_its_place_is_not_followed(spool: Spool, runtime_dir: Path, warnings: Warned) -> None:
    """Nor is a file read that others can read."""
    target = runtime_dir / "target"
    of_this_process(runtime_dir).symlink_to(target)
    spool.end(end(), (), None)
    assert not target.exists()
    assert len(warnings()) == 1
    open_to_all = runtime_dir / file_name(4_000_000)
    open_to_all.write_bytes(b"{}\n")
    open_to_all.chmod(0o644)
    assert spools.lines(open_to_all) == spools.lines(of_this_process(runtime_dir)) == []


# -- the publisher with it ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_publisher_writes_down_what_is_worth_telling(publisher: Publisher, runtime_dir: Path) -> None:
    """Before `end` returns: in the next moment the process may be gone."""
    operation = Operation()
    publisher.add(operation)
    operation.state = "failed"
    publisher.timeline(operation.id, (), (StageRecord(name="main", course=(0.5,)),))
    publisher.end(operation)
    (found,) = left(runtime_dir)
    assert (found.snapshot.id, found.snapshot.state, found.stages[0].course) == ("op_1", "failed", (0.5,))


@pytest.mark.slow
def test_a_short_success_is_not_written_down(make_publisher: Callable[..., Publisher], runtime_dir: Path) -> None:
    """It was never there."""
    publisher = make_publisher(announce_after_s=60.0)
    operation = Operation()
    publisher.add(operation)
    operation.state = "succeeded"
    publisher.end(operation)
    assert not of_this_process(runtime_dir).exists()


@pytest.mark.slow
def test_what_the_hub_stores_is_struck_out(publisher: Publisher, hub: HubServer, runtime_dir: Path) -> None:
    """With the hub's id in it; a publisher that is closed leaves no file."""
    first, second = Operation("op_1"), Operation("op_2")
    publisher.add(first)
    publisher.add(second)
    hub.wait_state("op_2", "running")
    hub.storing.clear()
    first.state = "succeeded"
    publisher.end(first)
    hub.wait_state("op_1", "succeeded")
    assert [each.hub_id for each in left(runtime_dir)] == ["h_test"]
    hub.store_again()
    assert publisher.flush(20)
    second.state = "failed"
    publisher.end(second)
    publisher.close(20)
    assert not of_this_process(runtime_dir).exists()


@pytest.mark.slow
def test_an_end_costs_the_loop_little(publisher: Publisher, hub: HubServer) -> None:
    """It is one write (the figures are in `make bench`; here only that it is no wait for the hub)."""
    operation = Operation()
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    hub.storing.clear()
    operation.state = "succeeded"
    began = clock.monotonic()
    publisher.end(operation)
    assert clock.monotonic() - began < 5
    hub.store_again()
