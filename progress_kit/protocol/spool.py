"""The lines of a spool: the ends that a process wrote down for a hub that may not have heard of them. Pure.

Each line is a JSON object: an end, or ``{"durable": {operation: seq}}``, which strikes ends out. Lines that are none
(a process died in the middle of one, or the disk was full) are passed over.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from progress_kit.errors import ProtocolError
from progress_kit.model import MAX_STAGES, Id, Snapshot, is_terminal
from progress_kit.protocol.codec import decode_as
from progress_kit.protocol.limits import PUBLISH_BYTES
from progress_kit.protocol.messages import StageRecord

LINE_BYTES: Final = PUBLISH_BYTES
"""No line is longer."""
HISTORY_BYTES: Final = 1024 * 1024
"""Without a hub the newest of all spools, so many bytes, are the history."""
_NAME: Final = re.compile(r"progress-kit-spool-(\d{1,12})(?:\.[A-Za-z0-9_.:-]+)?\.jsonl")


def file_name(pid: int, taken_by: str | None = None) -> str:
    """Return the name of the spool of a process; of one that a hub is taking in, the name that says so."""
    return f"progress-kit-spool-{pid}{'' if taken_by is None else f'.{taken_by}'}.jsonl"


def pid_of(name: str) -> int | None:
    """Return the process whose spool has this name, in either form; None if it is no spool's name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


class SpooledEnd(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One end. `hub_id` is the hub that it is meant for, None for any; `stages` are as in `Timeline`."""

    version: Annotated[int, Meta(ge=1)] = 1
    hub_id: Id | None = None
    session: Id
    snapshot: Snapshot
    stages: Annotated[tuple[StageRecord, ...], Meta(max_length=MAX_STAGES)] = ()


class _Header(Struct, frozen=True, kw_only=True):
    version: int = 1
    hub_id: str | None
    session: str
    snapshot: msgspec.Raw
    stages: tuple[StageRecord, ...] = ()


class _Line(Struct, frozen=True, kw_only=True):
    """Either kind of line, as far as it must be known to tell them apart."""

    snapshot: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    durable: dict[str, int] | msgspec.UnsetType = msgspec.UNSET


_line: Final = msgspec.json.Decoder(_Line)


def end_line(hub_id: str | None, session: str, snapshot: bytes, stages: tuple[StageRecord, ...] = ()) -> bytes:
    """Return the line for an end; `snapshot` is its JSON."""
    return (
        msgspec.json.encode(_Header(hub_id=hub_id, session=session, snapshot=msgspec.Raw(snapshot), stages=stages))
        + b"\n"
    )


def durable_line(durable: Mapping[str, int]) -> bytes:
    """Return the line that strikes out these ends: operation → seq."""
    return msgspec.json.encode({"durable": dict(durable)}) + b"\n"


def read(lines: Iterable[bytes], *, struck: bool = False) -> list[SpooledEnd]:
    """Return the ends in `lines`, in their order, each operation once.

    Those that are struck out are left out, unless `struck` asks for them too: they are history all the same.
    """
    ends: dict[str, SpooledEnd] = {}
    durable: dict[str, int] = {}
    for raw in lines:
        found = _read_one(raw)
        if isinstance(found, SpooledEnd):
            known = ends.get(found.snapshot.id)
            if known is None or known.snapshot.seq < found.snapshot.seq:
                ends[found.snapshot.id] = found
        else:
            durable.update(found)
    return [end for key, end in ends.items() if struck or durable.get(key, -1) < end.snapshot.seq]


def _read_one(raw: bytes) -> SpooledEnd | dict[str, int]:
    """Return the end, or what the line strikes out: nothing if it is neither."""
    if len(raw) > LINE_BYTES:
        return {}
    try:
        line = _line.decode(raw)
        if line.durable is not msgspec.UNSET:
            return line.durable
        if line.snapshot is msgspec.UNSET:
            return {}
        end = decode_as(raw, SpooledEnd, limit=LINE_BYTES)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ProtocolError):
        return {}
    return end if is_terminal(end.snapshot.state) else {}
