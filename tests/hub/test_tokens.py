"""Which tokens are believed, and who may have which."""

import base64
import hmac
import json
from collections.abc import Iterable

import jwt
import pytest

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, ConnectionSecret, Login, TokenAuthority
from progress_kit.protocol.messages import Scope
from progress_kit.protocol.rest import TokenRequest, TokenResponse

KEY = b"k" * 32
NOW = 1_700_000_000.0
DAY = 86_400.0

GOOD: dict[str, object] = {
    "iss": "progress-kit",
    "aud": "progress-kit",
    "sub": "local",
    "scope": "publish subscribe",
    "op": None,
    "nb": None,
    "iat": NOW,
    "auth_time": NOW,
    "exp": NOW + 300,
    "jti": "t_1",
}


@pytest.fixture
def authority() -> TokenAuthority:
    """Return an authority with a known key."""
    return TokenAuthority(KEY)


def sign(claims: dict[str, object], *, typ: str = "pk+jwt", key: bytes = KEY, alg: str = "HS256") -> str:
    """Return a signed token."""
    return jwt.encode(claims, key, algorithm=alg, headers={"typ": typ})


def without(name: str) -> dict[str, object]:
    """Return good claims but one."""
    return {key: value for key, value in GOOD.items() if key != name}


def unsigned() -> str:
    """Return a token of algorithm none."""
    parts = [{"alg": "none", "typ": "pk+jwt"}, GOOD]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def test_a_good_token_says_who_and_what(authority: TokenAuthority) -> None:
    """All claims come back checked."""
    claims = authority.verify(sign(GOOD), NOW)
    assert claims.scopes == frozenset({"publish", "subscribe"})
    assert (claims.sub, claims.op, claims.exp) == ("local", None, NOW + 300)


def forged() -> Iterable[tuple[str, str]]:
    """Yield forged tokens by what is wrong with them."""
    for name in GOOD:
        yield f"without {name}", sign(without(name))
    for name, value in [
        ("iss", "other"),
        ("aud", "other"),
        ("aud", ["progress-kit", "other"]),
        ("sub", ""),
        ("sub", 7),
        ("scope", ""),
        ("scope", "publish admin"),
        ("op", "not an id"),
        ("nb", ""),
        ("iat", "now"),
        ("iat", NOW + 3_600),
        ("exp", NOW - 31),
        ("exp", NOW + 366 * DAY),
        ("exp", True),
        ("auth_time", NOW + 1),
        ("jti", ""),
        ("admin", True),
        ("nbf", NOW + 3_600),
    ]:
        yield f"{name}={value!r}", sign({**GOOD, name: value})
    yield "another type", sign(GOOD, typ="JWT")
    yield "another key", sign(GOOD, key=b"x" * 32)
    yield "another algorithm", sign(GOOD, key=KEY * 2, alg="HS512")
    yield "no signature", unsigned()
    yield "empty", ""
    yield "long", sign({**GOOD, "scope": "publish " * 20_000})
    yield "not ASCII", sign(GOOD) + "ü"
    yield "key id", jwt.encode(GOOD, KEY, algorithm="HS256", headers={"typ": "pk+jwt", "kid": "../../etc/passwd"})


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
HEADER: dict[str, object] = {"alg": "HS256", "typ": "pk+jwt"}


