"""What the kernels are told of the pages of their server."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from progress_kit_jupyter.pages import ENVIRONMENT, draw_operations, tell_kernels, tell_no_more

from .conftest import Hub

OURS = {"name": "progress-kit", "load": "static/remoteEntry.js"}
OTHER = {"name": "anywidget", "load": "static/remoteEntry.js"}


@pytest.mark.parametrize(
    "page, drawn",
    [
        ({"federated_extensions": [OTHER, OURS], "disabledExtensions": ["anywidget"]}, True),
        ({"federated_extensions": [OTHER]}, False),
        ({"federated_extensions": [OURS], "disabledExtensions": ["progress-kit"]}, False),
        ({"federated_extensions": [OURS], "disabledExtensions": ["progress-kit:mime"]}, False),
        ({"federated_extensions": [OURS], "disabledExtensions": ["progress-kit:badge"]}, True),
        ({}, False),
    ],
    ids=["there", "not installed", "disabled", "renderer disabled", "badge disabled", "no JupyterLab"],
)
def test_pages_draw_operations_if_they_have_the_labextension(page: dict[str, Any], drawn: bool) -> None:  # noqa: FBT001
    """Installed, and neither it nor its renderer disabled by anyone."""
    assert draw_operations(page) is drawn


@pytest.mark.parametrize("disabled, told", [(True, "off"), (False, "on")])
def test_kernels_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    disabled: bool,  # noqa: FBT001
    told: str,
) -> None:
    """By what JupyterLab itself reads for its pages."""
    extension = {"name": "progress-kit", "version": "1", "jupyterlab": {"_build": {"load": "static/entry.js"}}}
    for name, content in {
        "data/labextensions/progress-kit/package.json": extension,
        "config/labconfig/page_config.json": {"disabledExtensions": {"progress-kit": disabled}},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv(ENVIRONMENT, "unknown")
    tell_kernels()
    assert os.environ[ENVIRONMENT] == told
    tell_no_more()
    assert ENVIRONMENT not in os.environ


async def test_the_server_tells_while_it_runs(hub: Hub) -> None:
    """Before a kernel starts; and no more when it has stopped."""
    assert os.environ[ENVIRONMENT] in {"on", "off"}
    await hub.app.stop_extension()
    assert ENVIRONMENT not in os.environ
