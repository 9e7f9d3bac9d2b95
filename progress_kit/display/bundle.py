"""What a notebook's output holds: the same operation for the labextension, for any browser and for any reader."""

from typing import Any

import msgspec
from msgspec.structs import replace

from progress_kit.display.html import html
from progress_kit.display.plain import plain
from progress_kit.model import Snapshot, is_terminal
from progress_kit.protocol.bundle import MIME_TYPE, OperationBundle

WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"


def mime_bundle(snapshot: Snapshot, hub_id: str | None, *, widget: str | None = None) -> dict[str, Any]:
    """Return the MIME bundle of `snapshot`; `widget` is the model id of a living `ProgressWidget`.

    Frontends take the first type that they know, hence the order. The bundle of an ended operation stays in the
    notebook's file: it never names a widget, which would be dead there, and leaves out what only makes diffs.
    """
    ended = is_terminal(snapshot.state)
    if ended:
        snapshot = stored(snapshot)
    bundle = OperationBundle(operation=snapshot.id, hub_id=hub_id, snapshot=snapshot)
    data: dict[str, Any] = {MIME_TYPE: msgspec.json.decode(msgspec.json.encode(bundle))}  # so NaN becomes null
    if widget is not None and not ended:
        data[WIDGET_TYPE] = {"version_major": 2, "version_minor": 0, "model_id": widget}
    return data | {"text/html": html(snapshot), "text/plain": plain(snapshot)}


def timeless_bundle(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a notebook keeps of an ended operation if its file shall be the same after each run.

    No ids, times, durations or rates, and so nothing that a page could follow.
    """
    snapshot = replace(
        snapshot,
        stages=tuple(replace(stage, rate=None, elapsed_s=None) for stage in snapshot.stages),
        elapsed_s=None,
    )
    return {"text/html": html(snapshot), "text/plain": plain(snapshot)}


def stored(snapshot: Snapshot) -> Snapshot:
    """Return `snapshot` without tasks, counters and pid: as it is written into a notebook."""
    return replace(
        snapshot,
        stages=tuple(replace(stage, counters=()) for stage in snapshot.stages),
        tasks=(),
        origin=replace(snapshot.origin, pid=None),
    )