def by_hand(header: object, payload: object = GOOD, key: bytes = KEY) -> str:
    """Return a token that a library would not make: its parts are JSON values, or texts as they are."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signed = b".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=") for text in texts)
    signature = base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    return b".".join((signed, signature)).decode()


def made_by_hand() -> Iterable[tuple[str, str]]:
    """Yield tokens with a good signature whose header or claims are not ours, by what is wrong with them."""
    changed: dict[str, dict[str, object]] = {
        "RS256": {"alg": "RS256"},
        "HS512 by name": {"alg": "HS512"},
        "none with a signature": {"alg": "none"},
        "None": {"alg": "None"},
        "hs256": {"alg": "hs256"},
        "a list of algorithms": {"alg": ["HS256"]},
        "no algorithm": {"alg": None},
        "crit": {"crit": ["exp"]},
        "crit of nothing": {"crit": []},
        "jku": {"jku": "https://evil.example/keys"},
        "jwk": {"jwk": {"kty": "oct", "k": "eA"}},
        "x5u": {"x5u": "https://evil.example/cert"},
        "x5c": {"x5c": ["MII"]},
        "b64": {"b64": False},
        "zip": {"zip": "DEF"},
        "cty": {"cty": "JWT"},
        "a type in capitals": {"typ": "PK+JWT"},
    }
    for name, changes in changed.items():
        yield name, by_hand(HEADER | changes)
    yield "a public key as the secret", by_hand(HEADER, key=PUBLIC_KEY.encode())
    yield "an empty secret", by_hand(HEADER, key=b"")
    for text in ("[]", "null", "7", '"HS256"', "{", "NaN", "[" * 800, '{"alg":"HS256","typ":"pk+jwt","alg":"none"}'):
        yield f"the header {text[:40]}", by_hand(text)
        yield f"the claims {text[:40]}", by_hand(HEADER, text)
    yield "100 kB", by_hand(HEADER, GOOD | {"jti": "t" * 75_000})
    yield "100 kB of header", by_hand(HEADER | {"x": "t" * 75_000})
    for name in ("iat", "auth_time", "exp"):
        for number in (10**400, -(10**400), float("nan"), float("inf"), -float("inf"), True, None, [NOW], str(NOW)):
            yield f"{name} {str(number)[:12]}", by_hand(HEADER, GOOD | {name: number})
        yield f"{name} 1e999", by_hand(HEADER, json.dumps(GOOD | {name: "#"}).replace('"#"', "1e999"))
    for name in ("iss", "aud", "sub", "scope", "op", "nb", "jti"):
        wrong = (7, "", ["local"], {"a": 1}, False, "\ud800") + ((None,) if name not in {"op", "nb"} else ())
        for value in wrong:
            yield f"{name} {json.dumps(value)}", by_hand(HEADER, GOOD | {name: value})
    for name, text in (("sub", "x" * 201), ("scope", "publish  subscribe"), ("scope", "PUBLISH"), ("nb", "x" * 5_000)):
        yield f"{name} {text[:20]}", by_hand(HEADER, GOOD | {name: text})
    whole = sign(GOOD)
    head, body, signature = whole.split(".")
    yield "no signature at all", f"{head}.{body}."
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{whole}.{signature}"
    yield "another's signature", f"{head}.{body}.{sign(GOOD | {'jti': 't_2'}).rpartition('.')[2]}"
    yield "claims after signing", f"{head}.{sign(GOOD | {'sub': 'root'}).split('.')[1]}.{signature}"
    yield "a space before it", f" {whole}"
    yield "a newline behind it", f"{whole}\n"


def test_what_is_made_by_hand_would_be_believed() -> None:
    """So that each of the tokens below is refused for the one thing that is wrong with it; fractions are right."""
    authority = TokenAuthority(KEY)
    assert authority.verify(by_hand(HEADER), NOW).sub == "local"
    fractions = GOOD | {"exp": NOW + 0.25, "iat": NOW - 0.5, "auth_time": NOW - 0.75}
    assert authority.verify(by_hand(HEADER, fractions), NOW).exp == NOW + 0.25


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in made_by_hand()])
def test_a_token_that_is_nearly_right_is_refused(authority: TokenAuthority, token: str) -> None:
    """Foreign algorithms and headers, confused keys, claims of a wrong type or size: always the same refusal."""
    with pytest.raises(ProtocolError) as caught:
        authority.verify(token, NOW)
    assert caught.value.code == "unauthenticated"


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in forged()])
def test_a_forged_token_is_refused_without_saying_why(authority: TokenAuthority, token: str) -> None:
    """Every claim is required and checked; the error is the same for all."""
    with pytest.raises(ProtocolError, match=r"^the token is missing, invalid, expired or revoked$") as caught:
        authority.verify(token, NOW)
    assert caught.value.code == "unauthenticated"


def test_clocks_may_differ_by_half_a_minute(authority: TokenAuthority) -> None:
    """Leeway is 30 s in both directions."""
    for now in (NOW + 329, NOW - 29):
        assert authority.verify(sign(GOOD), now).jti == "t_1"


def test_a_revoked_token_is_refused(authority: TokenAuthority) -> None:
    """From then on, also by an authority that was told at its start."""
    authority.revoke("t_1")
    for each in (authority, TokenAuthority(KEY, revoked=["t_1"])):
        with pytest.raises(ProtocolError):
            each.verify(sign(GOOD), NOW)


def test_a_short_key_is_refused() -> None:
    """The key has at least 32 bytes, and is never shown."""
    for length in range(32):
        with pytest.raises(ValueError, match=f"{length} bytes"):
            TokenAuthority(b"k" * length)
    assert "kkk" not in repr(TokenAuthority(KEY))


def ask(
    authority: TokenAuthority,
    by: Login | ConnectionSecret | Claims,
    *scopes: Scope,
    operation: str | None = None,
    notebook: str | None = None,
    expires_in_s: float = 400 * DAY,
    now: float = NOW,
) -> TokenResponse:
    """Ask for a token."""
    request = TokenRequest(scopes=scopes, operation=operation, notebook=notebook, expires_in_s=expires_in_s)
    return authority.grant(request, by, now)


def test_lives_are_cut_to_what_the_asker_may_have(authority: TokenAuthority) -> None:
    """A login has five minutes, the connection file an hour, a task a week, a share link thirty days."""
    login, secret = Login("alice"), ConnectionSecret("local")
    assert ask(authority, login, "publish", "subscribe", "command").expires_in_s == 300
    assert ask(authority, login, "subscribe", expires_in_s=60).expires_in_s == 60
    assert ask(authority, login, "subscribe", operation="op_1").expires_in_s == 30 * DAY
    assert ask(authority, login, "subscribe", notebook="a.ipynb").expires_in_s == 30 * DAY
    assert ask(authority, secret, "publish", "command").expires_in_s == 3_600
    assert ask(authority, secret, "publish", operation="op_1").expires_in_s == 7 * DAY


def test_every_minted_token_is_believed(authority: TokenAuthority) -> None:
    """And says what was asked for."""
    granted = ask(authority, Login("alice"), "subscribe", "command", notebook="a.ipynb")
    claims = authority.verify(granted.token, NOW)
    assert claims.scopes == frozenset({"subscribe", "command"})
    assert (claims.sub, claims.nb, claims.jti) == ("alice", "a.ipynb", granted.jti)


def test_only_a_login_shares(authority: TokenAuthority) -> None:
    """Neither the connection file's secret nor a token makes share links."""
    with pytest.raises(ProtocolError, match="only a Jupyter login"):
        ask(authority, ConnectionSecret("local"), "subscribe", operation="op_1")


