"""The commands that ask the hub: list, show, wait, watch, cancel."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from progress_kit import client
from progress_kit.cli import exits, looks
from progress_kit.display.notifications import FORMATS
from progress_kit.display.view import View
from progress_kit.errors import OperationNotFoundError, UsageError
from progress_kit.model import Snapshot
from progress_kit.tracker import api

_SHOWN: Final = 5


def list_(args: Namespace) -> int:
    """``list``: what runs, and what ended within the last hour."""
    found = looks.ordered(each for each in client.operations() if not args.state or each.state in args.state)
    if args.json:
        _print_json(found)
    elif found:
        looks.show([looks.HEADER, *map(looks.row, found)])
    else:
        print("Nothing runs, and nothing ended within the last hour.", file=sys.stderr)
    return exits.DONE


def show(args: Namespace) -> int:
    """``show ID``: all that is known of one operation."""
    snapshot = client.get(full_id(args.id))
    if args.json:
        _print_json(snapshot)
    else:
        print(looks.details(snapshot))
    return exits.DONE


def wait(args: Namespace) -> int:
    """``wait ID``: until it has ended; the exit code tells how."""
    operation = full_id(args.id)
    try:
        snapshot = api.wait(operation, args.timeout)
    except OperationNotFoundError:
        snapshot = client.get(operation)  # it may have ended long ago
    if args.json:
        _print_json(snapshot)
    else:
        print(looks.details(snapshot).splitlines()[0])
    return exits.of(snapshot)


def cancel(args: Namespace) -> int:
    """``cancel ID``: ask it to stop."""
    operation = full_id(args.id)
    client.cancel(operation, args.reason)
    print(f"{operation} was asked to stop.", file=sys.stderr)
    return exits.DONE


def watch(args: Namespace) -> int:
    """``watch``: what runs, live, until interrupted; of one operation, until it has ended."""
    if args.id is None and (args.format or args.token):
        raise UsageError("--format and --token are for one operation: progress-kit watch ID --format mcp")
    if args.id is not None and (args.state or args.notebook):
        raise UsageError("watch follows one operation or those that match, not both: leave out ID, or the filters")
    if args.id is None:
        _draw(args, api.watch(states=args.state or None, notebook=args.notebook, max_rate_hz=args.rate))
        return exits.DONE
    args.id = full_id(args.id)
    end: list[Snapshot] = []
    _draw(args, _until_end(args.id, api.watch(operations=[args.id], max_rate_hz=args.rate), end))
    return exits.of(end[0])


def _until_end(operation: str, views: Iterable[list[Snapshot]], end: list[Snapshot]) -> Iterator[list[Snapshot]]:
    """Yield `views` up to the one in which the operation has ended, which goes to `end`."""
    for view in views:
        last = client.ended(operation, view)
        yield view
        if last is not None:
            end.append(last)
            return


def _draw(args: Namespace, views: Iterable[list[Snapshot]]) -> None:
    if args.format:
        notify = FORMATS[args.format](args.token or args.id)
        for view in views:
            for notification in notify(view[0]):
                _print_line(msgspec.json.encode(notification))
        return
    if args.json:
        for view in views:
            _print_json(view)
        return
    try:
        from progress_kit.cli.live import follow
    except ImportError:
        raise UsageError(
            "watch draws with rich, which is not installed: pip install 'progress-kit[cli]', or use --json"
        ) from None
    follow(views)


def full_id(beginning: str) -> str:
    """Return the id of the one operation that `beginning` begins or that it is the name of; of several the live one.

    Raises `OperationNotFoundError` if that does not say which. An id that only the history knows is returned as it is.
    """
    known = client.operations()
    exact = [each for each in known if each.id == beginning]
    found = exact or [each for each in known if each.id.startswith(beginning) or each.name == beginning]
    live = [each for each in found if View.of(each).look in {"running", "paused", "pending"}]
    if len(live) == 1:
        found = live
    if len(found) > 1:
        few = ", ".join(f"{each.id} ({each.state})" for each in looks.ordered(found)[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise OperationNotFoundError(f"{beginning!r} can be {len(found)} operations: {few}{more}; say which by its id")
    return found[0].id if found else beginning


def _print_json(value: Snapshot | Iterable[Snapshot]) -> None:
    """Print `value` as one line, at once: the reader may be a program that waits for it."""
    _print_line(msgspec.json.encode(value))


def _print_line(line: bytes) -> None:
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


COMMANDS: Final[dict[str, Callable[[Namespace], int]]] = {
    "list": list_,
    "show": show,
    "wait": wait,
    "watch": watch,
    "cancel": cancel,
}
