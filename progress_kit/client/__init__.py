"""The Python subscriber: what the hub knows, asked from any process of this user."""

from progress_kit.client.client import cancel, first_answer, get, operations, reach
from progress_kit.client.forecast import forecast
from progress_kit.client.health import health
from progress_kit.client.history import History, prior, runs
from progress_kit.client.watching import Watch, ended, one

__all__ = [
    "History",
    "Watch",
    "cancel",
    "ended",
    "first_answer",
    "forecast",
    "get",
    "health",
    "one",
    "operations",
    "prior",
    "reach",
    "runs",
]
