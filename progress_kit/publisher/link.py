"""The publisher's connection to the hub: found, opened, kept, and found again.

Runs in the publisher's thread. Files and HTTP are done in a helper thread, so that sampling and displays never wait.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from progress_kit import clock
from progress_kit.connection import AccessToken, Backoff, Target, access, candidates
from progress_kit.connection.rest import request
from progress_kit.errors import HubError, HubRefusedError, ProtocolError
from progress_kit.model import Action, Task
from progress_kit.publisher.forking import undivided
from progress_kit.publisher.session import PublisherSession
from progress_kit.publisher.transport import SocketRefusedError, SocketStuckError, open_socket
from progress_kit.publisher.trouble import LOGGER, Trouble
from progress_kit.settings import Settings

T = TypeVar("T")

SCOPES: Final = ("publish",)
NEVER_AGAIN: Final = frozenset({4400, 4403, 4406, 4409})
"""Close codes after which the same hub is not asked again unchanged."""
HELD_S: Final = 5.0
"""A connection that held so long was a good one: the next wait is short again."""
LOOK_S: Final = 5.0
"""Looking for a hub's file costs nobody anything, so it is done at least this often (mean: half of it)."""
SAME_HUB_S: Final = 60.0
"""How long a hub that went away is waited for before another one is used."""

Perform = Callable[[str, Action, str | None, str | None], str | None]
Hear = Callable[[str, Sequence[Task]], None]


