from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import Home, Server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user's own directories."""
    return Home(tmp_path)


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A running Jupyter server."""
    with Server(home) as running:
        yield running
