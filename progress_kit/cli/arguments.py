"""The command line: what can be asked, and its help."""

from argparse import REMAINDER, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Final, get_args

from progress_kit.model import OperationState

_EXITS: Final = """exit codes:
  0  done; the operation succeeded    5  no such operation
  1  failed                           6  cancelled
  2  wrong usage                      7  lost
  3  no hub could be asked          124  the time was over
  4  the hub said no                130  interrupted"""


def parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    whole = ArgumentParser(
        prog="progress-kit",
        description="The long-running operations of your notebooks and scripts.",
        epilog=_EXITS,
        formatter_class=RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="store_true", help="print the version")
    whole.add_argument(
        "--server",
        metavar="WHICH",
        help="which server: its port, its hub id, or its root directory (default: the best)",
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, summary: str, *, json: bool = True) -> ArgumentParser:
        one = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if json:
            one.add_argument("--json", action="store_true", help="print JSON, for programs")
        return one

    one = command("list", "list what runs and what ended within the last hour")
    _add_state(one)
    one = command("watch", "follow what runs, live, until interrupted; or one operation until it has ended")
    one.add_argument("id", metavar="ID", nargs="?", help="only this operation; the exit code tells how it ended")
    _add_state(one)
    one.add_argument("--notebook", metavar="PATH", help="only operations of this notebook")
    one.add_argument("--rate", type=_positive, default=4.0, metavar="HZ", help="updates a second at most (default: 4)")
    one.add_argument(
        "--format", choices=["mcp", "lsp"], help="print the progress notifications of MCP or LSP, a line each; needs ID"
    )
    one.add_argument("--token", type=_token, metavar="TOKEN", help="the progress token in them (default: the id)")
    one = command("show", "show all that is known of one operation")
    _add_id(one)
    one = command("wait", "wait until an operation has ended; the exit code tells how")
    _add_id(one)
    one.add_argument("--timeout", type=_positive, metavar="SECONDS", help="how long at most (default: for ever)")
    one = command("cancel", "ask an operation to stop", json=False)
    _add_id(one)
    one.add_argument("--reason", metavar="TEXT", help="why, shown to whoever watches")
    one = command("run", "run a command as an operation, with its own output and exit code", json=False)
    one.add_argument("--name", metavar="NAME", help="what it is called (default: the command and its first words)")
    one.add_argument("--kind", metavar="KIND", help="earlier runs to compare it with (default: name and directory)")
    one.add_argument(
        "--notify",
        default="default",
        metavar="WHEN",
        help="always, failure, never, or after how many seconds its end is told (default: by the settings)",
    )
    one.add_argument("words", nargs=REMAINDER, metavar="-- COMMAND ...", help="the command and its arguments")
    one = command("history", "list the last runs that have ended")
    one.add_argument("kind", metavar="KIND", nargs="?", help="only runs of this kind")
    one.add_argument("--limit", type=_count, default=20, metavar="N", help="how many at most (default: 20)")
    one = command("export", "write the whole history as CSV or JSON", json=False)
    one.add_argument("--kind", metavar="KIND", help="only runs of this kind")
    one.add_argument("--format", choices=["csv", "json"], default="csv", help="default: csv")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", help="a new file (default: standard output)")
    one = command("doctor", "find out why nothing is seen, and say what to do")
    one = command("serve", "run a hub without JupyterLab", json=False)
    one.add_argument("--port", type=int, metavar="PORT", help="the port (default: 8888, or the next that is free)")
    one.add_argument("--ip", metavar="ADDRESS", help="the address to listen on (default: localhost)")
    one.add_argument("rest", nargs="*", metavar="-- OPTIONS", help="more options, as for `jupyter server`")
    one = command("token", "make a token for a program that reaches the hub over the network")
    one.add_argument(
        "--scope",
        action="append",
        choices=["publish", "subscribe", "command"],
        help="what it may do; can be repeated (default: publish)",
    )
    one.add_argument(
        "--expires", type=_positive, default=3_600.0, metavar="SECONDS", help="how long it is valid (default: 3600)"
    )
    one.add_argument("--export", action="store_true", help='print lines for a shell: eval "$(… token --export)"')
    _add_share(command("share", "make a link by which others watch an operation, without a login"))
    one = command("completion", "print the completion script for a shell", json=False)
    one.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    return whole


def _add_id(one: ArgumentParser) -> None:
    one.add_argument("id", metavar="ID", help="the operation's id, its beginning, or its name")


def _add_share(one: ArgumentParser) -> None:
    one.add_argument("id", metavar="ID", nargs="?", help="the operation's id, its beginning, or its name")
    one.add_argument("--notebook", action="store_true", help="show all operations of its notebook")
    one.add_argument(
        "--expires", type=_positive, default=7.0, metavar="DAYS", help="how long it works (default: 7, at most 30)"
    )
    one.add_argument("--url", metavar="URL", help="how others reach the server, such as https://lab.example/user/me/")
    one.add_argument("--revoke", metavar="LINK", help="take back this link, or the one of this id")


def _add_state(one: ArgumentParser) -> None:
    one.add_argument(
        "--state", action="append", choices=get_args(OperationState), help="only these; can be given more than once"
    )


def _token(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
