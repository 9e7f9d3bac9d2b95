"""What the handlers of the endpoint share: who is let in, and answers and errors that are JSON."""

import re
from collections.abc import Callable, Coroutine
from http.client import responses
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims
from progress_kit.protocol import error_code
from progress_kit.protocol.messages import ErrorCode, Scope
from progress_kit.protocol.rest import ErrorBody, ErrorResponse

if TYPE_CHECKING:
    from progress_kit_jupyter.app import ProgressKit, Running
    from progress_kit_jupyter.auth import Guard
    from progress_kit_jupyter.driver import HubDriver

T = TypeVar("T")
P = ParamSpec("P")
Done = Coroutine[Any, Any, None]
H = TypeVar("H", bound="ProgressAPIHandler")

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
