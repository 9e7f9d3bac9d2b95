"""Which adapters there are."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final, Protocol, cast

from progress_kit.adapters.patches import Patches
from progress_kit.errors import InvalidValueError, LibraryMissingError

USUAL: Final = (
    "tqdm",
    "rich",
    "alive_progress",
    "fastprogress",
    "progressbar2",
    "enlighten",
    "click",
    "joblib",
)
"""What `capture` takes without being asked for it by name; each is a module of this package."""
NAMES: Final = (*USUAL, "futures", "asyncio")
"""All that it can be asked for."""
WORKERS: Final = "workers"
"""Goes along with all of them."""

Change = Callable[[Patches, ModuleType], None]


class Adapter(Protocol):
    """The module of an adapter."""

    TARGETS: Mapping[str, Change]
    """What to do once a module of the library has been imported, by its name."""


def find(name: str) -> Adapter:
    """Return the adapter called `name`, also if it is written with a hyphen."""
    known = str(name).replace("-", "_")
    if known not in (*NAMES, WORKERS):
        raise InvalidValueError(
            f"there is nothing to capture from {name!r}; give some of {', '.join(map(repr, NAMES))}"
        )
    return cast("Adapter", import_module(f"progress_kit.adapters.{known}"))


def check_installed(name: str, adapter: Adapter) -> None:
    """Raise `LibraryMissingError` if the library is not installed."""
    library = next(iter(adapter.TARGETS)).partition(".")[0]
    if find_spec(library) is None:
        raise LibraryMissingError(
            f"capture({name!r}) needs {library}, which is not installed here; without names, pk.capture() takes all "
            "that is installed"
        )
