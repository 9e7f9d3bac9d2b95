"""The history over REST: read, filtered, counted by kind and deleted; timelines and priors through the server."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from progress_kit.protocol import TOKEN_HEADER

from .conftest import Hub, Peer

KIND = "train@folder/a b.ipynb"


async def ended(publisher: Peer, operation: str, elapsed_s: float, state: str = "succeeded", **fields: Any) -> None:
    """Publish a run of `KIND` that has ended, and wait until it is stored."""
    await publisher.publish(operation, state, 1, elapsed_s=elapsed_s, kind=fields.pop("kind", KIND), **fields)
    while operation not in (await publisher.receive("ack"))["durable"]:
        pass


async def read(hub: Hub, path: str) -> Any:
    """Return what a login is answered."""
    response = await hub.fetch(path, headers=hub.login)
    assert response.code == 200, response.body
    return json.loads(response.body)


async def test_history_is_read_by_kind_state_and_time(hub: Hub) -> None:
    """Every filter of the endpoint reaches the store."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await ended(publisher, "op_1", 1.0)
        await ended(publisher, "op_2", 3.0, "failed")
        await ended(publisher, "op_3", 5.0, kind="other")
    whole = (await read(hub, "api/history"))["items"]
    assert [each["id"] for each in whole] == ["op_3", "op_2", "op_1"]
    at = whole[1]["hub"]["changed_at"]
    for query, expected in (
        (f"kind={quote(KIND)}", ["op_2", "op_1"]),
        ("state=failed", ["op_2"]),
        ("state=failed,succeeded", ["op_3", "op_2", "op_1"]),
        (f"since={at}", ["op_3", "op_2"]),
        (f"until={at}", ["op_1"]),
        ("limit=1", ["op_3"]),
    ):
        assert [each["id"] for each in (await read(hub, f"api/history?{query}"))["items"]] == expected, query
    kinds = (await read(hub, "api/kinds"))["items"]
    assert [(each["kind"], each["runs"], each["median_s"]) for each in kinds] == [("other", 1, 5.0), (KIND, 2, 1.0)]


async def test_a_prior_is_read_and_reaches_the_next_publisher(hub: Hub) -> None:
    """`GET priors/{kind}` and the publisher's first acknowledgement say the same."""
    assert (await hub.fetch(f"api/priors/{quote(KIND, safe='')}", headers=hub.login)).code == 204
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        stages = [{"name": "main", "state": "succeeded", "elapsed_s": 1.5}]
        await ended(publisher, "op_1", 2.0, stages=stages)
    prior = await read(hub, f"api/priors/{quote(KIND, safe='')}")
    assert (prior["runs"], prior["total_s"]) == (1, [2.0, 2.0, 2.0])
    assert [(stage["name"], stage["duration_s"]) for stage in prior["stages"]] == [("main", [1.5, 1.5, 1.5])]
    async with hub.peer(await hub.mint("publish"), session="s_2") as publisher:
        await publisher.publish("op_2", "running", 1, kind=KIND)
        assert (await publisher.receive("ack"))["priors"] == {KIND: prior}


async def test_timeline_and_estimates_are_read_with_the_tasks(hub: Hub) -> None:
    """Of a live run the estimates so far, of an ended one everything."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        estimate = {"p10_s": 1.0, "p50_s": 2.0, "p90_s": 3.0, "basis": ["rate"]}
        await publisher.publish("op_1", "running", 1, elapsed_s=1.0, fraction=0.25, estimate=estimate)
        await publisher.send(type="ping")
        await publisher.receive("pong")
        assert (await read(hub, "api/operations/op_1/tasks"))["estimates"] == [[1.0, 0.25, 1.0, 2.0, 3.0]]
        span = ["a.py", "main", "pid 1", 1, 0.0, 2.0, "succeeded"]
        await publisher.send(type="timeline", operation="op_1", spans=[span])
        await publisher.publish("op_1", "succeeded", 2, elapsed_s=3.0)
        await publisher.receive("ack")
    tasks = await read(hub, "api/operations/op_1/tasks")
    assert (tasks["spans"], tasks["estimates"]) == ([span], [[1.0, 0.25, 1.0, 2.0, 3.0]])


async def test_a_run_is_deleted_for_good(hub: Hub) -> None:
    """From the history and from every page that shows it; what runs is not deleted, and what is not there is 404."""
    token = await hub.mint("publish", "subscribe", "command")
    headers = {TOKEN_HEADER: token}
    async with hub.peer(token, session="s_1") as publisher, hub.peer(token) as page:
        await ended(publisher, "op_1", 1.0)
        await publisher.publish("op_2", "running", 1)
        await page.send(type="subscribe", id="s", filter={})
        await page.receive("state")
        assert (await hub.fetch("api/operations/op_1", "DELETE", headers=headers)).code == 204
        assert (await page.receive("state"))["removed"] == ["op_1"]
        response = await hub.fetch("api/operations/op_2", "DELETE", headers=headers)
        assert (response.code, json.loads(response.body)["error"]["code"]) == (409, "unsupported")
    assert (await hub.fetch("api/operations/op_1", headers=headers)).code == 404
    assert (await hub.fetch("api/operations/op_1", "DELETE", headers=headers)).code == 404
    assert (await read(hub, "api/history"))["items"] == []


async def test_a_kind_or_everything_is_deleted(hub: Hub) -> None:
    """It must be said which; the answer is how many runs that were."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        for number, kind in enumerate((KIND, KIND, "other")):
            await ended(publisher, f"op_{number}", 1.0, kind=kind)
    for query in ("", "?all=false", f"?kind={quote(KIND)}&all=true"):
        assert (await hub.fetch(f"api/history{query}", "DELETE", headers=hub.login)).code == 400
    for query, deleted in ((f"?kind={quote(KIND)}", 2), ("?all=true", 1), ("?all=true", 0)):
        response = await hub.fetch(f"api/history{query}", "DELETE", headers=hub.login)
        assert (response.code, json.loads(response.body)) == (200, {"deleted": deleted})
    assert (await read(hub, "api/operations"))["operations"] == []


@pytest.mark.parametrize("path", ["api/history?all=true", "api/operations/op_1"])
async def test_only_who_may_command_deletes(hub: Hub, path: str) -> None:
    """A token that only watches or publishes, and a share link, do not; the owner's run stays."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await ended(publisher, "op_1", 1.0)
    for token in (
        await hub.mint("subscribe"),
        await hub.mint("publish"),
        await hub.mint("subscribe", headers=hub.login, operation="op_1"),
    ):
        assert (await hub.fetch(path, "DELETE", headers={TOKEN_HEADER: token})).code == 403
    assert len((await read(hub, "api/history"))["items"]) == 1


@pytest.mark.parametrize("path", ["api/history", "api/kinds", "api/priors/train"])
async def test_a_share_link_does_not_reach_the_history(hub: Hub, path: str) -> None:
    """It is for one operation or notebook, live or ended, and for nothing else."""
    token = await hub.mint("subscribe", headers=hub.login, operation="op_1")
    assert (await hub.fetch(path, headers={TOKEN_HEADER: token})).code == 403
