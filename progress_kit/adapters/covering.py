"""Bars that a library draws of what its callbacks tell too: they are not shown a second time."""

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from progress_kit.adapters.patches import Patches

_covered: Final = Counter[str]()


def cover(patches: "Patches", *modules: str) -> None:
    """Until the release, bars that one of these modules, or of those below them, makes are not shown."""
    _covered.update(modules)
    patches.on_release(lambda: _covered.subtract(modules))


def is_covered(module: object) -> bool:
    """Whether bars that `module` makes are not shown."""
    return any(count and f"{module}.".startswith(f"{name}.") for name, count in tuple(_covered.items()))
