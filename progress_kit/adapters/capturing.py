"""`capture`: the bars of other libraries become operations, until it is taken back."""

import threading
from types import ModuleType, TracebackType
from typing import Final, Self, get_args

from progress_kit import settings
from progress_kit.adapters import catalogue
from progress_kit.adapters.imports import when_imported
from progress_kit.adapters.patches import Output, Patches
from progress_kit.errors import InvalidValueError

_lock: Final = threading.RLock()


class _Captured:
    """An adapter that is switched on, and who wants it to be: the newest of them decides on the output."""

    def __init__(self, name: str, output: Output) -> None:
        self.patches = Patches(name, output)
        self.wanted: list[Capture] = []
        for target, change in catalogue.find(name).TARGETS.items():

            def arrived(module: ModuleType, change: catalogue.Change = change) -> None:
                self.patches.guarded(change, self.patches, module)

            self.patches.on_release(when_imported(target, arrived))


_captured: Final[dict[str, _Captured]] = {}


class Capture:
    """Some libraries that are captured until `release`, or until the end of its ``with`` block."""

    def __init__(self, names: tuple[str, ...], output: Output) -> None:
        self.names = names
        self.output: Output = output

    def __repr__(self) -> str:
        return f"<Capture of {', '.join(self.names) or 'nothing'}>"

    def release(self) -> None:
        """Give the libraries back as they were; the operations of bars that are running end early. Twice is no error.

        What was captured twice is given back at the second release.
        """
        with _lock:
            names, self.names = self.names, ()
            for name in (*names, catalogue.WORKERS) if names else ():
                captured = _captured[name]
                captured.wanted.remove(self)
                if captured.wanted:
                    captured.patches.output = captured.wanted[-1].output
                else:
                    del _captured[name]
                    captured.patches.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def capture(*names: str, output: Output = "theirs") -> Capture:
    """Let the progress of other libraries be operations, without a change to the code that uses them.

    `names` are some of

    - bars: `tqdm`, `rich`, `alive_progress`, `fastprogress`, `progressbar2`, `enlighten`, `click`
    - what trains and searches: `sklearn`, `optuna`, `lightgbm`, `xgboost`, `keras`, `lightning`, `transformers`
    - what works in parallel: `joblib`, `dask`, `distributed`
    - only by name: `pandas`, `futures`, `asyncio`, whose work is often such that nobody waits for it

    Without any, all are taken that are installed but for the last ones. Nothing is imported for it: a library is
    captured when it has been. A bar inside of an operation is a nested counter of it. Forked
    workers capture too, and so do those that multiprocessing or loky start from now on.

    With ``output="theirs"`` the libraries go on writing what they always did, and the operations are seen by whoever
    watches elsewhere: the panel, other tabs, the history. With ``"ours"`` they are drawn here, in the cell or the
    terminal, in place of the libraries' own bars.

    Returns a handle: its `release()`, or the end of its ``with`` block, takes everything back. Raises
    `InvalidValueError` for a name that is none, and `LibraryMissingError` for one whose library is not installed or is
    too old. With
    ``PROGRESS_KIT=off`` nothing is captured.
    """
    if output not in get_args(Output):
        raise InvalidValueError(f"output is {output!r}; give 'theirs' or 'ours'")
    adapters = {str(name).replace("-", "_"): catalogue.find(name) for name in names}
    for name, adapter in adapters.items():
        catalogue.check_installed(name, adapter)
    if not settings.read().enabled:
        return Capture((), output)
    return take(tuple(adapters) or catalogue.USUAL, output)


def take(names: tuple[str, ...], output: Output) -> Capture:
    """Capture from `names`, whatever is installed."""
    with _lock:
        taken = Capture(names, output)
        for name in (*names, catalogue.WORKERS):
            captured = _captured.get(name)
            if captured is None:
                captured = _captured[name] = _Captured(name, output)
            captured.wanted.append(taken)
            captured.patches.output = output
        return taken


def taken() -> dict[Output, list[str]]:
    """Return what is captured now, by who draws it."""
    with _lock:
        found: dict[Output, list[str]] = {}
        for name, captured in _captured.items():
            if name != catalogue.WORKERS:
                found.setdefault(captured.patches.output, []).append(name)
        return found
