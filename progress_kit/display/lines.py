"""A few whole lines for an operation, where nobody watches but a log may be read later."""

import os
import sys
from typing import Final, TextIO

from progress_kit.display.terminal import final_line
from progress_kit.display.view import View
from progress_kit.model import Snapshot, is_terminal

_STEPS: Final = 4
_COLUMNS: Final = 200


class Lines:
    """Writes a line at the start, at 25, 50 and 75 %, and at the end; of an unknown total only the first and last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = -1

    def show(self, snapshot: Snapshot, hub_id: str | None) -> None:  # noqa: ARG002 - a log links to no hub
        """Write what is new."""
        view = View.of(snapshot)
        if is_terminal(snapshot.state):
            self._write(final_line(view, _COLUMNS))
            return
        step = min(_STEPS - 1, int((snapshot.fraction or 0.0) * _STEPS + 1e-9))
        if step > self._told:
            self._told = step
            facts = [part for part in (view.percent, view.left, view.counter) if part] if step else []
            self._write(f"{view.title}: {' · '.join(facts) or 'started'}")

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        # In one piece: other programs may write to the same log.
        self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()


def lines() -> Lines | None:
    """Return a screen for one operation on standard error; None where there is none."""
    stream = sys.stderr
    return None if stream is None or stream.closed else Lines(stream)


def is_watched() -> bool:
    """Whether a person looks at the terminal, as far as the environment tells: continuous integration has none."""
    return not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
