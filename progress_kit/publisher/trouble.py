"""One warning for each kind of trouble, never an exception into the user's code."""

import logging
from typing import Final

LOGGER: Final = logging.getLogger("progress_kit")


class Trouble:
    """Logs the first of each kind of trouble as a warning, later ones at debug level."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def warn(self, kind: str, message: str, *args: object) -> None:
        """Log `message` % `args`; only the first of its `kind` is a warning."""
        level = logging.DEBUG if kind in self._known else logging.WARNING
        self._known.add(kind)
        LOGGER.log(level, message, *args)
