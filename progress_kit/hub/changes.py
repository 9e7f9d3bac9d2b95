"""The order in which operations changed: what is newer than a cursor is found without looking at the rest."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

SLACK: Final = 1_024
"""So many outdated lines are kept at least before they are swept out."""


class Changes:
    """A list of (revision, operation), oldest first. A line is outdated when its operation has changed again."""

    def __init__(self, revision_of: Callable[[str], int | None]) -> None:
        """`revision_of` returns the revision of an operation's last change; None if it is not known any more."""
        self._revision_of = revision_of
        self._revisions: list[int] = []
        self._operations: list[str] = []

    def __len__(self) -> int:
        """How many lines there are, outdated ones too."""
        return len(self._revisions)

    def add(self, revision: int, operation: str) -> None:
        """Note a change; its revision is higher than all before."""
        self._revisions.append(revision)
        self._operations.append(operation)

    def since(self, revision: int) -> Iterator[str]:
        """Yield the operations whose last change is newer than `revision`, oldest change first."""
        for place in range(bisect_right(self._revisions, revision), len(self._revisions)):
            operation = self._operations[place]
            if self._revision_of(operation) == self._revisions[place]:
                yield operation

    def sweep(self, known: int) -> None:
        """Drop outdated lines if there are many; `known` is how many operations there are."""
        if len(self._revisions) <= 2 * known + SLACK:
            return
        kept = [
            (revision, operation)
            for revision, operation in zip(self._revisions, self._operations, strict=True)
            if self._revision_of(operation) == revision
        ]
        self._revisions = [revision for revision, _ in kept]
        self._operations = [operation for _, operation in kept]
