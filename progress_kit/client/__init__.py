"""The Python subscriber: what the hub knows, asked from any process of this user."""

from progress_kit.client.client import cancel, get, operations
from progress_kit.client.forecast import forecast
from progress_kit.client.history import prior
from progress_kit.client.watching import Watch, ended, one

__all__ = ["Watch", "cancel", "ended", "forecast", "get", "one", "operations", "prior"]
