"""No endpoint answers without authentication: every route of the running server, by every method."""

import json
import re
from collections.abc import Collection
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.routing import ReversibleRuleRouter
from tornado.websocket import WebSocketClientConnection

from progress_kit import clock
from progress_kit.hub import Login
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.rest import TokenRequest

from .conftest import BASE, Hub

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

either_setting = pytest.mark.parametrize(
    "server_options",
    [
        pytest.param({"ServerApp": {"allow_unauthenticated_access": allowed}}, id=f"allow_unauthenticated={allowed}")
        for allowed in (True, False)
    ],
)
any_setting = pytest.mark.parametrize(
    "server_options",
    [
        pytest.param({}, id="by default"),
        pytest.param({"ServerApp": {"allow_unauthenticated_access": False}}, id="allow_unauthenticated=False"),
        pytest.param({"ServerApp": {"allow_origin": "*", "allow_credentials": True}}, id="allow_origin=*"),
    ],
)
EVIL = "http://evil.example"
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
SERVED = {"GET", "POST", "DELETE"}
# The page behind share links and the files of the pages have to be there for those who have a link and no login. They
# are the same for everyone: files of the package, without anything of this server. What is shown in them comes by the
# socket and by `api/`, which ask for the link's token.
PUBLIC = {"share", "static/page.js"}
# A page sends whom it does not know to Jupyter's login, as those of JupyterLab do.
LOGIN_FIRST = {""}


def routes(hub: Hub) -> list[str]:
    """The paths below the base URL that the running application sends to this extension, with an id for each group."""
    found = []

    def look(router: ReversibleRuleRouter) -> None:
        for rule in router.rules:
            if isinstance(rule.target, ReversibleRuleRouter):
                look(rule.target)
            elif getattr(rule.target, "__module__", "").startswith("progress_kit_jupyter"):
                pattern: str = rule.matcher.regex.pattern  # type: ignore[attr-defined]
                path = re.sub(r"\(.*?\)", "op_1", pattern.removesuffix("$")).replace("static/op_1", "static/page.js")
                found.append(path.replace("\\", "").removeprefix(BASE).removeprefix("/"))

    look(hub.serverapp.web_app.default_router)
    return found


def guarded(hub: Hub) -> set[str]:
    """The paths that answer nothing to strangers."""
    return set(routes(hub)) - PUBLIC


@either_setting
async def test_every_route_is_known_here(hub: Hub) -> None:
    """The list below is the whole surface of the extension; a new route needs a line, and so a thought."""
    assert sorted(routes(hub)) == [
        "",  # with and without the slash at its end
        "",
        "api/health",
        "api/history",
        "api/inbox",
        "api/kinds",
        "api/openapi.json",
        "api/operations",
        "api/operations/op_1",
        "api/operations/op_1/commands",
        "api/operations/op_1/commands/op_1",
        "api/operations/op_1/tasks",
        "api/priors/op_1",
        "api/tokens",
        "api/tokens/op_1",
        "share",
        "static/page.js",
        "ws",
    ]


@either_setting
@pytest.mark.parametrize("method", METHODS)
async def test_nothing_is_answered_without_a_credential(hub: Hub, method: str) -> None:
    """Neither setting of the server opens a route: each says no, and nothing else."""
    body = {"scopes": ["subscribe"], "action": "cancel"} if method in {"POST", "PUT", "PATCH"} else None
    for path in guarded(hub):
        response = await hub.fetch(path, method, body)
        if path in LOGIN_FIRST and method in {"GET", "HEAD"} and response.code == 302:
            assert response.headers["Location"].startswith("/a%40b/login?next=")
            continue
        assert response.code in {403, 405}, (path, response.code)
        if method != "HEAD":
            error = json.loads(response.body)["error"]
            assert set(error) == {"code", "message", "request", "retry_after_s"}
            assert hub.connection_file["hub_id"] not in response.body.decode()


