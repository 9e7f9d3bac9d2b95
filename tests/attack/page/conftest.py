import json
from collections.abc import Iterator

import pytest

from tests.browser.conftest import chromium, desk, running
from tests.browser.lab import Lab

__all__ = ["chromium", "desk"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that logs all that it does: an attack is also a look at its log."""
    lab = Lab(tmp_path_factory.mktemp("attacked"))
    config = {"ServerApp": {"log_level": "DEBUG"}}
    (lab.home / "config" / "jupyter_server_config.json").write_text(json.dumps(config), encoding="utf-8")
    yield from running(lab)
