"""A snapshot with something hostile in each of its texts, found by looking at its type: a new field is in it too."""

from typing import Any, Final

import msgspec
from msgspec import inspect

from progress_kit.model import Snapshot

TAG: Final = "pwned-tag"
MARKUP: Final = f"<img src=x onerror=__pwned=1><{TAG}>&lt;b&gt;"
FORMATS: Final = "{0}%s%n${__pwned=1}`[x](javascript:__pwned=1)"
# A title for the window, colours, a bell, a rewritten line, C1 controls, bidirectional overrides, a line separator.
CONTROLS: Final = "\x1b]0;pwned\x07\x1b[2J\r\n\t\x00\x9b31m\u202e\u2066\u200f\u2028\x7f"
PAYLOAD: Final = f"{MARKUP}{FORMATS}{CONTROLS}"
DANGEROUS: Final = {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u061c\u200e\u200f\u2028\u2029"} | {
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
}
"""The characters that may not reach a screen as they are."""
STATED: Final[dict[str, Any]] = {"fraction": 0.5, "seq": 1, "hub": None, "parent": None, "pid": 7}
"""What is given, since it says what the rest is about."""


def text(path: str, longest: int = 2_000) -> str:
    """Return a hostile text that says which field it is from, of at most `longest` characters."""
    return f"={path}:{PAYLOAD}"[:longest]


def hostile_snapshot(**fields: Any) -> Snapshot:
    """Return an operation all of whose texts are hostile; `fields` of the snapshot are as given."""
    return msgspec.convert(_struct(Snapshot, "", STATED | {"id": "op_hostile", "state": "running"} | fields), Snapshot)


def _struct(kind: type[msgspec.Struct], path: str, given: dict[str, Any]) -> dict[str, Any]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {
        field.encode_name: given[field.name]
        if field.name in given
        else _value(field.type, f"{path}.{field.name}", given)
        for field in described.fields
    }


def _value(  # noqa: C901, PLR0911 - a flat table, one row per type
    kind: inspect.Type, path: str, given: dict[str, Any]
) -> Any:
    match kind:
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)), path, given)
        case inspect.Metadata(type=described):
            return _value(described, path, given)
        case inspect.StrType(pattern=str()):
            return path.strip(".").replace(".", "-")
        case inspect.StrType(max_length=longest):
            return text(path, longest or 2_000)
        case inspect.LiteralType(values=values):
            return "failed" if "failed" in values else values[0]
        case inspect.StructType(cls=struct):
            inner = {
                key: each for key, each in given.items() if key not in {"id", "state", "name", "message", "fraction"}
            }
            return _struct(struct, path, inner)
        case inspect.VarTupleType(item_type=item):
            return (_value(item, path, given),)
        case inspect.DictType():
            return {text(path, 200): 1.5}
        case inspect.BoolType():
            return False
        case inspect.IntType() | inspect.FloatType():
            return 1
        case _:
            raise AssertionError(f"{path}: {kind}")
