"""What the scheduler's tests share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from progress_kit.testing import RecordingPublisher

if TYPE_CHECKING:
    from distributed import Client, LocalCluster


@pytest.fixture
def publisher() -> Iterator[RecordingPublisher]:
    """Nothing leaves the process, and what ended can be looked at."""
    with RecordingPublisher() as recording:
        yield recording


@pytest.fixture(scope="session")
def cluster() -> "Iterator[LocalCluster]":
    """Two Dask workers in processes of their own, of one thread each. A job that has killed two workers has failed."""
    import dask
    from distributed import LocalCluster

    terms = {
        "distributed.scheduler.allowed-failures": 1,
        "logging.distributed": "critical",
        # A cluster gives a worker up for good that has not come back by then, as it may on a busy machine.
        "distributed.deploy.lost-worker-timeout": "1 hour",
    }
    with dask.config.set(terms), LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def client(cluster: "LocalCluster") -> "Iterator[Client]":
    """A client of the cluster, which has both of its workers."""
    from distributed import Client

    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client
