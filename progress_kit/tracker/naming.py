"""What an operation is called where its caller does not say: its name, and its kind.

A kind is the same in every run of the same work, so neither line numbers nor process ids nor temporary paths are part
of it.
"""

import os
from types import CodeType

from progress_kit.model import NAME_LENGTH, Origin, shorten

_MODULE = "<module>"


def kind(name: str, code: CodeType, origin: Origin) -> str:
    """Return ``name@file:function``; in a cell ``name@notebook path``, and just the name where neither is known."""
    function = code.co_qualname if code.co_qualname != _MODULE else ""
    file = _file(code)
    where = ":".join(filter(None, (file, function))) if file else origin.notebook or function
    return shorten(f"{name}@{where}" if where else name, NAME_LENGTH)


def loop_name(code: CodeType) -> str:
    """Return a name for a loop without one: the function it is in, else the script."""
    if not code.co_name.startswith("<"):
        return shorten(code.co_name, NAME_LENGTH)
    return shorten(_file(code) or "Loop", NAME_LENGTH)


def function_name(name: str) -> str:
    """Return a function's name as people write: ``nightly_report`` → ``Nightly report``."""
    words = name.replace("_", " ").strip()
    return shorten(words[:1].upper() + words[1:], NAME_LENGTH) or "Function"


def _file(code: CodeType) -> str | None:
    """The file's name; None for a cell's code, which lies in a temporary file or nowhere."""
    directory, name = os.path.split(code.co_filename)  # ten times as fast as pathlib, in every short loop
    if name.startswith("<") or directory.rpartition(os.sep)[2].startswith("ipykernel_"):
        return None
    if name.startswith("tmp"):
        from tempfile import gettempdir

        return None if directory.startswith(gettempdir()) else name
    return name
