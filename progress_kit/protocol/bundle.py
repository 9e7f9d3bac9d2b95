"""The MIME bundle's JSON part, and the connection file: the two things of the protocol that are not messages."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from progress_kit.model import Count, Id, Snapshot

MIME_TYPE: Final = "application/vnd.progress-kit.operation.v1+json"


class OperationBundle(Struct, frozen=True, kw_only=True):
    """What a notebook's output carries: which operation it shows, at which hub, and its last known state."""

    version: Annotated[int, Meta(ge=1)] = 1
    operation: Id
    hub_id: Id | None = None
    snapshot: Snapshot


class ConnectionFile(Struct, frozen=True, kw_only=True):
    """How a process of the same user finds a hub: ``progress-kit-<pid>.json``, mode 0600, in the runtime directory."""

    version: Annotated[int, Meta(ge=1)] = 1
    hub_id: Id
    url: str
    unix_socket: str | None = None
    cafile: str | None = None
    pid: Count
    root_dir: str
    token: str

    def __repr__(self) -> str:
        return f"ConnectionFile(hub_id={self.hub_id!r}, url={self.url!r}, root_dir={self.root_dir!r}, token='…')"
