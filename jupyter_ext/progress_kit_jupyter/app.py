"""The extension application: its settings, and what is made of them when the server starts."""

import logging
import os
import secrets
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec
from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir
from jupyter_server import version_info
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool, Dict, Enum, Float, Int, List, TraitError, Unicode, default, validate

from progress_kit.hub import WHEN, AwayNotices, AwayPolicy
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import HistoryMode
from progress_kit.store import Retention
from progress_kit_jupyter._version import __version__
from progress_kit_jupyter.activity import Activity
from progress_kit_jupyter.auth import LOCAL, Guard, is_stock
from progress_kit_jupyter.away import Away, Postman, read_urls
from progress_kit_jupyter.cells import CellObserver
from progress_kit_jupyter.connection_file import ConnectionFileOwner, describe
from progress_kit_jupyter.driver import HubDriver
from progress_kit_jupyter.identity import HubLock, hub_id_of, signing_key
from progress_kit_jupyter.kernels import Deaths, KernelWatch
from progress_kit_jupyter.metrics import HubMetrics
from progress_kit_jupyter.pages import tell_kernels, tell_no_more
from progress_kit_jupyter.progress import ROUTES
from progress_kit_jupyter.spool import SpoolReader
from progress_kit_jupyter.tracing import Tracing

log: Final = logging.getLogger("progress_kit")
MINIMUM_SERVER: Final = (2, 21)
"""The first one without a hole that matters here; see SECURITY.md."""


class Running(NamedTuple):
    """What is there between the start and the stop of the server."""

    driver: HubDriver
    guard: Guard
    file: ConnectionFileOwner
    lock: HubLock | None
    kernels: KernelWatch
    cells: CellObserver
    spool: SpoolReader
    activity: Activity
    metrics: HubMetrics
    away: Away | None


