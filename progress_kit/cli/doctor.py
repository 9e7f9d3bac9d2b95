"""``doctor``: looks at each thing that can be in the way, and says what to do."""

import importlib.util
import platform
from argparse import Namespace
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import msgspec

from progress_kit import __version__, client, clock, settings
from progress_kit.cli import exits
from progress_kit.connection import Target, candidates, servers
from progress_kit.errors import HubError
from progress_kit.protocol.rest import Health

_SIGNS: Final = {"ok": "✓", "note": "·", "bad": "✗"}
_CLOCK_S: Final = 5.0
"""A difference between the clocks that is worth a word."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at; `do` says what to do where it is not well."""

    about: str
    status: Literal["ok", "note", "bad"]
    found: str
    do: str = ""


def doctor(args: Namespace) -> int:
    """Look at everything; exits with 1 if something is in the way."""
    findings = list(_examine())
    if args.json:
        print(msgspec.json.encode(findings).decode())
    else:
        for each in findings:
            print(f"{_SIGNS[each.status]} {each.about}: {each.found}")
            if each.do:
                print(f"    → {each.do}")
    return exits.FAILED if any(each.status == "bad" for each in findings) else exits.DONE


def _examine() -> Iterator[Finding]:
    now = settings.read()
    yield Finding(about="version", status="ok", found=f"progress-kit {__version__}, Python {platform.python_version()}")
    yield from _environment(now)
    yield from _installed()
    targets = candidates(now)
    yield from _servers(targets)
    for target in targets:
        yield from _hub(target, now.connect_timeout_s)
    yield Finding(
        about="browser",
        status="note",
        found="whether it may show notifications cannot be seen from here",
        do="in JupyterLab, run the command “Enable Browser Notifications” from the palette; it says what is set. "
        "Browsers allow them on https and on localhost only; a refusal is undone beside the address, at the lock",
    )


def _environment(now: settings.Settings) -> Iterator[Finding]:
    if not now.enabled:
        yield Finding(about="environment", status="bad", found="PROGRESS_KIT switches everything off", do="unset it")
    for problem in now.problems:
        yield Finding(about="environment", status="bad", found=problem, do="correct or unset it")
    if now.token and not now.hub_url:
        yield Finding(
            about="environment",
            status="bad",
            found="PROGRESS_KIT_TOKEN is set without PROGRESS_KIT_HUB_URL, so it is not used",
            do="set both, or none",
        )


def _installed() -> Iterator[Finding]:
    """Tell what of Jupyter is in this environment; a kernel's own may well have nothing."""
    for package, extra, what in (
        ("jupyter_server", "jupyter", "the hub runs in Jupyter's server"),
        ("jupyterlab", "lab", "its pages show the operations"),
    ):
        try:
            yield Finding(about=package, status="ok", found=version(package))
        except PackageNotFoundError:
            yield Finding(
                about=package,
                status="note",
                found=f"not in this environment; {what}, which may be in another one",
                do=f"where it is: pip install 'progress-kit[{extra}]'",
            )
    if importlib.util.find_spec("jupyterlab") is None:
        return
    from jupyter_core.paths import jupyter_path

    where = next((path for path in jupyter_path("labextensions") if (Path(path) / "progress-kit").exists()), None)
    if where is None:
        yield Finding(
            about="labextension",
            status="bad",
            found="JupyterLab is here, and our extension for it is not",
            do="pip install --force-reinstall --no-deps progress-kit, then reload the page",
        )
    else:
        yield Finding(about="labextension", status="ok", found=str(Path(where) / "progress-kit"))


def _servers(targets: list[Target]) -> Iterator[Finding]:
    ours = {one.pid for _, one in servers()}
    for url, pid in _running_servers():
        if pid not in ours:
            yield Finding(
                about="server",
                status="bad",
                found=f"{url} runs without progress_kit",
                do="pip install 'progress-kit[jupyter]' into its environment and start it again; "
                "`jupyter server extension list` there says whether it is enabled",
            )
    if not targets:
        yield Finding(
            about="server",
            status="bad",
            found="no running one has the hub",
            do="start `jupyter lab` or `progress-kit serve`; for one on another machine set PROGRESS_KIT_HUB_URL "
            "and PROGRESS_KIT_TOKEN (`progress-kit token` there makes one)",
        )


def _running_servers() -> list[tuple[str, int]]:
    try:
        from jupyter_server.serverapp import list_running_servers
    except ImportError:
        return []
    return [(str(one["url"]), int(one["pid"])) for one in list_running_servers()]


def _hub(target: Target, timeout_s: float) -> Iterator[Finding]:
    about = f"hub at {target.url}"
    before = clock.wall()
    try:
        health = client.health(target, timeout_s)
    except HubError as error:
        yield Finding(about=about, status="bad", found=str(error), do="is that server busy, stopped or restarting?")
        return
    yield Finding(
        about=about,
        status="ok",
        found=f"answers; {health.operations.live} live operations, {health.operations.history} in its history",
    )
    yield from _health(about, health, (before + clock.wall()) / 2)
    try:
        client.reach(target, timeout_s)
        yield Finding(about=about, status="ok", found="its WebSocket opens")
    except HubError as error:
        yield Finding(
            about=about,
            status="bad",
            found=f"its WebSocket does not open: {error}",
            do="a proxy in between has to let WebSockets through; until then it is asked by REST",
        )


def _health(about: str, health: Health, now: float) -> Iterator[Finding]:
    if health.version != __version__:
        yield Finding(
            about=about,
            status="note",
            found=f"it has version {health.version}, here is {__version__}",
            do="the same version in both environments is the safest",
        )
    if health.store.status != "ok":
        yield Finding(
            about=about,
            status="bad",
            found=f"its history is not kept ({health.store.status}): {health.store.reason or 'unknown why'}",
            do="look at the file that c.ProgressKit.history_file names, and at the disk",
        )
    ahead_s = health.now - now
    if abs(ahead_s) > _CLOCK_S:
        yield Finding(
            about=about,
            status="note",
            found=f"its clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this one",
            do="times are shown by the hub's clock; set the clocks if that is confusing",
        )
