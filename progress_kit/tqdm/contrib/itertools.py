"""As `tqdm.contrib.itertools`: `itertools` with a bar of known length. Has what the installed tqdm has."""

from functools import partial
from types import FunctionType
from typing import Any

from tqdm.contrib import itertools as _itertools

from progress_kit.tqdm.auto import tqdm

__all__ = [name for name, value in vars(_itertools).items() if isinstance(value, FunctionType)]

globals().update({name: partial(getattr(_itertools, name), tqdm_class=tqdm) for name in __all__})


def __getattr__(name: str) -> Any:
    """Tell type checkers that there are names; at run time they are all there."""
    raise AttributeError(f"tqdm.contrib.itertools has no {name!r}")
