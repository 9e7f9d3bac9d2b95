"""Limits of one user, at the socket of a running server: who is over them is told so, and nobody else notices."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from progress_kit import clock
from progress_kit.hub import Login
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.messages import Scope
from progress_kit.protocol.rest import TokenRequest

from .conftest import Hub, Peer

LIMITS = {
    "subscribers_per_user": 2,
    "publishers_per_user": 3,
    "open_per_publisher": 3,
    "operations_per_user": 5,
    "subscriptions": 2,
    "messages_per_s": 1.0,
    "burst_messages": 20,
}

pytestmark = pytest.mark.parametrize("server_options", [{"ProgressKit": {"limits": LIMITS}}], ids=["limited"])


def token(hub: Hub, user: str, *scopes: Scope) -> str:
    """Return a token of any user of this server."""
    assert hub.app.running is not None
    authority = hub.app.running.driver.authority
    granted: str = authority.grant(TokenRequest(scopes=scopes), Login(user), clock.wall()).token
    hub.credentials.append(granted)
    return granted


@asynccontextmanager
async def page(hub: Hub, user: str) -> AsyncIterator[Peer]:
    """A page of this user, which has subscribed."""
    async with hub.peer(token(hub, user, "subscribe")) as peer:
        await peer.send(type="subscribe", id="all")
        await peer.receive("state")
        yield peer


async def seen(page: Peer, operation: str, state: str) -> None:
    """Wait until the page was shown this operation in this state."""
    while not any(
        (each["id"], each["state"]) == (operation, state) for each in (await page.receive("state"))["operations"]
    ):
        pass


async def assert_ann_is_served(hub: Hub, operation: str = "op_ann") -> None:
    """Another user has a page, a publisher, and all that belongs to them."""
    async with page(hub, "ann") as anns, hub.peer(token(hub, "ann", "publish"), session=f"s_{operation}") as source:
        await source.publish(operation, "running", 1)
        await seen(anns, operation, "running")
        await source.publish(operation, "succeeded", 2)
        await seen(anns, operation, "succeeded")


@pytest.mark.parametrize("session", [None, "s_new"], ids=["pages", "publishers"])
async def test_connections(hub: Hub, session: str | None) -> None:
    """The one too many is told why and closed with 4429; another user gets in, and so does the next after one left."""
    scope: Scope = "subscribe" if session is None else "publish"
    most = LIMITS["subscribers_per_user" if session is None else "publishers_per_user"]

    def sessions(number: int) -> str | None:
        return None if session is None else f"s_{number}"

    async with AsyncExitStack() as stack:
        for number in range(int(most) - 1):
            await stack.enter_async_context(hub.peer(token(hub, "bob", scope), session=sessions(number)))
        async with hub.peer(token(hub, "bob", scope), session=sessions(8)) as last:
            asked = token(hub, "bob", scope)
            async with hub.socket({TOKEN_HEADER: asked}) as connection:
                refused = Peer(connection)
                publisher = None if session is None else {"session": session}
                await refused.send(type="hello", token=asked, client="test/1", publisher=publisher)
                error = await refused.receive("error")
                assert (error["code"], error["retry_after_s"] > 0) == ("limit", True)
                assert await refused.closed() == 4429
            await assert_ann_is_served(hub)
            await last.send(type="ping")
            await last.receive("pong")
            last.connection.close()
            await last.closed()
        async with hub.peer(token(hub, "bob", scope), session=session):
            pass


async def test_operations(hub: Hub) -> None:
    """What is too much of one publisher, or of all of a user's, is refused; the others of both go on."""
    async with (
        page(hub, "bob") as bobs,
        hub.peer(token(hub, "bob", "publish"), session="s_1") as first,
        hub.peer(token(hub, "bob", "publish"), session="s_2") as second,
    ):
        for number in range(4):
            await first.publish(f"op_1{number}", "running", 1)
        assert (await first.receive("error"))["code"] == "limit"
        for number in range(3):
            await second.publish(f"op_2{number}", "running", 1)
        assert (await second.receive("error"))["code"] == "limit"
        await assert_ann_is_served(hub)
        await first.publish("op_10", "succeeded", 2)
        await seen(bobs, "op_10", "succeeded")
        await second.publish("op_22", "running", 1)  # the ended one makes room
        await seen(bobs, "op_22", "running")


async def test_subscriptions(hub: Hub) -> None:
    """The one too many is refused; the connection and its other subscriptions go on."""
    async with (
        page(hub, "bob") as bobs,
        hub.peer(token(hub, "bob", "publish"), session="s_1") as source,
    ):
        await bobs.send(type="subscribe", id="two")
        await bobs.send(type="subscribe", id="three")
        assert (await bobs.receive("error"))["code"] == "limit"
        await source.publish("op_1", "running", 1)
        await seen(bobs, "op_1", "running")
        await bobs.send(type="unsubscribe", id="two")
        await bobs.send(type="subscribe", id="three")
        while (await bobs.receive("state"))["subscription"] != "three":
            pass
        await assert_ann_is_served(hub)


async def test_messages(hub: Hub) -> None:
    """Running states beyond the rate are thinned out, ends never; a flood is cut off, for nobody else."""
    async with page(hub, "bob") as bobs, hub.peer(token(hub, "bob", "publish"), session="s_1") as source:
        for seq in range(1, 26):
            await source.publish("op_1", "running", seq)
        error = await source.receive("error")
        assert (error["code"], error["retry_after_s"] > 0) == ("rate", True)
        await source.publish("op_1", "succeeded", 26)
        await seen(bobs, "op_1", "succeeded")
        await assert_ann_is_served(hub)
        for _ in range(1_000):
            if source.connection.close_code is not None:
                break
            await source.send(type="heartbeat")
        assert await source.closed() == 4429
        await assert_ann_is_served(hub, "op_later")
