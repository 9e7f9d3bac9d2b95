"""Getting a token for a hub over real sockets."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.connection import Target, access, candidates
from progress_kit.errors import HubRefusedError, HubUnreachableError
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.settings import Settings
from tests.wire_server import SECRET, HubServer

ANSWER = b'{"token":"a.b.c","jti":"t_1","scopes":["publish"],"operation":null,"notebook":null,"expires_in_s":3600}'


class Recorder:
    """A small web server that remembers what it was asked."""

    def __init__(
        self, certificate: Path | None = None, key: Path | None = None, status: int = 201, answer: bytes = ANSWER
    ) -> None:
        self.requests: list[tuple[str, str | None]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                recorder.requests.append((self.path, self.headers.get(TOKEN_HEADER)))
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def recorders() -> Iterator[list[Recorder]]:
    """A list to put servers into; they are closed at the end."""
    started: list[Recorder] = []
    yield started
    for recorder in started:
        recorder.close()


def test_the_connection_files_secret_mints_a_token(hub: HubServer) -> None:
    """A process of this user gets in with nothing but the file, for an hour."""
    (target,) = candidates(Settings(), runtime_dir=hub.runtime_dir)
    token = access(target, ("publish",), timeout_s=5)
    assert hub._authority.verify(token.text, clock.wall()).scopes == {"publish"}
    assert token.expires_in_s == 3_600
    assert token.text not in repr(token)


def test_a_token_of_the_environment_is_used_as_it_is_and_then_renewed(hub: HubServer) -> None:
    """`PROGRESS_KIT_TOKEN` costs no request at first; before it expires it mints its successor."""
    given = hub.token("publish", expires_in_s=100)
    target = Target(url=hub.url, token=given)
    assert access(target, ("publish",), timeout_s=5).text == given
    assert hub.token_requests == 0
    renewed = access(target, ("publish",), timeout_s=5, renew=given)
    assert renewed.text != given
    assert hub._authority.verify(renewed.text, clock.wall()).sub == "local"


def test_a_wrong_secret_is_refused_with_the_hubs_words(hub: HubServer) -> None:
    """The hub's error code reaches the caller, the secret does not reach the message."""
    with pytest.raises(HubRefusedError, match="missing, invalid") as caught:
        access(Target(url=hub.url, secret="wrong-secret"), ("publish",), timeout_s=5)
    assert caught.value.code == "unauthenticated"
    assert "wrong-secret" not in str(caught.value)


def test_a_server_without_the_extension_is_named(recorders: list[Recorder]) -> None:
    """A 404 says that the extension may not be enabled."""
    recorders.append(Recorder(status=404, answer=b"<html>"))
    with pytest.raises(HubRefusedError, match="extension enabled"):
        access(_target(recorders[0]), ("publish",), timeout_s=5)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"\xff"])
def test_something_else_on_the_port_is_no_hub(recorders: list[Recorder], answer: bytes) -> None:
    """An answer that is no token never passes for one."""
    recorders.append(Recorder(answer=answer))
    with pytest.raises(HubUnreachableError, match="not as a progress_kit hub"):
        access(_target(recorders[0]), ("publish",), timeout_s=5)


def test_a_redirect_is_not_followed(recorders: list[Recorder]) -> None:
    """The secret goes to the address in the file and nowhere else."""
    recorders.append(Recorder(status=307, answer=b""))
    with pytest.raises(HubRefusedError, match="307"):
        access(_target(recorders[0]), ("publish",), timeout_s=5)
    assert [path for path, _ in recorders[0].requests] == ["/progress-kit/api/tokens"]


def test_nobody_listening_is_unreachable() -> None:
    """A port without a server is said to be unreachable, with its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(HubUnreachableError, match=f"127.0.0.1:{port}"):
        access(Target(url=f"http://127.0.0.1:{port}/progress-kit/", secret="s"), ("publish",), timeout_s=5)


def test_a_server_that_never_answers_costs_only_the_timeout() -> None:
    """Each try is bounded in time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/progress-kit/"
        began = clock.monotonic()
        with pytest.raises(HubUnreachableError, match="timed out"):
            access(Target(url=url, secret="s"), ("publish",), timeout_s=0.2)
        assert clock.monotonic() - began < 5


def test_a_credential_that_is_no_header_is_refused_without_being_shown(hub: HubServer) -> None:
    """A secret with a line break neither injects a header nor appears in the error."""
    with pytest.raises(HubUnreachableError) as caught:
        access(Target(url=hub.url, secret="top\r\nsecret: x"), ("publish",), timeout_s=5)
    assert "top" not in str(caught.value)


def test_loopback_never_goes_through_a_proxy(recorders: list[Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy in the environment does not see what this machine says to itself."""
    recorders.extend([Recorder(), Recorder()])
    hub, proxy = recorders
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    access(_target(hub), ("publish",), timeout_s=5)
    assert [credential for _, credential in hub.requests] == [SECRET]
    assert proxy.requests == []


def test_another_machine_is_asked_through_the_proxy(recorders: list[Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub elsewhere is reached the way the environment says."""
    recorders.append(Recorder())
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{recorders[0].port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    access(Target(url="http://hub.invalid/progress-kit/", secret="s"), ("publish",), timeout_s=5)
    assert recorders[0].requests == [("http://hub.invalid:80/progress-kit/api/tokens", "s")]


def test_a_unix_socket_is_used_where_the_file_names_one(tmp_path: Path) -> None:
    """A server that listens on a socket file only is reached too."""
    with HubServer(tmp_path, unix_socket=tmp_path / "hub.sock") as hub:
        (target,) = candidates(Settings(), runtime_dir=tmp_path)
        assert access(target, ("publish",), timeout_s=5).expires_in_s == 3_600
        assert hub.token_requests == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_https_trusts_the_certificate_that_the_file_names_and_no_other(
    recorders: list[Recorder], tmp_path: Path
) -> None:
    """A self-signed certificate for the machine's public name is fine on loopback, if it is the one in the file."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub.example"]
    for name in ("other.crt", "hub.crt"):
        subprocess.run(
            [*make, "-keyout", "key", "-out", name],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    recorders.append(Recorder(certificate=tmp_path / "hub.crt", key=tmp_path / "key"))
    url = f"https://127.0.0.1:{recorders[0].port}/progress-kit/"
    target = Target(url=url, secret="s", cafile=str(tmp_path / "hub.crt"))
    assert access(target, ("publish",), timeout_s=5).text == "a.b.c"
    with pytest.raises(HubUnreachableError, match="certificate"):
        access(Target(url=url, secret="s", cafile=str(tmp_path / "other.crt")), ("publish",), timeout_s=5)
    with pytest.raises(HubUnreachableError, match="certificate"):
        access(Target(url=url, secret="s"), ("publish",), timeout_s=5)
    with pytest.raises(HubUnreachableError, match="certificate file"):
        access(Target(url=url, secret="s", cafile=str(tmp_path / "none.crt")), ("publish",), timeout_s=5)


def _target(recorder: Recorder) -> Target:
    return Target(url=f"http://127.0.0.1:{recorder.port}/progress-kit/", secret=SECRET)
