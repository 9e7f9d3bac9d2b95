"""Cells that run for long are operations: a real ipykernel, as the server sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from progress_kit.hub import Close
from progress_kit.model import Origin, Snapshot
from progress_kit_jupyter.inside import InsidePublisher

from .conftest import Hub, Peer
from .kernels import ENDLESS, Kernel, View, kernel, view

pytestmark = pytest.mark.slow

# The server looks every half second: what is to be seen runs for well over a second more.
by_trait = pytest.mark.parametrize("server_options", [{"ProgressKit": {"cells_after_s": 1.0}}])


def of_server(each: dict[str, Any]) -> bool:
    """Whether the server made this operation."""
    return bool(each["hub"]["via"] == "server")


async def execution(page: Peer, kernel: Kernel, request: str, after_s: float | None) -> None:
    """Tell the hub, as the labextension does, which cell was sent."""
    await page.send(
        type="execution", kernel_id=kernel.id, request=request, cell_id="c_1", notebook="a b.ipynb", after_s=after_s
    )


@asynccontextmanager
async def wanted_by(page: Peer) -> AsyncIterator[None]:
    """Let the page say, as the labextension does, that its user wants cells to be operations, and at the end not."""
    for after_s in (1.0, None):
        await page.send(type="watch_cells", after_s=after_s)
        await page.send(type="ping")
        await page.receive("pong")
        if after_s is not None:
            yield


async def ended(page: View, operation: dict[str, Any]) -> dict[str, Any]:
    """Return the end of an operation."""
    return await page.until(lambda each: each["id"] == operation["id"] and each["ended_at"] is not None)


async def test_a_cell_that_sleeps_is_an_operation(hub: Hub) -> None:
    """A page said after how long: it shows while it runs, names its cell, and succeeds with the cell."""
    async with view(hub) as page, wanted_by(page.peer), kernel(hub) as mine:
        request = mine.execute("\nimport time\ntime.sleep(3)")
        await execution(page.peer, mine, request, 1.0)
        operation = await page.until(of_server)
        assert (operation["state"], operation["name"], operation["kind"]) == (
            "running",
            "import time",
            "import time@a b.ipynb",
        )
        assert operation["id"] == f"cell_{request}"
        assert operation["elapsed_s"] >= 1.0
        assert operation["origin"] == {
            "host": None, "pid": None, "kernel_id": mine.id, "notebook": "a b.ipynb", "cell_id": "c_1", "script": None,
        }  # fmt: skip
        done = await ended(page, operation)
        assert (done["state"], done["fraction"], done["error"]) == ("succeeded", 1.0, None)
        assert 2.5 <= done["elapsed_s"] < 20
        assert [(stage["name"], stage["state"], stage["total"]) for stage in done["stages"]] == [
            ("main", "succeeded", None)
        ]
        await page.until(lambda each: each["id"] == operation["id"] and each["hub"]["stored"])


async def test_kernels_are_heard_only_where_somebody_wants_that(hub: Hub) -> None:
    """Listening costs the server: it begins when a page says so, also to kernels that are there, and ends with that."""
    assert hub.app.running is not None
    ears = hub.app.running.cells._streams
    async with kernel(hub) as mine, view(hub) as page:
        assert not ears
        async with wanted_by(page.peer):
            assert set(ears) == {mine.id}
            # The ear has to be connected first, which takes a moment: the second one it hears in any case.
            requests = [mine.execute("import time; time.sleep(2)") for _ in range(2)]
            for request in requests:
                await execution(page.peer, mine, request, 1.0)
            operation = await page.until(lambda each: each["id"] == f"cell_{requests[-1]}")
        assert set(ears) == {mine.id}
        await ended(page, operation)
        async with wanted_by(page.peer):
            assert set(ears) == {mine.id}
        assert not ears


@by_trait
async def test_without_a_browser_it_names_kernel_and_notebook(hub: Hub) -> None:
    """The setting of the server counts; an exception is the operation's error, and the next run knows what is usual."""
    async with kernel(hub, "folder/c.ipynb") as mine, view(hub) as page:
        mine.execute("import time; time.sleep(3)")
        first = await page.until(of_server)
        assert (first["origin"]["notebook"], first["origin"]["cell_id"]) == ("folder/c.ipynb", None)
        assert first["estimate"] is None
        done = await ended(page, first)
        again = mine.execute("import time; time.sleep(3)")
        second = await page.until(lambda each: each["id"] == f"cell_{again}" and each["estimate"] is not None)
        assert second["estimate"]["basis"] == ["history"]
        assert 0 < second["estimate"]["p50_s"] < done["elapsed_s"]
        mine.execute("import time; time.sleep(3); 1 / 0")
        failed = await page.until(lambda each: each["state"] == "failed")
        assert failed["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}


@by_trait
async def test_a_cell_is_cancelled_by_an_interrupt(hub: Hub) -> None:
    """Cancel of the operation interrupts the kernel, which stays alive."""
    async with kernel(hub) as mine, view(hub) as page:
        mine.execute("import time; time.sleep(600)")
        operation = await page.until(of_server)
        assert operation["actions"] == ["cancel"]
        await page.peer.send(type="command", request="r_1", operation=operation["id"], action="cancel")
        result = await page.peer.receive("command_result")
        assert (result["request"], result["ok"]) == ("r_1", True)
        assert (await ended(page, operation))["state"] == "cancelled"
        request = mine.execute("import time; time.sleep(3)")
        again = await page.until(lambda each: each["id"] == f"cell_{request}")
        assert (await ended(page, again))["state"] == "succeeded"


@by_trait
async def test_a_cell_is_lost_with_its_kernel(hub: Hub) -> None:
    """Killed while it runs: failed with `Lost`; the restarted kernel is listened to as before."""
    async with kernel(hub) as mine, view(hub) as page:
        mine.execute("import time; time.sleep(600)")
        operation = await page.until(of_server)
        await mine.manager.restart_kernel(mine.id, now=True)
        done = await ended(page, operation)
        assert (done["state"], done["error"]["type"]) == ("failed", "Lost")
        await mine.connect()
        request = mine.execute("import time; time.sleep(600)")
        again = await page.until(lambda each: each["id"] == f"cell_{request}")
        mine.kill()
        assert (await ended(page, again))["error"]["type"] == "Lost"


@by_trait
async def test_a_cell_that_reports_itself_is_no_second_operation(hub: Hub) -> None:
    """Its own may come late: then the cell's disappears, without an end and without a trace in the history."""
    async with kernel(hub) as mine, view(hub) as page:
        mine.execute(f"import time; time.sleep(3)\n{ENDLESS}")
        operation = await page.until(of_server)
        await page.until(lambda each: not of_server(each))
        while operation["id"] not in page.gone:
            await page.next()
        response = await hub.fetch(f"api/operations/{operation['id']}", headers=hub.login)
        assert response.code == 404


@by_trait
async def test_what_pages_and_people_do_not_ask_for_is_no_operation(hub: Hub) -> None:
    """A page's settings say no, or a request is silent: neither shows, however long it takes."""
    async with kernel(hub) as mine, view(hub) as page:
        request = mine.execute("import time; time.sleep(1.8)")
        await execution(page.peer, mine, request, None)
        mine.client.execute("import time; time.sleep(1.8)", silent=True)
        last = mine.execute("import time; time.sleep(3)")
        operation = await page.until(of_server)
        assert operation["id"] == f"cell_{last}"
        assert list(page.operations) == [operation["id"]]


async def test_what_an_earlier_life_of_the_server_observed_is_ended(hub: Hub) -> None:
    """Its kernels are not there any more when it starts again: nobody else would say that their cells are lost."""
    assert hub.app.running is not None
    driver, cells = hub.app.running.driver, hub.app.running.cells
    earlier = InsidePublisher(driver, "local", lambda _: None)
    origin = Origin(kernel_id="k_gone")
    async with view(hub) as page:
        earlier.say([Snapshot(id="cell_1", name="x", state="running", seq=1)])
        earlier.say([Snapshot(id="cell_2", name="x", state="running", seq=1, origin=origin)])
        await page.until(lambda each: each["id"] == "cell_2")
        cells.stop()
        cells.start()
        lost = await page.until(lambda each: each["state"] == "failed")
        assert (lost["id"], lost["error"]["type"]) == ("cell_2", "Lost")


async def test_the_server_s_own_connection_comes_back(hub: Hub) -> None:
    """Whatever closed it: the next thing to say opens another one, and what was said before is said again."""
    assert hub.app.running is not None
    driver = hub.app.running.driver
    publisher = InsidePublisher(driver, "local", lambda _: None)
    async with view(hub) as page:
        publisher.say([Snapshot(id="cell_1", name="x", state="running", seq=1)])
        await page.until(lambda each: each["id"] == "cell_1")
        assert publisher._conn is not None
        driver.perform([Close(publisher._conn, 4429, "too many messages")])
        publisher.say([Snapshot(id="cell_1", name="x", state="succeeded", seq=2)])
        await page.until(lambda each: each["state"] == "succeeded")


@by_trait
async def test_rubbish_on_iopub_does_no_harm(hub: Hub) -> None:
    """A kernel that says what nobody understands is still listened to."""
    assert hub.app.running is not None
    cells = hub.app.running.cells
    async with kernel(hub) as mine, view(hub) as page:
        session = mine.manager.get_kernel(mine.id).session
        for frames in (
            [b""],
            [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
            [b"<IDS|MSG>", b"", b"rubbish", b"", b""],
        ):
            cells._heard(mine.id, session, frames)
        mine.execute("import time; time.sleep(3)")
        await page.until(of_server)
