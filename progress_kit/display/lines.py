"""A few whole lines for an operation, where nobody watches but a log may be read later."""

import logging
import os
import sys
from functools import cache
from typing import Final, TextIO

from progress_kit.display.terminal import final_line
from progress_kit.display.view import View
from progress_kit.model import Snapshot, is_terminal

_log = logging.getLogger("progress_kit")

_STEPS: Final = 4
_COLUMNS: Final = 200


class Lines:
    """Writes a line at the start, at 25, 50 and 75 %, and at the end; of an unknown total only the first and last.

    A sink of one operation, so seldom written to that it needs nothing between. Nothing is raised: a log that cannot
    be written to is given up with one warning.
    """

    __slots__ = ("_stream", "_told")

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self._told = -1

    def __call__(self, snapshot: Snapshot, hub_id: str | None) -> None:  # noqa: ARG002 - a log links to no hub
        """Write what is new."""
        if self._stream is None:
            return
        try:
            self._tell(snapshot, self._stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's loop goes on
            self._stream = None
            _log.warning("Progress is not written here any more: %s: %s", type(error).__name__, error)

    def _tell(self, snapshot: Snapshot, stream: TextIO) -> None:
        ended = is_terminal(snapshot.state)
        step = _STEPS if ended else min(_STEPS - 1, int((snapshot.fraction or 0.0) * _STEPS + 1e-9))
        if step <= self._told:
            return
        self._told = step
        view = View.of(snapshot)
        if ended:
            _write(stream, final_line(view, _COLUMNS))
            return
        facts = [part for part in (view.percent, view.left, view.counter) if part] if step else []
        _write(stream, f"{view.title}: {' · '.join(facts) or 'started'}")


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    # In one piece: other programs may write to the same log.
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def lines() -> Lines | None:
    """Return what writes lines for one operation to standard error; None where there is none."""
    stream = sys.stderr
    return None if stream is None or stream.closed else Lines(stream)


@cache
def is_watched() -> bool:
    """Whether a person looks at the terminal, as far as the environment tells: continuous integration has none."""
    return not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
