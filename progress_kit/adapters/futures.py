"""Executors of `concurrent.futures` as operations: how many of the calls that were submitted are done.

An executor in a ``with`` block is one operation, from the first call to the end of the block. Any other is one from
the first call until nothing is left to do, and another one with the next call.
"""

import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from progress_kit.adapters.catalogue import Change
from progress_kit.adapters.patches import Patches
from progress_kit.errors import OperationCancelled
from progress_kit.tracker.seen import Seen

if TYPE_CHECKING:
    from concurrent.futures import Future

    from progress_kit.tracker.mirror import Mirror


class _Work:
    """What was submitted to one executor."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.submitted = self.done = self.failed = 0
        self.in_block = False
        self.left: set[Future[Any]] = set()
        self.mirror: Mirror[_Work] | None = None

    def step(self) -> None:
        """Called before each call is submitted; it waits in a pause, and raises when that is cancelled."""

    def look(self) -> Seen:
        """Return how far it is."""
        return Seen(self.done, self.submitted, message=f"{self.failed} failed" if self.failed else "")

    def begin(self, patches: Patches) -> None:
        """Begin an operation, unless there is one."""
        with self.lock:
            if self.mirror is not None and not self.mirror.ended:
                return
            self.submitted = self.done = self.failed = 0
            self.left.clear()
        self.mirror = patches.begin(
            self, _Work.look, "", "calls", library="concurrent", steps=("step",), on_cancel=self._cancel
        )

    def count(self, future: "Future[Any]") -> None:
        """Count `future`, and again when it is done."""
        with self.lock:
            self.submitted += 1
            self.left.add(future)
        future.add_done_callback(self._count_done)

    def _count_done(self, future: "Future[Any]") -> None:
        with self.lock:
            self.done += 1
            self.left.discard(future)
            self.failed += not future.cancelled() and future.exception() is not None
            over = not self.left and not self.in_block
        if over:
            self.end(None)

    def _cancel(self) -> None:
        # In a thread: what is called when a future is cancelled may wait.
        threading.Thread(target=self._cancel_left, daemon=True).start()

    def _cancel_left(self) -> None:
        with self.lock:
            left = tuple(self.left)
        for future in left:
            future.cancel()

    def end(self, error: BaseException | None) -> None:
        """End the operation."""
        mirror, self.mirror = self.mirror, None
        if mirror is not None:
            if mirror.operation.cancelled:
                error = OperationCancelled()  # the waiting program got an error that says the same
            mirror.close(error)


_works: Final[WeakKeyDictionary[Any, _Work]] = WeakKeyDictionary()


def _change_base(patches: Patches, module: ModuleType) -> None:
    def enter(original: Any, executor: Any) -> Any:
        _works.setdefault(executor, _Work()).in_block = True
        return original(executor)

    def leave(original: Any, executor: Any, *raised: Any) -> Any:
        result = original(executor, *raised)
        work = _works.pop(executor, None)
        if work is not None:
            patches.guarded(work.end, raised[1])
        return result

    patches.around(module.Executor, "__enter__", enter)
    patches.around(module.Executor, "__exit__", leave)


def _change(name: str) -> Change:
    def change(patches: Patches, module: ModuleType) -> None:
        def submit(original: Any, executor: Any, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            work = _works.setdefault(executor, _Work())
            patches.guarded(work.begin, patches)
            work.step()
            future = original(executor, call, *args, **kwargs)
            patches.guarded(work.count, future)
            return future

        patches.around(getattr(module, name), "submit", submit)

    return change


TARGETS = {
    "concurrent.futures._base": _change_base,
    "concurrent.futures.thread": _change("ThreadPoolExecutor"),
    "concurrent.futures.process": _change("ProcessPoolExecutor"),
}
