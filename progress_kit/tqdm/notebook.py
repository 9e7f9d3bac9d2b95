"""As `tqdm.notebook`, for code that asks for it by name: an operation is drawn in notebooks anyway."""

from typing import Any

from progress_kit.tqdm import std

__all__ = ["tnrange", "tqdm", "tqdm_notebook", "trange"]


class tqdm_notebook(std.tqdm):
    """A bar that takes the arguments of `tqdm.notebook.tqdm` too. `display` is not needed: nothing is drawn here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("display", None)
        super().__init__(*args, **kwargs)


def tnrange(*args: Any, **kwargs: Any) -> tqdm_notebook:
    """Return ``tqdm(range(*args), **kwargs)``."""
    bar: tqdm_notebook = tqdm_notebook(range(*args), **kwargs)
    return bar


tqdm = tqdm_notebook
trange = tnrange
