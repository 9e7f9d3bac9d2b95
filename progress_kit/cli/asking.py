"""The commands that ask the hub: list, show, wait, watch, cancel."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from progress_kit import client
from progress_kit.cli import exits, looks
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
        print(looks.table([looks.HEADER, *map(looks.row, found)]))
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
    snapshot = api.wait(full_id(args.id), args.timeout)
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
    """``watch``: what runs, live, until interrupted."""
    wanted = api.watch(states=args.state or None, notebook=args.notebook, max_rate_hz=args.rate)
    if args.json:
        for view in wanted:
            _print_json(view)
        return exits.DONE
    try:
        from progress_kit.cli.live import follow
    except ImportError:
        raise UsageError(
            "watch draws with rich, which is not installed: pip install 'progress-kit[cli]', or use --json"
        ) from None
    follow(wanted)
    return exits.DONE


def full_id(beginning: str) -> str:
    """Return the id of the one operation that `beginning` begins or that it is the name of.

    Raises `OperationNotFoundError` if there is none or more than one. An id that only the history knows is returned as
    it is.
    """
    known = client.operations()
    exact = [each for each in known if each.id == beginning]
    found = exact or [each for each in known if each.id.startswith(beginning) or each.name == beginning]
    if len(found) > 1:
        few = ", ".join(each.id for each in found[:_SHOWN])
        raise OperationNotFoundError(f"{beginning!r} can be {len(found)} operations: {few}; give more of the id")
    return found[0].id if found else beginning


def _print_json(value: Snapshot | Iterable[Snapshot]) -> None:
    """Print `value` as one line, at once: the reader may be a program that waits for it."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


COMMANDS: Final[dict[str, Callable[[Namespace], int]]] = {
    "list": list_,
    "show": show,
    "wait": wait,
    "watch": watch,
    "cancel": cancel,
}
