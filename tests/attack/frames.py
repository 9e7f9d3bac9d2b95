"""What a hostile client may send: frames made from the JSON Schema, the same with broken bytes, and known tricks."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from progress_kit.protocol import schema

# Names that hit something: the victim's, the attacker's own, and what JavaScript and Python treat in a special way.
IDS: Final = st.sampled_from(
    ["op_ann", "op_mallory", "s_ann", "s_mallory", "e_1", "e_1.1", "c1", "t_1", "all", "h:.-_"]
)
WORDS: Final = st.sampled_from(
    ["", "train", "ann.ipynb", "main", "__proto__", "constructor", "\u202e", "\x1b[2J", "\n"]
)
NUMBERS: Final = st.sampled_from([0, 1, -1, 0.5, 1e-320, 1e308, -1e308, 2**53, 2**53 + 1, 2**63, 10**400])
DEPTH: Final = 30_000


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schema.text())["$defs"]
    return found


@cache
def _definition(name: str) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: values_of(_definitions()[name]))


def values_of(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a part of the JSON Schema describes, and some that lie just outside it."""
    if "$ref" in node:
        return _definition(node["$ref"].rpartition("/")[2])
    for union in ("anyOf", "oneOf"):
        if union in node:
            return st.one_of([values_of(each) for each in node[union]])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "const" in node:
        return st.just(node["const"])
    make: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
        "string": _texts,
        "integer": lambda _: st.integers(0, 100) | NUMBERS,
        "number": lambda _: st.floats(0, 100) | NUMBERS,
        "boolean": lambda _: st.booleans(),
        "null": lambda _: st.none(),
        "array": _arrays,
        "object": _objects,
    }
    return make[node["type"]](node)


def _texts(node: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in node:
        return IDS
    longest = node.get("maxLength", 50)
    return WORDS | st.text(max_size=5) | st.sampled_from(["x" * longest, "x" * (longest + 1)])


def _arrays(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "prefixItems" in node:
        return st.tuples(*[values_of(each) for each in node["prefixItems"]])
    return st.lists(values_of(node["items"]), max_size=3)


def _objects(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "additionalProperties" in node:
        return st.dictionaries(WORDS, values_of(node["additionalProperties"]), max_size=3)
    # Most fields may be left out by the sender; the schema says what the hub sends.
    fields = {name: values_of(each) for name, each in node.get("properties", {}).items()}
    needed = {name: each for name, each in fields.items() if name in {"type", "id", "name", "state", "operations"}}
    optional = {name: each for name, each in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=optional)


frames: Final = _definition("ClientMessage").map(lambda message: json.dumps(message).encode())
"""Frames that follow the schema, more or less."""

_ODD: Final = (b"", b"\xff", b"\x00", b"\\ud800", b"\\u0000", b"\\", b"NaN", b"1e999", b"\xed\xa0\x80", b"\xef\xbb\xbf")
_SYNTAX: Final = (
    b'"',
    b"{",
    b"[",
    b"]",
    b"}",
    b",",
    b":",
    b'"__proto__":{},',
    b'"type":"ping",',
    b"[" * 2_000,
    b"9" * 500,
)
_SPLINTERS: Final = st.sampled_from(_ODD + _SYNTAX)


@st.composite
def broken_frames(draw: st.DrawFn) -> bytes:
    """Return such a frame in which a few places were cut out, repeated or overwritten."""
    frame: bytes = draw(frames)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(frame)))
        end = min(len(frame), start + draw(st.integers(0, 8)))
        frame = frame[:start] + draw(_SPLINTERS) + frame[start if draw(st.booleans()) else end :]
    return frame


def snapshot(extra: str = "", operation: str = "op_mallory") -> str:
    """Return a publish frame whose one operation has `extra`, a piece of JSON that begins with a comma."""
    text = '{{"type":"publish","operations":[{{"id":"{}","name":"x","state":"running","seq":1{}}}]}}'
    return text.format(operation, extra)


TRICKS: Final[dict[str, str | bytes]] = {
    "empty": "",
    "no object": "[]",
    "a number": "7",
    "two objects": '{"type":"ping"}{"type":"ping"}',
    "a byte order mark": "\ufeff" + snapshot(),
    "invalid UTF-8": snapshot(',"message":"').encode() + b'\xff\xfe"}]}',
    "an overlong encoding": b'{"type":"ping","x":"\xc0\xaf"}',
    "UTF-16": snapshot().encode("utf-16"),
    "a raw NUL": snapshot(',"message":"\0"'),
    "NaN": snapshot(',"fraction":NaN'),
    "infinity": snapshot(',"metrics":{"a":-Infinity}'),
    "1e999": snapshot(',"elapsed_s":1e999'),
    "a number of 100,000 digits": snapshot(f',"seq":{"9" * 100_000}'),
    "such a fraction": snapshot(f',"elapsed_s":{"9" * 100_000}.5'),
    "such a number behind an escape": snapshot(f',"message":"\\n","x":{"9" * 100_000}'),
    "an exponent of 1,000 digits": snapshot(f',"elapsed_s":1e{"9" * 1_000}'),
    "a fractional count": snapshot(',"seq":1.5'),
    "a count as text": snapshot(',"seq":"1"'),
    "lists 30,000 deep": "[" * DEPTH,
    "an unknown field 30,000 deep": snapshot(f',"x":{"[" * DEPTH}{"]" * DEPTH}'),
    "the same behind an escape": snapshot(f',"message":"\\n","x":{"[" * DEPTH}{"]" * DEPTH}'),
    "objects 30,000 deep": snapshot(',"message":"\\n","x":' + '{"a":' * DEPTH + "1" + "}" * DEPTH),
    "a lone surrogate": snapshot(',"message":"\\ud800"'),
    "a lone surrogate as a key": snapshot(',"metrics":{"\\udfff":1}'),
    "surrogates in the wrong order": snapshot(',"message":"\\udc00\\ud800"'),
    "a raw lone surrogate": snapshot(',"message":"\ud800"'),
    "what only a hub says": '{"type":"state","subscription":"s","epoch":"e_1","revision":1,"operations":[]}',
    "a type twice": '{"type":"ping","type":"publish","operations":[]}',
    "a type that is a list": '{"type":["publish"],"operations":[]}',
    "an id with a newline": snapshot(operation="op_1\\n"),
    "an id that is a path": snapshot(operation="../op_1"),
    "another's session in the snapshot": '{"type":"hello","token":"x","client":"c","publisher":{"session":"s_ann"}}',
    "300 kB": "x" * 300_000,
    "300 kB in characters of four bytes": "🎉" * 75_000,
}
"""Frames that a hub refuses, by what is wrong with them."""
