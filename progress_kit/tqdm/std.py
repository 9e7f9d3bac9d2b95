"""`tqdm` itself: every bar is an operation, and where that is drawn here its loops run at the speed of bare ones.

Where nothing of ours can be drawn (standard error is a log file), or the caller names the file to write to, or a
subclass draws by itself, it writes what tqdm writes, and is an operation for all who watch elsewhere.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import update_wrapper
from types import FrameType, TracebackType
from typing import Any, Final, Self

try:
    from tqdm import std
    from tqdm.std import (
        TqdmDeprecationWarning,
        TqdmExperimentalWarning,
        TqdmKeyError,
        TqdmMonitorWarning,
        TqdmTypeError,
        TqdmWarning,
    )
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError("progress_kit.tqdm is built on tqdm: pip install 'progress-kit[tqdm]'") from error

from progress_kit import display
from progress_kit.display.terminal import wiped
from progress_kit.model import NAME_LENGTH, shorten
from progress_kit.tqdm.bar import Bar
from progress_kit.tracker import naming
from progress_kit.tracker.early_exit import CallSite

__all__ = [
    "TqdmDeprecationWarning",
    "TqdmExperimentalWarning",
    "TqdmKeyError",
    "TqdmMonitorWarning",
    "TqdmTypeError",
    "TqdmWarning",
    "tqdm",
    "trange",
]

_FILE: Final = 4
"""The place of `file` among the arguments."""
_PLAIN: Final = frozenset({int, float})
_set: Final = dict[str, Any].__setitem__
"""Sets a metric that needs no check."""


_OURS: Final = ("tqdm.", "progress_kit.tqdm.")


class _Nowhere:
    """The file of bars that are not written."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""

    def isatty(self) -> bool:
        # This is what `disable=None` asks.
        return sys.stderr is not None and sys.stderr.isatty()


_NOWHERE: Final = _Nowhere()


