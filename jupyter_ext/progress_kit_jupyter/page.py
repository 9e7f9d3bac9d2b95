"""The pages without JupyterLab: the operations of the server, share links, and the files that both are made of.

None of them holds data: that comes by the socket and by REST, which ask the guard.
"""

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, StaticFileHandler, authenticated

from progress_kit.errors import ProtocolError
from progress_kit_jupyter.handlers import ProgressHandler

if TYPE_CHECKING:
    from progress_kit_jupyter.app import ProgressKit

STATIC: Final = Path(__file__).parent / "static"
"""What `npm run build:page` writes."""
_POLICY: Final = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"),
    )
)
# The system's own table differs from machine to machine, and browsers do not run what is called otherwise.
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class _DocumentHandler(ProgressHandler):
    """What the pages share. To open one does nothing, so links of other sites may lead here."""

    @property
    def content_security_policy(self) -> str:
        """Only what comes from this server, and nothing that stands in the page itself."""
        return _POLICY

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Whether somebody goes to the page, or a page asks that may; images and frames of others may not."""
        headers = self.request.headers
        is_visit = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
        return (is_visit and self.get_origin() is None) or super().check_origin(origin_to_satisfy_tornado)

    def check_xsrf_cookie(self) -> None:
        """Skip the check, which would refuse who follows a link of another site."""

    def show(self, name: str) -> None:
        """Answer with a page."""
        try:
            text = (STATIC / name).read_bytes()
        except OSError:
            raise HTTPError(404, "the pages were not built: `npm run build:page`") from None
        self.set_header("Content-Type", _TYPES[".html"])
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Referrer-Policy", "no-referrer")
        _ = self.finish(text)


class PageHandler(_DocumentHandler):
    """``GET progress-kit/``: the operations, for whom the guard admits; strangers are led to the login."""

    @authenticated
    async def get(self) -> None:
        """Show the page."""
        try:
            await self.guard.admit(self, "subscribe")
        except ProtocolError as error:
            raise HTTPError(403, error.message) from None
        if not self.request.path.endswith("/"):
            self.redirect(url_path_join(self.base_url, "progress-kit/"))
            return
        _ = self.xsrf_token  # sets the cookie that the page shows again when it asks for its token
        self.show("page.html")


class SharePageHandler(_DocumentHandler):
    """``GET progress-kit/share``: the empty page behind every share link; what it shows, its token decides."""

    @allow_unauthenticated
    def get(self) -> None:
        """Show the page to anyone."""
        self.show("share.html")


class PageFileHandler(ProgressHandler, StaticFileHandler):
    """``GET progress-kit/static/…``: scripts, style and icons, which are the same for everyone."""

    def initialize(self, extension: "ProgressKit") -> None:  # type: ignore[override]
        """Serve the built files."""
        ProgressHandler.initialize(self, extension)
        StaticFileHandler.initialize(self, str(STATIC))

    @property
    def content_security_policy(self) -> str:
        """As of the pages."""
        return _POLICY

    @allow_unauthenticated
    def get(self, path: str, include_body: bool = True) -> Awaitable[None]:  # type: ignore[override] # noqa: FBT001, FBT002
        """Answer with a file, or that it has not changed."""
        return super().get(path, include_body)

    @allow_unauthenticated
    def head(self, path: str) -> Awaitable[None]:
        """Answer as to a GET, without the file."""
        return super().head(path)

    def get_content_type(self) -> str:
        """Return what the file is, as far as these pages have such files."""
        assert self.absolute_path is not None
        return _TYPES.get(Path(self.absolute_path).suffix, "application/octet-stream")

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002 - the same for all
        """Have browsers ask whether a file has changed."""
        self.set_header("Cache-Control", "no-cache")

    def check_xsrf_cookie(self) -> None:
        """Skip the check: the files are no secret."""


PAGES: Final = (
    (r"/progress-kit", PageHandler),
    (r"/progress-kit/", PageHandler),
    (r"/progress-kit/share", SharePageHandler),
    (r"/progress-kit/static/([\w.-]+)", PageFileHandler),
)