class ProgressKit(ExtensionApp):
    """The hub of this server: it knows all operations of its kernels, and of the user's other processes."""

    name = "progress_kit"
    version = __version__
    description = "A Jupyter server that shows the progress of long-running operations."
    load_other_extensions = True

    owner = Unicode(
        help="""Whose the operations of kernels and scripts are; a login sees those of its own name.

        Default: "local" with Jupyter's own identity provider, $JUPYTERHUB_USER under JupyterHub. Must be set with any
        other identity provider.
        """
    ).tag(config=True)
    allow_origins = List(
        Unicode(),
        help="""Pages of other servers that may use the hub, such as "https://dashboard.example".

        ServerApp.allow_origin does not count here: this list alone does.
        """,
    ).tag(config=True)
    limits = Dict(
        help=f"""Limits that differ from the defaults, such as {{"lease_s": 30}}.

        Known: {", ".join(f"{name} ({getattr(Limits(), name):g})" for name in Limits.__struct_fields__)}.
        """
    ).tag(config=True)
    history_file = Unicode(
        help="""The SQLite file of operations and history. Default: progress_kit/history.sqlite3 in Jupyter's data
        directory; the servers of one user share it."""
    ).tag(config=True)
    history_operations = Int(10_000, min=1, help="How many operations of each owner are kept.").tag(config=True)
    history_days = Float(30.0, min=0.0, help="How many days an operation is kept.").tag(config=True)

    history = Enum(
        get_args(HistoryMode),
        "full",
        help="""What is kept of operations: "full", "anonymous" or "off".

        "anonymous": how long they and their stages took, and what they cost, without names, paths, messages, metrics,
        tasks and hosts. Kind and stages are kept as hashes under a key of this user, so that estimates still learn from
        earlier runs. "off": nothing, neither on disk nor for estimates; what has ended leaves with the server. Whoever
        publishes may ask for less by PROGRESS_KIT_HISTORY. What was kept before stays until it is deleted or too old.
        """,
    ).tag(config=True)

    cells_after_s = Float(
        None,
        allow_none=True,
        min=0.0,
        help="""After how many seconds a running cell becomes an operation, in any kernel language.

        Counts for cells that no page of JupyterLab told of; a page goes by its user's settings. Default: never.
        """,
    ).tag(config=True)

    notify_urls = List(
        Unicode(),
        help="""Where the ends of operations are told outside the browser: addresses of Apprise, such as
        "ntfy://ntfy.sh/my-topic" or "mailto://…". Only ends of operations of `owner` are. Default: none.

        An address is a secret, and a server with --debug logs its configuration: better put it into `notify_file`.
        """,
    ).tag(config=True)
    notify_file = Unicode(
        help="""A file with more such addresses, one on each line; it must be readable by its owner alone (mode 0600).
        Default: progress_kit/notify-urls in Jupyter's configuration directory. Read when the server starts."""
    ).tag(config=True)
    notify_when = Enum(
        WHEN,
        "longer",
        help="""Which ends are told there: "never", "failure", "longer" (than notify_after_s) or "always".
        Operations with a policy of their own go by that.""",
    ).tag(config=True)
    notify_after_s = Float(
        30.0, min=0.0, help="""How many seconds an operation must take, where notify_when is "longer"."""
    ).tag(config=True)
    notify_away_only = Bool(
        True,  # noqa: FBT003 - how traits are written
        help="""Whether only those ends are told there that no open page of the user took note of (True), or all.""",
    ).tag(config=True)
    notify_per_minute = Int(
        6, min=1, help="How many such notices are sent in a minute at most; what is more is told together."
    ).tag(config=True)

    activity_hours = Float(
        24.0,
        min=0.0,
        help="""For how many hours from its start a running operation counts as activity of this server, so that neither
        JupyterHub's idle culler nor ServerApp.shutdown_no_activity_timeout stops it. 0: never.""",
    ).tag(config=True)

    tracing = Bool(
        False,  # noqa: FBT003 - how traits are written
        help="""Whether each operation that ends becomes an OpenTelemetry span, with its stages as children. They go to
        the tracer provider of the server's process.""",
    ).tag(config=True)

    running: Running | None = None
    _stopped = False

    @default("history_file")
    def _default_history_file(self) -> str:
        return str(Path(jupyter_data_dir()) / "progress_kit" / "history.sqlite3")

    @default("notify_file")
    def _default_notify_file(self) -> str:
        return str(Path(jupyter_config_dir()) / "progress_kit" / "notify-urls")

    @default("owner")
    def _default_owner(self) -> str:
        if self.serverapp is None or is_stock(self.serverapp.identity_provider):
            return LOCAL
        return os.environ.get("JUPYTERHUB_USER") or LOCAL

    @validate("limits")
    def _valid_limits(self, proposal: dict[str, Any]) -> dict[str, Any]:
        limits: dict[str, Any] = proposal["value"]
        known = Limits.__struct_fields__
        try:
            msgspec.convert(limits, Limits, strict=False)
            good = set(limits) <= set(known) and all(float(value) > 0 for value in limits.values())
        except (msgspec.ValidationError, ValueError, TypeError):  # the first is a ValueError since msgspec 0.21
            good = False
        if not good:
            raise TraitError(f"ProgressKit.limits={limits!r}: allowed are positive numbers for {', '.join(known)}")
        return limits

    def initialize_handlers(self) -> None:
        """Register the routes."""
        if version_info < MINIMUM_SERVER:
            log.warning(
                "The progress hub is not started: jupyter_server %s is too old, it needs %s; run "
                "`pip install --upgrade 'progress-kit[jupyter]'`",
                ".".join(map(str, version_info[:3])),
                ".".join(map(str, MINIMUM_SERVER)),
            )
        self.handlers.extend((pattern, handler, {"extension": self}) for pattern, handler in ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Start the hub. The port is final now, and no kernel has been started yet."""
        if self._stopped:
            return  # told to stop while it was starting
        log.parent = serverapp.log  # what the library logs in this process belongs into the server's log
        if self.owner == LOCAL and not is_stock(serverapp.identity_provider):
            log.warning(
                "Operations of kernels belong to %r, and with this identity provider no login has that name: "
                "set c.ProgressKit.owner to the user name of the person whose kernels these are",
                LOCAL,
            )
        runtime_dir = Path(jupyter_runtime_dir())
        key, lock, hub_id = self._identify(runtime_dir, Path(serverapp.root_dir))
        driver = HubDriver(
            hub_id,
            key,
            msgspec.convert(self.limits, Limits, strict=False),
            Path(self.history_file),
            Retention(self.history_operations, self.history_days),
            mode=self.history,
        )
        secret = secrets.token_urlsafe(32)
        guard = Guard(driver.authority, secret, self.owner, self.allow_origins)
        file = ConnectionFileOwner(runtime_dir)
        try:
            file.write(describe(serverapp, hub_id, secret))
        except OSError as error:
            log.warning("Kernels cannot find the hub, its connection file was not written: %s", error)
        tell_kernels()
        cells = CellObserver(serverapp, driver, self.owner, self.cells_after_s)
        spool = SpoolReader(driver, runtime_dir, self.owner)
        kernels = KernelWatch(serverapp, spool, Deaths(driver), cells)
        activity = Activity(driver, serverapp.web_app.settings, self.activity_hours)
        metrics = HubMetrics(driver)
        away = self._away(driver)
        self._trace(driver)
        self.running = Running(driver, guard, file, lock, kernels, cells, spool, activity, metrics, away)
        activity.start()
        metrics.start()
        spool.start()
        cells.start()
        await kernels.start()
        self.log.info("progress_kit: hub %s is ready", hub_id)

    async def stop_extension(self) -> None:
        """Stop the hub: everything is stored, and nobody is sent here any more."""
        self._stopped = True
        if self.running is None:
            return
        driver, _, file, lock, kernels, cells, spool, activity, metrics, away = self.running
        self.running = None
        activity.stop()
        metrics.stop()
        file.remove()
        tell_no_more()
        kernels.stop()
        cells.stop()
        spool.stop()
        await driver.stop()
        if away is not None:
            await away.stop()
        log.parent = logging.root
        if lock is not None:
            lock.release()

    def _away(self, driver: HubDriver) -> Away | None:
        """Tell ends outside the browser, if there is an address for it."""
        urls = [*self.notify_urls, *read_urls(Path(self.notify_file))]
        if not urls:
            return None
        notices = AwayNotices(
            AwayPolicy(when=self.notify_when, after_s=self.notify_after_s), per_minute=self.notify_per_minute
        )
        away = Away(self.owner, notices, Postman(urls), untold_only=self.notify_away_only)
        driver.on_announced = away.announced
        away.start()
        return away

    def _trace(self, driver: HubDriver) -> None:
        """Make spans of what ends, if that is wanted."""
        if not self.tracing:
            return
        try:
            driver.on_ended = Tracing().ended
        except ImportError:
            log.warning("Spans take OpenTelemetry: run `pip install 'progress-kit[otel]'`")

    def _identify(self, runtime_dir: Path, root_dir: Path) -> tuple[bytes, HubLock | None, str]:
        """Return key, lock and id; without a place for them, ones that last until the server stops."""
        try:
            key = signing_key(runtime_dir)
            lock = HubLock(runtime_dir, hub_id_of(root_dir, key))
        except OSError as error:
            log.warning("Tokens will not outlive this server, its key cannot be kept: %s", error)
            return secrets.token_bytes(64), None, f"h_{secrets.token_hex(12)}"
        return key, lock, lock.hub_id
