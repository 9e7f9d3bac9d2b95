"""What the driver does beside carrying."""

import asyncio
import json
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.hub import Claims, Login
from progress_kit.model import Snapshot, StoredOperation
from progress_kit.protocol import Limits, decode_hub, encode
from progress_kit.protocol.messages import Filter, Hello, Publish, PublisherInfo, Scope, State, Subscribe
from progress_kit.protocol.rest import TokenRequest
from progress_kit.store import Retention, Store
from progress_kit_jupyter.driver import HubDriver

ALL = Claims(sub="local", scopes=frozenset({"subscribe"}), op=None, nb=None, iat=0.0, auth_time=0.0, exp=9e9, jti="t_1")


def _row(operation: str, snapshot: bytes) -> StoredOperation:
    return StoredOperation(
        id=operation,
        hub_id="h_1",
        owner="local",
        session=None,
        kind=None,
        state="running",
        seq=1,
        changed_at=clock.wall(),
        ended_at=None,
        snapshot=snapshot,
    )


async def test_a_row_that_cannot_be_read_does_not_stop_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One operation whose snapshot is rubbish is left out with a warning, the others come back."""
    path = tmp_path / "history.sqlite3"
    earlier = Store(path, "h_1", lambda _: None, lambda _status, _reason: None)
    earlier.start()
    earlier.persist(_row("op_bad", b"rubbish"))
    earlier.persist(_row("op_good", encode(Snapshot(id="op_good", name="Good", state="running", seq=1))))
    earlier.close()
    driver = HubDriver("h_1", b"k" * 64, Limits(), path, Retention())
    try:
        polled = driver.manager.poll(ALL, Filter(), None, driver.now())
        assert b"op_good" in polled
        assert b"op_bad" not in polled
        assert "op_bad" in caplog.text
    finally:
        await driver.stop()


class _Page:
    """A socket that keeps what it is sent."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._came = asyncio.Event()

    async def has(self, count: int) -> None:
        """Wait until so many messages have come."""
        while len(self.messages) < count:
            self._came.clear()
            await self._came.wait()

    def write_message(self, message: bytes) -> "asyncio.Future[None]":
        self.messages.append(message)
        self._came.set()
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left.set_result(None)
        return left

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        assert code == 1001, reason  # the driver stops; nothing else ends a connection here


def _connected(driver: HubDriver, page: _Page, session: str | None = None) -> int:
    conn = driver.connect(page, has_origin=False)
    scope: Scope = "subscribe" if session is None else "publish"
    token = driver.authority.grant(TokenRequest(scopes=(scope,)), Login("local"), driver.now().wall).token
    publisher = None if session is None else PublisherInfo(session=session)
    driver.receive(conn, encode(Hello(token=token, client="test/1", publisher=publisher)))
    if session is None:
        driver.receive(conn, encode(Subscribe(id="all")))
    return conn


def _end(number: int) -> bytes:
    return encode(Publish(operations=(Snapshot(id=f"op_{number}", name="x", state="succeeded", seq=1),)))


async def test_what_comes_in_one_turn_goes_out_in_one_frame(tmp_path: Path) -> None:
    """Twenty ends that arrive together are one message for a subscriber."""
    driver = HubDriver("h_1", b"k" * 64, Limits(), tmp_path / "history.sqlite3", Retention())
    try:
        page = _Page()
        _connected(driver, page)
        source = _connected(driver, _Page(), "s_1")
        await page.has(2)
        for number in range(20):
            assert driver.receive(source, _end(number)) is None
        assert len(page.messages) == 2
        await page.has(3)
        state = decode_hub(page.messages[2])
        assert isinstance(state, State)
        assert len(state.operations) == 20
    finally:
        await driver.stop()


async def test_who_sends_much_at_once_is_asked_to_wait(tmp_path: Path) -> None:
    """When 64 frames of one turn wait for the hub, the next is read when these have been handled."""
    limits = Limits(burst_messages=1_000)
    driver = HubDriver("h_1", b"k" * 64, limits, tmp_path / "history.sqlite3", Retention())
    try:
        source = _connected(driver, _Page(), "s_1")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked = [driver.receive(source, _end(number)) for number in range(70)]
        waited = [each for each in asked if each is not None]
        assert len(waited) >= 6
        assert not waited[0].done()
        await waited[0]
        assert driver.manager.counts()[0] == 70
        assert driver.receive(source, _end(70)) is None
    finally:
        await driver.stop()


async def test_what_is_much_is_done_in_several_turns(tmp_path: Path) -> None:
    """Between them everybody else is served: 200 frames that are there at once are not handled at once."""
    limits = Limits(burst_messages=1_000)
    driver = HubDriver("h_1", b"k" * 64, limits, tmp_path / "history.sqlite3", Retention())
    try:
        source = _connected(driver, _Page(), "s_1")
        driver.withdraw("local", "op_none")  # everything before has been taken in
        waited = [driver.receive(source, _end(number)) for number in range(200)]
        await asyncio.sleep(0)
        assert 0 < driver.manager.counts()[0] < 100
        assert waited[-1] is not None
        await waited[-1]
        assert driver.manager.counts()[0] == 200
    finally:
        await driver.stop()


async def test_a_closed_connection_has_had_what_was_said_before(tmp_path: Path) -> None:
    """What the hub says and then closes arrives in that order; a driver that stops keeps nobody waiting."""
    driver = HubDriver("h_1", b"k" * 64, Limits(), tmp_path / "history.sqlite3", Retention())
    order: list[str] = []

    class Loser(_Page):
        def write_message(self, message: bytes) -> "asyncio.Future[None]":
            order.append(json.loads(message)["type"])
            return super().write_message(message)

        def close(self, code: int | None = None, reason: str | None = None) -> None:  # noqa: ARG002 - a socket's
            order.append(f"close {code}")

    conn = driver.connect(Loser(), has_origin=False)
    driver.receive(conn, b'{"type":"hello","token":"nonsense","client":"c"}')
    source = _connected(driver, Loser(), "s_1")
    waiting = [driver.receive(source, _end(number)) for number in range(80)]
    await driver.stop()
    assert order[:2] == ["error", "close 4401"]
    assert all(each is None or each.done() for each in waiting)
