"""What is left of an operation without names and paths: enough to learn from its runs how long the next one takes.

A kind and a stage are kept as a pseudonym: the same for the same name, and without the key nobody can tell of which.
"""

import builtins
import re
from typing import Final

from msgspec.structs import replace

from progress_kit.model.snapshot import Failure, Origin, Snapshot, Stage

PLAIN_STAGES: Final = frozenset({"main", "initialization", "analysis", "planning", "implementation", "finalization"})
"""The library's own names, which tell nothing."""
_PSEUDONYM: Final = re.compile(r"(kind|stage)-[0-9a-f]{24}\Z")


class Pseudonyms:
    """Pseudonyms under one secret `key` of at most 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def kind(self, kind: str) -> str:
        """Return the pseudonym of a kind; one that is one already stays."""
        return self._of("kind", kind)

    def stage(self, name: str) -> str:
        """Return the pseudonym of a stage; a name of the library's own stays."""
        return name if name in PLAIN_STAGES else self._of("stage", name)

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot` with numbers, states and times, and of texts only ids and the owner."""
        kind = None if snapshot.kind is None else self.kind(snapshot.kind)
        return replace(
            snapshot,
            name=title(kind),
            kind=kind,
            stage=None if snapshot.stage is None else self.stage(snapshot.stage),
            message="",
            stages=tuple(self._stage(stage) for stage in snapshot.stages),
            tasks=(),
            tasks_omitted=snapshot.tasks_omitted + len(snapshot.tasks),
            estimate=None if snapshot.estimate is None else replace(snapshot.estimate, why=""),
            metrics={},
            error=failure(snapshot.error),
            origin=Origin(),
        )

    def _stage(self, stage: Stage) -> Stage:
        return replace(stage, name=self.stage(stage.name), unit="", message="", counters=())

    def _of(self, what: str, name: str) -> str:
        if _PSEUDONYM.match(name):
            return name
        from hashlib import blake2b  # 3 ms that no loop should pay for

        digest = blake2b(name.encode("utf-8", "replace"), key=self._key, digest_size=12, person=what.encode())
        return f"{what}-{digest.hexdigest()}"


def title(kind: str | None) -> str:
    """Return what an operation of this pseudonym is called where people see it."""
    return "Operation" if kind is None else f"Operation {kind[-24:][:6]}"


def failure(error: Failure | None) -> Failure | None:
    """Return the error without its text, and without its type if that is not one of Python's own."""
    if error is None:
        return None
    known = getattr(builtins, error.type, None)
    own = isinstance(known, type) and issubclass(known, BaseException)
    return Failure(type=error.type if own or error.type == "Lost" else "Exception")
