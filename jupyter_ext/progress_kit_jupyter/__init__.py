"""The Jupyter server extension of progress_kit: the hub of one server, on the web."""

from typing import Any

from progress_kit_jupyter._version import __version__
from progress_kit_jupyter.app import ProgressKit

__all__ = ["ProgressKit", "__version__"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "progress_kit_jupyter", "app": ProgressKit}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "progress-kit"}]
