"""The endpoint: WebSocket and REST. The handlers carry; guard and hub decide."""

import asyncio
from asyncio import Future
from typing import Final

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims
from progress_kit.protocol import SUBPROTOCOL, decode_as, openapi
from progress_kit.protocol.messages import Filter, ResumePoint
from progress_kit.protocol.rest import (
    CommandAnswer,
    CommandRequest,
    CommandResponse,
    InboxRequest,
    PutRequest,
    TokenRequest,
)
from progress_kit_jupyter import reading
from progress_kit_jupyter.auth import LOGIN
from progress_kit_jupyter.handlers import ProgressAPIHandler, ProgressHandler, admitted
from progress_kit_jupyter.page import PAGES

_ID: Final = r"([A-Za-z0-9_.:-]{1,128})"


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

    def on_message(self, message: str | bytes) -> "Future[None] | None":
        """Hand one frame to the hub; tornado reads the next one when what is returned is done."""
        if isinstance(message, bytes):
            self.close(4400, "text frames only")
        elif self.conn is not None:
            return self.driver.receive(self.conn, message)
        return None

    def on_close(self) -> None:
        """Tell the hub that the connection is gone."""
        if self.conn is not None:
            self.driver.disconnect(self.conn)


class InboxKnown(msgspec.Struct, frozen=True):
    """Which revision of the inbox a page has that polls; None: it does not ask for it."""

    inbox: int | None = None


class OperationsHandler(ProgressAPIHandler):
    """``GET operations``: the live ones, or what changed since ``epoch`` and ``revision``.

    With ``inbox``, the revision of the inbox that a page has (0 at first), the answer has the inbox if it is newer.
    """

    @admitted("subscribe")
    async def get(self, claims: Claims) -> None:
        """Answer with the fields of a `state` message."""
        epoch, revision = self.get_query_argument("epoch", ""), self.get_query_argument("revision", "")
        resume = self.query_as(ResumePoint, epoch=epoch, revision=revision) if epoch and revision else None
        wanted = self.query_as(Filter, states=self.states_asked_for(), notebook=self.get_query_argument("notebook", ""))
        inbox = self.query_as(InboxKnown, inbox=self.get_query_argument("inbox", "")).inbox
        self.answer(self.driver.manager.poll(claims, wanted, resume, self.driver.now(), inbox=inbox))


class InboxHandler(ProgressAPIHandler):
    """``POST inbox``: what a page that polls has shown of the inbox, and will tell of."""

    allowed_methods = "POST"

    @admitted("subscribe")
    async def post(self, claims: Claims) -> None:
        """Answer with the inbox, and with what the page may tell of."""
        answer, outputs = self.driver.manager.inbox(claims, self.body_as(InboxRequest), self.driver.now())
        self.driver.perform(outputs)
        self.answer(answer)


class OperationHandler(ProgressAPIHandler):
    """``GET operations/{id}``, ``PUT operations/{id}`` and ``DELETE operations/{id}``."""

    allowed_methods = "GET, PUT, DELETE"

    @admitted("subscribe")
    async def get(self, claims: Claims, operation: str) -> None:
        """Answer with the snapshot."""
        self.answer(await reading.operation(self.driver, claims, operation))

    @admitted("publish")
    async def put(self, claims: Claims, operation: str) -> None:
        """Take in one state of the operation; answer, of an end when it is stored, with the commands that wait."""
        if self.get_origin() is not None:
            raise ProtocolError("forbidden", "a page does not publish")
        driver = self.driver
        wanted = decode_as(self.request.body, PutRequest, limit=driver.manager.limits.frame_bytes)
        driver.perform(driver.manager.put(claims, operation, wanted, driver.now()))
        if driver.manager.known(operation) == "ended":
            await asyncio.wrap_future(driver.store.get(claims.sub, operation))  # answered when all before is written
        self.answer(driver.manager.told(operation))

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


class CommandHandler(ProgressAPIHandler):
    """``POST operations/{id}/commands/{request}``: the answer of who publishes by requests."""

    allowed_methods = "POST"

    @admitted("publish")
    async def post(self, claims: Claims, operation: str, request: str) -> None:
        """Tell who has asked whether the command was accepted."""
        if self.get_origin() is not None:
            raise ProtocolError("forbidden", "a page does not publish")
        answer = self.body_as(CommandAnswer)
        self.driver.perform(self.driver.manager.answer(claims, operation, request, answer, self.driver.now()))
        self._finish_json(204, None)


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
            self._finish_json(204, None)
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


class OpenAPIHandler(ProgressAPIHandler):
    """``GET openapi.json``."""

    @admitted(None)
    async def get(self, _claims: Claims) -> None:
        """Answer with the description of this interface."""
        self.answer(openapi.document(self._extension.version))


ROUTES: Final = (
    *PAGES,
    (r"/progress-kit/ws", ProgressWebSocket),
    (r"/progress-kit/api/operations", OperationsHandler),
    (rf"/progress-kit/api/operations/{_ID}", OperationHandler),
    (rf"/progress-kit/api/operations/{_ID}/tasks", TasksHandler),
    (rf"/progress-kit/api/operations/{_ID}/commands", CommandsHandler),
    (rf"/progress-kit/api/operations/{_ID}/commands/{_ID}", CommandHandler),
    (r"/progress-kit/api/inbox", InboxHandler),
    (r"/progress-kit/api/history", HistoryHandler),
    (r"/progress-kit/api/kinds", KindsHandler),
    (r"/progress-kit/api/priors/(.+)", PriorHandler),
    (r"/progress-kit/api/tokens", TokensHandler),
    (rf"/progress-kit/api/tokens/{_ID}", TokenHandler),
    (r"/progress-kit/api/health", HealthHandler),
    (r"/progress-kit/api/openapi\.json", OpenAPIHandler),
)
