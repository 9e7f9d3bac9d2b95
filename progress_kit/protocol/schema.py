"""JSON Schema of everything that travels, generated from the structs: ``python -m progress_kit.protocol.schema``.

The schema file beside this module is what the TypeScript types are generated from; a test keeps it fresh.
"""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Final, get_args

import msgspec

from progress_kit.model import Prior, Snapshot
from progress_kit.protocol import rest
from progress_kit.protocol.bundle import OperationBundle
from progress_kit.protocol.messages import ClientMessage, HubMessage

SCHEMA_FILE: Final = Path(__file__).with_name("progress-kit.v1.schema.json")

_REST: Final = (
    rest.TokenRequest,
    rest.TokenResponse,
    rest.CommandRequest,
    rest.CommandResponse,
    rest.PutRequest,
    rest.PutResponse,
    rest.CommandAnswer,
    rest.StateResponse,
    rest.InboxRequest,
    rest.InboxResponse,
    rest.HistoryResponse,
    rest.KindsResponse,
    rest.DeletedResponse,
    rest.TasksResponse,
    rest.Health,
    rest.ErrorResponse,
)


def schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) with one definition for each struct."""
    roots = (Snapshot, Prior, OperationBundle, *get_args(ClientMessage), *get_args(HubMessage), *_REST)
    _, definitions = msgspec.json.schema_components(dict.fromkeys(roots), ref_template="#/$defs/{name}")
    for definition in definitions.values():
        if "description" in definition:  # Python 3.13 takes the indentation out of docstrings, older ones keep it
            definition["description"] = cleandoc(definition["description"])
    for struct, definition in ((_struct(name), definition) for name, definition in definitions.items()):
        # Fields are null when unknown, never absent, except those of structs that omit their defaults.
        if struct is not None and not struct.__struct_config__.omit_defaults:
            definition["required"] = list(definition.get("properties", {}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "progress_kit wire, version 1",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("ClientMessage", "HubMessage", "OperationBundle")],
        "$defs": dict(sorted(definitions.items()))
        | {
            "ClientMessage": {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in get_args(ClientMessage)]},
            "HubMessage": {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in get_args(HubMessage)]},
        },
    }


def _struct(name: str) -> type[msgspec.Struct] | None:
    from progress_kit.model import prior, snapshot
    from progress_kit.protocol import bundle, messages

    for module in (snapshot, prior, messages, rest, bundle):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, msgspec.Struct):
            return found
    return None


def text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(text(), encoding="utf-8")