class Link:
    """Keeps one connection for `session`. `changed` is called whenever there is news for `flush`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a connection works for
        self,
        session: PublisherSession,
        settings: Settings,
        perform: Perform,
        changed: Callable[[], None],
        trouble: Trouble,
        hear: Hear,
    ) -> None:
        self._session = session
        self._settings = settings
        self._perform = perform
        self._changed = changed
        self._trouble = trouble
        self._hear = hear
        self._backoff = Backoff()
        self._limiter = anyio.CapacityLimiter(1)
        self._queue: deque[bytes] = deque()
        self._sending = False
        self._pushed = anyio.Event()
        self._hurried = anyio.Event()
        self._never_again: set[Target] = set()
        self._renewed: dict[str, AccessToken] = {}
        self._lost_at = 0.0
        self._unreachable = 0
        self.hub_id: str | None = None
        """Id of the hub that is or was last connected."""
        self.by_requests = False
        """Whether the hub is spoken to by requests now: an end is told at once after `hurry`."""
        self.failures = 0
        """Number of tries to connect that came to nothing, to be compared by `flush`."""

    @property
    def sending(self) -> bool:
        """Whether earlier frames have not left yet; more are not made meanwhile, only the newest states kept."""
        return self._sending or bool(self._queue)

    def push(self, frames: list[bytes]) -> None:
        """Send `frames` soon, in order."""
        if frames:
            self._queue.extend(frames)
            self._pushed.set()

    def hurry(self) -> None:
        """Try now instead of after the wait."""
        self._hurried.set()

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        seen: set[Target] = set()
        while True:
            targets = await self._look()
            if not seen.issuperset(targets):
                self._backoff.reset()  # started just now: the long waits were for another one
            seen = set(targets)
            began = clock.monotonic()
            if await self._use_first(targets):
                self._lost_at = clock.monotonic()
                if self._lost_at - began >= HELD_S:
                    self._backoff.reset()
            else:
                self.failures += 1
            self._changed()
            wait_s = self._backoff.next(at_most_s=None if targets else LOOK_S)
            with anyio.move_on_after(wait_s):
                await self._hurried.wait()
            self._hurried = anyio.Event()

    async def _use_first(self, targets: list[Target]) -> bool:
        for target in targets:
            if await self._use(target):
                return True
        return False

    async def _look(self) -> list[Target]:
        found = await self._in_thread(lambda: candidates(self._settings, hub_id=self.hub_id))
        if self.hub_id is not None and clock.monotonic() - self._lost_at < SAME_HUB_S:
            found = [target for target in found if target.hub_id in {self.hub_id, None}]
        return [target for target in found if target not in self._never_again]

    async def _use(self, target: Target) -> bool:
        """Connect to `target` and stay until the connection ends; return whether the hub had let us in."""
        try:
            token = await self._token(target)
            try:
                async with open_socket(target, token.text, timeout_s=self._settings.connect_timeout_s) as socket:
                    welcomed = await self._talk(socket, target, token)
            except (SocketRefusedError, SocketStuckError) as error:
                LOGGER.info("Progress is told by requests: %s", error)
                await self._request(target, token)
                return True
        except HubRefusedError as error:
            self._trouble.warn("refused", "progress is not shown in Jupyter: %s", error)
            self._renewed.pop(target.url, None)
            return False
        except HubError as error:
            self._unreachable += 1
            if self._unreachable > 1:
                self._trouble.warn("unreachable", "progress is not shown in Jupyter for now: %s", error)
            return False
        if socket.close_code in NEVER_AGAIN:
            self._never_again.add(target)
            reason = socket.close_reason or "no reason given"
            self._trouble.warn("closed", "the hub at %s ended the connection: %s", target.url, reason)
        return welcomed

    async def _talk(self, socket: ClientConnection, target: Target, token: AccessToken) -> bool:
        session = self._session
        self._queue.clear()
        self.push(session.connected(token.text))
        welcomed = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_all, socket)
            try:
                async for frame in socket:
                    self.push(session.received(frame, clock.monotonic()))
                    if session.welcomed and not welcomed:
                        welcomed, self.hub_id, self._unreachable = True, target.hub_id, 0
                    self._do_what_waits()
                    if session.wants_token:
                        session.wants_token = False
                        tasks.start_soon(self._refresh, target, token)
                    self._changed()
            except ConnectionClosed:
                pass
            except ProtocolError as error:
                self._trouble.warn("protocol", "the hub at %s does not speak version 1: %s", target.url, error)
            finally:
                session.disconnected()
                self._queue.clear()
                tasks.cancel_scope.cancel()
        return welcomed

    async def _request(self, target: Target, token: AccessToken) -> None:
        """Speak by requests for a while; raises `HubError`."""
        with undivided():
            from progress_kit.publisher.requests import Requests

        timeout_s = self._settings.connect_timeout_s

        async def ask(method: str, path: str, body: bytes) -> tuple[int, bytes]:
            return await self._in_thread(
                lambda: request(target, method, path, credential=token.text, timeout_s=timeout_s, body=body)
            )

        def changed() -> None:
            self.hub_id, self._unreachable = target.hub_id, 0
            self._do_what_waits()
            self._changed()

        async def wait(seconds: float) -> None:
            with anyio.move_on_after(seconds):
                await self._hurried.wait()
            self._hurried = anyio.Event()

        self.by_requests = True
        try:
            await Requests(self._session, target, self._perform, ask).run(wait, changed)
        finally:
            self.by_requests = False

    async def _send_all(self, socket: ClientConnection) -> None:
        try:
            while True:
                while self._queue:
                    self._sending = True
                    await socket.send(self._queue.popleft(), text=True)
                self._sending = False
                await self._pushed.wait()
                self._pushed = anyio.Event()
        except ConnectionClosed:
            pass  # the receiving side sees it too, and ends the connection
        finally:
            self._sending = False

    def _do_what_waits(self) -> None:
        session = self._session
        while session.commands:
            command = session.commands.popleft()
            refusal = self._perform(command.operation, command.action, command.reason, command.by)
            self.push(session.command_result(command.request, refusal))
        while session.updates:
            update = session.updates.popleft()
            self._hear(update.operation, update.tasks)
        while session.problems:
            problem = session.problems.popleft()
            self._trouble.warn(f"error {problem.code}", "the hub refused a message: %s", problem.message)
        while session.unsendable:
            operation = session.unsendable.popleft()
            self._trouble.warn("unsendable", "operation %s cannot be sent: its texts or numbers are invalid", operation)

    async def _token(self, target: Target) -> AccessToken:
        """Return a token for a new connection; one from the environment that was renewed is renewed again."""
        renewed = self._renewed.get(target.url)
        return await self._mint(target, renewed.text if renewed else None)

    async def _refresh(self, target: Target, token: AccessToken) -> None:
        try:
            renewed = self._renewed.get(target.url, token)
            token = await self._mint(target, renewed.text)
        except HubError as error:
            # The hub closes the connection when the token expires; the next connection says what is wrong.
            self._trouble.warn("refresh", "the hub gave no new token: %s", error)
            return
        self.push(self._session.refresh(token.text))

    async def _mint(self, target: Target, renew: str | None) -> AccessToken:
        timeout_s = self._settings.connect_timeout_s
        token = await self._in_thread(lambda: access(target, SCOPES, timeout_s=timeout_s, renew=renew))
        if target.secret is None and renew is not None:
            self._renewed[target.url] = token
        return token

    async def _in_thread(self, function: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(function, limiter=self._limiter, abandon_on_cancel=True)
        except RuntimeError:
            # While the interpreter exits no thread can be started any more, and there is nothing left to keep up.
            return function()
