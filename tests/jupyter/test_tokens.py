"""Who gets which token, and what a token that is not ours is worth."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from tornado.httpclient import HTTPClientError

from progress_kit import clock
from progress_kit.hub import Login
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.rest import TokenRequest

from .conftest import Hub

DAY_S = 86_400.0


def _claims(**changes: Any) -> dict[str, Any]:
    now = clock.wall()
    claims = {
        "iss": "progress-kit",
        "aud": "progress-kit",
        "sub": "local",
        "scope": "publish subscribe command",
        "op": None,
        "nb": None,
        "iat": now,
        "auth_time": now,
        "exp": now + 300,
        "jti": "t_forged",
    } | changes
    return {name: value for name, value in claims.items() if value != "absent"}


def _signed(key: bytes, header: dict[str, Any] | None = None, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(_claims(**changes), key, algorithm=algorithm, headers=header or {"typ": "pk+jwt"})


def _unsigned() -> str:
    parts = ({"alg": "none", "typ": "pk+jwt"}, _claims())
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}."


# What only the holder of the key could make, and what anybody could. The first must work: it shows that the others
# are refused for what is wrong with them.
FORGED: dict[str, Callable[[bytes], str]] = {
    "another key": lambda _: _signed(b"x" * 64),
    "an empty key": lambda _: _unsigned().replace("none", "HS256"),
    "algorithm none": lambda _: _unsigned(),
    "another algorithm": lambda key: _signed(key, algorithm="HS512"),
    "another type": lambda key: _signed(key, {"typ": "JWT"}),
    "no type": lambda key: _signed(key, {"typ": None}),
    "a key by reference": lambda key: _signed(key, {"typ": "pk+jwt", "kid": "/dev/null"}),
    "another issuer": lambda key: _signed(key, iss="elsewhere"),
    "another audience": lambda key: _signed(key, aud="elsewhere"),
    "several audiences": lambda key: _signed(key, aud=["progress-kit", "elsewhere"]),
    "expired": lambda key: _signed(key, iat=clock.wall() - 400, auth_time=clock.wall() - 400, exp=clock.wall() - 100),
    "from the future": lambda key: _signed(key, iat=clock.wall() + 100, exp=clock.wall() + 400),
    "valid for ever": lambda key: _signed(key, exp=clock.wall() + 400 * DAY_S),
    "an unknown scope": lambda key: _signed(key, scope="subscribe admin"),
    "a bad operation": lambda key: _signed(key, op="../op_1"),
    "40 kB": lambda key: _signed(key, jti="t" * 30_000),
    "no token at all": lambda _: "x" * 43,
    "valid from tomorrow on": lambda key: _signed(key, nbf=clock.wall() + DAY_S),
    "a critical extension": lambda key: _signed(key, {"typ": "pk+jwt", "crit": ["exp"]}),
    "a key set by its address": lambda key: _signed(key, {"typ": "pk+jwt", "jku": "http://127.0.0.1:9/keys"}),
    "a fraction that is none": lambda key: _signed(key, exp=float("nan")),
}


def _without(name: str) -> Callable[[bytes], str]:
    changes: dict[str, Any] = {name: "absent"}
    return lambda key: jwt.encode(_claims(**changes), key, algorithm="HS256", headers={"typ": "pk+jwt"})


FORGED |= {f"without {name}": _without(name) for name in _claims()}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_forged_token_opens_nothing(hub: Hub, forge: Callable[[bytes], str], jp_runtime_dir: Any) -> None:
    """Neither in a header, nor as a sub-protocol, nor to mint another one."""
    key = (jp_runtime_dir / "progress-kit-key").read_bytes()
    genuine, forged = _signed(key), forge(key)
    for token, expected in ((genuine, 200), (forged, 403)):
        assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: token})).code == expected
    response = await hub.fetch("api/tokens", "POST", {"scopes": ["subscribe"]}, {TOKEN_HEADER: forged})
    assert response.code == 403
    with pytest.raises(HTTPClientError, match="403"):
        async with hub.socket(subprotocols=("progress-kit.v1", f"progress-kit.jwt.{forged}")):
            pass
    async with hub.socket(hub.login) as connection:
        await connection.write_message(json.dumps({"type": "hello", "token": forged, "client": "test/1"}))
        while await connection.read_message() is not None:
            pass
        assert connection.close_code in {4400, 4401}


async def test_a_hello_of_100_kb_is_not_looked_at(hub: Hub) -> None:
    """The first frame has a limit of its own, since anybody who is let in may send it."""
    async with hub.socket(hub.login) as connection:
        await connection.write_message(json.dumps({"type": "hello", "token": "x" * 100_000, "client": "test/1"}))
        while await connection.read_message() is not None:
            pass
        assert connection.close_code == 4400


async def _ask(hub: Hub, headers: dict[str, str], *scopes: str, **narrow: Any) -> tuple[int, float | None]:
    response = await hub.fetch("api/tokens", "POST", {"scopes": scopes, **narrow}, headers)
    answer = json.loads(response.body)
    if response.code == 201:
        hub.credentials.append(answer["token"])
        assert set(answer["scopes"]) == set(scopes)
        assert answer["operation"] == narrow.get("operation")
    return response.code, answer.get("expires_in_s")


async def test_what_a_login_may_mint(hub: Hub) -> None:
    """Any scope for five minutes, and share links for a month."""
    long = {"expires_in_s": 1e9}
    assert await _ask(hub, hub.login, "publish", "subscribe", "command", **long) == (201, 300)
    assert await _ask(hub, hub.login, "subscribe", operation="op_1", **long) == (201, 30 * DAY_S)
    assert await _ask(hub, hub.login, "subscribe", notebook="a.ipynb", **long) == (201, 30 * DAY_S)
    assert await _ask(hub, hub.login, "subscribe", "command", operation="op_1", **long) == (201, 300)
    assert await _ask(hub, hub.login, "subscribe", expires_in_s=10) == (201, 10)


async def test_what_the_connection_files_secret_may_mint(hub: Hub) -> None:
    """Kernels get an hour, tasks a week, and share links none."""
    long = {"expires_in_s": 1e9}
    secret = {TOKEN_HEADER: hub.secret}
    assert await _ask(hub, secret, "publish", "subscribe", "command", **long) == (201, 3_600)
    assert await _ask(hub, secret, "publish", operation="op_1", **long) == (201, 7 * DAY_S)
    assert (await _ask(hub, secret, "subscribe", operation="op_1"))[0] == 403
    assert (await _ask(hub, secret, "subscribe", notebook="a.ipynb"))[0] == 403
    almost = {TOKEN_HEADER: hub.secret[:-1] + ("A" if hub.secret[-1] != "A" else "B")}
    assert (await _ask(hub, almost, "publish"))[0] == 403


async def test_what_a_token_may_mint(hub: Hub) -> None:
    """Its like or less: never another scope, another operation or more of a life."""
    publisher = {TOKEN_HEADER: await hub.mint("publish")}
    assert await _ask(hub, publisher, "publish", expires_in_s=1e9) == (201, 3_600)
    assert (await _ask(hub, publisher, "subscribe"))[0] == 403
    share = {TOKEN_HEADER: await hub.mint("subscribe", operation="op_1", headers=hub.login, expires_in_s=600.0)}
    code, expires_in = await _ask(hub, share, "subscribe", operation="op_1", expires_in_s=1e9)
    assert code == 201
    assert expires_in is not None
    assert expires_in <= 600
    assert (await _ask(hub, share, "subscribe"))[0] == 403
    assert (await _ask(hub, share, "subscribe", operation="op_2"))[0] == 403
    assert (await _ask(hub, share, "command", operation="op_1"))[0] == 403


async def test_nothing_is_minted_on_get(hub: Hub) -> None:
    """A page can make a browser send a GET; it gets nothing by it."""
    response = await hub.fetch("api/tokens", headers=hub.login)
    assert response.code == 405


async def test_a_cookie_needs_the_xsrf_token(hub: Hub) -> None:
    """A foreign page's form has the cookie and not the XSRF token: it mints, commands and revokes nothing."""
    cookie = await hub.cookie()
    assert (await hub.fetch("api/operations", headers={"Cookie": cookie})).code == 200
    for path, method, body in (
        ("api/tokens", "POST", {"scopes": ["publish"]}),
        ("api/operations/op_1/commands", "POST", {"action": "cancel"}),
        ("api/tokens/t_1", "DELETE", None),
    ):
        assert (await hub.fetch(path, method, body, {"Cookie": cookie})).code == 403
    browser = {"Cookie": f"{cookie}; _xsrf=abcdef", "X-XSRFToken": "abcdef"}
    assert await _ask(hub, browser, "publish") == (201, 300)


