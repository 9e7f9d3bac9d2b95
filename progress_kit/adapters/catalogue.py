"""Which adapters there are."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
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
    "sklearn",
    "dask",
    "distributed",
    "optuna",
    "lightgbm",
    "xgboost",
    "keras",
    "lightning",
    "transformers",
)
"""What `capture` takes without being asked for it by name; each is a module of this package."""
NAMES: Final = (*USUAL, "futures", "asyncio", "pandas")
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
    """Raise `LibraryMissingError` if the library is not installed, or too old."""
    libraries = {target.partition(".")[0]: None for target in adapter.TARGETS}
    if not any(find_spec(library) for library in libraries):
        raise LibraryMissingError(
            f"capture({name!r}) needs {' or '.join(libraries)}, which is not installed here; without names, "
            "pk.capture() takes all that is installed"
        )
    needs: tuple[str, int, int] | None = getattr(adapter, "NEEDS", None)
    if needs is not None:
        distribution, *lowest = needs
        found = version(distribution)
        if [int(part) for part in found.split(".")[:2]] < lowest:
            raise LibraryMissingError(
                f"capture({name!r}) needs {distribution} {'.'.join(map(str, lowest))} or newer; {found} is installed"
            )
