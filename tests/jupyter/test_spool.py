"""What the server makes of the files in which dead processes wrote down their ends."""

import os
from asyncio import AbstractEventLoop
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.model import Snapshot
from progress_kit.protocol import TOKEN_HEADER, encode
from progress_kit.protocol.spool import SpooledEnd, durable_line, end_line, file_name, read
from progress_kit_jupyter.spool import SpoolReader

from .conftest import Hub
from .kernels import kernel, view

DEAD = 4_190_000
"""Such a process there is hardly: the system's limit is not much higher."""


@pytest.fixture
def spool(hub: Hub, jp_asyncio_loop: AbstractEventLoop) -> SpoolReader:
    """What looks for spools in the server; its own look at the start is over."""
    assert hub.app.running is not None
    spool: SpoolReader = hub.app.running.spool
    assert spool._looking is not None
    jp_asyncio_loop.run_until_complete(spool._looking)
    return spool


@pytest.fixture
def directory(hub: Hub) -> Path:
    """Where spools lie."""
    assert hub.app.running is not None
    path: Path = hub.app.running.file.path.parent
    return path


async def look(spool: SpoolReader) -> None:
    """Look once, and wait until it is done; a look that began before may have missed something."""
    for _ in range(2):
        spool.look()
        assert spool._looking is not None
        await spool._looking


def end(operation: str, ended_at: float | None = None) -> Snapshot:
    """How an operation ended, just now."""
    return Snapshot(
        id=operation, name="Spooled", state="succeeded", seq=5, ended_at=clock.wall() if ended_at is None else ended_at
    )


def leave(directory: Path, pid: int, *ends: Snapshot, hub_id: str | None = None, session: str = "s_dead") -> Path:
    """Leave the spool of a process."""
    path = directory / file_name(pid)
    path.touch(mode=0o600)
    path.write_bytes(b"".join(end_line(hub_id, session, encode(each)) for each in ends))
    return path


def files(directory: Path) -> list[Path]:
    """The spools that are there."""
    return list(directory.glob("progress-kit-spool-*"))


def left(directory: Path) -> list[SpooledEnd]:
    """What is still there for any hub."""
    return [end for path in files(directory) for end in read(path.read_bytes().split(b"\n"))]


async def test_what_a_dead_process_left_is_taken_in_and_its_file_removed(
    hub: Hub, spool: SpoolReader, directory: Path
) -> None:
    """When it is stored, not before."""
    leave(directory, DEAD, end("op_1"), end("op_2"))
    await look(spool)
    async with view(hub) as page:
        found = await page.until(lambda each: each["id"] == "op_2" and each["hub"]["stored"])
    assert (found["state"], found["hub"]["via"], found["hub"]["owner"]) == ("succeeded", "spool", "local")
    await look(spool)
    assert files(directory) == []


async def test_a_second_look_changes_nothing(hub: Hub, spool: SpoolReader, directory: Path) -> None:
    """Not even if the same file is there again, as after a crash between the two steps."""
    leave(directory, DEAD, end("op_1"))
    await look(spool)
    assert hub.app.running is not None
    before = hub.app.running.driver.manager.revision
    leave(directory, DEAD, end("op_1"))
    await look(spool)
    assert left(directory) == []
    assert hub.app.running.driver.manager.revision <= before + 1  # that it is stored


async def test_what_the_history_has_is_not_told_again(hub: Hub, spool: SpoolReader, directory: Path) -> None:
    """However long ago it was stored: it is no longer among the live ones."""
    leave(directory, DEAD, end("op_old", clock.wall() - 7_200))
    await look(spool)
    assert left(directory) == []
    leave(directory, DEAD, end("op_old"))
    await look(spool)
    assert hub.app.running is not None
    assert hub.app.running.driver.manager.known("op_old") is None
    answer = await hub.fetch("api/operations/op_old", headers={TOKEN_HEADER: await hub.mint("subscribe")})
    assert answer.code == 200


async def test_what_is_for_another_hub_stays(hub: Hub, spool: SpoolReader, directory: Path) -> None:
    """Also if it lies in one file with what is for us, or for any hub."""
    assert hub.app.running is not None
    mine = hub.app.running.driver.manager.hub_id
    path = leave(directory, DEAD, end("op_1"), hub_id="h_other")
    with path.open("ab") as file:
        file.write(end_line(mine, "s_dead", encode(end("op_2"))))
    leave(directory, DEAD + 1, end("op_3"), hub_id="h_other")
    await look(spool)
    assert hub.app.running.driver.manager.known("op_2") is not None
    assert sorted((each.snapshot.id, each.hub_id) for each in left(directory)) == [
        ("op_1", "h_other"),
        ("op_3", "h_other"),
    ]
    assert {path.stat().st_mode & 0o777 for path in files(directory)} == {0o600}


async def test_a_living_process_keeps_its_file(hub: Hub, spool: SpoolReader, directory: Path) -> None:
    """It tells its ends itself."""
    path = leave(directory, os.getpid(), end("op_1"))
    await look(spool)
    assert path.exists()
    assert hub.app.running is not None
    assert hub.app.running.driver.manager.known("op_1") is None


async def test_an_empty_or_broken_file_is_removed(hub: Hub, spool: SpoolReader, directory: Path) -> None:
    """There is nothing in it for anybody."""
    path = leave(directory, DEAD, end("op_1"))
    with path.open("ab") as file:
        file.write(durable_line({"op_1": 5}) + b'{"version":1,"hub')
    leave(directory, DEAD + 1)
    await look(spool)
    assert files(directory) == []
    assert hub.app.running is not None
    assert hub.app.running.driver.manager.known("op_1") is None


async def test_a_file_that_others_could_have_written_is_not_believed(
    hub: Hub, spool: SpoolReader, directory: Path
) -> None:
    """Whoever may write it could make up operations."""
    leave(directory, DEAD, end("op_1")).chmod(0o666)
    await look(spool)
    assert hub.app.running is not None
    assert hub.app.running.driver.manager.known("op_1") is None


@pytest.mark.slow
async def test_a_kernel_that_dies_right_after_the_end_has_not_failed(hub: Hub, tmp_path: Path) -> None:
    """What it wrote last is heard before its operations are called lost."""
    gate = tmp_path / "gate"
    async with kernel(hub) as mine, view(hub) as page:
        mine.execute(
            "import os, time, pathlib, progress_kit as pk\n"
            "for _ in pk.track(range(2), 'Last words'):\n"
            f"    while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
            "os._exit(1)"
        )
        await page.until(lambda each: each["state"] == "running")
        gate.touch()
        found = await page.until(lambda each: each["state"] != "running")
        assert (found["name"], found["state"], found["error"]) == ("Last words", "succeeded", None)
        await page.until(lambda each: each["id"] == found["id"] and each["hub"]["stored"])
