"""Live progress of long-running operations, in any kernel, process or machine, in any Jupyter tab.

    import progress_kit as pk

    for path in pk.track(paths, "Parsing sources"): ...

    with pk.ProgressTracker("Nightly report") as tracker:
        with tracker.stage("analysis", total=len(files), unit="files") as stage:
            for file in files:
                stage.advance()

Every name is imported when it is first used, so that ``import progress_kit`` costs next to nothing.
"""

TYPE_CHECKING = False  # type checkers take it for theirs; `typing` itself is not loaded for it

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from progress_kit.adapters import Capture, Poll, capture, poll, run
    from progress_kit.complexity import cost
    from progress_kit.display import ProgressWidget as ProgressWidget  # public, though not in __all__
    from progress_kit.errors import (
        DependencyCycleError,
        DuplicateStageError,
        EngineMissingError,
        HubError,
        HubNotFoundError,
        HubRefusedError,
        HubUnreachableError,
        InvalidValueError,
        LibraryMissingError,
        OperationCancelled,
        OperationEndedError,
        OperationNotFoundError,
        ProgressError,
        StageOrderError,
        TaskAbandonedError,
        TaskError,
        TaskSkippedError,
        TaskTimeoutError,
        UnknownStageError,
        UsageError,
        WorkerLostError,
    )
    from progress_kit.model import DEFAULT_STAGES, Estimate, Snapshot
    from progress_kit.scheduler import ParallelTaskScheduler
    from progress_kit.tracker import (
        ProgressTracker,
        Stage,
        Track,
        cancel,
        current,
        estimate,
        get,
        history,
        operations,
        track,
        tracked,
        wait,
        watch,
    )
    from progress_kit.tracker import aio as aio  # public, though not in __all__

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_STAGES",
    "Capture",
    "DependencyCycleError",
    "DuplicateStageError",
    "EngineMissingError",
    "Estimate",
    "HubError",
    "HubNotFoundError",
    "HubRefusedError",
    "HubUnreachableError",
    "InvalidValueError",
    "LibraryMissingError",
    "OperationCancelled",
    "OperationEndedError",
    "OperationNotFoundError",
    "ParallelTaskScheduler",
    "Poll",
    "ProgressError",
    "ProgressTracker",
    "Snapshot",
    "Stage",
    "StageOrderError",
    "TaskAbandonedError",
    "TaskError",
    "TaskSkippedError",
    "TaskTimeoutError",
    "Track",
    "UnknownStageError",
    "UsageError",
    "WorkerLostError",
    "__version__",
    "cancel",
    "capture",
    "cost",
    "current",
    "estimate",
    "get",
    "history",
    "operations",
    "poll",
    "run",
    "track",
    "tracked",
    "wait",
    "watch",
]

# Not among the names of `from progress_kit import *`, which shall also work where its extra is not installed.
_OPTIONAL = ("ProgressWidget",)

# Where the names come from, the lightest first, but for the model: it has a `Stage` too, and ours is the tracker's.
_HOMES = (
    "progress_kit.errors",
    "progress_kit.complexity",
    "progress_kit.tracker",
    "progress_kit.model",
    "progress_kit.display",
    "progress_kit.scheduler",
    "progress_kit.adapters",
)

_MODULES = {"aio": "progress_kit.tracker.aio"}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    for home in _HOMES if name in __all__ or name in _OPTIONAL else ():
        value = getattr(import_module(home), name, None)
        if value is not None:
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_OPTIONAL, *_MODULES})


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """``%load_ext progress_kit``: ``%%progress``, ``%progress_capture``, and long cells as operations."""
    from progress_kit.adapters import ipython

    ipython.load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """``%unload_ext progress_kit``."""
    from progress_kit.adapters import ipython

    ipython.unload(shell)
