"""The whole way over a real WebSocket: hello, publish, subscribe, command; and who sees what."""

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from progress_kit.protocol import TOKEN_HEADER

from .conftest import Hub

PAGE = "https://dashboard.example"


async def test_what_is_published_arrives(hub: Hub) -> None:
    """From publisher to subscriber and back: states one way, an acknowledgement and a command the other."""
    kernel = await hub.mint("publish")
    page = await hub.mint("subscribe", "command", headers=hub.login)
    async with hub.peer(kernel, session="s_1") as publisher, hub.peer(page) as subscriber:
        assert publisher.welcome["user"] == subscriber.welcome["user"] == "local"
        await subscriber.send(type="subscribe", id="all")
        assert (await subscriber.receive("state"))["reset"] is True

        await publisher.publish("op_1", "running", 1, actions=["cancel"])
        (operation,) = (await subscriber.receive("state"))["operations"]
        assert (operation["id"], operation["state"], operation["hub"]["owner"]) == ("op_1", "running", "local")

        await subscriber.send(type="command", request="r_1", operation="op_1", action="cancel")
        command = await publisher.receive("command")
        assert (command["action"], command["by"]) == ("cancel", "local")
        await publisher.send(type="command_result", request=command["request"], ok=True)
        assert (await subscriber.receive("command_result"))["request"] == "r_1"

        await publisher.publish("op_1", "cancelled", 2)
        assert (await publisher.receive("ack"))["durable"] == {"op_1": 2}
        states: list[dict[str, Any]] = []
        while not states or not states[-1]["hub"]["stored"]:
            states += (await subscriber.receive("state"))["operations"]
        assert states[-1]["state"] == "cancelled"


async def test_a_command_over_rest_reaches_the_publisher(hub: Hub) -> None:
    """`POST commands` needs the scope, is forwarded, and says why it cannot be."""
    token = await hub.mint("publish", "subscribe", "command")
    async with hub.peer(token, session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1, actions=["cancel"])
        await publisher.send(type="ping")
        await publisher.receive("pong")
        path, cancel = "api/operations/op_1/commands", {"action": "cancel"}
        response = await hub.fetch(path, "POST", cancel, {TOKEN_HEADER: token})
        assert response.code == 202
        assert json.loads(response.body)["request"] == (await publisher.receive("command"))["request"]
        reader = {TOKEN_HEADER: await hub.mint("subscribe")}
        assert (await hub.fetch(path, "POST", cancel, reader)).code == 403
        assert (await hub.fetch(path, "POST", {"action": "explode"}, {TOKEN_HEADER: token})).code == 400
        assert (await hub.fetch(path, "POST", {"action": "pause"}, {TOKEN_HEADER: token})).code == 409
        assert (await hub.fetch(path.replace("op_1", "op_2"), "POST", cancel, {TOKEN_HEADER: token})).code == 404


async def test_reading_over_rest(hub: Hub) -> None:
    """The same states by polling: all at first, then what changed, then single ones, their tasks and the history."""
    token = await hub.mint("publish", "subscribe")
    headers = {TOKEN_HEADER: token}
    task = {"id": "t_1", "stage": "main", "state": "failed", "error": {"type": "ValueError", "message": "bad row"}}
    async with hub.peer(token, session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1)
        await publisher.publish("op_2", "failed", 1, tasks=[task], kind="train")
        await publisher.receive("ack")
        everything = json.loads((await hub.fetch("api/operations", headers=headers)).body)
        assert {each["id"] for each in everything["operations"]} == {"op_1", "op_2"}
        assert everything["reset"] is True

        await publisher.publish("op_1", "running", 2)
        await publisher.send(type="ping")
        await publisher.receive("pong")
        since = f"api/operations?epoch={everything['epoch']}&revision={everything['revision']}"
        changed = json.loads((await hub.fetch(since, headers=headers)).body)
        assert [(each["id"], each["seq"]) for each in changed["operations"]] == [("op_1", 2)]
        assert changed["reset"] is False
        running = json.loads((await hub.fetch("api/operations?state=running,paused", headers=headers)).body)
        assert [each["id"] for each in running["operations"]] == ["op_1"]

    tasks = json.loads((await hub.fetch("api/operations/op_2/tasks", headers=headers)).body)
    assert tasks["items"][0]["error"] == task["error"]
    history = json.loads((await hub.fetch("api/history?kind=train&limit=10", headers=headers)).body)
    assert [(each["id"], each["hub"]["stored"]) for each in history["items"]] == [("op_2", True)]
    assert history["next"] is None
    assert (await hub.fetch("api/operations/op_3", headers=headers)).code == 404


