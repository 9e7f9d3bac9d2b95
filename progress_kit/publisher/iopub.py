"""What a kernel that reaches no hub says: messages to its pages, which show them and tell nobody.

They go the way of all outputs, so that they arrive wherever the kernel runs. They are no answer to any cell: a page
takes them in while another cell runs or after it was loaded again, and who runs notebooks without a page ignores them.
"""

import os
import sys
from typing import Any, Final, Protocol

import msgspec

from progress_kit.model import is_terminal
from progress_kit.publisher.fitting import fit
from progress_kit.publisher.session import PublisherSession

MESSAGE_TYPE: Final = "progress_kit"
EVERY_S: Final = 0.5
"""Counts are not told more often; the kernel's own outputs go the same way."""
ALIVE_S: Final = 5.0
"""What has not changed is told again so often: a page that hears nothing takes the operation for lost."""
AT_ONCE: Final = 50
"""A message has no more operations; the next ones follow."""


class KernelSession(Protocol):
    """What is used of the kernel's session."""

    def send(self, stream: object, kind: str, content: object, *, parent: object, ident: bytes) -> object:
        """Send one message."""


class IOPub:
    """Tells the pages of this process's kernel, where there is one, what `session` knows."""

    def __init__(self, session: PublisherSession) -> None:
        self._session = session
        self._said: dict[str, tuple[int, float]] = {}
        """Operation → the seq that was told last, and when."""
        self._last = -EVERY_S

    def say(self, now: float) -> None:
        """Tell what is new at monotonic second `now`, ends at once; nothing where there is no kernel."""
        news = []
        waited = now - self._last >= EVERY_S
        for snapshot in self._session.newest():
            seq, at = self._said.get(snapshot.id, (-1, 0.0))
            ended = is_terminal(snapshot.state)
            if snapshot.seq > seq if ended else waited and (snapshot.seq > seq or now - at >= ALIVE_S):
                news.append((at, snapshot))
        if not news or (kernel := _kernel()) is None:
            return
        news.sort(key=lambda each: each[0])
        told = []
        for _, snapshot in news[:AT_ONCE]:
            self._said[snapshot.id] = snapshot.seq, now
            try:
                told.append(msgspec.json.decode(fit(snapshot)))
            except (TypeError, ValueError, OverflowError):
                self._session.give_up(snapshot.id)
        self._last = now
        session, socket = kernel
        content = {"version": 1, "operations": told}
        session.send(socket, MESSAGE_TYPE, content, parent={}, ident=MESSAGE_TYPE.encode())


def _kernel() -> tuple[KernelSession, object] | None:
    """Return session and socket of this process's kernel; a forked child has a copy that must not be used."""
    module: Any = sys.modules.get("ipykernel.kernelbase")
    if module is None or not module.Kernel.initialized():
        return None
    kernel = module.Kernel.instance()
    if kernel.session is None or kernel.iopub_socket is None or kernel.session.pid != os.getpid():
        return None
    return kernel.session, kernel.iopub_socket
