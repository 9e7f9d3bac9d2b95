"""No endpoint answers without authentication: every route of the running server, by every method."""

import json
import re
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.routing import ReversibleRuleRouter
from tornado.websocket import WebSocketClientConnection

from progress_kit.protocol import TOKEN_HEADER

from .conftest import BASE, Hub

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

either_setting = pytest.mark.parametrize(
    "server_options",
    [
        pytest.param({"ServerApp": {"allow_unauthenticated_access": allowed}}, id=f"allow_unauthenticated={allowed}")
        for allowed in (True, False)
    ],
)


def routes(hub: Hub) -> list[str]:
    """The paths below the base URL that the running application sends to this extension, with an id for each group."""
    found = []

    def look(router: ReversibleRuleRouter) -> None:
        for rule in router.rules:
            if isinstance(rule.target, ReversibleRuleRouter):
                look(rule.target)
            elif getattr(rule.target, "__module__", "").startswith("progress_kit_jupyter"):
                pattern: str = rule.matcher.regex.pattern  # type: ignore[attr-defined]
                path = re.sub(r"\(.*?\)", "op_1", pattern.removesuffix("$"))
                found.append(path.replace("\\", "").removeprefix(f"{BASE}/"))

    look(hub.serverapp.web_app.default_router)
    return found


@either_setting
async def test_every_route_is_known_here(hub: Hub) -> None:
    """The list below is the whole surface of the extension; a new route needs a line, and so a thought."""
    assert sorted(routes(hub)) == [
        "api/health",
        "api/history",
        "api/kinds",
        "api/operations",
        "api/operations/op_1",
        "api/operations/op_1/commands",
        "api/operations/op_1/tasks",
        "api/priors/op_1",
        "api/tokens",
        "api/tokens/op_1",
        "ws",
    ]


@either_setting
@pytest.mark.parametrize("method", METHODS)
async def test_nothing_is_answered_without_a_credential(hub: Hub, method: str) -> None:
    """Neither setting of the server opens a route: each says no, and nothing else."""
    body = {"scopes": ["subscribe"], "action": "cancel"} if method in {"POST", "PUT", "PATCH"} else None
    for path in routes(hub):
        response = await hub.fetch(path, method, body)
        assert response.code in {403, 405}, (path, response.code)
        if method != "HEAD":
            error = json.loads(response.body)["error"]
            assert set(error) == {"code", "message", "request", "retry_after_s"}
            assert hub.connection_file["hub_id"] not in response.body.decode()


@either_setting
async def test_what_is_served_is_not_refused_for_the_method(hub: Hub) -> None:
    """The methods that exist say 403 and not 405: it is the credential that is missing."""
    for path in routes(hub):
        method = (
            "DELETE" if path.startswith("api/tokens/") else "POST" if path.endswith(("tokens", "commands")) else "GET"
        )
        response = await hub.fetch(path, method, {} if method == "POST" else None)
        assert response.code == 403, (path, response.code)


@either_setting
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Authorization": "token wrong"}, id="a wrong token"),
        pytest.param({"Authorization": "Bearer wrong"}, id="a wrong bearer"),
        pytest.param({TOKEN_HEADER: "wrong"}, id="a wrong token of ours"),
        pytest.param({TOKEN_HEADER: ""}, id="an empty token of ours"),
        pytest.param({"Cookie": "username-127-0-0-1=someone"}, id="a forged cookie"),
    ],
)
async def test_no_socket_without_a_credential(hub: Hub, headers: dict[str, str]) -> None:
    """The handshake itself is refused: there is never a 101."""
    assert await _handshake(hub, headers) == 403


async def test_the_connection_files_secret_opens_only_the_minting(hub: Hub) -> None:
    """The secret is no token: it mints, and is refused everywhere else."""
    headers = {TOKEN_HEADER: hub.secret}
    assert await _handshake(hub, headers) == 403
    assert await _handshake(hub, {"Authorization": f"Bearer {hub.secret}"}) == 403
    for path in routes(hub):
        for method in ("GET", "DELETE", "POST"):
            if (path, method) == ("api/tokens", "POST"):
                continue
            response = await hub.fetch(path, method, {"action": "cancel"} if method == "POST" else None, headers)
            assert response.code in {403, 405}, (path, method)


