"""The file of bars that are not to be written."""

from typing import Final


class Nowhere:
    """Takes everything and is no terminal."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Forget `text`."""
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""

    def isatty(self) -> bool:
        """Return False."""
        return False


NOWHERE: Final = Nowhere()
