"""What survives: operations and history in SQLite, written in a thread of their own."""

from progress_kit.store.records import Record
from progress_kit.store.store import Store
from progress_kit.store.table import HistoryPage, Retention

__all__ = ["HistoryPage", "Record", "Retention", "Store"]
