"""`LokyEngine`: loky's reusable processes, which joblib uses too; they stay warm from one scheduler to the next."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from loky import get_reusable_executor  # type: ignore[import-untyped] # it has no types
from loky.process_executor import ShutdownExecutorError  # type: ignore[import-untyped] # as above

from progress_kit.scheduler.engines.executor import ExecutorEngine
from progress_kit.scheduler.engines.processes import processors


class LokyEngine(ExecutorEngine):
    """Runs jobs in `max_workers` processes of loky's, by default one for each processor.

    If one of them dies loky gives all of them up; what they had not begun is run in new ones.
    """

    name = "loky"

    def __init__(self, max_workers: int | None = None) -> None:
        self._most = max_workers or processors()
        super().__init__(get_reusable_executor(self._most, reuse=True), self._most)

    def _new_future(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        try:
            return super()._new_future(function, *args)
        except (BrokenExecutor, ShutdownExecutorError):
            self._executor = get_reusable_executor(self._most, reuse=True)  # a new one
            return super()._new_future(function, *args)
