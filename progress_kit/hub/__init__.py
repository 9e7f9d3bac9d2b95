"""The server's heart, without IO: operations, leases, subscribers and tokens."""

from progress_kit.hub.events import (
    Close,
    Connected,
    Disconnected,
    Event,
    Now,
    Output,
    Persist,
    Received,
    Restored,
    Send,
    Stored,
    StoreStatus,
    Tick,
    Writable,
)
from progress_kit.hub.manager import ProgressConnectionManager
from progress_kit.hub.tokens import Claims, ConnectionSecret, Login, TokenAuthority

__all__ = [
    "Claims",
    "Close",
    "Connected",
    "ConnectionSecret",
    "Disconnected",
    "Event",
    "Login",
    "Now",
    "Output",
    "Persist",
    "ProgressConnectionManager",
    "Received",
    "Restored",
    "Send",
    "StoreStatus",
    "Stored",
    "Tick",
    "TokenAuthority",
    "Writable",
]
