"""The REST endpoint as an OpenAPI 3.1 document, made of the structs that decode and encode it."""

from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

from progress_kit.model import Prior, Snapshot
from progress_kit.protocol import rest
from progress_kit.protocol.limits import TOKEN_HEADER
from progress_kit.protocol.messages import Scope

Json = dict[str, object]


class Query(Struct, frozen=True):
    """A parameter of the query."""

    name: str
    description: str
    type: str = "string"


class Call(Struct, frozen=True, kw_only=True):
    """One method of one path: who may, what it takes, what it answers, and an example of what it takes."""

    method: str
    path: str
    summary: str
    scope: Scope | None
    query: tuple[Query, ...] = ()
    body: type[Struct] | None = None
    example: Json | None = None
    status: int = 200
    answer: type[Struct] | None = None


_STATE: Final = Query("state", "only these states, separated by commas")
_PUT: Final[Json] = {
    "lease_s": 600,
    "snapshot": {
        "name": "Backup",
        "state": "running",
        "stages": [{"name": "main", "done": 40, "total": 100, "unit": "files"}],
    },
}

CALLS: Final = (
    Call(
        method="get",
        path="operations",
        summary="What runs and what ended a short while ago; with `epoch` and `revision` of an earlier answer, only "
        "what has changed since.",
        scope="subscribe",
        query=(
            Query("epoch", "the hub's life that the earlier answer came from"),
            Query("revision", "the revision of the earlier answer", "integer"),
            Query("notebook", "only operations of this notebook"),
            _STATE,
            Query("inbox", "the revision of the inbox that the page has, 0 at first", "integer"),
        ),
        answer=rest.StateResponse,
    ),
    Call(
        method="get",
        path="operations/{id}",
        summary="One operation, live or ended.",
        scope="subscribe",
        answer=Snapshot,
    ),
    Call(
        method="put",
        path="operations/{id}",
        summary="Publish one state of an operation, whose id you choose. It is a sign of life for `lease_s` too. The "
        "answer has the commands that wait for it; an end is answered when it is stored.",
        scope="publish",
        body=rest.PutRequest,
        example=_PUT,
        answer=rest.PutResponse,
    ),
    Call(
        method="delete",
        path="operations/{id}",
        summary="Delete an operation that has ended, for good.",
        scope="command",
        status=204,
    ),
    Call(
        method="get",
        path="operations/{id}/tasks",
        summary="The tasks of an operation; of an ended one its timeline and how its estimate went.",
        scope="subscribe",
        answer=rest.TasksResponse,
    ),
    Call(
        method="post",
        path="operations/{id}/commands",
        summary="Ask an operation to stop, to pause or to go on. Whether it does shows in its state.",
        scope="command",
        body=rest.CommandRequest,
        example={"action": "cancel", "reason": "wrong data"},
        status=202,
        answer=rest.CommandResponse,
    ),
    Call(
        method="post",
        path="operations/{id}/commands/{request}",
        summary="Answer a command that came with the answer to a PUT.",
        scope="publish",
        body=rest.CommandAnswer,
        example={"ok": True},
        status=204,
    ),
    Call(
        method="post",
        path="inbox",
        summary="What a page has shown of the user's inbox, and what it will tell of.",
        scope="subscribe",
        body=rest.InboxRequest,
        example={"read": "all", "tell": []},
        answer=rest.InboxResponse,
    ),
    Call(
        method="get",
        path="history",
        summary="Operations that have ended, the newest first, page by page.",
        scope="subscribe",
        query=(
            Query("kind", "only runs of this kind"),
            _STATE,
            Query("since", "wall-clock seconds of the last change, inclusive", "number"),
            Query("until", "wall-clock seconds of the last change", "number"),
            Query("limit", "how many, 100 by default", "integer"),
            Query("before", "`next` of the page before"),
        ),
        answer=rest.HistoryResponse,
    ),
    Call(
        method="delete",
        path="history",
        summary="Delete what has ended for good: of one `kind`, or `all=true`.",
        scope="command",
        query=(Query("kind", "delete the runs of this kind"), Query("all", "delete all runs", "boolean")),
        answer=rest.DeletedResponse,
    ),
    Call(
        method="get",
        path="kinds",
        summary="What the history has of each kind.",
        scope="subscribe",
        answer=rest.KindsResponse,
    ),
    Call(
        method="get",
        path="priors/{kind}",
        summary="How long the runs of a kind take; 204 where none has succeeded yet.",
        scope="subscribe",
        answer=Prior,
    ),
    Call(
        method="post",
        path="tokens",
        summary="Mint a token, by a Jupyter login, the secret of the connection file, or a token that may do as much.",
        scope=None,
        body=rest.TokenRequest,
        example={"scopes": ["publish"], "expires_in_s": 300},
        status=201,
        answer=rest.TokenResponse,
    ),
    Call(method="delete", path="tokens/{jti}", summary="Make a token void.", scope=None, status=204),
    Call(method="get", path="health", summary="How the hub is.", scope="subscribe", answer=rest.Health),
    Call(method="get", path="openapi.json", summary="This document.", scope=None),
)


