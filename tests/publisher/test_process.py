"""The publisher of a real process, its real thread and a real hub on a real socket."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit import publisher as room
from progress_kit.model import Snapshot
from progress_kit.protocol import SUBPROTOCOL, TOKEN_HEADER, Limits
from progress_kit.protocol.messages import (
    Command,
    Error,
    Expiring,
    Heartbeat,
    Hello,
    Ping,
    Pong,
    Publish,
    Span,
    Timeline,
)
from progress_kit.publisher import Disabled, Publisher
from tests.publisher.conftest import Operation
from tests.wire_server import SECRET, HubServer

pytestmark = pytest.mark.slow

Warned = Callable[[], list[str]]
Make = Callable[..., Publisher]


class Shown:
    """A sink that remembers, and can be waited for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Snapshot, str | None]] = []
        self.threads: set[str] = set()
        self.news = threading.Condition()

    def __call__(self, snapshot: Snapshot, hub_id: str | None) -> None:
        with self.news:
            self.calls.append((snapshot, hub_id))
            self.threads.add(threading.current_thread().name)
            self.news.notify_all()

    def wait(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        with self.news:
            assert self.news.wait_for(condition, timeout_s), self.calls


# -- the way to the hub -------------------------------------------------------------------------------------------


def test_an_operation_appears_moves_and_ends_at_the_hub(publisher: Publisher, hub: HubServer) -> None:
    """The whole way: added, sampled, sent, ended, stored, acknowledged."""
    operation = Operation()
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    operation.done = 7
    hub.wait(lambda: (found := hub.snapshot("op_1")) is not None and found.message == "7", "the count arrives")
    operation.state = "succeeded"
    publisher.end(operation)
    assert publisher.flush(20)
    assert hub.stored("op_1").state == "succeeded"
    assert publisher.hub_id == "h_test"


def test_a_timeline_goes_with_the_end(publisher: Publisher, hub: HubServer) -> None:
    """It is gone through in the publisher's thread, and reaches the hub right after the end, once."""
    operation = Operation()
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    threads = []

    def spans() -> Iterator[Span]:
        threads.append(threading.current_thread())
        yield Span("a.py", "main", "pid 1", 1, 0.0, 2.0, "succeeded")

    operation.state = "succeeded"
    publisher.timeline("op_1", spans())
    publisher.end(operation)
    hub.wait(lambda: any(isinstance(message, Timeline) for _, message in hub.frames), "the timeline arrives")
    told = [message for _, message in hub.frames if isinstance(message, (Publish, Timeline))]
    assert [type(message) for message in told[-2:]] == [Publish, Timeline]
    assert threads == [publisher._thread]
    publisher.timeline("op_unknown", spans())
    assert publisher.flush(20)
    assert len(threads) == 1


def test_the_hub_is_told_of_an_end_at_once(make_publisher: Make, hub: HubServer) -> None:
    """An end does not wait for the next sample."""
    publisher = make_publisher(sample_rate_hz=0.1)
    operation = Operation()
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    began = clock.monotonic()
    operation.state = "failed"
    publisher.end(operation)
    hub.wait_state("op_1", "failed")
    assert clock.monotonic() - began < 5


def test_the_handshake_is_a_publishers(publisher: Publisher, hub: HubServer) -> None:
    """Sub-protocol and token header, no Origin, no compression; the file's secret never travels on the socket."""
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    (headers,) = hub.handshakes
    assert headers["Sec-Websocket-Protocol"] == SUBPROTOCOL
    assert headers[TOKEN_HEADER].count(".") == 2
    assert SECRET not in headers.values()
    assert "Origin" not in headers
    assert "Sec-Websocket-Extensions" not in headers


def test_a_proxy_in_the_environment_is_not_asked_for_loopback(
    publisher: Publisher, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The websockets library would use it by default."""
    for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    publisher.add(Operation())
    hub.wait_state("op_1", "running")


def test_a_unix_socket_is_used(runtime_dir: Path, publisher: Publisher) -> None:
    """A server that listens on a socket file only is published to."""
    with HubServer(runtime_dir, unix_socket=runtime_dir / "hub.sock") as hub:
        publisher.add(Operation())
        hub.wait_state("op_1", "running")


def test_a_hub_that_starts_later_is_found(publisher: Publisher, runtime_dir: Path) -> None:
    """The loop came first, the server after it: what is running and what has ended appear."""
    early, late = Operation("op_early"), Operation("op_late")
    publisher.add(early)
    publisher.add(late)
    early.state = "succeeded"
    publisher.end(early)
    assert not publisher.flush(20)
    with HubServer(runtime_dir) as hub:
        hub.wait_state("op_early", "succeeded")
        hub.wait_state("op_late", "running")


def test_the_environments_token_is_used(make_publisher: Make, hub: HubServer) -> None:
    """With `PROGRESS_KIT_HUB_URL` and `PROGRESS_KIT_TOKEN` nothing has to be found or minted."""
    hub.file.unlink()
    publisher = make_publisher(hub_url=hub.url, token=hub.token("publish"))
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    assert hub.token_requests == 0


def test_the_token_is_renewed_and_the_connection_lives_on(
    make_publisher: Make, hub: HubServer, warnings: Warned
) -> None:
    """A token that expires soon is replaced on the open connection, with the token itself as credential."""
    hub.file.unlink()
    publisher = make_publisher(hub_url=hub.url, token=hub.token("publish", expires_in_s=2.0))
    publisher.add(Operation())
    hub.wait(lambda: any(type(message).__name__ == "Refresh" for _, message in hub.frames), "the token is renewed")
    assert hub.token_requests == 1
    assert len(hub.handshakes) == 1
    assert warnings() == []


def test_a_dropped_connection_comes_back(publisher: Publisher, hub: HubServer) -> None:
    """After a cut everything goes on, and only what is new is sent again."""
    operation, ended = Operation(), Operation("op_2")
    publisher.add(operation)
    publisher.add(ended)
    hub.wait_state("op_2", "running")
    ended.state = "cancelled"
    publisher.end(ended)
    assert publisher.flush(20)
    hub.drop_connections()
    operation.done = 1
    hub.wait(lambda: len(hub.handshakes) == 2, "a second connection")
    hub.wait(lambda: (found := hub.snapshot("op_1")) is not None and found.message == "1", "the count arrives")
    assert [item.seq for item in hub.published() if item.id == "op_1"] == [1, 2]
    assert [item.state for item in hub.published() if item.id == "op_2"] == ["running", "cancelled"]


def test_a_restarted_hub_gets_everything(publisher: Publisher, runtime_dir: Path) -> None:
    """A new server, port and life of the hub with the same id: what runs comes back, what ended meanwhile is told."""
    running, ending = Operation("op_running"), Operation("op_ending")
    with HubServer(runtime_dir) as first:
        publisher.add(running)
        publisher.add(ending)
        first.wait_state("op_ending", "running")
        rows = first.rows
    ending.state = "succeeded"
    publisher.end(ending)
    running.done = 5
    with HubServer(runtime_dir, rows=rows) as second:
        second.wait_state("op_ending", "succeeded")
        second.wait(lambda: (s := second.snapshot("op_running")) is not None and s.message == "5", "it comes back")
        sessions = {
            m.publisher.session for _, m in (*first.frames, *second.frames) if isinstance(m, Hello) and m.publisher
        }
        assert len(sessions) == 1
        assert publisher.flush(20)


def test_its_own_hub_is_waited_for(publisher: Publisher, runtime_dir: Path) -> None:
    """While its hub restarts, an operation does not run away to another server of the same user."""
    with HubServer(runtime_dir, hub_id="h_mine") as mine:
        publisher.add(Operation())
        mine.wait_state("op_1", "running")
    with HubServer(runtime_dir, hub_id="h_other") as other:
        with pytest.raises(AssertionError, match="never happened"):
            other.wait(lambda: bool(other.handshakes), "it moves", timeout_s=3)
        with HubServer(runtime_dir, hub_id="h_mine", rows=mine.rows) as again:
            again.wait(lambda: bool(again.handshakes), "it comes back to its own")
        assert other.handshakes == []


def test_another_hub_is_used_when_its_own_stays_away(
    publisher: Publisher, runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was ended for good is replaced by another one of the same user after a minute."""
    monkeypatch.setattr("progress_kit.publisher.link.SAME_HUB_S", 0.5)
    with HubServer(runtime_dir, hub_id="h_mine") as mine:
        publisher.add(Operation())
        mine.wait_state("op_1", "running")
    with HubServer(runtime_dir, hub_id="h_other") as other:
        other.wait_state("op_1", "running")


def test_a_lost_acknowledgement_is_made_up_for(publisher: Publisher, hub: HubServer) -> None:
    """The hub stored the end, and the line broke before it could say so: the flush still ends well."""
    operation = Operation()
    hub.storing.clear()
    publisher.add(operation)
    operation.state = "succeeded"
    publisher.end(operation)
    hub.wait_state("op_1", "succeeded")
    assert not publisher.flush(0.1)
    hub.drop_connections()
    hub.wait(lambda: len(hub.handshakes) == 2, "a second connection")
    hub.store_again()
    assert publisher.flush(20)


def test_leases_are_renewed_while_nothing_changes(publisher: Publisher, runtime_dir: Path) -> None:
    """An operation that waits for hours stays alive at the hub."""
    with HubServer(runtime_dir, limits=Limits(heartbeat_s=0.2, lease_s=1.0)) as hub:
        publisher.add(Operation())
        hub.wait(lambda: sum(isinstance(m, Heartbeat) for _, m in hub.frames) >= 8, "eight heartbeats")
        found = hub.snapshot("op_1")
        assert found is not None
        assert found.hub is not None
        assert found.hub.lease == "ok"
        assert len(hub.published()) == 1


def test_many_operations_travel_together(publisher: Publisher, hub: HubServer) -> None:
    """Three hundred operations at 20 Hz stay far below the hub's message limit, and all arrive."""
    operations = [Operation(f"op_{number}") for number in range(300)]
    for operation in operations:
        publisher.add(operation)
    hub.wait(lambda: hub.manager.counts()[0] == 300, "all have arrived")
    for operation in operations:
        operation.state = "succeeded"
        publisher.end(operation)
    assert publisher.flush(20)
    assert {item.state for item in map(hub.stored, hub.rows)} == {"succeeded"}
    assert len(hub.frames) < 150


# -- commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [None, "not now"])
def test_a_command_reaches_its_operation(publisher: Publisher, hub: HubServer, refusal: str | None) -> None:
    """Action, reason and asker arrive; the answer goes back."""
    operation = Operation()
    operation.refusal = refusal
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    frame = Command(request="c9", operation="op_1", action="cancel", reason="enough", by="ada")
    hub.send_to_all(frame)
    hub.wait(lambda: any(type(m).__name__ == "CommandResult" for _, m in hub.frames), "an answer")
    assert operation.commands == [("cancel", "enough", "ada")]
    (answer,) = [m for _, m in hub.frames if type(m).__name__ == "CommandResult"]
    assert (answer.request, answer.ok, answer.error) == ("c9", refusal is None, refusal)  # type: ignore[union-attr]


# -- the display --------------------------------------------------------------------------------------------------


def test_the_sink_is_called_from_the_publishers_thread_with_what_is_new(publisher: Publisher, hub: HubServer) -> None:
    """Each new snapshot once, with the hub's id as soon as it is known, never in the user's thread."""
    operation, shown = Operation(), Shown()
    publisher.add(operation, shown)
    shown.wait(lambda: ("h_test") in [hub_id for _, hub_id in shown.calls])
    operation.done = 3
    shown.wait(lambda: shown.calls[-1][0].message == "3")
    operation.state = "succeeded"
    publisher.end(operation)
    shown.wait(lambda: shown.calls[-1][0].state == "succeeded")
    assert shown.threads == {"progress_kit publisher"}
    assert len(shown.calls) == len({(snapshot.seq, hub_id) for snapshot, hub_id in shown.calls})


def test_the_display_works_without_any_hub(publisher: Publisher, warnings: Warned) -> None:
    """No server, no warning, no waiting: only the display."""
    operation, shown = Operation(), Shown()
    publisher.add(operation, shown)
    shown.wait(lambda: bool(shown.calls))
    operation.state = "succeeded"
    publisher.end(operation)
    began = clock.monotonic()
    assert not publisher.flush(20)
    assert clock.monotonic() - began < 10
    assert publisher.snapshots()[-1].state == "succeeded"
    assert warnings() == []


def test_a_slow_hub_never_delays_the_display(publisher: Publisher, runtime_dir: Path) -> None:
    """While a try to connect hangs, sampling and display go on."""
    with HubServer(runtime_dir) as hub:
        hub.hang = threading.Event()
        operation, shown = Operation(), Shown()
        publisher.add(operation, shown)
        hub.wait(lambda: hub.token_requests == 1, "the publisher asks for a token")
        for done in range(1, 6):
            operation.done = done
            shown.wait(lambda done=done: shown.calls[-1][0].message == str(done))  # type: ignore[misc]
        assert hub.handshakes == []
        hub.hang.set()
        hub.wait_state("op_1", "running")


def test_a_broken_display_is_switched_off_with_one_warning(
    publisher: Publisher, hub: HubServer, warnings: Warned
) -> None:
    """A sink that raises is not called again; the operation and the others go on."""
    calls = []

    def broken(snapshot: Snapshot, hub_id: str | None) -> None:
        calls.append(snapshot)
        raise RuntimeError("no screen")

    one, two = Operation("op_1"), Operation("op_2")
    publisher.add(one, broken)
    publisher.add(two, broken)
    hub.wait_state("op_2", "running")
    one.done = two.done = 1
    hub.wait(lambda: sum(item.message == "1" for item in hub.published()) == 2, "both go on")
    assert len(calls) == 2
    assert len(warnings()) == 1
    assert "display" in warnings()[0]


def test_a_broken_source_is_dropped_with_one_warning(publisher: Publisher, hub: HubServer, warnings: Warned) -> None:
    """An operation whose state cannot be read does not silence the others, and its end raises nothing."""

    class Broken(Operation):
        def sample(self) -> Snapshot:
            raise ZeroDivisionError

    broken = Broken("op_broken")
    publisher.add(broken)
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    publisher.end(broken)
    assert len(warnings()) == 1


def test_ending_never_waits_for_the_publishers_thread(publisher: Publisher, hub: HubServer) -> None:
    """The collector may end an operation while its thread holds another one's lock, which the sampler waits for."""
    held, sampling = threading.RLock(), threading.Event()

    class Locked(Operation):
        def sample(self) -> Snapshot:
            if threading.current_thread() is not threading.main_thread():
                sampling.set()
            with held:
                return super().sample()

    other = Operation("op_other")
    publisher.add(other)
    with held:
        publisher.add(Locked("op_locked"))
        assert sampling.wait(20)
        other.state = "succeeded"
        publisher.end(other)
        publisher.add(Operation("op_third"))
        assert [snapshot.id for snapshot in publisher.snapshots()] == ["op_other", "op_locked", "op_third"]
    hub.wait_state("op_other", "succeeded")
    hub.wait_state("op_third", "running")


# -- short operations ---------------------------------------------------------------------------------------------


def test_what_ends_early_was_never_there(make_publisher: Make, hub: HubServer) -> None:
    """Ten thousand tiny loops: not sent, not shown, not kept; the one that failed is."""
    publisher = make_publisher(announce_after_s=30.0)
    shown = Shown()
    for number in range(10_000):
        operation = Operation(f"op_{number}")
        publisher.add(operation, shown)
        operation.state = "failed" if number == 5_000 else "succeeded"
        publisher.end(operation)
    assert publisher.flush(20)
    assert [item.id for item in hub.published()] == ["op_5000"]
    assert {snapshot.id for snapshot, _ in shown.calls} == {"op_5000"}
    assert [snapshot.id for snapshot in publisher.snapshots()] == ["op_5000"]


def test_an_operation_is_announced_when_it_is_old_enough(make_publisher: Make, hub: HubServer) -> None:
    """Nothing is sent or shown before `announce_after_s`."""
    publisher = make_publisher(announce_after_s=0.4)
    shown = Shown()
    began = clock.monotonic()
    publisher.add(Operation(), shown)
    hub.wait_state("op_1", "running")
    assert hub.frames[0][0] - began >= 0.4
    assert shown.calls


# -- trouble ------------------------------------------------------------------------------------------------------


def test_a_hub_that_refuses_is_one_warning(publisher: Publisher, hub: HubServer, warnings: Warned) -> None:
    """The reason is told once, whatever comes after it, and the process goes on."""
    hub.refuse_tokens = 403
    operation = Operation()
    publisher.add(operation)
    operation.state = "succeeded"
    publisher.end(operation)
    assert not publisher.flush(20)
    assert not publisher.flush(20)
    assert len(warnings()) == 1
    assert "no tokens today" in warnings()[0]
    assert SECRET not in "".join(warnings())


def test_nothing_that_listens_is_one_warning(publisher: Publisher, hub: HubServer, warnings: Warned) -> None:
    """A file of a living process whose hub does not answer is told once."""
    content = hub.file.read_text()
    hub.stop()
    hub.file.touch(mode=0o600)
    hub.file.write_text(content)
    operation = Operation()
    publisher.add(operation)
    operation.state = "succeeded"
    publisher.end(operation)
    for _ in range(3):
        assert not publisher.flush(20)
    assert len(warnings()) == 1
    hub.file.unlink()


@pytest.mark.parametrize("code", [4400, 4403, 4406, 4409])
def test_a_final_no_is_not_asked_again(publisher: Publisher, hub: HubServer, warnings: Warned, code: int) -> None:
    """Close codes that will not change end the tries at this hub; another hub is still found."""
    hub.close_code = code
    operation = Operation()
    publisher.add(operation)
    hub.wait(lambda: len(hub.handshakes) == 1, "a try")
    operation.state = "succeeded"
    publisher.end(operation)
    for _ in range(3):
        assert not publisher.flush(20)
    assert len(hub.handshakes) == 1
    assert len(warnings()) == 1


@pytest.mark.parametrize("code", [1001, 1011, 4401, 4408, 4429, 4508])
def test_other_ends_are_tried_again(publisher: Publisher, hub: HubServer, code: int) -> None:
    """Every other close code is followed by another try, with a new token."""
    hub.close_code = code
    publisher.add(Operation())
    hub.wait(lambda: len(hub.handshakes) >= 2, "a second try")
    hub.close_code = None
    hub.wait_state("op_1", "running")
    assert hub.token_requests == len(hub.handshakes)


def test_a_frame_that_is_no_message_ends_the_connection_only(
    publisher: Publisher, hub: HubServer, warnings: Warned
) -> None:
    """A hub that talks nonsense is left, with one warning, and tried again."""
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    hub.send_raw(b"nonsense")
    hub.wait(lambda: len(hub.handshakes) == 2, "a second try")
    assert len(warnings()) == 1


def test_each_kind_of_refusal_is_told_once(publisher: Publisher, hub: HubServer, warnings: Warned) -> None:
    """The hub's words reach the log, the second time only at debug level; the connection lives on."""
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    for _ in range(2):
        hub.send_to_all(Error(code="too_large", message="one snapshot is too large"))
    hub.send_to_all(Ping())
    hub.wait(lambda: any(isinstance(m, Pong) for _, m in hub.frames), "an answer")
    assert warnings() == ["the hub refused a message: one snapshot is too large"]
    assert len(hub.handshakes) == 1


def test_an_operation_that_is_no_text_is_one_warning(publisher: Publisher, hub: HubServer, warnings: Warned) -> None:
    """It is named and given up, its neighbours are not."""

    class Broken(Operation):
        def sample(self) -> Snapshot:
            return Snapshot(id=self.id, name="\ud800", state="running")

    publisher.add(Broken("op_broken"))
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    hub.send_to_all(Ping())
    hub.wait(lambda: any(isinstance(m, Pong) for _, m in hub.frames), "an answer")
    assert len(warnings()) == 1
    assert "op_broken" in warnings()[0]


def test_a_refused_renewal_is_one_warning(
    make_publisher: Make, hub: HubServer, warnings: Warned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection lives on until the hub ends it, with what was refused in the log."""
    hub.file.unlink()
    publisher = make_publisher(hub_url=hub.url, token=hub.token("publish", expires_in_s=100))
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    warned, warn = threading.Event(), publisher._trouble.warn

    def spy(kind: str, message: str, *args: object) -> None:
        warn(kind, message, *args)
        warned.set()

    monkeypatch.setattr(publisher._trouble, "warn", spy)
    hub.refuse_tokens = 403
    hub.send_to_all(Expiring(in_s=60))
    assert warned.wait(20)
    hub.send_to_all(Ping())
    hub.wait(lambda: any(isinstance(m, Pong) for _, m in hub.frames), "an answer")
    assert len(warnings()) == 1
    assert "no tokens today" in warnings()[0]


def test_no_token_reaches_any_log(publisher: Publisher, hub: HubServer, caplog: pytest.LogCaptureFixture) -> None:
    """Not even with every logger at debug level."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    publisher.add(Operation())
    hub.wait_state("op_1", "running")
    hub.drop_connections()
    hub.wait(lambda: len(hub.handshakes) == 2, "a second connection")
    text = caplog.text + repr(publisher)
    assert SECRET not in text
    assert not any(headers[TOKEN_HEADER] in text for headers in hub.handshakes)


# -- the process --------------------------------------------------------------------------------------------------


def test_the_thread_starts_with_the_first_operation_and_ends_after_the_last(
    make_publisher: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No operation, no thread; and a later operation starts it again."""
    monkeypatch.setattr("progress_kit.publisher.worker.LINGER_S", 0.2)
    publisher = make_publisher()
    before = set(threading.enumerate())
    for round_ in range(3):
        operation = Operation(f"op_{round_}")
        publisher.add(operation)
        thread = publisher._thread
        assert thread is not None
        assert thread.daemon
        operation.state = "succeeded"
        publisher.end(operation)
        thread.join(20)  # first, so that it starts none of the others meanwhile
        for other in set(threading.enumerate()) - before:
            other.join(20)
            assert not other.is_alive()


def test_what_cannot_be_loaded_is_one_warning(
    make_publisher: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken installation costs the user the display, never the work."""
    monkeypatch.setitem(sys.modules, "progress_kit.publisher.worker", None)
    publisher = make_publisher()
    for number in range(2):
        operation = Operation(f"op_{number}")
        publisher.add(operation)
        operation.state = "failed"
        publisher.end(operation)
        assert not publisher.flush(5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the publisher cannot be loaded" in caplog.text


def test_the_sleeping_thread_is_woken_by_a_new_operation(publisher: Publisher, hub: HubServer) -> None:
    """After a pause a new operation appears without delay, on the same connection."""
    first = Operation("op_1")
    publisher.add(first)
    first.state = "succeeded"
    publisher.end(first)
    assert publisher.flush(20)
    hub.wait(lambda: publisher._worker is not None and publisher._worker.asleep, "the thread sleeps")
    began = clock.monotonic()
    publisher.add(Operation("op_2"))
    hub.wait_state("op_2", "running")
    assert clock.monotonic() - began < 5
    assert len(hub.handshakes) == 1


def test_one_publisher_per_process_that_survives_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """`%autoreload` executes modules again: the publisher stays the one whose thread runs."""
    monkeypatch.delitem(vars(sys), "_progress_kit_publishers", raising=False)
    before = room.get()
    assert room.get() is before
    source = Path(room.__file__).read_text(encoding="utf-8")
    names = dict(vars(room))
    exec(compile(source, room.__file__, "exec"), names)  # noqa: S102 - what autoreload does
    assert names["get"]() is before


def test_off_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PROGRESS_KIT=off`: no thread, no sample, no output."""
    monkeypatch.delitem(vars(sys), "_progress_kit_publishers", raising=False)
    monkeypatch.setenv("PROGRESS_KIT", "off")
    publisher = room.get()
    operation = Operation()
    before = threading.active_count()
    publisher.add(operation)
    publisher.end(operation)
    assert isinstance(publisher, Disabled)
    assert publisher.flush(1)
    assert publisher.snapshots() == []
    assert operation.samples == 0
    assert threading.active_count() == before


def test_a_wrong_setting_is_a_warning_and_no_error(monkeypatch: pytest.MonkeyPatch, warnings: Warned) -> None:
    """A typing error in the environment does not break the user's loop."""
    monkeypatch.delitem(vars(sys), "_progress_kit_publishers", raising=False)
    monkeypatch.setenv("PROGRESS_KIT_SAMPLE_RATE_HZ", "often")
    assert isinstance(room.get(), Publisher)
    assert len(warnings()) == 1
    assert "PROGRESS_KIT_SAMPLE_RATE_HZ" in warnings()[0]


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_child_starts_anew_and_leaves_the_parents_connection_alone(
    publisher: Publisher, hub: HubServer, runtime_dir: Path
) -> None:
    """The child's operation arrives over its own connection; nothing of the child is sent on the parent's."""
    parents = Operation("op_parent")
    publisher.add(parents)
    hub.wait_state("op_parent", "running")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            parents.state = "failed"
            publisher.end(parents)  # does nothing here: it is the parent's
            child = Operation("op_child")
            mine = room.get()
            mine.add(child)
            child.state = "failed"
            mine.end(child)
            code = 0 if mine is not publisher and mine.flush(15) else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert hub.stored("op_child").state == "failed"
    parents.done = 1
    hub.wait(lambda: (s := hub.snapshot("op_parent")) is not None and s.message == "1", "the parent goes on")
    hellos = [m for _, m in hub.frames if isinstance(m, Hello)]
    assert len({m.publisher.session for m in hellos if m.publisher}) == len(hellos) == 2
    assert {item.state for item in hub.published() if item.id == "op_parent"} == {"running"}