def test_a_token_mints_only_narrower_ones(authority: TokenAuthority) -> None:
    """No further scope, no other operation, no later end unless it publishes."""
    subscriber = authority.verify(ask(authority, Login("alice"), "subscribe").token, NOW)
    assert ask(authority, subscriber, "subscribe", now=NOW + 100).expires_in_s == 200
    assert ask(authority, subscriber, "subscribe", operation="op_1", now=NOW + 100).expires_in_s == 200
    with pytest.raises(ProtocolError, match="a scope that it does not have"):
        ask(authority, subscriber, "subscribe", "command")
    shared = authority.verify(ask(authority, Login("alice"), "subscribe", operation="op_1").token, NOW)
    for operation, notebook in [(None, None), ("op_2", None), (None, "a.ipynb")]:
        with pytest.raises(ProtocolError, match="another operation"):
            ask(authority, shared, "subscribe", operation=operation, notebook=notebook)


def test_a_publisher_renews_for_thirty_days(authority: TokenAuthority) -> None:
    """An hour at a time, counted from the first authentication."""
    claims = authority.verify(ask(authority, ConnectionSecret("local"), "publish").token, NOW)
    for day in range(30):
        now = NOW + day * DAY
        renewed = ask(authority, claims, "publish", now=now)
        assert renewed.expires_in_s == 3_600
        claims = authority.verify(renewed.token, now)
    assert ask(authority, claims, "publish", now=NOW + 30 * DAY - 60).expires_in_s == 60
    with pytest.raises(ProtocolError, match="authenticate again"):
        ask(authority, claims, "publish", now=NOW + 30 * DAY)