async def test_a_share_link_shows_its_own_operation_only(hub: Hub) -> None:
    """Neither by subscribing, polling, naming nor the history does it show another one, and it commands nothing."""
    kernel = await hub.mint("publish")
    share = await hub.mint("subscribe", operation="op_1", headers=hub.login)
    notebook = await hub.mint("subscribe", notebook="a.ipynb", headers=hub.login)
    async with hub.peer(kernel, session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1)
        await publisher.publish("op_2", "succeeded", 1, origin={"notebook": "a.ipynb"})
        await publisher.publish("op_3", "succeeded", 1, origin={"notebook": "b.ipynb"})
        await publisher.receive("ack")
        for token, mine, others in ((share, "op_1", ["op_2", "op_3"]), (notebook, "op_2", ["op_1", "op_3"])):
            headers = {TOKEN_HEADER: token}
            polled = json.loads((await hub.fetch("api/operations", headers=headers)).body)
            assert [each["id"] for each in polled["operations"]] == [mine]
            assert (await hub.fetch(f"api/operations/{mine}", headers=headers)).code == 200
            for other in others:
                # What is still live is told apart from what only the store knows; neither is shown.
                assert (await hub.fetch(f"api/operations/{other}", headers=headers)).code == 404
                assert (await hub.fetch(f"api/operations/{other}/tasks", headers=headers)).code == 404
            assert (await hub.fetch("api/history", headers=headers)).code == 403
            command = await hub.fetch(f"api/operations/{mine}/commands", "POST", {"action": "cancel"}, headers)
            assert command.code == 403
            async with hub.peer(token) as subscriber:
                await subscriber.send(type="subscribe", id="all")
                state = await subscriber.receive("state")
                assert [each["id"] for each in state["operations"]] == [mine]


async def test_scopes_hold_on_the_socket(hub: Hub) -> None:
    """What opened the socket gives no rights; the token of hello does, and only its own."""
    reader = await hub.mint("subscribe")
    async with hub.socket(hub.login) as connection:
        hello = {"type": "hello", "token": reader, "client": "test/1", "publisher": {"session": "s_1"}}
        await connection.write_message(json.dumps(hello))
        while await connection.read_message() is not None:
            pass
        assert connection.close_code == 4403
    writer = await hub.mint("publish")
    async with hub.peer(writer, session="s_2") as publisher:
        await publisher.send(type="subscribe", id="all")
        assert (await publisher.receive("error"))["code"] == "forbidden"
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: writer})).code == 403


async def test_a_frame_beyond_the_limit_closes_its_own_connection(hub: Hub) -> None:
    """One peer's flood of bytes is not read, and its neighbours notice nothing."""
    token = await hub.mint("publish", "subscribe")
    async with hub.peer(token, session="s_1") as flooder, hub.peer(token) as neighbour:
        await flooder.connection.write_message("x" * 300_000)
        assert await flooder.closed() in {1006, 1009, None}
        await neighbour.send(type="ping")
        await neighbour.receive("pong")