async def test_jupyters_login_and_a_token_of_ours_are_let_in(hub: Hub) -> None:
    """Both ways of getting in work, on REST and on the socket; only the version of the protocol is selected."""
    token = await hub.mint("subscribe")
    for headers in (hub.login, {TOKEN_HEADER: token}, {"Authorization": f"Bearer {token}"}):
        assert (await hub.fetch("api/operations", headers=headers)).code == 200
        async with hub.socket(headers) as connection:
            assert connection.selected_subprotocol == "progress-kit.v1"
    async with hub.socket(subprotocols=("progress-kit.v1", f"progress-kit.jwt.{token}")) as connection:
        assert connection.selected_subprotocol == "progress-kit.v1"


async def test_a_socket_of_another_protocol_is_closed(hub: Hub) -> None:
    """A client that does not offer our version is told so."""
    for offered in ((), ("progress-kit.v9",)):
        async with hub.socket(hub.login, offered) as connection:
            assert await connection.read_message() is None
            assert connection.close_code == 4406


async def test_the_log_tells_of_requests_and_of_no_token(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """At the finest level of logging a minting is one line without the token; the fixture looks at all tests' logs."""
    await hub.mint("subscribe")
    assert "POST /a%40b/progress-kit/api/tokens" in caplog.text


async def test_a_refused_handshake_leaves_no_traceback(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Being refused is an everyday thing, and one line in the log."""
    assert await _handshake(hub, {}) == 403
    assert not [record for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]
    assert sum(record.levelname in {"WARNING", "ERROR"} for record in caplog.records) <= 2


@pytest.mark.parametrize(
    "path, query",
    [
        ("api/operations", "state=flying"),
        ("api/operations", "revision=-1&epoch=e"),
        ("api/operations", "revision=x&epoch=e"),
        ("api/history", "limit=many"),
        ("api/history", "since=monday"),
        ("api/history", "state=flying"),
        ("api/history", "before=yesterday"),
    ],
)
async def test_a_question_that_cannot_be_meant(hub: Hub, path: str, query: str) -> None:
    """A bad argument is the asker's error, with the field's name and without its value."""
    response = await hub.fetch(f"{path}?{query}", headers=hub.login)
    assert response.code == 400
    error = json.loads(response.body)["error"]
    assert error["code"] == "bad_request"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"scopes":[]}', b'{"scopes":["root"]}', b'{"scopes":["subscribe"],"expires_in_s":-1}']
)
async def test_a_body_that_cannot_be_meant(hub: Hub, body: bytes) -> None:
    """The body is checked before anything is done, and not repeated in the answer."""
    response = await hub._client.fetch(
        f"{BASE}/api/tokens", method="POST", body=body, headers=hub.login, raise_error=False
    )
    assert response.code == 400
    assert json.loads(response.body)["error"]["code"] == "bad_request"


async def test_health_says_how_the_hub_is(hub: Hub) -> None:
    """`GET health` counts what is there."""
    token = await hub.mint("publish", "subscribe")
    async with hub.peer(token, session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1)
        await publisher.publish("op_2", "failed", 1)
        await publisher.receive("ack")
        health = json.loads((await hub.fetch("api/health", headers=hub.login)).body)
    assert health["status"] == "ok"
    assert health["protocols"] == [1]
    assert health["hub_id"] == hub.connection_file["hub_id"]
    assert health["store"] == {"status": "ok", "reason": None}
    assert health["operations"] == {"live": 2, "history": 1}
    assert (health["publishers"], health["subscribers"]) == (1, 0)


@pytest.mark.parametrize("server_options", [{"ProgressKit": {"history_file": "/dev/null/history.sqlite3"}}])
async def test_a_server_without_a_place_for_history_works(hub: Hub) -> None:
    """The start never fails because of the store: it is degraded, and says so."""
    token = await hub.mint("publish", "subscribe")
    async with hub.peer(token, session="s_1") as publisher:
        await publisher.publish("op_1", "succeeded", 1)
        health: dict[str, Any] = json.loads((await hub.fetch("api/health", headers=hub.login)).body)
        operation = await hub.fetch("api/operations/op_1", headers=hub.login)
    assert health["status"] == "degraded"
    assert health["store"]["status"] == "memory"
    assert json.loads(operation.body)["hub"]["stored"] is False


async def _handshake(hub: Hub, headers: dict[str, str]) -> int:
    try:
        async with hub.socket(headers) as connection:
            assert isinstance(connection, WebSocketClientConnection)
            return 101
    except HTTPClientError as error:
        return error.code
