"""Notices outside the browser: what the hub has nobody to tell goes out by Apprise, to mail, chats and phones.

Apprise and the services are slow, and may fail in any way; all of that happens in one thread, behind a short queue. An
address is a secret: it is in no log line, neither in ours nor in those of the libraries that are used here.
"""

import logging
import os
import queue
import stat
import threading
from asyncio import TimerHandle, get_running_loop
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from progress_kit import clock
from progress_kit.hub import Announced, AwayNotice, AwayNotices

if TYPE_CHECKING:
    from apprise import Apprise

log: Final = logging.getLogger("progress_kit")

WAITING: Final = 8
"""So many notices wait for a slow service; what is more is dropped."""
STOP_S: Final = 2.0
"""How long the server waits at its end for what is on its way."""
_TALKATIVE: Final = ("apprise", "urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")
"""Loggers that write down addresses."""
_SENDING: Final = ContextVar("_SENDING", default=False)
"""Set in our thread, and in those of Apprise while they work for it."""


def read_urls(path: Path) -> list[str]:
    """Return the addresses in a file, one on each line; lines that begin with ``#`` and empty ones do not count.

    A missing file has none. One that others may read (on POSIX systems) is refused with a warning.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                log.warning("%s is not read, others may read it too (mode %o): run `chmod 600` on it", path, mode)
                return []
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        log.warning("The addresses for notices cannot be read from %s: %s", path, type(error).__name__)
        return []
    return [line for line in lines if line and not line.startswith("#")]


class Postman:
    """Sends notices to `urls` in a thread of its own, from `start` to `stop`. Nothing that fails there is raised."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(urls)
        self._queue: queue.Queue[AwayNotice | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="progress_kit notices", daemon=True)
        self._stopping = threading.Event()
        self._warned = False

    def start(self) -> None:
        """Begin."""
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_is_elsewhere)
        self._thread.start()

    def send(self, notice: AwayNotice) -> None:
        """Send a notice as soon as the earlier ones have left; never blocks."""
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            self._warn("a service is too slow, and notices are dropped")

    def stop(self) -> None:
        """Send what waits, as far as that is possible in two seconds. Blocks."""
        self._stopping.set()
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # else it ends when it has sent what waits
        self._thread.join(STOP_S)

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        _SENDING.set(True)
        try:
            self._work()
        except ImportError:
            self._warn("this takes Apprise; run `pip install 'progress-kit[notify]'`")
        except Exception as error:  # noqa: BLE001 - a plugin may do anything, and its text may have the address
            self._warn(f"Apprise failed ({type(error).__name__})")

    def _work(self) -> None:
        import apprise

        # One service after the other: a moment more does not matter here, a crowd of threads does.
        services = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="progress_kit"))
        wrong = sum(not services.add(url) for url in self._urls)
        if wrong:
            self._warn(f"Apprise does not understand {wrong} of {len(self._urls)} addresses")
        while not (self._stopping.is_set() and self._queue.empty()):
            notice = self._queue.get()
            if notice is None:
                return
            if len(services):
                self._deliver(services, notice)

    def _deliver(self, services: "Apprise", notice: AwayNotice) -> None:
        from apprise import NotifyFormat, NotifyType

        kind = NotifyType.FAILURE if notice.failed else NotifyType.INFO
        try:
            good = services.notify(notice.body, notice.title, kind, body_format=NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - as above
            self._warn(f"a service failed ({type(error).__name__})")
            return
        if good:
            self._warned = False
        else:
            self._warn("a service did not take a notice")

    def _warn(self, what: str) -> None:
        """Warn once, until a notice has gone well again."""
        if not self._warned:
            self._warned = True
            log.warning("Notices outside the browser: %s", what)


class Away:
    """Decides on the event loop what goes out, and when. Only ends of `owner` do: the addresses are that person's."""

    def __init__(self, owner: str, notices: AwayNotices, postman: Postman, *, untold_only: bool) -> None:
        self._owner = owner
        self._notices = notices
        self._postman = postman
        self._untold_only = untold_only
        self._loop = get_running_loop()
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._postman.start()

    def announced(self, news: Announced) -> None:
        """Take in ends that the hub announces."""
        if news.owner == self._owner and news.untold == self._untold_only:
            self._notices.add(news.operations)
            self._go_on()

    async def stop(self) -> None:
        """Send what may be sent now, and end."""
        if self._timer is not None:
            self._timer.cancel()
        await self._loop.run_in_executor(None, self._postman.stop)

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = clock.monotonic()
        notice = self._notices.take(now)
        if notice is not None:
            self._postman.send(notice)
        due_in_s = self._notices.due_in_s(now)
        if due_in_s is not None:
            self._timer = self._loop.call_later(due_in_s, self._go_on)


def _is_elsewhere(_record: logging.LogRecord) -> bool:
    return not _SENDING.get()
