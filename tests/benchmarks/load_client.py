"""Servers to measure, and thousands of WebSocket clients in one process that cost little: raw sockets, one epoll."""

import base64
import os
import resource
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from progress_kit import clock

SERVERS = Path(__file__).with_name("hub_servers.py")
TEXT = 0x1
CLOSE = 0x8
START_S = 120.0
"""How long a server may take to start: machines that are measured are busy."""


class Peer:
    """One connection; `frames` returns what has come, as payloads."""

    def __init__(self, port: int, path: str, *, receive_buffer: int | None = None, headers: str = "") -> None:
        """Connect; `headers` are more lines of the request, each with its line end."""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4_096)
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n")[0], head
        self._buffer = bytearray(rest)
        self.closed: int | None = None
        """The close code, if the server has closed the connection."""

    def fileno(self) -> int:
        """Return the descriptor, for epoll."""
        return self.socket.fileno()

    def send(self, payload: bytes) -> None:
        """Send one text frame, masked with zeros."""
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x81, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
        self.socket.sendall(b"".join((head, b"\0\0\0\0", payload)))

    def frames(self) -> list[bytes]:
        """Read once, and return the text frames that are complete."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data and self.closed is None:
            self.closed = 1006
        self._buffer += data
        found: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= 2:
            size, head = self._buffer[start + 1] & 0x7F, 2
            if size == 126:
                head = 4
                size = int.from_bytes(self._buffer[start + 2 : start + 4], "big")
            elif size == 127:
                head = 10
                size = int.from_bytes(self._buffer[start + 2 : start + 10], "big")
            if len(self._buffer) < start + head + size:
                break
            kind, payload = self._buffer[start] & 0xF, bytes(self._buffer[start + head : start + head + size])
            if kind == TEXT:
                found.append(payload)
            elif kind == CLOSE:
                self.closed = int.from_bytes(payload[:2], "big")
            start += head + size
        del self._buffer[:start]
        return found


class Crowd:
    """Many peers that are read together."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self._poll = select.epoll()

    def add(self, peer: Peer) -> Peer:
        """Read this one too."""
        self.peers[peer.fileno()] = peer
        self._poll.register(peer.fileno(), select.EPOLLIN)
        return peer

    def read(self, seconds: float) -> Iterator[tuple[Peer, bytes]]:
        """Yield what has come, or comes within the time, once."""
        for number, _ in self._poll.poll(max(0.0, seconds)):
            peer = self.peers[number]
            for payload in peer.frames():
                yield peer, payload
            if peer.closed is not None:
                self._poll.unregister(number)
                del self.peers[number]

    def read_until(self, enough: Callable[[Peer, bytes], bool], seconds: float) -> bool:
        """Read until `enough` says so of a frame; return False if that takes longer than `seconds`."""
        deadline = clock.monotonic() + seconds
        while clock.monotonic() < deadline:
            done = False
            for peer, payload in self.read(min(0.5, deadline - clock.monotonic())):
                done = enough(peer, payload) or done
            if done:
                return True
        return False

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for peer in self.peers.values():
            peer.socket.close()


@contextmanager
def serving(kind: str, *options: str) -> Iterator[tuple[int, int]]:
    """Run one server of `hub_servers.py`; yield its process id and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(SERVERS), kind, "--port", str(port), *options])
    try:
        deadline = clock.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, f"the server {kind} does not start"
                assert clock.monotonic() < deadline, f"the server {kind} does not listen"
                clock.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)


def raise_limits() -> None:
    """Let this process have many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))


def cpu_s(process: int) -> float:
    """Return the CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_bytes(process: int) -> int:
    """Return the bytes of memory that a process shares with nobody (Linux)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith("Private_"))
