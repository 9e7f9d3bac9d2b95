"""What becomes of operations whose kernel dies: real kernels, every way to die."""

from collections.abc import Awaitable, Callable

import pytest

from .conftest import Hub
from .kernels import ENDLESS, Kernel, kernel, view

pytestmark = pytest.mark.slow

LOST = {"type": "Lost", "message": "Its kernel died."}


async def killed(kernel: Kernel) -> None:
    """Killed by the system; Jupyter starts it again."""
    kernel.kill()


async def killed_for_good(kernel: Kernel) -> None:
    """Killed where Jupyter does not start it again, and so emits no event."""
    kernel.manager.get_kernel(kernel.id).stop_restarter()
    kernel.kill()


async def restarted(kernel: Kernel) -> None:
    """Restarted from the menu."""
    await kernel.manager.restart_kernel(kernel.id, now=True)


async def shut_down(kernel: Kernel) -> None:
    """Shut down from the list of running kernels."""
    await kernel.manager.shutdown_kernel(kernel.id, now=True)


@pytest.mark.parametrize("death", [killed, killed_for_good, restarted, shut_down])
async def test_an_operation_fails_with_its_kernel(hub: Hub, death: Callable[[Kernel], Awaitable[None]]) -> None:
    """However a kernel dies, its operation is `failed` with error type `Lost`, and final in the history."""
    async with kernel(hub) as mine, kernel(hub) as other, view(hub) as page:
        mine.execute(ENDLESS)
        other.execute(ENDLESS)
        operation = await page.until(lambda each: each["origin"]["kernel_id"] == mine.id)
        beside = await page.until(lambda each: each["origin"]["kernel_id"] == other.id)
        await death(mine)
        ended = await page.until(lambda each: each["id"] == operation["id"] and each["state"] == "failed")
        assert ended["error"] == LOST
        assert ended["elapsed_s"] >= operation["elapsed_s"]
        await page.until(lambda each: each["id"] == operation["id"] and each["hub"]["stored"])
        assert page.operations[beside["id"]]["state"] == "running"


async def test_what_runs_in_the_restarted_kernel_lives(hub: Hub) -> None:
    """The kernel's id is the same after a restart; its new operation is not mistaken for the old one."""
    async with kernel(hub) as mine, view(hub) as page:
        mine.execute(ENDLESS)
        first = await page.until(lambda each: each["state"] == "running")
        await mine.manager.restart_kernel(mine.id, now=True)
        await mine.connect()
        mine.execute(ENDLESS)
        second = await page.until(lambda each: each["state"] == "running" and each["id"] != first["id"])
        await page.until(lambda each: each["id"] == first["id"] and each["state"] == "failed")
        await page.until(lambda each: each["id"] == second["id"] and each["seq"] > second["seq"] + 5)
        assert page.operations[second["id"]]["state"] == "running"


async def test_kernels_that_were_there_before_are_watched_as_well(hub: Hub) -> None:
    """The hub may start after the kernels: at its start it looks which are there."""
    async with kernel(hub) as mine, view(hub) as page:
        assert hub.app.running is not None
        hub.app.running.kernels.stop()
        await hub.app.running.kernels.start()
        mine.execute(ENDLESS)
        await page.until(lambda each: each["state"] == "running")
        await mine.manager.shutdown_kernel(mine.id, now=True)
        ended = await page.until(lambda each: each["state"] == "failed")
        assert ended["error"] == LOST
