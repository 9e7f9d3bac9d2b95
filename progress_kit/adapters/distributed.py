"""Waiting for the futures of a Dask cluster as operations: how many of them are done.

That is `gather`, `wait` and loops over `as_completed`, and with them what `compute()` waits for on a cluster: there it
is the results that are counted, often a single one, not the tasks that the scheduler makes of them. A cancel cancels
the futures; what was waiting raises Dask's error for that. Nothing is installed on the scheduler. An asynchronous
client's are left alone.
"""

import sys
import threading
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import Any, Final
from weakref import ref

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.errors import OperationCancelled
from progress_kit.tracker.mirror import outside
from progress_kit.tracker.seen import Seen

_LOOP: Final = "_progress_kit_loop"


class _Wait:
    """Futures that somebody waits for."""

    def __init__(self, futures: Iterable[Any]) -> None:
        unique = {future.key: future for future in futures}
        self.total = len(unique)
        self._left = unique

    def look(self) -> Seen:
        """Return how far they are; those that are done are not looked at again."""
        left = self._left
        for key in [key for key, future in left.items() if future.done()]:
            del left[key]
        return Seen(self.total - len(left), self.total)

    def cancel(self) -> None:
        """Cancel those that are left, in a thread, since that talks to the scheduler."""
        threading.Thread(target=self._cancel, args=(tuple(self._left.values()),), daemon=True).start()

    @staticmethod
    def _cancel(futures: tuple[Any, ...]) -> None:
        for future in futures:
            future.cancel()

    def forget(self) -> None:
        """Let go of the futures: the cluster keeps the results of those that somebody holds."""
        self._left = {}


class _Loop:
    """A loop over `as_completed`, which may be given more while it runs."""

    def __init__(self, completed: Any) -> None:
        self._completed = ref(completed)
        self.taken = 0

    def step(self) -> None:
        """Called before each future is taken; it waits in a pause, and raises when that is cancelled."""

    def look(self) -> Seen:
        """Return how far it is."""
        completed = self._completed()
        return Seen(self.taken, None if completed is None else self.taken + completed.count())


class _Clients:
    """What is changed of `distributed.client`."""

    def __init__(self, patches: Patches, module: ModuleType) -> None:
        self._patches = patches
        self._futures_of = module.futures_of
        self._default = module.default_client
        patches.around(module.Client, "gather", self._gather)
        for owner in filter(None, (module, sys.modules.get("distributed"))):
            patches.around(owner, "wait", self._wait)
        patches.around(module.as_completed, "__next__", self._next)

    def _gather(self, original: Any, client: Any, futures: Any, *args: Any, **kwargs: Any) -> Any:
        asynchronous = kwargs.get("asynchronous")
        if client.asynchronous if asynchronous is None else asynchronous:
            return original(client, futures, *args, **kwargs)
        return self._during("gather", futures, original, client, futures, *args, **kwargs)

    def _wait(self, original: Any, futures: Any, *args: Any, **kwargs: Any) -> Any:
        client = self._patches.guarded(self._default)
        if client is None or client.asynchronous:
            return original(futures, *args, **kwargs)
        return self._during("wait", futures, original, futures, *args, **kwargs)

    def _during(self, what: str, futures: Any, original: Any, /, *args: Any, **kwargs: Any) -> Any:
        wait = self._patches.guarded(self._begin, what, futures)
        if wait is None:
            return original(*args, **kwargs)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            self._patches.guarded(self._end, wait, error)
            raise
        self._patches.guarded(self._end, wait, None)
        return result

    def _begin(self, what: str, futures: Any) -> _Wait | None:
        wait = _Wait(self._futures_of(futures))
        if not wait.total or _is_ours(sys._getframe(1)):
            return None
        name = f"distributed.{what}"
        self._patches.begin(wait, _Wait.look, name, "futures", library="distributed", on_cancel=wait.cancel)
        return wait

    @staticmethod
    def _end(wait: _Wait, error: BaseException | None) -> None:
        mirror = mirror_of(wait)
        if mirror is not None:
            mirror.close(OperationCancelled() if error is not None and mirror.operation.cancelled else error)
        wait.forget()

    def _next(self, original: Any, completed: Any) -> Any:
        loop = self._patches.guarded(self._loop_of, completed)
        if loop is not None:
            loop.step()
        try:
            found = original(completed)
        except StopIteration:
            if loop is not None:
                self._patches.end(loop)
            raise
        if loop is not None:
            loop.taken += 1
        return found

    def _loop_of(self, completed: Any) -> _Loop | None:
        loop: _Loop | None = getattr(completed, _LOOP, None)
        if loop is None or (mirror_of(loop) is None and completed.count()):
            if _is_ours(sys._getframe(1)):
                return None
            loop = _Loop(completed)
            setattr(completed, _LOOP, loop)
            name = "distributed.as_completed"
            self._patches.begin(loop, _Loop.look, name, "futures", library="distributed", steps=("step",))
        return loop


def _is_ours(frame: FrameType) -> bool:
    """Whether the caller is an engine of `ParallelTaskScheduler`, whose operation there is already."""
    return str(outside(frame, "distributed").f_globals.get("__name__")).startswith("progress_kit.")


TARGETS = {"distributed.client": _Clients}
