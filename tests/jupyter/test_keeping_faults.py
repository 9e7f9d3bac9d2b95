"""What publishers, pages and the health report are told while the history cannot be written, and afterwards."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .conftest import Hub, Peer


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file that failed tried again every 50 ms."""
    monkeypatch.setattr("progress_kit.store.database.HEAL_S", 0.05)
    monkeypatch.setattr("progress_kit.store.database._HEAL_AT_MOST_S", 0.05)


async def health(hub: Hub) -> tuple[str, dict[str, Any]]:
    """Return how the hub is, and its store."""
    answer = json.loads((await hub.fetch("api/health", headers=hub.login)).body)
    return answer["status"], answer["store"]


async def durable(publisher: Peer) -> dict[str, int]:
    """Return what the next acknowledgement of an end calls durable."""
    while not (found := (await publisher.receive("ack"))["durable"]):
        pass
    acknowledged: dict[str, int] = found
    return acknowledged


async def test_live_progress_goes_on_without_the_file(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Pages see every state, the health report says what is wrong, no end is acknowledged; it is when the file is back.

    A restart of the server is not needed for that, and the log has one warning.
    """
    path = Path(hub.app.history_file)
    async with (
        hub.peer(await hub.mint("publish"), session="s_1") as publisher,
        hub.peer(await hub.mint("subscribe")) as page,
    ):
        await page.send(type="subscribe", id="s", filter={})
        await publisher.publish("op_before", "succeeded", 1)
        assert await durable(publisher) == {"op_before": 1}
        assert await health(hub) == ("ok", {"status": "ok", "reason": None})

        path.parent.rename(path.parent.with_name("moved"))
        path.parent.write_text("something is in the way")
        await publisher.publish("op_during", "succeeded", 1)
        seen: dict[str, Any] = {}
        while "op_during" not in seen:
            seen |= {each["id"]: each for each in (await page.receive("state"))["operations"]}
        assert (seen["op_during"]["state"], seen["op_during"]["hub"]["stored"]) == ("succeeded", False)
        while (told := await health(hub))[0] == "ok":
            pass
        assert told[0] == "degraded"
        assert told[1]["status"] == "read_only"
        assert str(path) in told[1]["reason"]

        path.parent.unlink()
        assert await durable(publisher) == {"op_during": 1}
        assert await health(hub) == ("ok", {"status": "ok", "reason": None})
        while not seen["op_during"]["hub"]["stored"]:
            seen |= {each["id"]: each for each in (await page.receive("state"))["operations"]}
    with closing(sqlite3.connect(path)) as file:
        assert {name for (name,) in file.execute("SELECT id FROM operations")} == {"op_before", "op_during"}
    warned = [record for record in caplog.records if "history" in record.getMessage() and record.levelname != "INFO"]
    assert [record.levelname for record in warned] == ["WARNING"]
