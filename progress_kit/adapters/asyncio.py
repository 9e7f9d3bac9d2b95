"""Task groups of asyncio as operations: how many of their tasks are done."""

from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from progress_kit.adapters.patches import Patches, mirror_of
from progress_kit.tracker.seen import Seen

if TYPE_CHECKING:
    import asyncio


class _Group:
    """The tasks of one group."""

    def __init__(self, loop: "asyncio.AbstractEventLoop", parent: "asyncio.Task[Any]") -> None:
        self._loop = loop
        self._parent = parent
        self.made = self.done = 0

    def count(self, task: "asyncio.Task[Any]") -> None:
        """Count `task`, and again when it is done."""
        self.made += 1
        task.add_done_callback(self._count_done)

    def _count_done(self, task: "asyncio.Task[Any]") -> None:
        del task
        self.done += 1

    def look(self) -> Seen:
        """Return how far it is."""
        return Seen(self.done, self.made or None)

    def cancel(self) -> None:
        """Cancel the task that the group is in, which cancels all of its own."""
        self._loop.call_soon_threadsafe(self._parent.cancel)


_groups: Final[WeakKeyDictionary[Any, _Group]] = WeakKeyDictionary()


def _change(patches: Patches, module: ModuleType) -> None:
    async def enter(original: Any, group: Any) -> Any:
        result = await original(group)
        patches.guarded(begin, group)
        return result

    def begin(group: Any) -> None:
        import asyncio

        parent = asyncio.current_task()
        if parent is not None:
            tasks = _groups[group] = _Group(asyncio.get_running_loop(), parent)
            patches.begin(tasks, _Group.look, "", "tasks", library="asyncio", on_cancel=tasks.cancel)

    def create_task(original: Any, group: Any, *args: Any, **kwargs: Any) -> Any:
        task = original(group, *args, **kwargs)
        tasks = _groups.get(group)
        if tasks is not None:
            patches.guarded(tasks.count, task)
        return task

    async def leave(
        original: Any,
        group: Any,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        try:
            result = await original(group, kind, error, traceback)
        except BaseException as raised:
            end(group, raised)
            raise
        end(group, error)
        return result

    def end(group: Any, error: BaseException | None) -> None:
        tasks = _groups.pop(group, None)
        mirror = None if tasks is None else mirror_of(tasks)
        if mirror is not None:
            patches.guarded(mirror.close, error)

    patches.around(module.TaskGroup, "__aenter__", enter)
    patches.around(module.TaskGroup, "create_task", create_task)
    patches.around(module.TaskGroup, "__aexit__", leave)


TARGETS = {"asyncio.taskgroups": _change}
