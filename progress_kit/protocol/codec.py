"""Frames to messages and back, within the limits. Decoding validates in the same pass."""

import re
from typing import Final, TypeVar, get_args

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.model import Snapshot, clean
from progress_kit.protocol.messages import ClientMessage, ErrorCode, HubMessage

T = TypeVar("T")
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

# Control characters reach JSON only as escapes; C1 and bidirectional ones also raw.
_SUSPICIOUS: Final = re.compile(r"\\[bfnrtu]|[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _plain(value: object) -> str:
    """Return the text of a `str` of another type, such as a token that hides itself in tracebacks."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__qualname__} is nothing that travels")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
_json: Final = msgspec.json.Decoder()
_client: Final[msgspec.json.Decoder[ClientMessage]] = msgspec.json.Decoder(ClientMessage)
_hub: Final[msgspec.json.Decoder[HubMessage]] = msgspec.json.Decoder(HubMessage)
_snapshot: Final[msgspec.json.Decoder[Snapshot]] = msgspec.json.Decoder(Snapshot)


class _Tag(msgspec.Struct):
    type: str


_tag: Final = msgspec.json.Decoder(_Tag)
_CLIENT_TYPES: Final = frozenset(member.__struct_config__.tag for member in get_args(ClientMessage))
_HUB_TYPES: Final = frozenset(member.__struct_config__.tag for member in get_args(HubMessage))


def encode(value: msgspec.Struct) -> bytes:
    """Return `value` (a message or a snapshot) as JSON text."""
    return _encoder.encode(value)


def decode_client(frame: str | bytes, *, limit: int) -> ClientMessage:
    """Decode what a client sent to the hub; control characters in it are replaced.

    Raises `ProtocolError`: ``too_large`` (over `limit` bytes), ``unsupported`` (a type the hub does not know; the
    connection may go on) or ``bad_request``.
    """
    return _decode(frame, _client, _CLIENT_TYPES, limit)


def decode_hub(frame: str | bytes, *, limit: int = 16 * 1024 * 1024) -> HubMessage:
    """Decode what the hub sent to a client; raises `ProtocolError` as `decode_client` does."""
    return _decode(frame, _hub, _HUB_TYPES, limit)


def decode_snapshot(data: bytes) -> Snapshot:
    """Decode one stored snapshot; raises `ProtocolError` if it is none."""
    try:
        return _snapshot.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError("bad_request", "not a snapshot of protocol version 1") from error


def decode_as(data: bytes, kind: type[T], *, limit: int) -> T:
    """Decode what is no message: the body of a request, or a line of a spool; control characters are replaced.

    Raises `ProtocolError`: ``too_large`` or ``bad_request``.
    """
    return _decode(data, msgspec.json.Decoder(kind), None, limit)


def _decode(frame: str | bytes, decoder: msgspec.json.Decoder[T], types: frozenset[object] | None, limit: int) -> T:
    # A character is at least one byte, so a long text is refused before it is encoded.
    raw = frame if isinstance(frame, bytes) or len(frame) > limit else frame.encode("utf-8", "surrogatepass")
    if len(raw) > limit:
        raise ProtocolError("too_large", f"a frame of more than {limit} bytes is not accepted")
    try:
        text = frame if isinstance(frame, str) else frame.decode()
        if _SUSPICIOUS.search(text):
            raw = msgspec.json.encode(_clean_tree(_json.decode(raw)))
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        kind = None if types is None else _type_of(raw)
        if types is not None and kind is not None and kind not in types:
            raise ProtocolError("unsupported", "this message type is not supported") from error
        raise ProtocolError("bad_request", _where(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError("bad_request", "the frame is not a JSON object of protocol version 1") from error


def _type_of(raw: str | bytes) -> str | None:
    try:
        return _tag.decode(raw).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _where(error: msgspec.ValidationError) -> str:
    """Say which field is wrong and what was expected, without the quoted parts, which are input."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", str(error))
    return clean(text)[:200]


def _clean_tree(value: Json) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_clean_tree(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _clean_tree(item) for key, item in value.items()}
    return value


def error_code(error: ProtocolError) -> ErrorCode:
    """Return the error's code, typed for an `Error` message."""
    code: ErrorCode = msgspec.convert(error.code, ErrorCode)
    return code
