"""Where tasks run: `make_engine` finds the engine by its name, or by the object that shall run them."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, cast

from progress_kit.errors import EngineMissingError, InvalidValueError
from progress_kit.scheduler.engines.base import Capabilities, Engine

__all__ = ["ENGINES", "Capabilities", "Engine", "make_engine"]

MOST_WORKERS: Final = 10_000

# Name → module, class, what it needs beside the base installation, and the extra that brings it.
_HOMES: Final = {
    "threads": ("threads", "ThreadEngine", None, None),
    "processes": ("processes", "ProcessEngine", None, None),
    "loky": ("loky", "LokyEngine", "loky", "loky"),
    "async": ("asynchronous", "AsyncEngine", None, None),
}
ENGINES: Final = (*_HOMES, "auto")


def make_engine(spec: object, max_workers: int | None = None, *, here: bool = False) -> Engine:
    """Return the engine that `spec` means: a name, a `dask.distributed.Client`, or a `concurrent.futures.Executor`.

    `max_workers` is how many tasks run at the same time, at most 10,000; by default what fits the engine and this
    machine. `here`: an engine of coroutines uses the event loop that is running. Raises `InvalidValueError` for what is
    none of this, and `EngineMissingError` if a library is missing.
    """
    workers = _workers(max_workers)
    if isinstance(spec, str):
        return _by_name(spec, workers, here=here)
    for kind in type(spec).__mro__:
        if kind.__module__.partition(".")[0] == "distributed" and kind.__name__ == "Client":
            return _load("dask", "DaskEngine")(spec)
    if all(hasattr(spec, name) for name in ("start", "run", "stop", "abandon", "close")):
        return cast("Engine", spec)  # one that was made by hand, as with Dask's resources
    if all(hasattr(spec, name) for name in ("submit", "map", "shutdown")):
        return _load("executor", "ExecutorEngine")(spec)
    raise InvalidValueError(
        f"engine is {spec!r}; give one of {', '.join(map(repr, ENGINES))}, a dask.distributed.Client, "
        "or a concurrent.futures.Executor"
    )


def _by_name(name: str, workers: int | None, *, here: bool) -> Engine:
    if name not in _HOMES:
        hint = "; for Dask give its Client itself" if name in {"dask", "distributed"} else ""
        raise InvalidValueError(f"engine is {name!r}; give one of {', '.join(map(repr, ENGINES))}{hint}")
    module, kind, needs, extra = _HOMES[name]
    try:
        make = _load(module, kind)
        return make(workers, here=True) if name == "async" and here else make(workers)
    except ImportError as error:
        if needs is None or error.name is None or error.name.partition(".")[0] != needs:
            raise
        raise EngineMissingError(
            f"the engine {name!r} needs {needs}, which is not installed: pip install 'progress-kit[{extra}]'"
        ) from error


def _load(module: str, kind: str) -> Callable[..., Engine]:
    return cast("Callable[..., Engine]", getattr(import_module(f"{__name__}.{module}"), kind))


def _workers(value: Any) -> int | None:  # noqa: ANN401 - it is checked here
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise InvalidValueError(f"max_workers is {value!r}; give a whole number from 1 to {MOST_WORKERS:,}, or None")
    return value
