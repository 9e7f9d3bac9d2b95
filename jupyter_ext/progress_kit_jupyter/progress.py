"""The endpoint: WebSocket and REST. The handlers carry; guard and hub decide."""

import re
from collections.abc import Callable, Coroutine
from http.client import responses
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims
from progress_kit.protocol import SUBPROTOCOL, error_code
from progress_kit.protocol.messages import ErrorCode, Filter, ResumePoint, Scope
from progress_kit.protocol.rest import (
    CommandRequest,
    CommandResponse,
    ErrorBody,
    ErrorResponse,
    TokenRequest,
)
from progress_kit_jupyter import reading
from progress_kit_jupyter.auth import LOGIN

if TYPE_CHECKING:
    from progress_kit_jupyter.app import ProgressKit, Running
    from progress_kit_jupyter.auth import Guard
    from progress_kit_jupyter.driver import HubDriver

T = TypeVar("T")
P = ParamSpec("P")
Done = Coroutine[Any, Any, None]
H = TypeVar("H", bound="ProgressAPIHandler")

_ID: Final = r"([A-Za-z0-9_.:-]{1,128})"
_MAX_BODY: Final = 16 * 1024
_STATUS: Final[dict[ErrorCode, int]] = {
    "bad_request": 400,
    "unauthenticated": 403,
    "forbidden": 403,
    "not_found": 404,
    "unsupported": 409,
    "stale_seq": 409,
    "terminal": 409,
    "too_large": 413,
    "rate": 429,
    "limit": 429,
    "storage": 503,
}
_CODES: Final[dict[int, ErrorCode]] = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    413: "too_large",
    429: "rate",
    503: "storage",
}


class ProgressHandler(JupyterHandler):
    """What socket and REST share: the origin rule, and errors that are no HTML pages."""

    auth_resource = "progress"

    def initialize(self, extension: "ProgressKit") -> None:
        """Keep the extension, whose hub may not have been started yet."""
        self._extension = extension

    @property
    def guard(self) -> "Guard":
        """The extension's guard."""
        return self._started.guard

    @property
    def driver(self) -> "HubDriver":
        """The extension's hub."""
        return self._started.driver

    @property
    def _started(self) -> "Running":
        if self._extension.running is None:
            raise HTTPError(503, reason="The hub has not been started yet")
        return self._extension.running

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse foreign pages before anything else is looked at."""
        if not self.check_origin():
            self.current_user = self._jupyter_current_user = None
            raise HTTPError(403)
        await super().prepare()

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:  # noqa: ARG002 - the header is what counts
        """Whether the request comes from no page or a page that may, whatever `allow_origin` says."""
        return self.guard.is_origin_allowed(self.request)

    def set_cors_headers(self) -> None:
        """Let the pages of the extension's own list read the answers, and no other."""
        origin = self.get_origin()
        if origin is not None and self.guard.is_listed(origin):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Vary", "Origin")

    def write_error(self, status_code: int, **_kwargs: object) -> None:
        """Answer with the protocol's error; the server's own page would be a login form, or fail on a socket."""
        code = _CODES.get(status_code, "unsupported")
        if status_code == 403 and self.current_user is None:  # noqa: PLR2004 - HTTP
            code = "unauthenticated"
        self._finish_error(status_code, code, responses.get(status_code, "Error"))

    def _finish_error(self, status_code: int, code: ErrorCode, message: str) -> None:
        self._finish_json(status_code, msgspec.json.encode(ErrorResponse(error=ErrorBody(code=code, message=message))))

    def _finish_json(self, status_code: int, body: bytes | None) -> None:
        self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        _ = self.finish(body)  # tornado sends it whether or not it is waited for


