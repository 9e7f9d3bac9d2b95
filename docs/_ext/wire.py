"""The wire in Markdown: its JSON Schema and its OpenAPI document, as people read them."""  # noqa: INP001

import json
from collections.abc import Iterable, Iterator
from typing import Any

import progress_kit
from progress_kit.protocol import messages as wire
from progress_kit.protocol import openapi, rest, schema

Json = dict[str, Any]
DEFINITIONS: Json = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))["$defs"]
ROOTS = ("ClientMessage", "HubMessage")
MARK = "type-"
"""What the anchors of structs begin with."""


def kinds(direction: str | None) -> list[str]:
    """Return the structs that are messages of a direction, or with None those that are no messages."""
    by_root = {root: [_last(one["$ref"]) for one in DEFINITIONS[root]["anyOf"]] for root in ROOTS}
    if direction is not None:
        return by_root[direction]
    return [name for name in DEFINITIONS if name not in {*ROOTS, *by_root["ClientMessage"], *by_root["HubMessage"]}]


_written: set[str] = set()


def structs(names: Iterable[str]) -> Iterator[str]:
    """Yield a section for each struct."""
    for name in names:
        about = DEFINITIONS[name]
        yield f"\n({MARK}{name.lower()})=\n### {_title(name)}\n\n{_text(about.get('description', ''))}\n"
        yield from fields(name)


def messages(direction: str) -> Iterator[str]:
    """Yield a section for each message of a direction; those that travel both ways are with the clients' ones."""
    names, others = kinds(direction), kinds("ClientMessage") if direction != "ClientMessage" else []
    yield from structs(name for name in names if name not in others)
    both = [f"[{_title(name)}](#{MARK}{name.lower()})" for name in names if name in others]
    if both:
        yield f"\n### Both ways\n\nThese travel from the hub as well as to it: {', '.join(both)}.\n"


def _title(name: str) -> str:
    tag = DEFINITIONS[name].get("properties", {}).get("type", {}).get("enum")
    return f"`{tag[0]}`" if tag else name


def fields(name: str) -> Iterator[str]:
    """Yield the fields of a struct as a table."""
    about = DEFINITIONS[name]
    if about.get("type") == "array":
        struct = next(found for module in (wire, rest) if (found := getattr(module, name, None)))
        yield "An array, not an object:\n\n| place | type |\n|---|---|"
        for key, one in zip(struct.__struct_fields__, about["prefixItems"], strict=True):
            yield f"| {key} | {_type(one)} |"
        yield ""
        return
    properties = {key: one for key, one in about.get("properties", {}).items() if key != "type"}
    if not properties:
        return
    required = about.get("required", ())
    yield "| field | type | default |\n|---|---|---|"
    for key, one in properties.items():
        default = f"`{json.dumps(one['default'], ensure_ascii=False)}`" if "default" in one else ""
        optional = "" if key in required else " (may be left out)"
        yield f"| `{key}` | {_type(one)}{optional} | {default} |"
    yield ""


def rest_calls() -> Iterator[str]:
    """Yield a section for each call of the REST interface."""
    document = json.loads(openapi.document(progress_kit.__version__))
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield f"\n## {method.upper()} {path.removeprefix('/')}\n\n{_text(call['summary'])} {call['description']}\n"
            queries = [one for one in call["parameters"] if one["in"] == "query"]
            if queries:
                yield "| query | type | |\n|---|---|---|"
                yield from (f"| `{one['name']}` | {one['schema']['type']} | {one['description']} |" for one in queries)
                yield ""
            body = call.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                yield f"Takes {_type(body['schema'])}, for example:\n"
                yield f"```json\n{json.dumps(body['example'], indent=2)}\n```\n"
            status, answer = next(iter(call["responses"].items()))
            content = answer.get("content", {}).get("application/json")
            yield f"Answers {status}" + (f" and {_type(content['schema'])}.\n" if content else ".\n")


def _type(one: Json) -> str:  # noqa: PLR0911 - one for each form of a schema
    if "$ref" in one:
        name = _last(one["$ref"])
        return f"[{name}](protocol.md#{MARK}{name.lower()})"
    if "anyOf" in one:
        parts = dict.fromkeys(_type(each) for each in one["anyOf"])
        if "number" in parts:  # which every integer is
            parts.pop("integer", None)
        return " or ".join(parts)
    if "enum" in one:
        return " or ".join(f"`{each}`" for each in one["enum"])
    kind = one.get("type")
    if kind == "array":
        if "prefixItems" in one:
            return "array of " + ", ".join(_type(each) for each in one["prefixItems"])
        items = one.get("items")
        return f"array of {_type(items) if isinstance(items, dict) else 'values'}{_bounds(one, 'Items')}"
    if kind == "object":
        values = one.get("additionalProperties")
        return f"object of {_type(values)}{_bounds(one, 'Properties')}" if isinstance(values, dict) else "object"
    if kind == "string":
        return f"id, `{one['pattern']}`" if "pattern" in one else f"text{_bounds(one, 'Length')}"
    return {"null": "`null`", "boolean": "`true` or `false`"}.get(str(kind), f"{kind or 'any'}{_numbers(one)}")


def _bounds(one: Json, what: str) -> str:
    most = one.get(f"max{what}")
    return "" if most is None else f", at most {most:,}"


def _numbers(one: Json) -> str:
    signs = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    bounds = [f"{sign} {one[key]:,}" for key, sign in signs if key in one]
    return f" {', '.join(bounds)}" if bounds else ""


def _text(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
