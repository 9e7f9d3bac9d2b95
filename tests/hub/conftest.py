import pytest

from tests.hub.bench import Bench


@pytest.fixture
def hub() -> Bench:
    """Return a hub with the default limits."""
    return Bench()
