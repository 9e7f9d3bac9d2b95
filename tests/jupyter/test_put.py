"""``PUT operations/{id}``: a program of any language publishes by requests."""

import json
from typing import Any

import pytest

from progress_kit.protocol import TOKEN_HEADER

from .conftest import Hub
from .kernels import view

RUNNING = {
    "name": "Backup",
    "state": "running",
    "stages": [{"name": "main", "done": 40, "total": 100}],
    "actions": ["cancel"],
}


async def put(hub: Hub, token: str, body: Any, operation: str = "backup") -> tuple[int, dict[str, Any]]:
    """Make one request; return status and answer."""
    answer = await hub.fetch(f"api/operations/{operation}", "PUT", body, {TOKEN_HEADER: token})
    return answer.code, json.loads(answer.body)


async def test_a_backup_script_is_seen_and_cancelled(hub: Hub) -> None:
    """As PROTOCOL.md has it: only name and state are required; commands come with the answers."""
    token = await hub.mint("publish")
    commander = {TOKEN_HEADER: await hub.mint("subscribe", "command")}
    async with view(hub) as page:
        body = {"session": None, "lease_s": 600, "snapshot": RUNNING}
        assert await put(hub, token, body) == (200, {"seq": 1, "state": "running", "durable": False, "commands": []})
        found = await page.until(lambda each: each["id"] == "backup")
        assert (found["fraction"], found["hub"]["via"], found["hub"]["owner"]) == (0.4, "rest", "local")
        accepted = await hub.fetch("api/operations/backup/commands", "POST", {"action": "cancel"}, commander)
        assert accepted.code == 202
        request = json.loads(accepted.body)["request"]
        _, answer = await put(hub, token, body)
        assert answer["commands"] == [{"request": request, "action": "cancel", "by": "local"}]
        done = await hub.fetch(
            f"api/operations/backup/commands/{request}", "POST", {"ok": True, "error": None}, {TOKEN_HEADER: token}
        )
        assert done.code == 204
        status, answer = await put(hub, token, {"snapshot": {"name": "Backup", "state": "cancelled"}})
        assert (status, answer) == (200, {"seq": 3, "state": "cancelled", "durable": True, "commands": []})
        await page.until(lambda each: each["state"] == "cancelled" and each["hub"]["stored"])


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"snapshot": {"name": "x"}}, 400, "bad_request"),
        ({"snapshot": {"name": "x", "state": "running"}, "lease_s": 86_401}, 400, "bad_request"),
        ({"snapshot": {"name": "x", "state": "running"}, "lease_s": 0}, 400, "bad_request"),
        ({"snapshot": {"name": "x", "state": "running"}, "session": "no id"}, 400, "bad_request"),
        ({}, 400, "bad_request"),
        ([], 400, "bad_request"),
        ({"snapshot": {"name": "x", "state": "running", "message": "m" * 300_000}}, 413, "too_large"),
        ({"snapshot": {"name": "x", "state": "running", "seq": 1}}, 409, "stale_seq"),
    ],
)
async def test_what_is_wrong_is_refused(hub: Hub, body: Any, status: int, code: str) -> None:
    """With an error of the protocol, which repeats nothing of the input."""
    token = await hub.mint("publish")
    await put(hub, token, {"snapshot": RUNNING | {"seq": 5}})
    answered, answer = await put(hub, token, body)
    assert (answered, answer["error"]["code"]) == (status, code)


async def test_an_end_is_final(hub: Hub) -> None:
    """409 with code `terminal`."""
    token = await hub.mint("publish")
    await put(hub, token, {"snapshot": {"name": "x", "state": "failed"}})
    status, answer = await put(hub, token, {"snapshot": RUNNING})
    assert (status, answer["error"]["code"]) == (409, "terminal")


async def test_only_who_may_publish_does(hub: Hub) -> None:
    """Another scope, another operation's token, a page: refused."""
    for token in (await hub.mint("subscribe", "command"), await hub.mint("publish", operation="other")):
        status, answer = await put(hub, token, {"snapshot": RUNNING})
        assert (status, answer["error"]["code"]) == (403, "forbidden")
    status, answer = await put(hub, await hub.mint("publish", operation="backup"), {"snapshot": RUNNING})
    assert status == 200
    headers = {TOKEN_HEADER: await hub.mint("publish"), "Origin": f"http://{hub.host}"}
    for path, method in (("api/operations/backup", "PUT"), ("api/operations/backup/commands/c1", "POST")):
        page = await hub.fetch(path, method, {"snapshot": RUNNING}, headers)
        assert page.code == 403


async def test_control_characters_are_replaced(hub: Hub) -> None:
    """As in every frame."""
    token = await hub.mint("publish")
    await put(hub, token, {"snapshot": {"name": "a\u001b[31mb\u202ec", "state": "running"}})
    answer = await hub.fetch("api/operations/backup", headers={TOKEN_HEADER: await hub.mint("subscribe")})
    assert json.loads(answer.body)["name"] == "a\ufffd[31mb\ufffdc"
