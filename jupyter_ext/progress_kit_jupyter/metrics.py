"""The hub's metrics, in the registry whose content jupyter_server serves at ``/metrics``.

They are read when somebody asks for them. No label has anything of an operation or a user in it.
"""

import logging
from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, StateSetMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from progress_kit.model import OperationState
from progress_kit.protocol.rest import StoreState
from progress_kit_jupyter.driver import HubDriver

log: Final = logging.getLogger("progress_kit")

STATES: Final = (*get_args(OperationState), "lost")
STORE_STATES: Final = get_args(StoreState)


class HubMetrics(Collector):
    """Reads one hub, from `start` to `stop`."""

    def __init__(self, driver: HubDriver) -> None:
        self._driver = driver
        self._registered = False

    def start(self) -> None:
        """Be read from now on; of several hubs in one process, only the first one is."""
        try:
            REGISTRY.register(self)
        except ValueError:
            log.debug("Another hub of this process has its metrics in the registry already")
        else:
            self._registered = True

    def stop(self) -> None:
        """Be read no more."""
        if self._registered:
            self._registered = False
            REGISTRY.unregister(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now."""
        driver = self._driver
        manager, store = driver.manager, driver.store
        counts = manager.states()
        operations = GaugeMetricFamily(
            "progress_kit_operations",
            "Operations in the hub's memory by state; lost: without a sign of life, whatever they said last",
            labels=["state"],
        )
        for state in STATES:
            operations.add_metric([state], counts.get(state, 0))
        yield operations
        _, publishers, subscribers = manager.counts()
        yield GaugeMetricFamily("progress_kit_publishers", "Processes that are connected and publish", publishers)
        yield GaugeMetricFamily("progress_kit_subscribers", "Connections that watch operations", subscribers)
        yield CounterMetricFamily(
            "progress_kit_sent_bytes", "Bytes of WebSocket frames for publishers and subscribers", driver.sent_bytes
        )
        yield CounterMetricFamily(
            "progress_kit_conflated_states",
            "Running states that were replaced by newer ones because their publisher was too fast",
            manager.conflated,
        )
        closed = CounterMetricFamily(
            "progress_kit_closed_connections",
            "Connections that the hub closed, by WebSocket close code; 4508: too slow, 4429: too fast or too many",
            labels=["code"],
        )
        for code, count in sorted(driver.closed.items()):
            closed.add_metric([str(code)], count)
        yield closed
        yield SummaryMetricFamily(
            "progress_kit_store_write_seconds",
            "Time that transactions of the store took to be on the disk",
            count_value=store.commits,
            sum_value=store.commit_s,
        )
        status, _ = store.status
        yield StateSetMetricFamily(
            "progress_kit_store_status",
            "Whether operations are kept on the disk (ok), in memory, or cannot be written (read_only)",
            {each: each == status for each in STORE_STATES},
        )
