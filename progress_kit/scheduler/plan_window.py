"""How many tasks are given to the engine before others have ended, and which travel together."""

from math import ceil
from typing import Final

from progress_kit.scheduler.engines.base import Capabilities
from progress_kit.scheduler.plan_node import Node

LONG_S: Final = 0.02
"""Tasks that take longer gain nothing from waiting in a worker's own queue."""
SHORT_S: Final = 0.001
"""Tasks that take less travel together, as many as take `LONG_S`."""
OVERHEAD_S: Final = 3e-5
"""What a task costs beside its function, at least."""
MOST_IN_PARCEL: Final = 256
MOST_AHEAD: Final = 50
"""So many times its workers are given at most to an engine that takes long to bring a task to a worker."""


class Window:
    """What an engine of so many workers and these capabilities should have at the same time; both may be set anew."""

    def __init__(self, workers: int, capabilities: Capabilities) -> None:
        self.workers = workers
        self.capabilities = capabilities

    def parcels(self, predicted_s: float | None) -> int:
        """Return how many parcels of tasks of this duration may be with the engine."""
        if predicted_s is None or predicted_s > LONG_S:
            return self.workers + max(1, self._bridge(predicted_s))
        return self.workers * (2 if self.short(predicted_s) else 4) + self._bridge(predicted_s)

    def enough(self, most: int, predicted_s: float | None) -> int:
        """Return how many parcels have to be left of `most` before others are sent."""
        return most if predicted_s is None or predicted_s > LONG_S else max(self.workers, most // 2) + 1

    def room(self, predicted_s: float | None) -> int:
        """Return how many tasks of this duration should be in the plan, so that no worker ever waits for one."""
        parcels = self.parcels(predicted_s)
        if predicted_s is None or not self.short(predicted_s):
            return 2 * parcels
        return parcels * min(MOST_IN_PARCEL, int(LONG_S / (predicted_s + OVERHEAD_S)) + 1) * 3 // 2

    def short(self, predicted_s: float | None) -> bool:
        """Whether tasks of this duration travel together."""
        short_s = max(SHORT_S, self.capabilities.latency_s / 10)
        return self.capabilities.batches and predicted_s is not None and predicted_s < short_s

    def most_together(self, waiting: int) -> int:
        """Return how many of those that wait may travel together, so that other workers have some too."""
        return min(MOST_IN_PARCEL, max(1, waiting // max(1, self.workers)))

    def _bridge(self, predicted_s: float | None) -> int:
        """Return how many more parcels keep the workers busy while the engine brings the next ones."""
        latency_s = self.capabilities.latency_s
        if not latency_s or predicted_s is None:
            return self.workers if latency_s else 0
        parcel_s = LONG_S if self.short(predicted_s) else predicted_s
        return ceil(self.workers * min(latency_s / parcel_s, MOST_AHEAD))


def predict(node: Node) -> float | None:
    """Return how many seconds a task will take; None while nothing is known of its sort."""
    return node.group.pace.predict(node.cost)
