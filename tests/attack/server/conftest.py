# The running server of tests/jupyter, for attacks on it; imported, so that its automatic fixtures stay in this folder.
from pytest_jupyter.jupyter_server import *  # noqa: F403

from tests.jupyter.conftest import hub, jp_server_config, server_options

__all__ = ["hub", "jp_server_config", "server_options"]
