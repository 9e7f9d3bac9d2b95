"""How much of an operation the store is given: everything, what it took without names and paths, or nothing.

The server decides for all operations, each publisher for its own; what keeps less wins.
"""

from typing import Final

from msgspec.structs import replace

from progress_kit.hub.events import KeepRecord
from progress_kit.model import Pseudonyms, Snapshot
from progress_kit.model.anonymous import failure, title
from progress_kit.protocol.messages import HistoryMode, InboxItem

_STRICTER: Final[tuple[HistoryMode, ...]] = ("full", "anonymous", "off")


class Keeping:
    """`mode` is the server's; the pseudonyms last as long as their key."""

    def __init__(self, mode: HistoryMode = "full", names: Pseudonyms | None = None) -> None:
        self.mode = mode
        self.names = names or Pseudonyms(b"")

    def both(self, wish: HistoryMode) -> HistoryMode:
        """Return what is kept of the operations of a publisher with this wish."""
        return max(self.mode, wish, key=_STRICTER.index)

    def snapshot(self, snapshot: Snapshot, mode: HistoryMode) -> Snapshot:
        """Return what is kept of a state, where anything is."""
        return snapshot if mode == "full" else self.names.snapshot(snapshot)

    def record(self, record: KeepRecord, mode: HistoryMode) -> KeepRecord | None:
        """Return what is kept of a record; spans name tasks and workers."""
        if mode != "anonymous":
            return record if mode == "full" else None
        stages = tuple(replace(stage, name=self.names.stage(stage.name)) for stage in record.stages)
        return replace(record, spans=(), stages=stages)

    def item(self, item: InboxItem, mode: HistoryMode) -> InboxItem | None:
        """Return what is kept of an item of the inbox."""
        if mode != "anonymous":
            return item if mode == "full" else None
        return replace(item, name=title(None), error=failure(item.error), origin=type(item.origin)())

    def same_kind(self, asked: str, kind: str | None) -> bool:
        """Whether `asked`, by its name or its pseudonym, is this kind."""
        return kind is not None and asked in {kind, self.names.kind(kind)}
