"""Live progress of long-running operations, in any kernel, process or machine, in any Jupyter tab.

    import progress_kit as pk

    for path in pk.track(paths, "Parsing sources"): ...

    with pk.ProgressTracker("Nightly report") as tracker:
        with tracker.stage("analysis", total=len(files), unit="files") as stage:
            for file in files:
                stage.advance()

Every name is imported when it is first used, so that ``import progress_kit`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # ruff: noqa: F401
    from progress_kit.errors import (
        DuplicateStageError,
        HubError,
        HubNotFoundError,
        HubRefusedError,
        HubUnreachableError,
        InvalidValueError,
        OperationCancelled,
        OperationEndedError,
        OperationNotFoundError,
        ProgressError,
        StageOrderError,
        UnknownStageError,
        UsageError,
    )
    from progress_kit.model import DEFAULT_STAGES, Snapshot
    from progress_kit.tracker import ProgressTracker, Stage, Track, cancel, current, get, operations, track, tracked

__version__ = "0.1.0"

_HOMES = {
    "progress_kit.errors": (
        "DuplicateStageError",
        "HubError",
        "HubNotFoundError",
        "HubRefusedError",
        "HubUnreachableError",
        "InvalidValueError",
        "OperationCancelled",
        "OperationEndedError",
        "OperationNotFoundError",
        "ProgressError",
        "StageOrderError",
        "UnknownStageError",
        "UsageError",
    ),
    "progress_kit.model": ("DEFAULT_STAGES", "Snapshot"),
    "progress_kit.tracker": (
        "ProgressTracker",
        "Stage",
        "Track",
        "cancel",
        "current",
        "get",
        "operations",
        "track",
        "tracked",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604 - names from above
    "__version__",
    *_HOME_OF,
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
