"""Notifications and the inbox over real WebSockets and a real history file."""

import asyncio
from typing import Any

from .conftest import Hub, Peer


async def _page(peer: Peer, *, focused: bool) -> dict[str, Any]:
    """Let a page say that it is there; return its first inbox."""
    await peer.send(type="presence", visible=focused, focused=focused, notebook="a.ipynb", can_notify=True)
    return await peer.receive("inbox")


async def test_two_pages_of_a_user_show_one_notification_and_one_inbox(hub: Hub) -> None:
    """The hidden page is asked when the one in front is silent; reading on one of them is reading on both."""
    kernel = await hub.mint("publish")
    login = await hub.mint("subscribe", headers=hub.login)
    share = await hub.mint("subscribe", operation="op_1", headers=hub.login)
    async with (
        hub.peer(kernel, session="s_1") as publisher,
        hub.peer(login) as front,
        hub.peer(login) as hidden,
        hub.peer(share) as stranger,
    ):
        await stranger.send(type="presence", visible=True, focused=True, notebook=None, can_notify=True)
        assert (await stranger.receive("error"))["code"] == "forbidden"
        empty = {"type": "inbox", "unread": 0, "items": []}
        assert await _page(front, focused=True) == await _page(hidden, focused=False) == empty

        error = {"type": "ValueError", "message": "bad row"}
        await publisher.publish("op_1", "failed", 1, error=error, elapsed_s=40.0, origin={"cell_id": "c1"})
        await publisher.publish("op_2", "succeeded", 1, notify={"when": "never", "after_s": None})
        await publisher.publish("op_3", "succeeded", 1)
        # In front, and silent: it hears first, and after 2 s the other one does.
        request = await asyncio.wait_for(front.receive("notify"), 10)
        second = asyncio.create_task(hidden.receive("notify"))
        assert [each["id"] for each in request["operations"]] == ["op_1", "op_3"]
        assert request["operations"][0]["error"] == error
        assert await asyncio.wait_for(second, 10) == request
        await hidden.send(type="notified", id=request["id"], shown="browser")

        await front.send(type="read", ids=["op_1"])
        for page in (front, hidden):
            inbox = await page.receive("inbox")
            while inbox["unread"] != 1 or len(inbox["items"]) != 3:
                inbox = await page.receive("inbox")
            assert [(each["id"], each["read"]) for each in inbox["items"]] == [
                ("op_3", False),
                ("op_2", True),
                ("op_1", True),
            ]
            assert inbox["items"][2]["origin"]["cell_id"] == "c1"

    async with hub.peer(login) as morning:
        inbox = await _page(morning, focused=True)
        assert (inbox["unread"], len(inbox["items"])) == (1, 3)


async def test_the_inbox_survives_the_server(hub: Hub) -> None:
    """The next life of the same hub has every item, and knows which are read."""
    kernel = await hub.mint("publish")
    login = await hub.mint("subscribe", headers=hub.login)
    async with hub.peer(kernel, session="s_1") as publisher, hub.peer(login) as page:
        await _page(page, focused=True)
        for operation in ("op_1", "op_2"):
            await publisher.publish(operation, "failed", 1)
            await publisher.receive("ack")
        await page.send(type="read", ids=["op_2"])
        while (await page.receive("inbox"))["unread"] != 1:
            pass
    await hub.app.stop_extension()
    hub.app._stopped = False
    await hub.app._start_jupyter_server_extension(hub.serverapp)
    async with hub.peer(login) as page:
        inbox = await _page(page, focused=True)
        assert [(each["id"], each["read"]) for each in inbox["items"]] == [("op_2", True), ("op_1", False)]
        assert inbox["unread"] == 1