async def strangers(hub: Hub) -> dict[str, tuple[dict[str, str], Collection[str]]]:
    """Return what those who may not come in send: name → headers, and the methods that are refused to them."""
    cookie, ours = {"Cookie": await hub.cookie()}, {TOKEN_HEADER: await hub.mint("publish", "subscribe", "command")}
    spent = hub.app.running.driver.authority.grant(
        TokenRequest(scopes=("publish", "subscribe", "command")), Login("local"), clock.wall() - 3_600
    )
    evil_host = {"Host": "evil.example"}
    return {
        "no credential": ({}, METHODS),
        "a wrong token": ({"Authorization": "token wrong"}, METHODS),
        "a wrong bearer": ({"Authorization": "Bearer wrong"}, METHODS),
        "a wrong token of ours": ({TOKEN_HEADER: "wrong"}, METHODS),
        "an expired token of ours": ({TOKEN_HEADER: spent.token}, METHODS),
        "a token of ours in the query's place": ({"Authorization": f"token {ours[TOKEN_HEADER]}"}, METHODS),
        "a cookie without XSRF": (cookie, CHANGING),
        "a cookie with another XSRF": ({"Cookie": f"{cookie['Cookie']}; _xsrf=a", "X-XSRFToken": "b"}, CHANGING),
        "a login from a foreign page": ({**hub.login, "Origin": EVIL}, METHODS),
        "a cookie from a foreign page": ({**cookie, "Origin": EVIL}, METHODS),
        "a token from a foreign page": ({**ours, "Origin": EVIL}, METHODS),
        "a cookie from a page of another port": ({**cookie, "Origin": "http://127.0.0.1:9"}, METHODS),
        "a cookie from a sandboxed page": ({**cookie, "Origin": "null"}, METHODS),
        "two origins": ({**cookie, "Origin": f"http://{hub.host}", "Sec-WebSocket-Origin": EVIL}, METHODS),
        "a cookie from a foreign page's image": ({**cookie, "Sec-Fetch-Site": "cross-site"}, METHODS),
        "the same from another port": ({**cookie, "Sec-Fetch-Site": "same-site"}, METHODS),
        "a foreign host": ({**hub.login, **evil_host}, METHODS),
        "a name that was bound anew to this host": ({**cookie, **evil_host, "Origin": EVIL}, METHODS),
    }


@pytest.mark.slow
@any_setting
async def test_nobody_comes_in_who_may_not(hub: Hub, server_options: dict[str, Any]) -> None:
    """Every route × every method × every way not to be let in: nothing is answered, and nothing is done.

    With other settings than the default ones only the methods that routes serve are tried.
    """
    everybody = await strangers(hub)
    async with hub.peer(hub.credentials[-1], session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1, actions=["cancel"])
        for name, (headers, methods) in everybody.items():
            for path in guarded(hub):
                for method in SERVED.intersection(methods) if server_options else methods:
                    body = {"scopes": ["subscribe"], "action": "cancel"} if method in {"POST", "PUT", "PATCH"} else None
                    response = await hub.fetch(path, method, body, headers)
                    refused = {302, 403, 405} if path in LOGIN_FIRST else {403, 405}
                    assert response.code in refused, (name, method, path)
                    assert "Access-Control-Allow-Origin" not in response.headers, (name, method, path)
                    assert hub.connection_file["hub_id"] not in (response.body or b"").decode()
            if "GET" in methods:
                assert await _handshake(hub, headers) == 403, name
        # Had one of them been able to command, the publisher would hear of it before the answer to its ping.
        await publisher.send(type="ping")
        kinds: list[str] = []
        while "pong" not in kinds:
            kinds.append(json.loads(await publisher.connection.read_message() or "{}")["type"])
        assert "command" not in kinds
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: hub.credentials[-1]})).code == 200


@either_setting
async def test_what_is_served_is_not_refused_for_the_method(hub: Hub) -> None:
    """The methods that exist say 403 and not 405: it is the credential that is missing."""
    for path in guarded(hub) - LOGIN_FIRST:
        method = "DELETE" if path.startswith("api/tokens/") else "GET"
        if path.endswith(("tokens", "inbox")) or "/commands" in path:
            method = "POST"
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
    for path in guarded(hub) - LOGIN_FIRST:
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
