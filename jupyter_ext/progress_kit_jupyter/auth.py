"""The guard: who may come in, and as whom. Every method of every handler asks it first."""

import secrets
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from jupyter_core.utils import ensure_async
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, ConnectionSecret, Login, TokenAuthority
from progress_kit.protocol.limits import TOKEN_HEADER, TOKEN_SUBPROTOCOL_PREFIX
from progress_kit.protocol.messages import Scope
from progress_kit.protocol.rest import TokenRequest

RESOURCE: Final = "progress"
LOCAL: Final = "local"
_ACTIONS: Final[dict[Scope, str]] = {"subscribe": "read", "publish": "write", "command": "execute"}
_LOGIN_S: Final = 300.0
_OWN_SITES: Final = frozenset({"none", "same-origin"})
LOGIN: Final = "login"
"""In place of a token's id, in the claims of a Jupyter login."""


def is_stock(provider: IdentityProvider) -> bool:
    """Whether `provider` is Jupyter's own, which knows one person and names each request of a token anew."""
    return type(provider) in {IdentityProvider, PasswordIdentityProvider}


class Guard:
    """Decides about requests; holds the connection file's secret, which is never shown.

    `owner` is whom the secret speaks for, `origins` the foreign pages that may use the hub.
    """

    def __init__(self, authority: TokenAuthority, secret: str, owner: str, origins: Collection[str]) -> None:
        self._authority = authority
        self._secret = secret.encode()
        self._owner = owner
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    # ------------------------------------------------------------ pages

    def is_listed(self, origin: str | None) -> bool:
        """Whether `origin` is a foreign page that may use the hub."""
        return origin is not None and origin.lower() in self._origins

    def is_origin_allowed(self, request: HTTPServerRequest) -> bool:
        """Whether the request comes from no page, from one of this server, or from a listed one."""
        origins = [*request.headers.get_list("Origin"), *request.headers.get_list("Sec-WebSocket-Origin")]
        if not origins:
            # Images, scripts, frames and links carry the cookies and no origin; browsers say whose page asks for them.
            return request.headers.get("Sec-Fetch-Site", "none").lower() in _OWN_SITES
        host = request.headers.get("Host", "").lower()
        return all(self.is_listed(origin) or _netloc(origin) == host for origin in origins)

    # ------------------------------------------------------------ credentials

    def token_claims(self, request: HTTPServerRequest) -> Claims | None:
        """Return what the token of ours in the request says; None if there is none that is valid."""
        presented = self._presented(request)
        if presented is None:
            return None
        try:
            return self._authority.verify(presented, clock.wall())
        except ProtocolError:
            return None

    def has_secret(self, request: HTTPServerRequest) -> bool:
        """Whether the request carries the connection file's secret."""
        presented = request.headers.get(TOKEN_HEADER, "")
        return secrets.compare_digest(presented.encode("utf-8", "replace"), self._secret)

    async def admit(self, handler: JupyterHandler, scope: Scope | None) -> Claims:
        """Return as whom the request may act, if it may do what `scope` names (None: be here at all).

        Raises `ProtocolError` ``unauthenticated`` or ``forbidden``.
        """
        claims = self.token_claims(handler.request)
        if claims is None:
            return await self._login_claims(handler, scope)
        if scope is not None and scope not in claims.scopes:
            raise ProtocolError("forbidden", f"this token has no scope `{scope}`")
        return claims

    async def asker(self, handler: JupyterHandler, wanted: TokenRequest) -> Login | ConnectionSecret | Claims:
        """Return who asks for a token; raises `ProtocolError` if nobody may who is known here."""
        if self.has_secret(handler.request):
            return ConnectionSecret(self._owner)
        claims = self.token_claims(handler.request)
        if claims is not None:
            return claims
        user = self._user(handler)
        for scope in wanted.scopes:
            await self._authorize(handler, user, scope)
        return Login(self._subject(handler, user))

    # ------------------------------------------------------------ inside

    @staticmethod
    def _presented(request: HTTPServerRequest) -> str | None:
        header = request.headers.get(TOKEN_HEADER)
        if header is not None:
            return header
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return bearer.strip()
        for offered in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            if offered.strip().startswith(TOKEN_SUBPROTOCOL_PREFIX):
                return offered.strip().removeprefix(TOKEN_SUBPROTOCOL_PREFIX)
        return None

    async def _login_claims(self, handler: JupyterHandler, scope: Scope | None) -> Claims:
        user = self._user(handler)
        await self._authorize(handler, user, scope or "subscribe")
        now = clock.wall()
        return Claims(
            sub=self._subject(handler, user),
            # The other scopes are not asked for here: what a request may do is what its method needs.
            scopes=frozenset({scope or "subscribe"}),
            op=None,
            nb=None,
            iat=now,
            auth_time=now,
            exp=now + _LOGIN_S,
            jti=LOGIN,
        )

    @staticmethod
    def _user(handler: JupyterHandler) -> User:
        user = handler.current_user
        if not isinstance(user, User):
            raise ProtocolError("unauthenticated", "log in to Jupyter, or send a valid token")
        return user

    @staticmethod
    async def _authorize(handler: JupyterHandler, user: User, scope: Scope) -> None:
        # The resource is named here: on a shared method a decorator would keep the first one that it sees.
        allowed = handler.authorizer.is_authorized(handler, user, _ACTIONS[scope], RESOURCE)
        if not await ensure_async(allowed):
            raise ProtocolError("forbidden", f"this user may not {_ACTIONS[scope]} {RESOURCE}")

    @staticmethod
    def _subject(handler: JupyterHandler, user: User) -> str:
        return LOCAL if is_stock(handler.identity_provider) else user.username


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin.lower()).netloc or None  # None for "null", which equals no host
    except ValueError:
        return None
