"""The REST interface describes itself, and as it is."""

import json

from openapi_spec_validator import validate

from progress_kit.protocol import TOKEN_HEADER
from progress_kit.protocol.openapi import CALLS

from .conftest import Hub
from .test_routes import routes


async def test_the_document_is_valid_openapi(hub: Hub) -> None:
    """Generators of clients can read it."""
    response = await hub.fetch("api/openapi.json", headers=hub.login)
    document = json.loads(response.body)
    validate(document)
    assert document["openapi"].startswith("3.1")


async def test_it_knows_every_route_and_method(hub: Hub) -> None:
    """As the running server has them: no more, no less."""
    described: dict[str, set[str]] = {}
    for call in CALLS:
        path = "/".join("op_1" if part.startswith("{") else part for part in call.path.split("/"))
        described.setdefault(f"api/{path}", set()).add(call.method.upper())
    assert sorted(described) == sorted(route for route in routes(hub) if route.startswith("api/"))
    for path, methods in described.items():
        refused = await hub.fetch(path, "PATCH", {}, hub.login)
        assert refused.code == 405
        for method in methods:
            body: dict[str, str] | None = {} if method in {"POST", "PUT"} else None
            response = await hub.fetch(path, method, body, hub.login)
            assert response.code != 405, (method, path)


async def test_the_example_of_publishing_works_as_it_stands(hub: Hub) -> None:
    """Copied, sent, and seen."""
    (call,) = [call for call in CALLS if call.method == "put"]
    headers = {TOKEN_HEADER: await hub.mint("publish", "subscribe")}
    response = await hub.fetch("api/operations/backup", "PUT", call.example, headers)
    assert (response.code, json.loads(response.body)["state"]) == (200, "running")
    seen = json.loads((await hub.fetch("api/operations/backup", headers=headers)).body)
    assert (seen["name"], seen["fraction"], seen["hub"]["via"]) == ("Backup", 0.4, "rest")
