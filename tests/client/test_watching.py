"""Following operations and waiting for them, over a real socket."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

import progress_kit as pk
from progress_kit.model import Snapshot
from tests.client.player import Process
from tests.wire_server import HubServer

PATIENCE_S = 20.0


class Later:
    """The result of a call that blocks, in a thread of its own."""

    def __init__(self, views: Iterator[list[Snapshot]]) -> None:
        self.view: list[Snapshot] = []
        self._thread = threading.Thread(target=self._run, args=(views,))
        self._thread.start()

    def _run(self, views: Iterator[list[Snapshot]]) -> None:
        self.view = next(views, [])

    def result(self) -> list[Snapshot]:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.view


def states(view: list[Snapshot]) -> list[tuple[str, str]]:
    """Return what a list of operations looks like at a glance."""
    return [(snapshot.id, snapshot.state) for snapshot in view]


def test_watch_tells_what_there_is_and_then_what_changes(process: Process) -> None:
    """All operations at once, and all of them again when one has changed."""
    watch = pk.watch()
    views = iter(watch)
    assert states(next(views)) == [("op_1", "running")]
    process.publish("paused")
    assert states(next(views)) == [("op_1", "paused")]
    watch.close()
    assert next(views, None) is None


def test_watch_selects(process: Process) -> None:
    """By id, kind, notebook or state; an operation that no longer matches leaves the list."""
    watch = pk.watch(operations=["op_1"], states=["running"])
    views = iter(watch)
    assert states(next(views)) == [("op_1", "running")]
    process.publish("succeeded")
    assert next(views) == []
    watch.close()
    for selected in (pk.watch(kinds=["other"]), pk.watch(notebook="other.ipynb"), pk.watch(operations=["op_2"])):
        assert next(iter(selected)) == []
        selected.close()


def test_watch_goes_on_after_the_server_was_restarted(runtime_dir: Path) -> None:
    """What the new server knows comes next; nobody has to begin again."""
    with HubServer(runtime_dir) as first:
        views = iter(watch := pk.watch())
        assert next(views) == []
        following = Later(views)
        first.stop()
        with HubServer(runtime_dir, rows=first.rows) as second, Process(second):
            assert states(following.result()) == [("op_1", "running")]
            watch.close()


def test_watch_outlives_its_token(process: Process) -> None:
    """A token that ended while this machine slept is replaced without a word."""
    views = iter(watch := pk.watch())
    next(views)
    following = Later(views)
    process.hub.close_connections(4401)
    with Process(process.hub, seq=process.seq) as again:
        again.publish("paused")
        assert states(following.result()) == [("op_1", "paused")]
    watch.close()


def test_watch_can_be_left_in_an_event_loop(process: Process) -> None:
    """`async for` lets the loop go on; leaving it, or cancelling it, ends the connection."""

    async def look() -> None:
        seen = []
        async for view in pk.watch():
            seen.append(states(view))
            if len(seen) == 2:
                break
            await anyio.to_thread.run_sync(process.publish, "paused")
        assert seen == [[("op_1", "running")], [("op_1", "paused")]]
        with anyio.move_on_after(0.05) as scope:
            async for _ in pk.watch():
                pass
        assert scope.cancelled_caught

    anyio.run(look)
    process.hub.wait(lambda: len(process.hub._conns) == 1, "only the publisher is left")


def test_a_program_that_ends_while_it_watches_ends(process: Process) -> None:
    """Nobody has to close a watch."""
    source = "import progress_kit as pk; views = iter(watch := pk.watch()); print(next(views)[0].id)"
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(process.hub.runtime_dir)}
    program = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (program.returncode, program.stdout, program.stderr) == (0, "op_1\n", "")


def test_watch_says_that_there_is_no_hub(runtime_dir: Path) -> None:
    """In the beginning that is an error, as everywhere."""
    with pytest.raises(pk.HubNotFoundError):
        next(iter(pk.watch()))


@pytest.mark.parametrize(
    "wanted, message",
    [
        ({"operations": "op_1"}, "give a list, such as \\['op_1'\\]"),
        ({"states": ["done"]}, "one of states is 'done'; give 'pending', 'running'"),
        ({"max_rate_hz": 0}, "max_rate_hz is 0; give more than 0 and at most 60 Hz"),
    ],
)
def test_watch_refuses_what_cannot_be_meant(wanted: dict[str, object], message: str) -> None:
    """Where the call is made, with what is allowed."""
    with pytest.raises(pk.InvalidValueError, match=message):
        pk.watch(**wanted)  # type: ignore[arg-type]


def test_wait_returns_the_end(process: Process) -> None:
    """As soon as there is one, and at once when there is one already."""
    waiting = threading.Thread(target=lambda: ends.append(pk.wait("op_1")))
    ends: list[Snapshot] = []
    waiting.start()
    process.hub.wait(lambda: len(process.hub._conns) == 2, "the waiting one is connected")
    process.publish("failed")
    waiting.join(PATIENCE_S)
    assert states(ends) == [("op_1", "failed")]
    assert pk.wait("op_1", timeout=10).state == "failed"


def test_wait_does_not_wait_for_ever(process: Process) -> None:
    """After `timeout` seconds it says for what it waited."""
    with pytest.raises(TimeoutError, match=r"operation 'op_1' has not ended within 0\.05 s"):
        pk.wait("op_1", timeout=0.05)


def test_wait_for_what_nobody_knows_is_an_error(process: Process) -> None:
    """It would never end."""
    with pytest.raises(pk.OperationNotFoundError, match="'op_2'"):
        pk.wait("op_2")


def test_wait_without_a_hub_says_so(runtime_dir: Path) -> None:
    """The error names the operation and what is missing."""
    with pytest.raises(pk.OperationNotFoundError, match="'op_2', and no hub could be asked"):
        pk.wait("op_2")


def test_wait_can_be_awaited(process: Process) -> None:
    """Every question has its coroutine, in `pk.aio`."""

    async def ask() -> None:
        assert states(await pk.aio.operations()) == [("op_1", "running")]
        assert (await pk.aio.get("op_1")).state == "running"
        async with anyio.create_task_group() as group:
            group.start_soon(waits)
            await anyio.to_thread.run_sync(
                lambda: process.hub.wait(lambda: len(process.hub._conns) == 2, "the waiting one is connected")
            )
            await anyio.to_thread.run_sync(process.publish, "cancelled")
        with anyio.move_on_after(0.05):
            await pk.aio.wait("op_1")

    async def waits() -> None:
        assert (await pk.aio.wait("op_1", timeout=PATIENCE_S)).state == "cancelled"

    anyio.run(ask)