async def test_only_a_valid_token_replaces_the_xsrf_token(hub: Hub) -> None:
    """A cookie with a token of ours that is invalid is still a cookie."""
    cookie = await hub.cookie()
    for header in ({TOKEN_HEADER: "wrong"}, {"Authorization": "Bearer wrong"}):
        response = await hub.fetch("api/tokens", "POST", {"scopes": ["publish"]}, {"Cookie": cookie, **header})
        assert response.code == 403
    token = await hub.mint("publish")
    assert (await _ask(hub, {"Cookie": cookie, TOKEN_HEADER: token}, "publish"))[0] == 201


async def test_a_revoked_token_is_void(hub: Hub) -> None:
    """A login revokes any token whose id it knows; the token is refused at once, and its socket closed."""
    token = await hub.mint("subscribe")
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    async with hub.peer(token) as subscriber:
        response = await hub.fetch(f"api/tokens/{jti}", "DELETE", headers=hub.login)
        assert response.code == 204
        assert await subscriber.closed() == 4401
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: token})).code == 403


async def test_a_revoked_share_link_closes_what_it_opened(hub: Hub) -> None:
    """Whoever watches by it is put out, and comes in by it no more; other links and the owner go on."""
    links = [await hub.mint("subscribe", operation="op_1", headers=hub.login) for _ in range(2)]
    jti = jwt.decode(links[0], options={"verify_signature": False})["jti"]
    async with hub.peer(links[0]) as guest, hub.peer(links[1]) as other:
        await guest.send(type="subscribe", id="all")
        await guest.receive("state")
        assert (await hub.fetch(f"api/tokens/{jti}", "DELETE", headers=hub.login)).code == 204
        assert await guest.closed() == 4401
        await other.send(type="ping")
        await other.receive("pong")
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: links[0]})).code == 403
    with pytest.raises(HTTPClientError, match="403"):
        async with hub.socket({TOKEN_HEADER: links[0]}):
            pass
    assert (await hub.fetch("api/tokens", "POST", {"scopes": ["subscribe"]}, {TOKEN_HEADER: links[0]})).code == 403


