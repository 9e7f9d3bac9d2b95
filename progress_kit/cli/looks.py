"""Operations as lines and columns of plain text. Pure, but for `show`."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from progress_kit.display import text
from progress_kit.display.terminal import columns_of, cut
from progress_kit.display.view import View
from progress_kit.model import NAME_LENGTH, Snapshot, is_terminal, shorten

HEADER: Final = ("STATE", "DONE", "TIME", "NAME", "WHERE", "ID")
_GAP: Final = 2
_NAME: Final = 40
_WHERE: Final = 32
_STATE: Final = 24
_ID: Final = 11
"""So much of an id is shown at least where there is little room: its beginning is enough for all commands."""
_LEAST: Final = (("WHERE", 8), ("NAME", 16), ("STATE", 9))
"""What is cut where there is little room, in this order, and what is left of it."""


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
        (" " * _GAP)
        .join(cell + " " * (width - columns_of(cell)) for cell, width in zip(each, widths, strict=True))
        .rstrip()
        for each in rows
    )


def show(rows: Sequence[Sequence[str]]) -> None:
    """Print `rows`, the first of them the header: whole for a program, no wider than the terminal for a person."""
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    print(table(fitted(rows, columns) if columns else rows))


def fitted(rows: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    """Return `rows`, the first of them the header, cut so that they fit into so many `columns`, if they can."""
    cells = [list(row) for row in rows]
    header = cells[0]
    over = max(map(columns_of, table(cells).splitlines())) - columns
    if over > 0:
        over -= _shorten_ids(cells)
    for name, least in _LEAST:
        at = header.index(name)
        wide = max(columns_of(row[at]) for row in cells)
        left = max(least, wide - max(0, over))
        for row in cells:
            row[at] = cut(row[at], left)
        over -= wide - left
        if name == "WHERE" and over > 0:
            over -= left + _GAP
            cells = [row[:at] + row[at + 1 :] for row in cells]
            header = cells[0]
    return cells


def _shorten_ids(cells: list[list[str]]) -> int:
    """Cut the ids, which are last, to beginnings that are still different; return by how many columns."""
    ids = [row[-1] for row in cells[1:]]
    wide = max(map(len, ids), default=0)
    length = next((each for each in range(_ID, wide) if len({one[:each] for one in ids}) == len(set(ids))), wide)
    for row in cells[1:]:
        row[-1] = row[-1][:length]
    return wide - length


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
    place = where(snapshot)
    lines.extend([*([f"  where: {place}"] if place else []), f"  id: {snapshot.id}"])
    return "\n".join(lines)


def _estimate(snapshot: Snapshot) -> str:
    estimate = snapshot.estimate
    assert estimate is not None
    rests_on = f" (by {', '.join(estimate.basis)})" if estimate.basis else ""
    if estimate.p10_s is None or estimate.p90_s is None:
        return f"left: about {text.roughly(estimate.p50_s)}{rests_on}"
    low, high = text.roughly(estimate.p10_s), text.roughly(estimate.p90_s)
    return f"left: {low if low == high else f'{low} to {high}'}{rests_on}"
