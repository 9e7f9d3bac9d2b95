"""``watch`` for people: the operations as a table that is drawn anew in place."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from progress_kit.cli import looks
from progress_kit.display.view import View
from progress_kit.model import Snapshot

_STYLES = {
    "running": "cyan",
    "paused": "yellow",
    "stale": "yellow",
    "succeeded": "green",
    "failed": "bold red",
    "lost": "bold red",
}
_WIDE = 100
"""From so many columns on there is room for all facts."""
_NARROW = 72
"""With fewer, the bar leaves its room to the words."""


def follow(views: Iterable[list[Snapshot]], console: Console | None = None) -> None:
    """Draw each of `views`; without a terminal each change is a line instead."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        _lines(views, console)
        return
    with Live(console=console, auto_refresh=False, transient=False) as live:
        for view in views:
            live.update(picture(view, console.width), refresh=True)


def picture(view: list[Snapshot], columns: int) -> Table | Text:
    """Return the table of `view`, for a terminal with so many `columns`."""
    if not view:
        return Text("Nothing runs, and nothing ended within the last hour.", style="dim")
    wide, narrow = columns >= _WIDE, columns < _NARROW
    bar = 24 if wide else 10
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("Name", ratio=4, min_width=16, no_wrap=True, overflow="ellipsis")
    table.add_column("State", ratio=3, min_width=9, no_wrap=True, overflow="ellipsis")
    if not narrow:
        table.add_column("", width=bar)
    table.add_column("Done", no_wrap=True, justify="right")
    table.add_column("Time", min_width=17, no_wrap=True)
    if wide:
        table.add_column("Where", ratio=3, no_wrap=True, overflow="ellipsis")
    for snapshot in looks.ordered(view):
        texts = View.of(snapshot)
        # Text, never a string: a name such as "[red]" is no markup.
        cells = [
            Text(texts.title),
            Text(texts.state, style=_STYLES.get(texts.look, "")),
            *([] if narrow else [_bar(texts.fraction, bar)]),
            Text(texts.percent or texts.counter),
            Text(texts.elapsed if texts.ended else texts.left or texts.elapsed),
        ]
        table.add_row(*cells, *([Text(looks.where(snapshot), style="dim")] if wide else []))
    return table


def _bar(fraction: float | None, width: int) -> Text | ProgressBar:
    return Text("") if fraction is None else ProgressBar(total=1.0, completed=fraction, width=width)


def _lines(views: Iterable[list[Snapshot]], console: Console) -> None:
    """Print a line for each operation that began or changed its state."""
    states: dict[str, str] = {}
    for view in views:
        for snapshot in view:
            texts = View.of(snapshot)
            if states.get(snapshot.id) != texts.state:
                states[snapshot.id] = texts.state
                console.print(Text(f"{texts.title}: {texts.summary}"), soft_wrap=True)
