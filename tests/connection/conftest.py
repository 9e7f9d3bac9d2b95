from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire_server import HubServer


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    """A running hub with a connection file in `tmp_path`."""
    with HubServer(tmp_path) as server:
        yield server
