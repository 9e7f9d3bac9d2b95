"""One hub that can be asked, and how to reach it."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


class Secret(str):
    """A text that shows itself nowhere: tracebacks with values, such as IPython's verbose ones, ask for the repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True, slots=True)
class Target:
    """A hub's address and the credential for it; the credential is never part of the repr.

    `secret` comes from a connection file and only mints tokens; `token` is a ready token from the environment.
    """

    url: str
    """Base of the hub's addresses, ``http(s)://host:port/base/progress-kit/``."""
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    hub_id: str | None = None
    pid: int | None = None
    unix_socket: str | None = None
    cafile: str | None = None

    def __post_init__(self) -> None:
        for name in ("secret", "token"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, Secret(value))

    @property
    def host(self) -> str:
        """The host's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, the scheme's own where the address names none."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "https"

    @property
    def websocket_url(self) -> str:
        """Address of the hub's WebSocket."""
        return "ws" + self.url.removeprefix("http") + "ws"

    def api_path(self, path: str) -> str:
        """Path, from the host's root, of ``api/<path>``."""
        return f"{urlsplit(self.url).path}api/{path}"

    @property
    def local(self) -> bool:
        """Whether this machine itself is meant; such a connection never goes through a proxy."""
        if self.unix_socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def proxy(self) -> str | None:
        """Return the proxy that the environment names for this address, as ``host:port``; None to connect directly."""
        if self.local or proxy_bypass(self.host):
            return None
        named = getproxies().get("https" if self.secure else "http")
        return urlsplit(named if "//" in named else f"//{named}").netloc if named else None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return how to check the hub's certificate; None for a connection that is not encrypted."""
        if not self.secure:
            return None
        context = ssl.create_default_context(cafile=self.cafile)
        if self.cafile:
            # The file is the server's own certificate: it is trusted as it stands, whoever signed it. It hardly ever
            # names 127.0.0.1, and on this machine the file itself says whom to expect.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.check_hostname = not self.local
        return context