@cache
def document(version: str) -> bytes:
    """Return the document as JSON; `version` is that of the package."""
    structs = {kind for call in CALLS for kind in (call.body, call.answer) if kind is not None} | {rest.ErrorResponse}
    _, schemas = msgspec.json.schema_components(
        sorted(structs, key=lambda kind: kind.__name__), ref_template="#/components/schemas/{name}"
    )
    # What is published needs no more than a name and a state; the hub fills in the rest.
    given = {**schemas["Snapshot"], "required": ["name", "state"]}
    schemas["PutRequest"]["properties"]["snapshot"] = given
    paths: dict[str, Json] = {}
    for call in CALLS:
        paths.setdefault(f"/{call.path}", {})[call.method] = _operation(call)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "progress_kit",
                "version": version,
                "description": "Publish, watch and steer long-running operations. The same states travel on the "
                "WebSocket `ws` beside `api/`, whose messages `progress-kit.v1.schema.json` in the package describes.",
                "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
            },
            "servers": [{"url": "."}],
            "security": [{"token": []}, {"jupyter": []}],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "securitySchemes": {
                    "token": {
                        "type": "apiKey",
                        "in": "header",
                        "name": TOKEN_HEADER,
                        "description": "A token from POST tokens, or from `progress-kit token`.",
                    },
                    "jupyter": {
                        "type": "apiKey",
                        "in": "header",
                        "name": "Authorization",
                        "description": "`token …` with the Jupyter server's token.",
                    },
                },
            },
        }
    )


def _operation(call: Call) -> Json:
    names = [part.strip("{}") for part in call.path.split("/") if part.startswith("{")]
    operation: Json = {
        "operationId": f"{call.method}_{call.path.translate(_PLAIN)}",
        "summary": call.summary,
        "description": f"Needs scope `{call.scope}`." if call.scope else "Needs a token of any scope.",
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        + [
            {"name": each.name, "in": "query", "description": each.description, "schema": {"type": each.type}}
            for each in call.query
        ],
        "responses": {
            str(call.status): {"description": "Done."} | _content(call.answer),
            "default": {"description": "Refused; `code` says why."} | _content(rest.ErrorResponse),
        },
    }
    if call.body is not None:
        operation["requestBody"] = {"required": True} | _content(call.body, call.example)
    return operation


def _content(kind: type[Struct] | None, example: Json | None = None) -> Json:
    if kind is None:
        return {}
    media: Json = {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}
    if example is not None:
        media["example"] = example
    return {"content": {"application/json": media}}


_PLAIN: Final = str.maketrans({"/": "_", "{": "", "}": "", ".": "_"})
