"""The numbers that bound what one peer may ask of another; the server's traits override them."""

from typing import Final

from msgspec import Struct

PROTOCOL_VERSION: Final = 1
SUBPROTOCOL: Final = "progress-kit.v1"
TOKEN_SUBPROTOCOL_PREFIX: Final = "progress-kit.jwt."  # noqa: S105 - the prefix before a token, not one
TOKEN_HEADER: Final = "X-Progress-Kit-Token"  # noqa: S105 - the header's name
HELLO_BYTES: Final = 4_096
HELLO_TIMEOUT_S: Final = 5.0
TOKEN_BYTES: Final = 2_048
SNAPSHOT_BYTES: Final = 32 * 1024
PUBLISH_BYTES: Final = 128 * 1024
STATE_BYTES: Final = 64 * 1024
SUBSCRIPTIONS: Final = 8
INBOX_ITEMS: Final = 1_000
"""How many ends the inbox of one user keeps."""
INBOX_SENT: Final = 100
"""How many of them, the newest, an `inbox` message has."""


class Limits(Struct, frozen=True, kw_only=True):
    """What the hub allows; sent to every client in `welcome`."""

    frame_bytes: int = 256 * 1024
    """Largest inbound frame."""
    lease_s: float = 15.0
    """How long an operation is believed alive without a sign from its publisher."""
    heartbeat_s: float = 5.0
    """How often a publisher gives that sign."""
    ping_s: float = 20.0
    """Interval of pings and, for an idle subscriber, of bookmarks."""
    open_per_publisher: int = 1_000
    """Operations of one publisher that have not ended."""
    operations_per_user: int = 10_000
    """Operations of one user in the hub's memory."""
    subscribers_per_user: int = 64
    publishers_per_user: int = 1_024
    messages_per_s: float = 100.0
    """Messages of one publisher per second, in the mean."""
    burst_messages: int = 200
    subscriptions: int = SUBSCRIPTIONS
    recent_s: float = 3_600.0
    """How long an ended or lost operation stays among the live ones before it is only history."""
    blocked_s: float = 30.0
    """How long a peer may leave a frame unread."""
