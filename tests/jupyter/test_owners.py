"""Where a server has several users: whose operations they are, and what the authorizer says."""

import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, IdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import RequestHandler

from progress_kit import clock
from progress_kit.hub import Login
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.rest import TokenRequest

from .conftest import Hub


class NamedUsers(IdentityProvider):
    """Knows people by a header, as a proxy in front of the server might tell it."""

    def get_user(self, handler: RequestHandler) -> User | None:
        """Return who the header names."""
        name = handler.request.headers.get("X-User")
        return User(name) if name else None


class Strict(Authorizer):
    """Lets each person do only what their name says, and only with the resource `progress`."""

    def is_authorized(self, handler: JupyterHandler, user: User, action: str, resource: str) -> bool:
        """Compare the action with the name."""
        assert handler.request.path
        return resource == "progress" and action in user.username.split("-")


ANN, BOB = {"X-User": "ann"}, {"X-User": "bob"}
NAMED = {"ServerApp": {"identity_provider_class": NamedUsers, "disable_check_xsrf": True}}
AUTHORIZED = {"ServerApp": {**NAMED["ServerApp"], "authorizer_class": Strict}, "ProgressKit": {"owner": "ann"}}


@pytest.mark.parametrize("server_options", [NAMED | {"ProgressKit": {"owner": "ann"}}])
async def test_everybody_sees_and_commands_only_their_own(hub: Hub) -> None:
    """Kernels' operations are the owner's; another person of the same server sees none of them, live or ended."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1, actions=["cancel"])
        await publisher.publish("op_2", "succeeded", 1)
        await publisher.receive("ack")
        for user, expected in ((ANN, {"op_1", "op_2"}), (BOB, set())):
            polled = json.loads((await hub.fetch("api/operations", headers=user)).body)
            assert {each["id"] for each in polled["operations"]} == expected
            history = json.loads((await hub.fetch("api/history", headers=user)).body)
            assert {each["id"] for each in history["items"]} == expected & {"op_2"}
            for operation in ("op_1", "op_2"):
                response = await hub.fetch(f"api/operations/{operation}", headers=user)
                assert response.code == (200 if expected else 404)
            command = await hub.fetch("api/operations/op_1/commands", "POST", {"action": "cancel"}, user)
            assert command.code == (202 if expected else 404)
            health = json.loads((await hub.fetch("api/health", headers=user)).body)
            assert health["operations"]["history"] == len(expected & {"op_2"})


@pytest.mark.parametrize("server_options", [NAMED | {"ProgressKit": {"owner": "ann"}}])
async def test_nothing_of_one_person_reaches_the_other(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Not by any route nor on the socket; and the log says who had whose operation cancelled, with no text of it."""
    secret, everything = "ann's own", ["subscribe", "command"]
    async with (
        hub.peer(await hub.mint("publish"), session="s_1") as publisher,
        hub.peer(await hub.mint(*everything, headers=BOB)) as bob,
        hub.peer(await hub.mint(*everything, headers=ANN)) as ann,
    ):
        await bob.send(type="subscribe", id="all")
        await bob.send(type="presence", visible=True, focused=True, can_notify=True)
        await publisher.publish("op_1", "running", 1, name=secret, kind=secret, actions=["cancel"], message=secret)
        await publisher.publish("op_2", "failed", 1, name=secret, kind=secret, error={"type": secret})
        await publisher.receive("ack")
        for path in ("operations", "operations/op_1", "operations/op_2", "operations/op_2/tasks", "history", "kinds"):
            assert secret not in (await hub.fetch(f"api/{path}", headers=BOB)).body.decode()
            assert (await hub.fetch(f"api/{path}", headers=ANN)).code == 200
        assert (await hub.fetch("api/priors/ann%27s%20own", headers=BOB)).code == 204
        health = json.loads((await hub.fetch("api/health", headers=BOB)).body)
        assert health["operations"] == {"live": 0, "history": 0}
        assert (await hub.fetch("api/operations/op_2", "DELETE", headers=BOB)).code == 404
        assert json.loads((await hub.fetch("api/history?all=true", "DELETE", headers=BOB)).body) == {"deleted": 0}

        command = {"type": "command", "operation": "op_1", "action": "cancel"}
        await bob.send(**command, request="r_1", reason="a\nforged line")
        assert (await bob.receive("error"))["code"] == "not_found"
        await ann.send(**command, request="r_2")
        assert (await publisher.receive("command"))["by"] == "ann"
        await hub.fetch("api/operations/op_1/commands", "POST", {"action": "cancel"}, ANN)
        assert (await publisher.receive("command"))["by"] == "ann"

        await bob.send(type="ping")
        heard: list[str] = []
        while not heard or '"pong"' not in heard[-1]:
            heard.append(str(await bob.connection.read_message()))
        assert secret not in "".join(heard)
    audit = [
        each.getMessage() for each in caplog.records if each.name == "progress_kit" and "asked for" in each.message
    ]
    assert audit == ["Operation op_1: cancel, asked for by 'ann'"] * 2
    assert secret not in caplog.text
    assert "forged line" not in caplog.text


