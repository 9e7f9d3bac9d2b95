from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.player import Process
from tests.wire_server import HubServer


@pytest.fixture
def runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's runtime directory of this test, and no hub in the environment."""
    for name in ("PROGRESS_KIT_CONNECTION_FILE", "PROGRESS_KIT_HUB_URL", "PROGRESS_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def hub(runtime_dir: Path) -> Iterator[HubServer]:
    """A running hub that this process discovers."""
    with HubServer(runtime_dir) as server:
        yield server


@pytest.fixture
def process(hub: HubServer) -> Iterator[Process]:
    """A process whose operation ``op_1`` runs."""
    with Process(hub) as playing:
        yield playing
