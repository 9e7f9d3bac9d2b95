"""The publisher's thread: samples on time, shows, sends, and ends when there is nothing to do for long."""

import asyncio
import contextlib
import encodings.idna  # noqa: F401 - else imported by the first look-up of a name, perhaps during a fork
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from progress_kit import clock
from progress_kit.publisher.forking import undivided
from progress_kit.publisher.link import Link
from progress_kit.publisher.sampler import Sampler
from progress_kit.publisher.session import PublisherSession
from progress_kit.publisher.trouble import Trouble
from progress_kit.settings import Settings

if TYPE_CHECKING:
    from progress_kit.publisher.iopub import IOPub

LINGER_S: Final = 30.0
"""The thread ends after so long without operations."""
UNDELIVERED_S: Final = 3_600.0
"""Unless ends wait for a hub that was there before: so long it stays for them."""
SPACING_S: Final = 0.02
"""Ends are sent at once, but not in more than 50 frames a second."""
TIDY_S: Final = 5.0
"""How often the spool's size is looked at."""
NAP_S: Final = 1.0
"""So long after the last operation the thread goes on polling, so that each of many short loops need not wake it."""


class Worker:
    """One life of the thread. All but `wake`, `hurry`, `stop` and the two flags belongs to the thread itself."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the thread works with, all of it the publisher's
        self,
        sampler: Sampler,
        session: PublisherSession,
        settings: Settings,
        changed: Callable[[], None],
        trouble: Trouble,
        hub_id: str | None,
        tidy: Callable[[], None],
    ) -> None:
        self._sampler = sampler
        self._session = session
        self._settings = settings
        self._changed = changed
        self._trouble = trouble
        self._hub_id = hub_id
        self._tidy = tidy
        self._tidied = clock.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._hurried = False
        self.stopping = False
        self.failed = False
        self.link: Link | None = None
        self._iopub: IOPub | None = None
        self.asleep = False
        """Whether a new operation has to wake the thread."""

    # -- called in any thread -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Make the thread look at its operations at once."""
        loop = self._loop
        if loop is None:
            return  # it has not begun yet, and will look when it does
        with contextlib.suppress(RuntimeError):  # it has just ended
            loop.call_soon_threadsafe(self._woken.set)

    def hurry(self) -> None:
        """Make the link try now instead of after its wait."""
        self._hurried = True
        self.wake()

    def stop(self) -> None:
        """Make the thread close its connection and end."""
        self.stopping = True
        self.wake()

    # -- the thread -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until there has been nothing to do for long, or `stop`."""
        try:
            with undivided():
                anyio.run(anyio.lowlevel.checkpoint, backend="asyncio")  # imports what a loop needs
            anyio.run(self._main, backend="asyncio")
        except Exception as error:  # noqa: BLE001 - the last line of defence: nothing may reach the user's process
            self.failed = True
            self._trouble.warn("thread", "progress is not shown in Jupyter any more, the publisher failed: %r", error)
        finally:
            self._loop = None

    async def _main(self) -> None:
        self.link = Link(
            self._session, self._settings, self._sampler.command, self._changed, self._trouble, self._sampler.hear
        )
        self.link.hub_id = self.link.hub_id or self._hub_id
        self._loop = asyncio.get_running_loop()
        linked = False
        idle_since: float | None = None
        async with anyio.create_task_group() as tasks:
            while not self.stopping:
                began = clock.monotonic()
                news = self._step(self.link, began)
                if not linked and (news or not self._session.settled):
                    tasks.start_soon(self.link.run)
                    linked = True
                if self._sampler.busy or self._session.waiting:
                    idle_since = None
                elif idle_since is None:
                    idle_since = began
                elif began - idle_since >= self._patience_s():
                    break
                await self._rest(began, None if idle_since is None else began - idle_since)
            tasks.cancel_scope.cancel()

    def _step(self, link: Link, now: float) -> bool:
        with undivided():
            news = self._sampler.step(now, link.hub_id, self._session.priors)
        self._session.take(news)
        for operation, timeline in self._sampler.timelines():
            self._session.timeline(operation, *timeline)
        if not link.sending:
            link.push(self._session.sample((), now) + self._session.tick(now))
        self._tell_pages(link, now)
        if self._sampler.ending:
            if link.by_requests:
                link.hurry()
            self._sampler.forget_ended()
            self._changed()
        if self._session.durable or now - self._tidied >= TIDY_S:
            self._tidied = now
            self._tidy()
        if self._hurried:
            self._hurried = False
            link.hurry()
        return bool(news)

    def _tell_pages(self, link: Link, now: float) -> None:
        """Tell the kernel's own pages, as long as no hub can be reached that would."""
        if self._session.welcomed or link.by_requests or not link.failures:
            self._iopub = None
            return
        if self._iopub is None:
            if "ipykernel.kernelbase" not in sys.modules:
                return
            with undivided():
                from progress_kit.publisher.iopub import IOPub

            self._iopub = IOPub(self._session)
        try:
            self._iopub.say(now)
        except Exception as error:  # noqa: BLE001 - whatever the kernel's session raises must not end the thread
            self._trouble.warn("iopub", "the pages of this kernel cannot be told of its progress: %r", error)

    def _patience_s(self) -> float:
        expected = not self._session.settled and self.link is not None and self.link.hub_id is not None
        return UNDELIVERED_S if expected else LINGER_S

    async def _rest(self, began: float, idle_s: float | None) -> None:
        """Wait for the next sample's time, or until woken."""
        period_s = 1.0 / self._settings.sample_rate_hz
        if idle_s is not None and idle_s > NAP_S:
            self.asleep = True
            # An operation that was added before the flag was seen is not slept over.
            if not self._sampler.busy:
                await self._wait(LINGER_S)
            self.asleep = False
        elif await self._wait(began + period_s - clock.monotonic()):
            # Woken by an end: sent at once, but after a pause if the last frame has just left.
            await asyncio.sleep(max(0.0, began + SPACING_S - clock.monotonic()))

    async def _wait(self, seconds: float) -> bool:
        """Return whether the thread was woken within `seconds`."""
        with anyio.move_on_after(max(0.0, seconds)):
            await self._woken.wait()
        woken = self._woken.is_set()
        self._woken.clear()
        return woken
