"""``run``: a command as an operation."""

import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from progress_kit.adapters.program import run as run_program
from progress_kit.adapters.program import title
from progress_kit.errors import OperationCancelled, UsageError
from progress_kit.model import NAME_LENGTH, shorten

# As shells have it.
_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
_SIGNAL: Final = 128


def run(args: Namespace) -> int:
    """Run it with its own output and its own exit code; what is to be told of it, its output tells."""
    command: list[str] = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not command:
        raise UsageError("run needs a command: progress-kit run -- rsync -a photos/ backup/")
    name = args.name or title(command)
    # The same command takes as long as it did in this directory, not elsewhere.
    kind = args.kind or shorten(f"{name}@{Path.cwd()}", NAME_LENGTH)
    try:
        code = run_program(command, name, kind=kind, notify=_notify(args.notify)).returncode
    except FileNotFoundError:
        print(f"progress-kit: {command[0]}: command not found", file=sys.stderr)
        return _NOT_FOUND
    except PermissionError:
        print(f"progress-kit: {command[0]}: permission denied", file=sys.stderr)
        return _NOT_EXECUTABLE
    except OperationCancelled:
        return _SIGNAL + signal.SIGTERM
    return _SIGNAL - code if code < 0 else code


def _notify(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
