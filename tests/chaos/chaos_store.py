"""A real server whose history file fails in every way while operations run and end: figures of each.

The disk is a file system in memory, mounted for the test, where that is allowed; else those two faults are left out and
said to be.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from progress_kit import clock
from progress_kit.connection import Target, access, candidates
from progress_kit.connection.websocket import arguments
from progress_kit.protocol import TOKEN_HEADER
from progress_kit.settings import Settings
from tests.integration.processes import Home, Server

DEADLINE_S: Final = 120.0
STEP_S: Final = 0.05
Fault = Callable[[Path, ExitStack], None]
"""Breaks the file at a path; how that is undone goes onto the stack."""


class Line:
    """One connection to the hub, read in a thread."""

    def __init__(
        self, target: Target, scope: Any, hello: dict[str, Any], hear: Callable[[dict[str, Any]], None]
    ) -> None:
        token = access(target, (scope,), timeout_s=DEADLINE_S).text
        self._connect = connect(**arguments(target, token, timeout_s=DEADLINE_S))
        self._socket: ClientConnection = self._connect.__enter__()
        self.say(type="hello", token=token, client="test/1", **hello)
        self._hear = hear
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def close(self) -> None:
        self._connect.__exit__(None, None, None)
        self._thread.join()

    def _read(self) -> None:
        try:
            for frame in self._socket:
                self._hear(json.loads(frame))
        except ConnectionClosed:
            pass


class Pulse:
    """A publisher that tells of one operation 20 times a second and ends another one twice a second; and a page."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.token = access(target, ("subscribe",), timeout_s=DEADLINE_S).text
        self.ends: dict[str, int] = {}
        self.durable: dict[str, float] = {}
        self.longest_gap_s = 0.0
        self._seen_at = clock.monotonic()
        self._stop = threading.Event()
        self._publisher = Line(target, "publish", {"publisher": {"session": "s_pulse"}}, self._acknowledged)
        self._page = Line(target, "subscribe", {}, self._seen)
        self._page.say(type="subscribe", id="s", filter={"operations": ["op_pulse"]})
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()

    def _beat(self) -> None:
        seq = 0
        while not self._stop.wait(STEP_S):
            seq += 1
            beats = [{"id": "op_pulse", "name": "Pulse", "state": "running", "seq": seq}]
            if seq % 10 == 0:
                self.ends[f"op_{seq}"] = 1
                beats.append({"id": f"op_{seq}", "name": "Beat", "state": "succeeded", "seq": 1})
            self._publisher.say(type="publish", operations=beats)

    def _acknowledged(self, message: dict[str, Any]) -> None:
        if message["type"] == "ack":
            self.durable |= dict.fromkeys(message["durable"], clock.monotonic())

    def _seen(self, message: dict[str, Any]) -> None:
        if message["type"] == "state":
            now = clock.monotonic()
            self.longest_gap_s = max(self.longest_gap_s, now - self._seen_at)
            self._seen_at = now

    def begin(self) -> None:
        """Measure from here on."""
        self._seen_at, self.longest_gap_s = clock.monotonic(), 0.0

    def health(self) -> dict[str, Any]:
        request = Request(f"{self._target.url}api/health", headers={TOKEN_HEADER: self.token})  # noqa: S310 - loopback
        with urlopen(request, timeout=DEADLINE_S) as response:  # noqa: S310 - loopback
            answer: dict[str, Any] = json.load(response)
            return answer

    def until(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until something is so; return after how many seconds."""
        began = clock.monotonic()
        while not condition():
            assert clock.monotonic() - began < DEADLINE_S, f"{what} never happened: {self.health()}"
            threading.Event().wait(STEP_S)
        return clock.monotonic() - began

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        self.stop()
        self._publisher.close()
        self._page.close()


# ---------------------------------------------------------------- the faults


def full(path: Path, undo: ExitStack) -> None:
    """Not a byte is left on the disk."""
    hog = path.parent / "hog"
    undo.callback(hog.unlink)
    with hog.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            pass


def read_only(path: Path, undo: ExitStack) -> None:
    """The disk can be read alone, from before the start on: files that were open earlier would be written still."""
    subprocess.run(["mount", "--bind", path.parent, path.parent], check=True)
    undo.callback(lambda: subprocess.run(["umount", "-l", path.parent], check=True))
    subprocess.run(["mount", "-o", "remount,ro,bind", path.parent], check=True)


def locked(path: Path, undo: ExitStack) -> None:
    """Somebody else is writing for longer than is waited for."""
    other = sqlite3.connect(path, isolation_level=None)
    undo.callback(other.close)
    other.execute("BEGIN IMMEDIATE")


def folder_gone(path: Path, undo: ExitStack) -> None:
    """The folder is deleted."""
    shutil.rmtree(path.parent)


def damaged(path: Path, undo: ExitStack) -> None:
    """Every page but the first is overwritten."""
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    with path.open("r+b") as raw:
        raw.seek(4_096)
        raw.write(b"\xff" * (path.stat().st_size - 4_096))


def replaced(path: Path, undo: ExitStack) -> None:
    """Rubbish is moved to its place."""
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(os.urandom(20_000))
    rubbish.replace(path)


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Have a disk of 16 MB at `path`; skips where nothing may be mounted."""
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [full, read_only, locked, folder_gone, damaged, replaced])
def test_live_progress_goes_on(fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is called durable that is not; when the file works again, everything is, and the log has one warning."""
    home = Home(tmp_path)
    lasts = fault in {full, read_only, locked}
    with ExitStack() as stack:
        if fault in {full, read_only}:
            stack.enter_context(disk(tmp_path / "disk"))
        path = tmp_path / "disk" / "history.sqlite3"
        undo = stack.enter_context(ExitStack())
        if fault is read_only:
            with Server(home, None, f"--ProgressKit.history_file={path}"):
                pass
            fault(path, undo)
        server = stack.enter_context(Server(home, None, f"--ProgressKit.history_file={path}"))
        (target, *_) = candidates(Settings(), cwd=home.root_dir, runtime_dir=home.runtime_dir)
        pulse = Pulse(target)
        stack.callback(pulse.close)
        if fault is not read_only:
            pulse.until(lambda: len(pulse.durable) > 3, "the first acknowledgement")
        pulse.begin()
        with undo:
            if fault is not read_only:
                fault(path, undo)
            told_s, during = None, 0
            if lasts:
                told_s = pulse.until(lambda: pulse.health()["status"] == "degraded", "the fault")
                during = len(pulse.durable)
            more = len(pulse.ends) + 6
            pulse.until(lambda: len(pulse.ends) >= more, "more ends")
            if lasts:
                assert len(pulse.durable) == during, "something was called durable while nothing could be stored"
        known = set(pulse.ends)
        stored_s = pulse.until(lambda: known <= pulse.durable.keys(), "the acknowledgement of all")
        whole = pulse.health()
        assert whole["status"] == "ok"
        gap_s = pulse.longest_gap_s
        pulse.stop()
        pulse.until(lambda: pulse.ends.keys() <= pulse.durable.keys(), "the acknowledgement of the last")
        server.stop()
        with sqlite3.connect(path) as file:
            kept = {name for (name,) in file.execute("SELECT id FROM operations WHERE state = 'succeeded'")}
        file.close()
        assert pulse.ends.keys() <= kept
        warned = [line for line in server.lines.rest().splitlines() if "history" in line and "[W" in line]
        tracebacks = server.lines.rest().count("Traceback")
    with capsys.disabled():
        told = "healed at once" if told_s is None else f"told after {told_s:.1f} s"
        print(f"\n{fault.__name__}: {told}; all {len(pulse.ends)} ends durable {stored_s:.1f} s after its end,")
        print(f"  {gap_s * 1e3:.0f} ms at most between two live states, {len(warned)} warning, {tracebacks} tracebacks")
    assert len(warned) == 1, warned
    assert tracebacks == 0
