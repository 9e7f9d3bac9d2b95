"""What the pages of this server can do by themselves, for its kernels to know: then they need not send a widget."""

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jupyter_core.paths import jupyter_path

ENVIRONMENT: Final = "PROGRESS_KIT_LABEXTENSION"
LABEXTENSION: Final = "progress-kit"
_RENDERER: Final = f"{LABEXTENSION}:mime"


def tell_kernels() -> None:
    """Set the environment of the kernels: whether JupyterLab and Notebook draw operations here."""
    os.environ[ENVIRONMENT] = "on" if _have_labextension(logging.getLogger("progress_kit")) else "off"


def tell_no_more() -> None:
    """Undo `tell_kernels`."""
    os.environ.pop(ENVIRONMENT, None)


def draw_operations(page_config: Mapping[str, Any]) -> bool:
    """Tell whether pages with this configuration have our labextension, and may use it."""
    disabled: Iterable[str] = page_config.get("disabledExtensions", ())
    extensions: Iterable[Mapping[str, str]] = page_config.get("federated_extensions", ())
    installed = any(extension.get("name") == LABEXTENSION for extension in extensions)
    return installed and not {LABEXTENSION, _RENDERER} & set(disabled)


def _have_labextension(log: logging.Logger) -> bool:
    try:
        from jupyterlab_server.config import get_page_config
    except ImportError:
        return False  # there is no JupyterLab
    try:
        return draw_operations(get_page_config(jupyter_path("labextensions")))
    except Exception as error:  # noqa: BLE001 - a broken file of another extension does not keep the hub from starting
        log.debug("The configuration of JupyterLab's pages could not be read: %s", error)
        return False
