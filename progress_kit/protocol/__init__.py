"""What travels: the messages of the wire, version 1, and the codec that keeps its limits."""

from progress_kit.protocol.codec import decode_as, decode_client, decode_hub, decode_snapshot, encode, error_code
from progress_kit.protocol.limits import PROTOCOL_VERSION, SUBPROTOCOL, TOKEN_HEADER, Limits

__all__ = [
    "PROTOCOL_VERSION",
    "SUBPROTOCOL",
    "TOKEN_HEADER",
    "Limits",
    "decode_as",
    "decode_client",
    "decode_hub",
    "decode_snapshot",
    "encode",
    "error_code",
]
