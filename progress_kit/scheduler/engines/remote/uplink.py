"""How workers on other machines tell the hub of their tasks: a token from the scheduler's process, one connection here.

Whatever goes wrong on this way is no trouble of a task's: there is another way, or nothing is shown.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from progress_kit import settings
from progress_kit.connection import Backoff, Target, candidates
from progress_kit.connection.tokens import grant
from progress_kit.connection.websocket import arguments
from progress_kit.errors import HubError
from progress_kit.model import NAME_LENGTH, Task, shorten
from progress_kit.protocol import encode
from progress_kit.protocol.messages import Hello, TaskUpdate
from progress_kit.protocol.rest import TokenRequest
from progress_kit.scheduler.engines.base import Key, TaskContext, TaskProgress
from progress_kit.tracker import announce

TASK_TOKEN_S: Final = 7 * 86_400.0
CONNECT_S: Final = 5.0
PERIOD_S: Final = 0.1
MOST: Final = 256
"""So many tasks are told of in one message."""
_REFUSED: Final = frozenset({4400, 4401, 4403, 4406, 4409})
"""Close codes after which the hub is not asked again."""


def is_published() -> bool:
    """Whether a hub knows of the operations of this process."""
    return announce.outlet().hub_id is not None


def admit(context: TaskContext) -> TaskContext | None:
    """Return the context with what lets workers tell the hub, in the scheduler's process; None where that cannot be.

    Asks the hub that this process publishes to, so it waits; never raises.
    """
    found = settings.read()
    hub_id = announce.outlet().hub_id
    if not found.enabled or hub_id is None:
        return None
    wanted = TokenRequest(scopes=("publish",), operation=context.operation, expires_in_s=TASK_TOKEN_S)
    with suppress(HubError, OSError, ValueError):
        for target in candidates(found, hub_id=hub_id):
            if target.hub_id in {hub_id, None}:
                token = grant(target, wanted, timeout_s=found.connect_timeout_s)
                return dataclasses.replace(context, hub_url=target.url, token=token.text)
    return None


def as_task(key: Key, worker: str, word: TaskProgress) -> Task:
    """Return the word of a running task as it travels."""
    return Task(
        id=f"t{key.number}",
        stage="",
        state="paused" if word.paused else "running",
        attempt=key.attempt,
        worker=shorten(worker, NAME_LENGTH),
        done=word.done,
        total=word.total,
        unit=word.unit and shorten(word.unit, NAME_LENGTH),
    )


def as_words(tasks: Iterable[Task]) -> dict[Key, TaskProgress]:
    """Return what tasks said, by their keys."""
    words: dict[Key, TaskProgress] = {}
    for task in tasks:
        with suppress(ValueError):  # somebody else's
            key = Key(int(task.id.removeprefix("t")), task.attempt)
            words[key] = TaskProgress(task.done, task.total, task.unit, paused=task.state == "paused")
    return words


class Uplink:
    """A worker's connection to the hub, in a thread of its own; `lost` is called when what was told may be lost."""

    def __init__(self, context: TaskContext, lost: Callable[[], None]) -> None:
        assert context.hub_url is not None
        assert context.token is not None
        self._operation = context.operation
        self._token = context.token
        self._target = Target(url=context.hub_url, token=context.token)
        self._lost = lost
        self._news: dict[str, Task] = {}
        self._told = threading.Event()
        self._closed = False
        self.up: bool = False
        """Whether the hub listens."""
        threading.Thread(target=self._run, name="progress_kit uplink", daemon=True).start()

    def tell(self, tasks: Iterable[Task]) -> bool:
        """Tell of tasks soon, the newest of each; return whether that is possible."""
        if not self.up:
            return False
        self._news.update((task.id, task) for task in tasks)
        self._told.set()
        return True

    def close(self) -> None:
        """Tell nothing more."""
        self._closed = True
        self._told.set()

    def _run(self) -> None:
        backoff = Backoff()
        pause = threading.Event()
        while not self._closed:
            try:
                code = self._talk()
            except (OSError, WebSocketException, HubError, EOFError, ValueError):
                code = None
            self.up = False
            self._news.clear()
            self._lost()
            if code in _REFUSED:
                return
            pause.wait(backoff.next())

    def _talk(self) -> int | None:
        """Talk to the hub as long as it goes; return the code with which it ended that."""
        with connect(**arguments(self._target, self._token, timeout_s=CONNECT_S)) as socket:
            socket.send(encode(Hello(token=self._token, client="progress-kit-worker/1")), text=True)
            try:
                socket.recv(CONNECT_S)
                self.up = True
                while not self._closed:
                    if self._told.wait(PERIOD_S):
                        self._told.clear()
                        self._send(socket.send)
                    with suppress(TimeoutError):
                        while True:
                            socket.recv(0)  # what is asked of tasks reaches them by the scheduler
            except ConnectionClosed as error:
                return None if error.rcvd is None else error.rcvd.code
        return None

    def _send(self, send: Callable[..., None]) -> None:
        while self._news:
            tasks: list[Task] = []
            while self._news and len(tasks) < MOST:
                tasks.append(self._news.pop(next(iter(self._news))))
            send(encode(TaskUpdate(operation=self._operation, tasks=tuple(tasks))), text=True)