async def test_a_reader_that_stops_costs_the_others_nothing(hub: Hub) -> None:
    """While one subscriber reads none of 7 MB, another one gets all of it, and one frame waits for the first."""
    token = await hub.mint("publish", "subscribe")
    stages = [{"name": f"stage {number}", "message": "y" * 2_000} for number in range(12)]
    async with hub.peer(token, session="s_1") as publisher, hub.peer(token) as idle, hub.peer(token) as reader:
        for subscriber in (idle, reader):
            await subscriber.send(type="subscribe", id="all", max_rate_hz=60)
        seen: set[str] = set()
        for batch in range(40):
            ids = [f"op_{batch}_{number}" for number in range(8)]
            operations = [{"id": each, "name": each, "state": "succeeded", "seq": 1, "stages": stages} for each in ids]
            await publisher.send(type="publish", operations=operations)
            while not seen.issuperset(ids):
                state = await asyncio.wait_for(reader.receive("state"), 10)
                seen |= {each["id"] for each in state["operations"]}
        assert len(seen) == 320
        assert max(hub.app.running.driver._in_flight.values()) == 1


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize(
    "server_options",
    [
        pytest.param({}, id="by default"),
        pytest.param({"ServerApp": {"allow_origin": "*"}}, id="allow_origin=*"),
        pytest.param({"ServerApp": {"allow_origin_pat": ".*"}}, id="allow_origin_pat=.*"),
    ],
)
@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1", "http://127.0.0.1:1", "file://", "http://[", ""])
async def test_a_foreign_page_is_refused(hub: Hub, origin: str) -> None:
    """Whatever the server allows to its other endpoints, and with whatever credential."""
    token = await hub.mint("subscribe", "publish")
    for credential in (hub.login, {TOKEN_HEADER: token}, {"Authorization": f"Bearer {token}"}):
        headers = {**credential, "Origin": origin}
        response = await hub.fetch("api/operations", headers=headers)
        assert response.code == 403
        assert "Access-Control-Allow-Origin" not in response.headers
        assert (await hub.fetch("api/tokens", "POST", {"scopes": ["subscribe"]}, headers)).code == 403
        assert (await hub.fetch("api/operations", "OPTIONS", headers=headers)).code == 403
        with pytest.raises(HTTPClientError, match="403"):
            async with hub.socket(headers):
                pass


async def test_the_servers_own_pages_are_let_in(hub: Hub) -> None:
    """Lab itself sends its origin, in any case of letters."""
    headers = {**hub.login, "Origin": f"HTTP://{hub.host}"}
    assert (await hub.fetch("api/operations", headers=headers)).code == 200
    async with hub.socket(headers):
        pass


@pytest.mark.parametrize("server_options", [{"ProgressKit": {"allow_origins": [f"{PAGE}/"]}}])
async def test_a_listed_page_is_let_in(hub: Hub) -> None:
    """A page on the extension's own list reads with its token, and its browser is told that it may."""
    headers = {TOKEN_HEADER: await hub.mint("subscribe"), "Origin": PAGE}
    response = await hub.fetch("api/operations", headers=headers)
    assert response.code == 200
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    preflight = await hub.fetch("api/operations", "OPTIONS", headers={"Origin": PAGE})
    assert preflight.code == 204
    assert "x-progress-kit-token" in preflight.headers["Access-Control-Allow-Headers"]
    async with hub.socket(headers):
        pass
    assert (await hub.fetch("api/operations", headers={**headers, "Origin": f"{PAGE}.evil"})).code == 403


async def test_a_page_does_not_publish(hub: Hub) -> None:
    """A connection that carries an origin is a page's: no token makes it a publisher."""
    token = await hub.mint("publish")
    async with hub.socket({TOKEN_HEADER: token, "Origin": f"http://{hub.host}"}) as connection:
        hello = {"type": "hello", "token": token, "client": "test/1", "publisher": {"session": "s_1"}}
        await connection.write_message(json.dumps(hello))
        while await connection.read_message() is not None:
            pass
        assert connection.close_code == 4403
