"""The commands that let others in: serve, token, completion."""

import os
import shlex
import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec

import msgspec

from progress_kit.cli import exits
from progress_kit.cli.arguments import parser
from progress_kit.client import first_answer
from progress_kit.connection import grant
from progress_kit.errors import UsageError
from progress_kit.protocol.rest import TokenRequest


def serve(args: Namespace) -> int:
    """``serve``: become a server with the hub in it."""
    if find_spec("progress_kit_jupyter") is None or find_spec("jupyter_server") is None:
        raise UsageError("serve needs Jupyter's server: pip install 'progress-kit[jupyter]'")
    command = [sys.executable, "-m", "progress_kit_jupyter", "--no-browser"]
    if args.port is not None:
        command.append(f"--ServerApp.port={args.port}")
    if args.ip is not None:
        command.append(f"--ServerApp.ip={args.ip}")
    command.extend(args.rest)
    if sys.platform == "win32":
        return subprocess.run(command, check=False).returncode  # noqa: S603 - the user's own command line
    # Signals and the exit code are the server's own from here on.
    return os.execv(command[0], command)  # noqa: S606 - as above


def token(args: Namespace) -> int:
    """``token``: print a new token; standard output has nothing else, so that it can go into a variable."""
    scopes = tuple(dict.fromkeys(args.scope or ["publish"]))
    wanted = TokenRequest(scopes=scopes, expires_in_s=args.expires)
    target, answer = first_answer(lambda target, timeout_s: (target, grant(target, wanted, timeout_s=timeout_s)))
    if args.json:
        shown = {"url": target.url, "token": str(answer.text), "scopes": scopes, "expires_in_s": answer.expires_in_s}
        print(msgspec.json.encode(shown).decode())
        return exits.DONE
    if args.export:
        print(f"export PROGRESS_KIT_HUB_URL={shlex.quote(target.url)} PROGRESS_KIT_TOKEN={shlex.quote(answer.text)}")
        return exits.DONE
    print(answer.text)
    print(f"for PROGRESS_KIT_TOKEN, with PROGRESS_KIT_HUB_URL={target.url}", file=sys.stderr)
    return exits.DONE


def completion(args: Namespace) -> int:
    """``completion SHELL``: print the script that makes a shell complete our command lines."""
    try:
        import shtab
    except ImportError:
        raise UsageError("completion is made by shtab: pip install 'progress-kit[cli]'") from None
    print(shtab.complete(parser(), shell=args.shell))
    return exits.DONE