async def test_a_token_expires_on_a_living_connection(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub warns a minute ahead and closes when it is over: nobody stays in by having come in once."""
    wall, passed_s = clock.wall, 0.0
    monkeypatch.setattr(clock, "wall", lambda: wall() + passed_s)
    token = await hub.mint("subscribe", headers=hub.login)
    async with hub.peer(token) as page:
        assert page.welcome["token_expires_in_s"] <= 300
        passed_s = 250.0
        assert (await page.receive("expiring"))["in_s"] <= 50
        passed_s = 331.0
        assert await page.closed() == 4401
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: token})).code == 403


async def test_a_refresh_to_another_person_closes(hub: Hub) -> None:
    """A connection stays that of the person who opened it."""
    mine = await hub.mint("subscribe", headers=hub.login)
    wanted = TokenRequest(scopes=("subscribe",))
    other = hub.app.running.driver.authority.grant(wanted, Login("mallory"), clock.wall()).token
    async with hub.peer(mine) as page:
        await page.send(type="refresh", token=other)
        assert await page.closed() == 4403


async def test_a_token_revokes_itself_only(hub: Hub) -> None:
    """Whoever holds a share link may give it back, and take no other one away."""
    first, second = [await hub.mint("publish"), await hub.mint("subscribe")]
    ids = [jwt.decode(token, options={"verify_signature": False})["jti"] for token in (first, second)]
    headers = {TOKEN_HEADER: first}
    assert (await hub.fetch(f"api/tokens/{ids[1]}", "DELETE", headers=headers)).code == 403
    assert (await hub.fetch(f"api/tokens/{ids[0]}", "DELETE", headers=headers)).code == 204
    assert (await hub.fetch(f"api/tokens/{ids[0]}", "DELETE", headers=headers)).code == 403
    assert (await hub.fetch("api/operations", headers={TOKEN_HEADER: second})).code == 200
