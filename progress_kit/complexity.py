"""What an input costs before any work is done on it: `cost`, exported as `pk.cost`.

A cost is a number without unit: bytes of a file, cells of a table, words of a text. Costs are compared only with other
costs of the same kind of work, so that all that counts is that twice the cost is about twice the work.
"""

import functools
import logging
import math
import os
import stat
import weakref
from collections.abc import Callable, Sized
from typing import Final, Protocol, SupportsFloat, TypeVar, cast

from progress_kit.errors import InvalidValueError

T = TypeVar("T")
Answer = SupportsFloat | None

_log: Final = logging.getLogger("progress_kit")

_WORD_LENGTH: Final = 20
"""What is longer than this is not one word: Chinese, base64, a minified file."""
_SAMPLE: Final = 100_000
"""So many characters of a text are looked at; the rest is taken to be like them."""

# Package and class of what is measured in another way than by its length → the attribute that tells it. The class is
# recognized by its name when a value of it is met, so that no such package is imported here.
_MEASURES: Final = {
    ("PIL", "Image"): "size",
    ("cupy", "ndarray"): "shape",
    ("dask", "Array"): "shape",
    ("numpy", "ndarray"): "shape",
    ("pandas", "DataFrame"): "shape",
    ("polars", "DataFrame"): "shape",
    ("pyarrow", "RecordBatch"): "shape",
    ("pyarrow", "Table"): "shape",
    ("scipy", "_spbase"): "nnz",
    ("scipy", "spmatrix"): "nnz",
    ("torch", "Tensor"): "shape",
    ("xarray", "DataArray"): "shape",
}


class HasComplexity(Protocol):
    """A value that knows its own cost."""

    def __complexity__(self) -> Answer:
        """Return the cost, or None if it is unknown."""


class Cost:
    """``pk.cost(value)``: what a value costs, by its type.

    The first class of the value's type and its bases that says something decides: by a function that was registered for
    it, by its method ``__complexity__``, or by the defaults: files (`os.PathLike`) by their size in bytes, arrays,
    tensors, tables and images by their cells, sparse matrices by what they hold, texts by words (also a path that is a
    plain string: use ``cost=os.path.getsize`` for those), bytes and everything else that has a length by that length.
    Numbers and what is none of all this, such as a generator, have no cost that could be known.
    """

    def __init__(self) -> None:
        self._by_type = functools.singledispatch(_unknown)
        self._warned: weakref.WeakSet[type] = weakref.WeakSet()
        self.register(str)(_words)
        self.register(range)(_range)
        self.register(memoryview)(_nbytes)
        self._by_type.register(os.PathLike, _file)
        self._by_type.register(Sized, len)

    def __repr__(self) -> str:
        return "progress_kit.cost"

    def __call__(self, value: object) -> float | None:
        """Return the cost of `value`, at least 0; None if it is unknown. Never raises.

        A cost function that raises, or answers with no number, NaN, infinite or less than 0, means unknown: with one
        warning in the log for each type. One that answers None says so itself.
        """
        kind = type(value)
        try:
            answer = self._function(kind)(value)
            return None if answer is None else _checked(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's code goes on
            if kind not in self._warned:
                self._warned.add(kind)
                _log.warning("progress_kit: the cost of %s is unknown: %r", _name(kind), error)
            return None

    def register(self, kind: type[T]) -> Callable[[Callable[[T], Answer]], Callable[[T], Answer]]:
        """Return a decorator for the function that tells what a value of `kind`, or of a class below it, costs.

        The function takes the value and returns a number of at least 0, or None if the cost is unknown; it should be
        quick, and do no more IO than `os.stat`. A later one for the same class takes the place of an earlier one.
        Raises `InvalidValueError` if `kind` is no class.
        """
        if not isinstance(kind, type):
            raise InvalidValueError(f"{kind!r} is no class; write @pk.cost.register(MyClass)")

        def take(function: Callable[[T], Answer]) -> Callable[[T], Answer]:
            self._by_type.register(kind, function)
            return function

        return take

    def _function(self, kind: type) -> Callable[[object], Answer]:
        """Return what tells the cost of values of this very type."""
        for base in kind.__mro__[:-1]:
            if base in self._by_type.registry:
                return self._by_type.registry[base]
            if "__complexity__" in vars(base):
                return _own
            attribute = _MEASURES.get((base.__module__.partition(".")[0], base.__qualname__))
            if attribute is not None:
                return self._by_type.register(base, functools.partial(_measure, attribute))
        return self._by_type.dispatch(kind)


def _unknown(value: object) -> Answer:
    del value
    return None


def _own(value: object) -> Answer:
    return cast("HasComplexity", value).__complexity__()


def _measure(attribute: str, value: object) -> Answer:
    size: SupportsFloat | tuple[int, ...] = getattr(value, attribute)
    return math.prod(size) if isinstance(size, tuple) else size


def _file(path: os.PathLike[str]) -> Answer:
    """Return the size of a file; what is not there (yet), or is no file, has none that says anything."""
    try:
        found = os.stat(path)  # noqa: PTH116 - any PathLike, not only a Path
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _words(text: str) -> Answer:
    looked_at = text[:_SAMPLE]
    words = max(len(looked_at.split()), len(looked_at) / _WORD_LENGTH)
    return words * (len(text) / len(looked_at)) if text else 0


def _range(numbers: range) -> Answer:
    """Return its length, which `len` cannot where it is over 2⁶³."""
    return (numbers[-1] - numbers[0]) // numbers.step + 1 if numbers else 0


def _nbytes(view: memoryview) -> Answer:
    return view.nbytes


def _checked(answer: SupportsFloat) -> float:
    if not isinstance(answer, SupportsFloat):
        raise InvalidValueError(f"its cost function answered {answer!r}; a cost is a number")
    number = float(answer)
    if not 0 <= number < math.inf:
        raise InvalidValueError(f"its cost function answered {number}; a cost is finite and at least 0")
    return number


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


cost: Final = Cost()
"""The one registry of this process."""