class ProgressWebSocket(ProgressHandler, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """The socket. To be let in gives no rights: `hello.token` alone does."""

    conn: int | None = None

    @allow_unauthenticated
    async def get(self) -> None:
        """Open the socket for whom the guard admits."""
        try:
            await self.guard.admit(self, None)
        except ProtocolError as error:
            raise HTTPError(403, error.message) from None
        await super().get()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose the protocol's version; never the one that carries a token."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    @property
    def max_message_size(self) -> int:
        """Largest inbound frame in bytes."""
        return self.driver.manager.limits.frame_bytes

    # Tornado's own pings, in seconds, in place of the mixin's timer, whose setting is in milliseconds.
    @property
    def ping_interval(self) -> float:
        """Seconds between two pings."""
        return self.driver.manager.limits.ping_s

    @property
    def ping_timeout(self) -> float:
        """Seconds after which an unanswered ping closes the connection."""
        return self.driver.manager.limits.ping_s

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Hand the connection to the hub."""
        if self.selected_subprotocol is None:
            self.close(4406, f"no common version: offer the sub-protocol {SUBPROTOCOL}")
            return
        self.set_nodelay(value=True)
        self.conn = self.driver.connect(self, has_origin=self.get_origin() is not None)

    def on_message(self, message: str | bytes) -> None:
        """Hand one frame to the hub."""
        if self.conn is not None:
            self.driver.receive(self.conn, message)

    def on_close(self) -> None:
        """Tell the hub that the connection is gone."""
        if self.conn is not None:
            self.driver.disconnect(self.conn)


def admitted(
    scope: Scope | None,
) -> Callable[[Callable[Concatenate[H, Claims, P], Done]], Callable[Concatenate[H, P], Done]]:
    """Make a method that only those reach whom the guard admits for `scope` (None: for any); it gets their claims."""

    def decorate(method: Callable[Concatenate[H, Claims, P], Done]) -> Callable[Concatenate[H, P], Done]:
        async def guarded(self: H, /, *args: P.args, **kwargs: P.kwargs) -> None:
            try:
                await method(self, await self.guard.admit(self, scope), *args, **kwargs)
            except ProtocolError as error:
                self.refuse(error)

        # Jupyter's own check knows no tokens of ours, so it is told to leave the method to the guard.
        return allow_unauthenticated(guarded)

    return decorate


class ProgressAPIHandler(ProgressHandler, APIHandler):
    """What the REST handlers share."""

    # A panel that polls must not keep an idle server alive.
    _track_activity = False
    allowed_methods: ClassVar[str] = "GET"

    def set_default_headers(self) -> None:
        """Nothing here may be kept by a cache."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """Return none: states change all the time."""

    def check_xsrf_cookie(self) -> None:
        """Skip the check only for a request whose credential no foreign page can send."""
        if not self.has_own_credential():
            super().check_xsrf_cookie()

    def has_own_credential(self) -> bool:
        """Whether the request carries a valid token of ours."""
        return self.guard.token_claims(self.request) is not None

    @allow_unauthenticated
    def options(self, *_args: str, **_kwargs: str) -> None:
        """Answer a preflight of a listed page; it carries no credential and learns nothing else."""
        if not self.guard.is_listed(self.get_origin()):
            raise HTTPError(403)
        self.set_header("Access-Control-Allow-Headers", "content-type, authorization, x-progress-kit-token")
        self.set_header("Access-Control-Allow-Methods", f"{self.allowed_methods}, OPTIONS")
        self._finish_json(204, None)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        code = error_code(error)
        self._finish_error(_STATUS[code], code, error.message)

    def answer(self, body: msgspec.Struct | bytes, status: int = 200) -> None:
        """Answer with `body` as JSON."""
        self._finish_json(status, body if isinstance(body, bytes) else msgspec.json.encode(body))

    def body_as(self, kind: type[T]) -> T:
        """Decode the request's body; raises `ProtocolError`. Jupyter's own helper would log it."""
        if len(self.request.body) > _MAX_BODY:
            raise ProtocolError("too_large", f"a body may have {_MAX_BODY} bytes")
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ProtocolError("bad_request", f"the body is not a {kind.__name__} of protocol version 1") from None

    def query_as(self, kind: type[T], /, **values: str | list[str] | None) -> T:
        """Return `values`, texts of the query, as a `kind`; empty ones are left out. Raises `ProtocolError`."""
        try:
            return msgspec.convert({name: value for name, value in values.items() if value}, kind, strict=False)
        except msgspec.ValidationError as error:
            field = re.search(r"\$\.(\w+)", str(error))
            raise ProtocolError("bad_request", f"{field[1] if field else 'the query'}: not a valid value") from None

    def states_asked_for(self) -> list[str]:
        """Return the texts of ``state``, which may be given more than once or separated by commas."""
        return [state for text in self.get_query_arguments("state") for state in text.split(",") if state]


class OperationsHandler(ProgressAPIHandler):
    """``GET operations``: the live ones, or what changed since ``epoch`` and ``revision``."""

    @admitted("subscribe")
    async def get(self, claims: Claims) -> None:
        """Answer with the fields of a `state` message."""
        epoch, revision = self.get_query_argument("epoch", ""), self.get_query_argument("revision", "")
        resume = self.query_as(ResumePoint, epoch=epoch, revision=revision) if epoch and revision else None
        wanted = self.query_as(Filter, states=self.states_asked_for(), notebook=self.get_query_argument("notebook", ""))
        self.answer(self.driver.manager.poll(claims, wanted, resume, self.driver.now()))


class OperationHandler(ProgressAPIHandler):
    """``GET operations/{id}`` and ``DELETE operations/{id}``."""

    allowed_methods = "GET, DELETE"

    @admitted("subscribe")
    async def get(self, claims: Claims, operation: str) -> None:
        """Answer with the snapshot."""
        self.answer(await reading.operation(self.driver, claims, operation))

    @admitted("command")
    async def delete(self, claims: Claims, operation: str) -> None:
        """Delete an operation that has ended, for good."""
        await reading.delete(self.driver, claims, operation)
        self._finish_json(204, None)


class TasksHandler(ProgressAPIHandler):
    """``GET operations/{id}/tasks``."""

    @admitted("subscribe")
    async def get(self, claims: Claims, operation: str) -> None:
        """Answer with the tasks, the timeline and the estimates."""
        self.answer(await reading.tasks(self.driver, claims, operation))


class CommandsHandler(ProgressAPIHandler):
    """``POST operations/{id}/commands``."""

    allowed_methods = "POST"

    @admitted("command")
    async def post(self, claims: Claims, operation: str) -> None:
        """Forward the command, and answer with its request id."""
        wanted = self.body_as(CommandRequest)
        request, outputs = self.driver.manager.command(
            claims, operation, wanted.action, wanted.reason, self.driver.now()
        )
        self.driver.perform(outputs)
        self.answer(CommandResponse(request=request), 202)


class HistoryHandler(ProgressAPIHandler):
    """``GET history``: what has ended, page by page. ``DELETE history``: of one ``kind``, or ``all=true``."""

    allowed_methods = "GET, DELETE"

    @admitted("subscribe")
    async def get(self, claims: Claims) -> None:
        """Answer with one page."""
        texts = {name: self.get_query_argument(name, "") for name in ("kind", "since", "until", "limit", "before")}
        query = self.query_as(reading.HistoryQuery, state=self.states_asked_for(), **texts)
        self.answer(await reading.history(self.driver, claims, query))

    @admitted("command")
    async def delete(self, claims: Claims) -> None:
        """Delete for good; answer with how many runs that were."""
        kind, everything = self.get_query_argument("kind", ""), self.get_query_argument("all", "")
        if bool(kind) == (everything == "true"):
            raise ProtocolError("bad_request", "say which runs are deleted: either `kind=…` or `all=true`")
        self.answer(await reading.delete_history(self.driver, claims, kind=kind or None))


class KindsHandler(ProgressAPIHandler):
    """``GET kinds``: what the history has of each kind."""

    @admitted("subscribe")
    async def get(self, claims: Claims) -> None:
        """Answer with all kinds."""
        self.answer(await reading.kinds(self.driver, claims))


class PriorHandler(ProgressAPIHandler):
    """``GET priors/{kind}``."""

    @admitted("subscribe")
    async def get(self, claims: Claims, kind: str) -> None:
        """Answer with how long the kind's runs take, with nothing (204) where none has succeeded yet."""
        prior = await reading.prior(self.driver, claims, kind)
        if prior is None:
            # No error: a page asks for each kind that it shows, and a browser logs each 404.
            self.set_status(204)
            await self.finish()
        else:
            self.answer(prior)


class TokensHandler(ProgressAPIHandler):
    """``POST tokens``; never on GET, which a page can be made to send."""

    allowed_methods = "POST"

    def has_own_credential(self) -> bool:
        """Whether the request carries a token of ours, or, here alone, the connection file's secret."""
        return super().has_own_credential() or self.guard.has_secret(self.request)

    @allow_unauthenticated
    async def post(self) -> None:
        """Mint a token for whom the guard knows."""
        try:
            wanted = self.body_as(TokenRequest)
            asker = await self.guard.asker(self, wanted)
            self.answer(self.driver.authority.grant(wanted, asker, self.driver.now().wall), 201)
        except ProtocolError as error:
            self.refuse(error)


class TokenHandler(ProgressAPIHandler):
    """``DELETE tokens/{jti}``."""

    allowed_methods = "DELETE"

    @admitted(None)
    async def delete(self, claims: Claims, jti: str) -> None:
        """Make a token void: a login any that it knows the id of, a token itself."""
        if claims.jti not in {LOGIN, jti}:
            raise ProtocolError("forbidden", "a token revokes itself only; a Jupyter login revokes any")
        reading.revoke(self.driver, jti)
        self._finish_json(204, None)


class HealthHandler(ProgressAPIHandler):
    """``GET health``."""

    @admitted("subscribe")
    async def get(self, claims: Claims) -> None:
        """Answer with how the hub is."""
        self.answer(await reading.health(self.driver, claims, self._extension.version))


ROUTES: Final = (
    (r"/progress-kit/ws", ProgressWebSocket),
    (r"/progress-kit/api/operations", OperationsHandler),
    (rf"/progress-kit/api/operations/{_ID}", OperationHandler),
    (rf"/progress-kit/api/operations/{_ID}/tasks", TasksHandler),
    (rf"/progress-kit/api/operations/{_ID}/commands", CommandsHandler),
    (r"/progress-kit/api/history", HistoryHandler),
    (r"/progress-kit/api/kinds", KindsHandler),
    (r"/progress-kit/api/priors/(.+)", PriorHandler),
    (r"/progress-kit/api/tokens", TokensHandler),
    (rf"/progress-kit/api/tokens/{_ID}", TokenHandler),
    (r"/progress-kit/api/health", HealthHandler),
)
