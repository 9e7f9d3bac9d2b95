"""A live operation keeps its server: it counts as activity for JupyterHub's idle culler and for the server's own.

jupyter_server takes every web setting whose name ends in ``_last_activity`` for the time of something that happened.
"""

from datetime import UTC, datetime
from typing import Any, Final

from tornado.ioloop import PeriodicCallback

from progress_kit_jupyter.driver import HubDriver

SETTING: Final = "progress_kit_last_activity"
LOOK_S: Final = 30.0
_HOUR_S: Final = 3_600.0


class Activity:
    """Sets the time of the last activity while an operation runs and is alive, up to `hours` after it began.

    Lost, paused and waiting operations do not count.
    """

    def __init__(self, driver: HubDriver, settings: dict[str, Any], hours: float) -> None:
        self._driver = driver
        self._settings = settings
        self._within_s = hours * _HOUR_S
        self._looking = PeriodicCallback(self.look, LOOK_S * 1_000)

    def start(self) -> None:
        """Look every 30 s."""
        self._looking.start()

    def stop(self) -> None:
        """Look no more; what was seen stays."""
        self._looking.stop()

    def look(self) -> None:
        """Look once."""
        now = self._driver.now()
        if self._driver.manager.works(self._within_s, now):
            self._settings[SETTING] = datetime.fromtimestamp(now.wall, UTC)