class tqdm(std.tqdm):  # type: ignore[misc] # tqdm ships no types
    """A loop that shows how far it is; arguments, attributes and methods are those of `tqdm.tqdm`.

    It is an operation: live in every tab and terminal that watches. A bar inside another one is a nested counter of
    it. The description that it begins with is its name; a later one, and what is no number in `set_postfix`, is its
    message, and numbers are its metrics. When it is cancelled from outside, its loop raises `OperationCancelled` at
    the next step, and so does `update`.

    With ``file=`` given, or `display` overridden, or where standard error is no terminal and no notebook's, it writes
    exactly what tqdm writes.
    """

    _bar: Bar | None = None
    _quiet = False
    _n: Any = 0
    _total: Any = None
    _postfix: Any = None
    disable: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make one, still without anything."""
        quiet = _file(args, kwargs) is None and cls.display is tqdm.display and _is_drawn()
        # A bar that is not drawn needs none of the thread that looks after bars that were not drawn for long.
        bar: Self = object.__new__(cls) if quiet else super().__new__(cls, *args, **kwargs)
        if quiet:
            bar._quiet = True
            with cls.get_lock():
                cls._instances.add(bar)
        return bar

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        drawn_here = _file(args, kwargs) is None
        if self._quiet:
            if len(args) > _FILE:
                args = (*args[:_FILE], _NOWHERE, *args[_FILE + 1 :])
            else:
                kwargs["file"] = _NOWHERE
        super().__init__(*args, **kwargs)
        if self.disable:
            return
        if self._quiet:
            self._instances.discard(self)
        self._begin(_caller(sys._getframe(1)), silent=not (self._quiet or drawn_here))

    def _begin(self, caller: FrameType, *, silent: bool) -> None:
        name = shorten(str(self.desc or "").removesuffix(": ").strip(), NAME_LENGTH)
        unit = {"it": "", "iB": "B"}.get(str(self.unit), str(self.unit))  # binary prefixes are for its own text
        bar = Bar(name or naming.loop_name(caller.f_code), unit, caller.f_code, silent=silent)
        bar.set_count(self._n)
        bar.set_total(self._total)
        self._bar = bar
        if isinstance(self._postfix, Mapping):
            self._tell(bar, self._postfix)
        elif self._postfix:
            bar.tell("postfix", str(self._postfix))

    # ---------------------------------------------------------------- counting

    @property
    def n(self) -> Any:
        """How much is done; may be set."""
        bar = self._bar
        return self._n if bar is None else bar.count()

    @n.setter
    def n(self, value: Any) -> None:
        bar = self._bar
        if bar is None:
            self._n = value
        else:
            bar.set_count(value)

    @property
    def total(self) -> Any:
        """How much there is to do, None if that is unknown; may be set."""
        return self._total

    @total.setter
    def total(self, value: Any) -> None:
        self._total = value
        if self._bar is not None:
            self._bar.set_total(value)

    def update(self, n: Any = 1) -> bool | None:
        """Count `n` more as done."""
        bar = self._bar
        if bar is not None and bar.stopped and not self.disable:
            bar.look_up()
        if not self._quiet or bar is None:
            return super().update(n)  # type: ignore[no-any-return]
        bar.n += n
        return None

    def __iter__(self) -> Iterator[Any]:
        bar = self._bar
        if not self._quiet or bar is None:
            return super().__iter__()  # type: ignore[no-any-return]
        if self.disable:
            return iter(self.iterable)
        return bar.loop(self.iterable, self, CallSite.of(sys._getframe(1)))

    # ---------------------------------------------------------------- what is shown beside the count

    @property
    def postfix(self) -> Any:
        """What stands behind the bar, as text; may be set."""
        if isinstance(self._postfix, Mapping):
            self._postfix = ", ".join(f"{key}={_written(value)}" for key, value in sorted(self._postfix.items()))
        return self._postfix

    @postfix.setter
    def postfix(self, value: Any) -> None:
        self._postfix = value

    def set_postfix(self, ordered_dict: Any = None, refresh: bool = True, **kwargs: Any) -> None:
        """Show numbers as metrics, and anything else as part of the message."""
        bar = self._bar
        if bar is None or not self._quiet:
            super().set_postfix(ordered_dict, refresh, **kwargs)
        if bar is None:
            return
        if ordered_dict:
            kwargs = {**{str(key): value for key, value in dict(ordered_dict).items()}, **kwargs}
        metrics = bar.metrics
        for key, value in kwargs.items():
            if type(value) in _PLAIN and value - value == 0:
                _set(metrics, key, value)
            else:
                kwargs = self._tell(bar, kwargs)
                break
        if self._quiet:
            self._postfix = kwargs

    def _tell(self, bar: Bar, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Show `values`, and return them as they are now: who made one may go on changing it."""
        told = {str(key): value if type(value) in _PLAIN else _told(value) for key, value in values.items()}
        bar.metrics.update({key: value for key, value in told.items() if type(value) in _PLAIN})
        bar.tell("postfix", ", ".join(f"{key}={value}" for key, value in told.items() if type(value) not in _PLAIN))
        return told

    def set_postfix_str(self, s: Any = "", refresh: bool = True) -> None:
        """Show a text as part of the message."""
        super().set_postfix_str(s, refresh)
        if self._bar is not None:
            self._bar.tell("postfix", str(s))

    def set_description(self, desc: Any = None, refresh: bool = True) -> None:
        """Show a text as part of the message; the name stays that of the beginning."""
        if not self._quiet:
            super().set_description(desc, refresh)
        self._tell_description(desc, ": ")

    def set_description_str(self, desc: Any = None, refresh: bool = True) -> None:
        """Show a text as part of the message, as `set_description`."""
        if not self._quiet:
            super().set_description_str(desc, refresh)
        self._tell_description(desc, "")

    def _tell_description(self, desc: Any, end: str) -> None:
        self.desc = f"{desc}{end}" if desc else ""
        if self._bar is not None:
            self._bar.tell("description", str(desc or "").strip())

    # ---------------------------------------------------------------- drawing, which others do

    def display(self, msg: Any = None, pos: Any = None) -> Any:
        """Draw, where tqdm itself would; an operation is drawn by whoever watches it."""
        return None if self._quiet else super().display(msg, pos)

    def refresh(self, nolock: bool = False, lock_args: Any = None) -> Any:
        """As `display`."""
        return True if self._quiet else super().refresh(nolock, lock_args)

    def clear(self, nolock: bool = False) -> None:
        """As `display`."""
        if not self._quiet:
            super().clear(nolock)

    @classmethod
    @contextmanager
    def external_write_mode(cls, file: Any = None, nolock: bool = False) -> Iterator[None]:
        """Let a block write where bars are drawn."""
        with super().external_write_mode(file, nolock), wiped():
            yield

    # ---------------------------------------------------------------- its end

    def close(self) -> None:
        """End; a second time is no error."""
        bar = self._bar
        if bar is not None and not self.disable:
            bar.close_here()
        if self._quiet:
            self.disable = True
        else:
            super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close(error)
        super().__exit__(kind, error, traceback)

    def __del__(self) -> None:
        bar = self._bar
        if bar is not None and not self.disable:
            bar.left(exception_at=None, in_loop=False)
        super().__del__()


# `help(tqdm)`, and tqdm's own command line, read the arguments there.
update_wrapper(tqdm.__init__, std.tqdm.__init__)
tqdm.__doc__ = f"{tqdm.__doc__}\n{std.tqdm.__doc__}"


def trange(*args: Any, **kwargs: Any) -> "tqdm":
    """Return ``tqdm(range(*args), **kwargs)``."""
    bar: tqdm = tqdm(range(*args), **kwargs)
    return bar


def _is_drawn() -> bool:
    """Whether an operation that begins now is drawn here; where there is nothing to write to, it need not be."""
    return sys.stderr is None or display.draws()


def _file(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[_FILE] if len(args) > _FILE else kwargs.get("file")


def _told(value: Any) -> Any:
    """Return a value as a plain number if it is one, such as a tensor of one element; else its text."""
    if isinstance(value, str):
        return value.strip()
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - whatever it is, the user's loop goes on
        return str(value)


def _written(value: Any) -> str:
    return std.tqdm.format_num(value) if type(value) in _PLAIN else str(value).strip()


def _caller(frame: FrameType) -> FrameType:
    """Return the frame that asked for the bar: the first outside of tqdm and its drop-in."""
    found: FrameType | None = frame
    while found is not None and f"{found.f_globals.get('__name__')}.".startswith(_OURS):
        found = found.f_back
    return found or frame
