"""Runs one command line, and turns what went wrong into one line and an exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from progress_kit import __version__, settings
from progress_kit.cli import asking, doctor, exits, past, running, serving, sharing
from progress_kit.cli.arguments import parser
from progress_kit.cli.hints import hint
from progress_kit.connection import servers
from progress_kit.errors import HubNotFoundError
from progress_kit.protocol.bundle import ConnectionFile

_COMMANDS: Final[dict[str, Callable[[Namespace], int]]] = {
    **asking.COMMANDS,
    "run": running.run,
    "history": past.history,
    "export": past.export,
    "doctor": doctor.doctor,
    "serve": serving.serve,
    "token": serving.token,
    "share": sharing.share,
    "completion": serving.completion,
}
_NEEDS_NO_HUB: Final = frozenset({"doctor", "serve", "completion", "run"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return the exit code."""
    whole = parser()
    args = whole.parse_args(argv)
    if args.version:
        print(f"progress-kit {__version__}")
        return exits.DONE
    if args.command is None:
        whole.print_help()
        return exits.USAGE
    try:
        if args.command not in _NEEDS_NO_HUB:
            _choose(args.server, quiet=getattr(args, "json", False))
        return _COMMANDS[args.command](args)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`… | head`); Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.DONE
    except tuple(exits.ERRORS) as error:
        print(f"progress-kit: {error}", file=sys.stderr)
        advice = hint(error)
        if advice is not None:
            print(f"    → {advice}", file=sys.stderr)
        return next(code for kind, code in exits.ERRORS.items() if isinstance(error, kind))


def _choose(which: str | None, *, quiet: bool) -> None:
    """Let the environment name the server that is meant, and say which one it is where that is not clear."""
    if which is not None:
        path, _ = _named(which)
        os.environ.pop("PROGRESS_KIT_HUB_URL", None)
        os.environ["PROGRESS_KIT_CONNECTION_FILE"] = str(path)
        return
    now = settings.read()
    if quiet or now.hub_url or now.connection_file:
        return
    found = servers()
    if len(found) > 1:
        some = ", ".join(f"{_port(one)} ({one.root_dir})" for _, one in found)
        print(f"{len(found)} servers run: {some}. --server says which; now it is the best one.", file=sys.stderr)


def _named(which: str) -> tuple[Path, ConnectionFile]:
    found = servers()
    root = str(Path(which).expanduser().absolute())
    named = [each for each in found if which in {_port(each[1]), each[1].hub_id} or root == each[1].root_dir]
    if named:
        return named[0]
    running = ", ".join(f"{_port(one)} ({one.root_dir})" for _, one in found) or "none"
    raise HubNotFoundError(f"no server is {which!r}; running are: {running}")


def _port(one: ConnectionFile) -> str:
    return one.url.split("/")[2].rpartition(":")[2]
