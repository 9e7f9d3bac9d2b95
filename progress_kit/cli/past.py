"""The commands that ask for what has ended: history, export."""

import csv
import sys
from argparse import Namespace
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import msgspec

from progress_kit.cli import exits, looks
from progress_kit.display import text
from progress_kit.display.view import View
from progress_kit.errors import UsageError
from progress_kit.model import Snapshot
from progress_kit.tracker import api

_COLUMNS: Final = ("id", "name", "kind", "where", "started_at", "duration_s", "outcome", "ended_early", "error")
_HEADER: Final = ("ENDED", "TOOK", "STATE", "NAME", "WHERE", "ID")
_EVERYTHING: Final = 1_000_000
# What a spreadsheet takes for a formula, also after white space or a quote, and in full width.
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def history(args: Namespace) -> int:
    """``history [KIND]``: the last runs that have ended."""
    runs = api.history(args.kind, limit=args.limit)
    if args.json:
        sys.stdout.write(msgspec.json.encode(runs).decode() + "\n")
    elif runs:
        looks.show([_HEADER, *map(_row, runs)])
    else:
        of_kind = f" of kind {args.kind!r}" if args.kind else ""
        print(f"No run{of_kind} has ended yet.", file=sys.stderr)
    return exits.DONE


def export(args: Namespace) -> int:
    """``export``: the whole history as CSV or JSON."""
    runs = api.history(args.kind, limit=_EVERYTHING)
    try:
        with nullcontext(sys.stdout) if args.output is None else _created(args.output) as file:
            if args.format == "json":
                file.write(msgspec.json.encode(runs).decode() + "\n")
            else:
                write_csv(runs, file)
    except FileExistsError:
        raise UsageError(f"{args.output} is there already; remove it, or name another file") from None
    except OSError as error:
        raise UsageError(f"{args.output} cannot be written: {error.strerror}") from error
    if args.output is not None:
        print(f"{len(runs)} runs written to {args.output}", file=sys.stderr)
    return exits.DONE


def write_csv(runs: Iterable[Snapshot], file: TextIO) -> None:
    """Write a header and a line for each run (RFC 4180, times in UTC); no text can become a formula."""
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for run in runs:
        error = "" if run.error is None else f"{run.error.type}: {run.error.message}"
        texts = [run.id, run.name, run.kind or "", looks.where(run)]
        started = "" if run.started_at is None else datetime.fromtimestamp(run.started_at, UTC).isoformat()
        took = "" if run.elapsed_s is None else round(run.elapsed_s, 3)
        writer.writerow([*map(_harmless, texts), started, took, run.state, run.ended_early, _harmless(error)])


def _created(path: Path) -> TextIO:
    return path.open("x", encoding="utf-8", newline="")


def _row(run: Snapshot) -> tuple[str, ...]:
    view = View.of(run)
    ended = "" if run.ended_at is None else f"{datetime.fromtimestamp(run.ended_at).astimezone():%Y-%m-%d %H:%M}"
    took = "" if run.elapsed_s is None else text.duration(run.elapsed_s, tenths=True)
    state, title, place = looks.shown(view.state, view.title, looks.where(run))
    return ended, took, state, title, place, run.id


def _harmless(value: str) -> str:
    begins = value.lstrip("\"' \t\r\n").startswith(_FORMULA) or value.startswith(("\t", "\r", "\n"))
    return f"'{value}" if begins else value
