"""Who may do what: minting and checking the hub's JWTs, without asking the time or the disk."""

import secrets
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import jwt
import msgspec
from msgspec import Meta, Struct

from progress_kit.errors import ProtocolError
from progress_kit.model import Id, Label
from progress_kit.protocol.limits import TOKEN_BYTES
from progress_kit.protocol.messages import Scope
from progress_kit.protocol.rest import TokenRequest, TokenResponse

KEY_BYTES: Final = 32
LEEWAY_S: Final = 30.0
LOGIN_S: Final = 300.0
SECRET_S: Final = 3_600.0
TASK_S: Final = 7 * 86_400.0
SHARE_S: Final = 30 * 86_400.0
RENEWABLE_S: Final = 30 * 86_400.0
_NAME: Final = "progress-kit"
_TYPE: Final = "pk+jwt"


class Claims(Struct, frozen=True, kw_only=True):
    """What a checked token says. Times are wall-clock seconds; `op` and `nb` narrow it to one operation or notebook."""

    sub: str
    scopes: frozenset[Scope]
    op: str | None
    nb: str | None
    iat: float
    auth_time: float
    exp: float
    jti: str


class Login(Struct, frozen=True):
    """A Jupyter login asks for a token."""

    sub: str


class ConnectionSecret(Struct, frozen=True):
    """The holder of the connection file's secret asks for a token."""

    owner: str


class _Payload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    iss: Literal["progress-kit"]
    aud: Literal["progress-kit"]
    sub: Annotated[Label, Meta(min_length=1)]
    scope: Annotated[str, Meta(min_length=1, max_length=64)]
    op: Id | None
    nb: Annotated[str, Meta(min_length=1, max_length=4_096)] | None
    iat: float
    auth_time: float
    exp: float
    jti: Id


class TokenAuthority:
    """Mints and checks tokens with one secret key of at least 32 bytes. `revoked`: the ids of tokens taken back."""

    def __init__(self, key: bytes, revoked: Iterable[str] = ()) -> None:
        if len(key) < KEY_BYTES:
            message = f"the signing key has {len(key)} bytes; it needs at least {KEY_BYTES}"
            raise ValueError(message)
        self._key = key
        self._revoked = set(revoked)

    def __repr__(self) -> str:
        return f"TokenAuthority(key='…', revoked={len(self._revoked)})"

    def revoke(self, jti: str) -> None:
        """Take one token back; connections that use it are closed at the hub's next tick."""
        self._revoked.add(jti)

    def is_revoked(self, jti: str) -> bool:
        """Whether the token with this id was taken back."""
        return jti in self._revoked

    def verify(self, token: str, now: float) -> Claims:
        """Return what `token` says, if it is one of ours and valid at wall-clock second `now`.

        Raises `ProtocolError` ``unauthenticated`` otherwise, without saying which check failed: that would only help
        whoever forges one.
        """
        refused = ProtocolError("unauthenticated", "the token is missing, invalid, expired or revoked")
        if not token or len(token) > TOKEN_BYTES or not token.isascii():
            raise refused
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != _TYPE or set(header) != {"alg", "typ"}:
                raise refused
            # Times are checked below against `now`: the library would ask the system's clock.
            options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
            raw = jwt.decode(token, self._key, algorithms=["HS256"], audience=_NAME, issuer=_NAME, options=options)  # type: ignore[arg-type]
            payload = msgspec.convert(raw, _Payload)
            scopes = msgspec.convert(payload.scope.split(" "), frozenset[Scope])
            for text in (payload.sub, payload.nb or ""):
                text.encode()  # half of a character could not be sent to anybody
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
            raise refused from error
        if not (0 <= payload.auth_time <= payload.iat < payload.exp <= payload.iat + SHARE_S):
            raise refused
        if payload.iat > now + LEEWAY_S or payload.exp <= now - LEEWAY_S or payload.jti in self._revoked:
            raise refused
        return Claims(
            sub=payload.sub,
            scopes=scopes,
            op=payload.op,
            nb=payload.nb,
            iat=payload.iat,
            auth_time=payload.auth_time,
            exp=payload.exp,
            jti=payload.jti,
        )

    def grant(self, request: TokenRequest, by: Login | ConnectionSecret | Claims, now: float) -> TokenResponse:
        """Mint the token that `request` asks for, as far as `by` may have it; its life is cut to what is allowed.

        Raises `ProtocolError` ``forbidden`` if `by` may not have it.
        """
        scopes = frozenset(request.scopes)
        narrowed = request.operation is not None or request.notebook is not None
        is_share = scopes == {"subscribe"} and narrowed
        is_task = scopes == {"publish"} and request.operation is not None and request.notebook is None
        auth_time = now
        if isinstance(by, Login):
            sub, longest = by.sub, SHARE_S if is_share else LOGIN_S
        elif isinstance(by, ConnectionSecret):
            if is_share:
                raise ProtocolError("forbidden", "only a Jupyter login may share; the connection file's secret may not")
            sub, longest = by.owner, TASK_S if is_task else SECRET_S
        else:
            sub, longest, auth_time = by.sub, self._renewal(scopes, request, by, now, is_task=is_task), by.auth_time
        expires_in = min(request.expires_in_s, longest)
        if expires_in <= 0:
            raise ProtocolError("forbidden", "this token can no longer be renewed; authenticate again")
        return self._mint(sub, scopes, request, now, auth_time, expires_in)

    @staticmethod
    def _renewal(scopes: frozenset[Scope], request: TokenRequest, by: Claims, now: float, *, is_task: bool) -> float:
        """Return how long a token may live that another token asks for."""
        if not scopes <= by.scopes:
            raise ProtocolError("forbidden", "a token cannot mint a scope that it does not have")
        if by.op not in {None, request.operation} or by.nb not in {None, request.notebook}:
            raise ProtocolError("forbidden", "a token cannot mint one for another operation or notebook")
        if "publish" not in by.scopes or by.op is not None or by.nb is not None:
            return by.exp - now
        renewable = by.auth_time + RENEWABLE_S - now
        return min(renewable, TASK_S if is_task else SECRET_S)

    def _mint(  # noqa: PLR0913, PLR0917 - the claims of a token
        self, sub: str, scopes: frozenset[Scope], request: TokenRequest, now: float, auth_time: float, expires_in: float
    ) -> TokenResponse:
        ordered = tuple(sorted(scopes))
        jti = f"t_{secrets.token_urlsafe(16)}"
        claims = {
            "iss": _NAME,
            "aud": _NAME,
            "sub": sub,
            "scope": " ".join(ordered),
            "op": request.operation,
            "nb": request.notebook,
            "iat": now,
            "auth_time": auth_time,
            "exp": now + expires_in,
            "jti": jti,
        }
        return TokenResponse(
            token=jwt.encode(claims, self._key, algorithm="HS256", headers={"typ": _TYPE}),
            jti=jti,
            scopes=ordered,
            operation=request.operation,
            notebook=request.notebook,
            expires_in_s=expires_in,
        )
