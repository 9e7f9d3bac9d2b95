"""What user code touches: trackers, stages, tracked loops, and asking for operations."""

from progress_kit.tracker.api import cancel, estimate, get, history, operations, wait, watch
from progress_kit.tracker.decorator import tracked
from progress_kit.tracker.innermost import current
from progress_kit.tracker.iterables import Track, track
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.tracker import ProgressTracker

__all__ = [
    "ProgressTracker",
    "Stage",
    "Track",
    "cancel",
    "current",
    "estimate",
    "get",
    "history",
    "operations",
    "track",
    "tracked",
    "wait",
    "watch",
]
