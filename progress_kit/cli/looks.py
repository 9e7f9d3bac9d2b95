"""Operations as lines and columns of plain text. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from progress_kit.display import text
from progress_kit.display.terminal import columns_of, cut
from progress_kit.display.view import View
from progress_kit.model import NAME_LENGTH, Snapshot, is_terminal, shorten

HEADER: Final = ("STATE", "DONE", "TIME", "NAME", "WHERE", "ID")
_NAME: Final = 40
_WHERE: Final = 32
_STATE: Final = 24


def ordered(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Return what runs first, then what has ended, each in the order of their start."""
    return sorted(snapshots, key=lambda each: (is_terminal(each.state), each.started_at or 0.0))


def row(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the columns of `HEADER` for one operation."""
    view = View.of(snapshot)
    took = view.elapsed if view.ended else view.left or view.elapsed
    state, name, place = shown(view.state, view.title, where(snapshot))
    return state, view.percent or view.counter, took, name, place, snapshot.id


def shown(state: str, name: str, place: str) -> tuple[str, str, str]:
    """Return the three texts no wider than their columns may be."""
    return cut(state, _STATE), cut(name, _NAME), cut(place, _WHERE)


def where(snapshot: Snapshot) -> str:
    """Return the notebook or script that an operation runs in, else its host."""
    origin = snapshot.origin
    return shorten(origin.notebook or origin.script or origin.host or "", NAME_LENGTH)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` in aligned columns; the last one may be as wide as it likes."""
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell + " " * (width - columns_of(cell)) for cell, width in zip(each, widths, strict=True)).rstrip()
        for each in rows
    )


def details(snapshot: Snapshot) -> str:
    """Return all that a person wants to know of one operation, a line each."""
    view = View.of(snapshot)
    lines = [f"{view.title}: {view.summary}", *(f"  {fact}" for fact in view.details)]
    if snapshot.estimate is not None and not view.ended:
        lines.append(f"  {_estimate(snapshot)}")
    for stage in snapshot.stages:
        counted = text.counter(stage.done, stage.total, shorten(stage.unit, NAME_LENGTH)) if stage.done else ""
        took = "" if stage.elapsed_s is None else text.duration(stage.elapsed_s, tenths=True)
        facts = ", ".join(filter(None, (stage.state, counted, took)))
        lines.append(f"  {shorten(stage.name, NAME_LENGTH)}: {facts}")
    for task in snapshot.tasks:
        if task.error is not None:
            message = shorten(task.error.message, NAME_LENGTH)
            lines.append(f"  task {shorten(task.name or task.id, NAME_LENGTH)} failed: {task.error.type}: {message}")
    lines.extend([f"  where: {where(snapshot)}", f"  id: {snapshot.id}"])
    return "\n".join(lines)


def _estimate(snapshot: Snapshot) -> str:
    estimate = snapshot.estimate
    assert estimate is not None
    rests_on = f" (by {', '.join(estimate.basis)})" if estimate.basis else ""
    if estimate.p10_s is None or estimate.p90_s is None:
        return f"left: about {text.roughly(estimate.p50_s)}{rests_on}"
    low, high = text.roughly(estimate.p10_s), text.roughly(estimate.p90_s)
    return f"left: {low if low == high else f'{low} to {high}'}{rests_on}"
