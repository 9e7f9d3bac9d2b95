"""A live operation keeps the server from being called idle."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from progress_kit.hub import Connected, Login, Now, Received, Tick
from progress_kit.model import Snapshot
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import Hello, Publish, PublisherInfo
from progress_kit.protocol.rest import TokenRequest
from progress_kit.store import Retention
from progress_kit_jupyter.activity import SETTING, Activity
from progress_kit_jupyter.driver import HubDriver

from .conftest import Hub

HOUR_S = 3_600.0


async def _last_activity(hub: Hub) -> datetime:
    """Return what JupyterHub and the server's own idle shutdown go by."""
    response = await hub._client.fetch("/a%40b/api/status", headers=hub.login)
    return datetime.fromisoformat(json.loads(response.body)["last_activity"])


async def test_a_running_operation_is_activity(hub: Hub) -> None:
    """As long as it runs, the last activity is now; after its end it stays what it was."""
    assert hub.app.running is not None
    activity = hub.app.running.activity
    settings = hub.serverapp.web_app.settings
    activity.look()
    assert SETTING not in settings
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await publisher.publish("op_1", "running", 1)
        await publisher.send(type="ping")
        await publisher.receive("pong")
        before = await _last_activity(hub)
        activity.look()
        first = await _last_activity(hub)
        activity.look()
        assert before < first < await _last_activity(hub)
        await publisher.publish("op_1", "succeeded", 2)
        await publisher.receive("ack")
        seen = settings[SETTING]
        activity.look()
        assert settings[SETTING] == seen


class Ward:
    """A hub by itself, with a clock that is set by hand, and one publisher, which connects anew for each state."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1_000.0
        self.driver = HubDriver("h_1", b"k" * 32, Limits(), path, Retention())
        monkeypatch.setattr(self.driver, "now", lambda: self.now)
        self.settings: dict[str, Any] = {}
        self._conn = 0

    @property
    def now(self) -> Now:
        return Now(self.seconds, 1_700_000_000.0 + self.seconds)

    def _do(self, event: Connected | Received | Tick) -> None:
        self.driver.perform(self.driver.manager.handle(event, self.now))

    def publish(self, state: str) -> None:
        """Publish one state."""
        grant = self.driver.authority.grant(TokenRequest(scopes=("publish",)), Login("local"), self.now.wall)
        hello = Hello(token=grant.token, client="test/1", publisher=PublisherInfo(session="s_1"))
        snapshot = msgspec.convert({"id": "op_1", "name": "A", "state": state, "seq": int(self.seconds)}, Snapshot)
        self._conn += 1
        self._do(Connected(self._conn))
        self._do(Received(self._conn, encode(hello)))
        self._do(Received(self._conn, encode(Publish(operations=(snapshot,)))))

    def look(self, hours: float) -> datetime | None:
        """Return what one look finds."""
        self.settings.clear()
        Activity(self.driver, self.settings, hours).look()
        found: datetime | None = self.settings.get(SETTING)
        return found

    def wait(self, seconds: float) -> None:
        """Let time pass without a sign of the publisher."""
        self.seconds += seconds
        self._do(Tick())


async def test_what_is_lost_paused_or_older_than_the_limit_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything with a limit of 0 hours."""
    ward = Ward(tmp_path / "history.sqlite3", monkeypatch)
    try:
        ward.publish("running")
        assert ward.look(24.0) == datetime.fromtimestamp(ward.now.wall, UTC)
        assert ward.look(0.0) is None
        ward.wait(60.0)  # far beyond the lease
        assert ward.look(24.0) is None
        ward.publish("running")  # it is back
        assert ward.look(24.0) is not None
        ward.wait(1.0)
        ward.publish("paused")
        assert ward.look(24.0) is None
        ward.wait(24 * HOUR_S - 61.5)
        ward.publish("running")
        last = ward.look(24.0)
        assert last is not None
        assert last - datetime.fromtimestamp(1_700_001_000.0, UTC) < timedelta(hours=24)
        ward.wait(1.0)
        ward.publish("running")
        assert ward.look(24.0) is None
        assert ward.look(25.0) is not None
    finally:
        await asyncio.sleep(0)
        await ward.driver.stop()
