"""The command that lets others watch: share."""

import http.client
import sys
from argparse import Namespace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from progress_kit import client
from progress_kit.cli import exits
from progress_kit.cli.asking import full_id
from progress_kit.client import first_answer
from progress_kit.connection import Target
from progress_kit.connection.rest import refusal, request
from progress_kit.errors import OperationNotFoundError, UsageError
from progress_kit.model import Snapshot
from progress_kit.protocol.rest import TokenRequest, TokenResponse

_DAY_S: Final = 86_400.0
_MOST_DAYS: Final = 30.0
_FRAGMENT: Final = "#token="


def share(args: Namespace) -> int:
    """``share ID``: print a link to it; ``share --revoke LINK``: take a link back."""
    if args.revoke is not None:
        if args.id is not None:
            raise UsageError("share makes a link or revokes one, not both: leave out ID or --revoke")
        return _revoke(args.revoke)
    if args.id is None:
        raise UsageError("say what is shared, by its id or its name; `progress-kit list` lists what there is")
    if args.expires > _MOST_DAYS:
        raise UsageError(f"--expires {args.expires:g}: a link works for at most {_MOST_DAYS:g} days")
    wanted = _wanted(client.get(full_id(args.id)), args)
    target, minted = first_answer(lambda target, timeout_s: (target, _mint(target, wanted, timeout_s)))
    base = target.url if args.url is None else f"{args.url.removesuffix('/')}/progress-kit/"
    link = f"{base}share{_FRAGMENT}{minted.token}"
    if args.json:
        shown = {"link": link, "jti": minted.jti, "expires_in_s": minted.expires_in_s}
        print(msgspec.json.encode(shown).decode())
        return exits.DONE
    print(link)
    print(f"It works for {minted.expires_in_s / _DAY_S:g} days. `progress-kit share --revoke {minted.jti}` ends it.")
    if args.url is None and target.local:
        print("It works on this machine only: --url says how others reach the server.", file=sys.stderr)
    return exits.DONE


def _wanted(snapshot: Snapshot, args: Namespace) -> TokenRequest:
    notebook = snapshot.origin.notebook if args.notebook else None
    if args.notebook and notebook is None:
        raise UsageError(f"{snapshot.id} is of no notebook: leave out --notebook")
    return TokenRequest(
        scopes=("subscribe",),
        operation=None if args.notebook else snapshot.id,
        notebook=notebook,
        expires_in_s=args.expires * _DAY_S,
    )


def _mint(target: Target, wanted: TokenRequest, timeout_s: float) -> TokenResponse:
    login, body = _login(target), msgspec.json.encode(wanted)
    status, answer = request(target, "POST", "tokens", credential=login, login=True, timeout_s=timeout_s, body=body)
    if status != http.client.CREATED:
        raise refusal(target, "the request for a link", status, answer)
    return msgspec.json.decode(answer, type=TokenResponse)


def _revoke(link: str) -> int:
    jti = _id_in(link)
    first_answer(lambda target, timeout_s: _void(target, jti, timeout_s))
    print(f"A link with the id {jti} works no more.", file=sys.stderr)
    return exits.DONE


def _void(target: Target, jti: str, timeout_s: float) -> None:
    path = f"tokens/{quote(jti, safe='')}"
    status, answer = request(target, "DELETE", path, credential=_login(target), login=True, timeout_s=timeout_s)
    if status == http.client.NOT_FOUND:
        raise OperationNotFoundError(f"{jti!r} is no id of a link")
    if status != http.client.NO_CONTENT:
        raise refusal(target, "the end of a link", status, answer)


def _id_in(link: str) -> str:
    """Return the id of a whole link's token, or `link` where it is none."""
    _, found, token = link.partition(_FRAGMENT)
    if not found:
        return link
    import jwt

    try:
        return str(jwt.decode(token, options={"verify_signature": False})["jti"])
    except (jwt.PyJWTError, KeyError):
        raise UsageError("--revoke: this is no link that `share` makes") from None


def _login(target: Target) -> str:
    """Return Jupyter's own token for the server: only a login may share, the connection file's secret may not."""
    try:
        from jupyter_server.serverapp import list_running_servers
    except ImportError:
        raise UsageError(
            "share needs Jupyter's server beside it: pip install 'progress-kit[jupyter]', or share from the panel"
        ) from None
    servers: list[dict[str, Any]] = [*list_running_servers()]
    token = next((one.get("token") for one in servers if one["pid"] == target.pid), None)
    if token:
        return str(token)
    if any(one["pid"] == target.pid for one in servers):
        raise UsageError(f"{target.url} has a password and no token, so only its pages can share: open {target.url}")
    raise UsageError(f"{target.url} is no server of yours on this machine, so only its pages can share")
