"""History without names and paths, and without anything: what is in the file, byte by byte."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Hub, Peer

KIND = "Letters@/home/durand/letters.py"
STAGE = "letters to Durand"


def by_trait(mode: str) -> pytest.MarkDecorator:
    """A server with this setting."""
    return pytest.mark.parametrize("server_options", [{"ProgressKit": {"history": mode}}])


async def run(publisher: Peer, operation: str, state: str = "succeeded") -> None:
    """Publish a whole run that says Durand wherever it can, and wait until the hub is done with it."""
    error = {"type": "DurandError", "message": "Durand moved"} if state == "failed" else None
    for seq, each in ((1, "running"), (2, state)):
        stage = {"name": STAGE, "state": each, "done": 4, "total": 4, "unit": "durands", "elapsed_s": 8.0}
        await publisher.publish(
            operation,
            each,
            seq,
            name="Letters to Durand",
            kind=KIND,
            message="Durand",
            stages=[stage],
            elapsed_s=8.0,
            metrics={"durand": 1},
            error=error if each == "failed" else None,
            origin={"host": "durand-pc", "notebook": "durand.ipynb", "script": "/home/durand/letters.py"},
        )
    spans = [["to Durand", STAGE, "durand's PC", 1, 0.0, 8.0, "succeeded"]]
    sums = [[exponent, 16.0] for exponent in (0.5, 0.75, 1.0, 1.4, 2.0)]
    told = [{"name": STAGE, "costs": sums}]
    await publisher.send(type="timeline", operation=operation, spans=spans, stages=told)
    while operation not in (await publisher.receive("ack"))["durable"]:
        pass


def written(hub: Hub) -> bytes:
    """Return every byte of the database and of its journal."""
    path = Path(hub.app.history_file)
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


async def read(hub: Hub, path: str) -> Any:
    """Return what a login is answered; None for nothing."""
    response = await hub.fetch(path, headers=hub.login)
    assert response.code in {200, 204}, response.body
    return json.loads(response.body) if response.body else None


@by_trait("anonymous")
async def test_without_names_the_next_run_is_foretold_all_the_same(hub: Hub) -> None:
    """Nothing of a name or path is in the file; the kind is found, and its stages are called by their names."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await run(publisher, "op_1")
        await run(publisher, "op_2", "failed")
    prior = await read(hub, f"api/priors/{quote(KIND, safe='')}")
    assert (prior["runs"], prior["stages"][0]["duration_s"], prior["stages"][0]["cost"]) == (1, [8.0, 8.0, 8.0], 16.0)
    assert prior["stages"][0]["name"] != STAGE
    async with hub.peer(await hub.mint("publish"), session="s_2") as publisher:
        stage = {"name": STAGE, "state": "running"}
        await publisher.publish("op_3", "running", 1, kind=KIND, stages=[stage])
        told = (await publisher.receive("ack"))["priors"][KIND]
    assert [each["name"] for each in told["stages"]] == [STAGE]
    (kind,) = (await read(hub, "api/kinds"))["items"]
    assert kind["name"].startswith("Operation ")
    assert len((await read(hub, f"api/history?kind={quote(KIND)}"))["items"]) == 2
    assert b"urand" not in written(hub)


@by_trait("off")
async def test_where_history_is_off_nothing_is_written(hub: Hub) -> None:
    """The end counts as taken, is seen by who watches, and is nowhere on the disk; nothing is learnt of it."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await run(publisher, "op_1")
        await run(publisher, "op_2", "failed")
    live = await read(hub, "api/operations")
    assert {each["name"] for each in live["operations"]} == {"Letters to Durand"}
    assert (await read(hub, "api/history"))["items"] == []
    assert await read(hub, f"api/priors/{quote(KIND, safe='')}") is None
    assert b"op_1" not in written(hub)


async def test_by_default_everything_is_kept(hub: Hub) -> None:
    """So that the two tests above look where names would be."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        await run(publisher, "op_1", "failed")
        await read(hub, "api/operations/op_1/tasks")
    found = written(hub)
    for text in (KIND, STAGE, "Letters to Durand", "to Durand", "durand.ipynb", "durand-pc", "DurandError", "op_1"):
        assert text.encode() in found, text