@pytest.mark.parametrize("server_options", [NAMED])
async def test_a_name_cannot_forge_a_line_of_the_log(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Names come from outside: they are quoted where they are logged."""
    authority = hub.app.running.driver.authority
    wanted = TokenRequest(scopes=("publish", "subscribe", "command"))
    token = authority.grant(wanted, Login("eve\n[I] Operation op_1: cancel, asked for by 'ann'"), clock.wall()).token
    async with hub.peer(token, session="s_1") as publisher, hub.peer(token) as page:
        await publisher.publish("op_1", "running", 1, actions=["cancel"])
        await page.send(type="subscribe", id="all")
        while not (await page.receive("state"))["operations"]:
            pass
        await page.send(type="command", request="r", operation="op_1", action="cancel")
        await publisher.receive("command")
    (line,) = (each.getMessage() for each in caplog.records if "asked for" in each.getMessage())
    assert "\n" not in line


@pytest.mark.parametrize("server_options", [NAMED | {"ProgressKit": {"owner": "ann"}}])
async def test_a_token_has_the_name_of_who_asked_for_it(hub: Hub) -> None:
    """A person's token is that person's, the connection file's the owner's."""
    for headers, user in ((BOB, "bob"), ({TOKEN_HEADER: hub.secret}, "ann")):
        async with hub.peer(await hub.mint("subscribe", headers=headers)) as peer:
            assert peer.welcome["user"] == user


@pytest.mark.parametrize("server_options", [NAMED])
async def test_an_owner_that_nobody_can_be_is_warned_of(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """With a foreign identity provider the owner has to be set, and the log says how."""
    assert hub.app.owner == "local"
    messages = [record.getMessage() for record in caplog.get_records("setup") if record.levelname == "WARNING"]
    assert any("c.ProgressKit.owner" in message for message in messages)


@pytest.fixture
def hub_user(monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of a server that JupyterHub has started."""
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    return "ann"


@pytest.mark.parametrize("server_options", [NAMED])
async def test_under_jupyterhub_the_owner_is_the_hubs_user(hub_user: str, hub: Hub) -> None:
    """Nothing has to be set there."""
    assert hub.app.owner == hub_user


async def test_the_stock_login_is_always_the_same_person(hub: Hub) -> None:
    """Jupyter names each request with its token anew; to us it is `local`, as the kernels' owner is."""
    for _ in range(2):
        async with hub.peer(await hub.mint("subscribe", headers=hub.login)) as peer:
            assert peer.welcome["user"] == hub.app.owner == "local"


@pytest.mark.parametrize("server_options", [AUTHORIZED])
async def test_the_authorizer_is_asked_for_each_right(hub: Hub) -> None:
    """Reading, publishing and commanding are three questions about the resource `progress`, in whatever order."""
    rights = {"read": "subscribe", "write": "publish", "execute": "command"}
    for _ in range(2):
        for name in ("read", "write", "execute", "read-execute", "read-write-execute", "nothing"):
            user, allowed = {"X-User": name}, name.split("-")
            for right, scope in rights.items():
                body: dict[str, Any] = {"scopes": [scope]}
                response = await hub.fetch("api/tokens", "POST", body, user)
                assert response.code == (201 if right in allowed else 403), (name, right)
            response = await hub.fetch("api/tokens", "POST", {"scopes": list(rights.values())}, user)
            assert response.code == (201 if allowed == list(rights) else 403)
            assert (await hub.fetch("api/operations", headers=user)).code == (200 if "read" in allowed else 403)
            command = await hub.fetch("api/operations/op_1/commands", "POST", {"action": "cancel"}, user)
            assert command.code == (404 if "execute" in allowed else 403)
