"""What a kernel that reaches no hub says to its own pages."""

import os
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from progress_kit import clock
from progress_kit.model import OperationState, Snapshot
from progress_kit.publisher import Publisher
from progress_kit.publisher.iopub import ALIVE_S, AT_ONCE, EVERY_S, IOPub
from progress_kit.publisher.session import PublisherSession
from tests.publisher.conftest import Operation
from tests.wire_server import HubServer


class Kernel:
    """A kernel as ipykernel has it; remembers what was sent."""

    def __init__(self) -> None:
        self.session = self
        self.iopub_socket = object()
        self.pid = os.getpid()
        self.sent: list[dict[str, Any]] = []
        self.broken = False

    def send(self, stream: object, kind: str, content: dict[str, Any], *, parent: object, ident: bytes) -> None:
        """Take one message."""
        assert (stream, kind, parent, ident) == (self.iopub_socket, "progress_kit", {}, b"progress_kit")
        if self.broken:
            raise RuntimeError("the socket is gone")
        self.sent.append(content)

    def told(self) -> list[tuple[str, int]]:
        """Operation and seq of all that was told, in order."""
        return [(each["id"], each["seq"]) for content in self.sent for each in content["operations"]]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """This process is a kernel."""
    made = Kernel()
    module = types.ModuleType("ipykernel.kernelbase")
    module.Kernel = types.SimpleNamespace(initialized=lambda: True, instance=lambda: made)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.kernelbase", module)
    return made


def snapshot(operation: str = "op", seq: int = 1, state: OperationState = "running") -> Snapshot:
    """One state of an operation."""
    return Snapshot(id=operation, name="n", seq=seq, state=state)


def test_counts_go_twice_a_second_and_ends_at_once(kernel: Kernel) -> None:
    """The kernel's outputs go the same way; each end is told once."""
    session = PublisherSession("s_1")
    iopub = IOPub(session)
    session.take([snapshot(seq=1)])
    iopub.say(0.0)
    session.take([snapshot(seq=2)])
    iopub.say(EVERY_S / 2)
    assert kernel.told() == [("op", 1)]
    iopub.say(EVERY_S)
    assert kernel.told() == [("op", 1), ("op", 2)]
    session.take([snapshot(seq=3, state="succeeded")])
    iopub.say(EVERY_S + 0.01)
    iopub.say(100.0)
    assert kernel.told() == [("op", 1), ("op", 2), ("op", 3)]
    assert kernel.sent[0]["version"] == 1


def test_what_has_not_changed_gives_signs_of_life(kernel: Kernel) -> None:
    """Else the page would take it for lost."""
    session = PublisherSession("s_1")
    iopub = IOPub(session)
    session.take([snapshot()])
    for second in range(12):
        iopub.say(float(second))
    assert kernel.told() == [("op", 1)] * (1 + int(11 / ALIVE_S))


def test_many_operations_take_turns(kernel: Kernel) -> None:
    """One message stays small; what is no valid text is given up."""
    session = PublisherSession("s_1")
    iopub = IOPub(session)
    session.take([Snapshot(id="bad", name="\ud800", seq=1, state="running")])
    session.take(snapshot(f"op_{number}") for number in range(AT_ONCE + 5))
    iopub.say(0.0)
    iopub.say(1.0)
    assert [len(content["operations"]) for content in kernel.sent] == [AT_ONCE - 1, 6]
    assert list(session.unsendable) == ["bad"]


@pytest.mark.parametrize("what", ["forked", "not started", "closed"])
def test_only_a_kernel_of_this_process_is_spoken_to(kernel: Kernel, what: str) -> None:
    """A forked child has a copy of its parent's."""
    if what == "forked":
        kernel.pid -= 1
    elif what == "closed":
        kernel.iopub_socket = None
    else:
        sys.modules["ipykernel.kernelbase"].Kernel.initialized = lambda: False
    session = PublisherSession("s_1")
    session.take([snapshot()])
    IOPub(session).say(0.0)
    assert kernel.sent == []


@pytest.mark.slow
def test_a_publisher_without_a_hub_tells_the_kernel_s_pages(publisher: Publisher, kernel: Kernel) -> None:
    """From its own thread; an end that the hub never hears of too."""
    operation = Operation()
    publisher.add(operation)
    wait(lambda: bool(kernel.sent))
    operation.state = "succeeded"
    publisher.end(operation)
    wait(lambda: kernel.told()[-1][1] == 2)
    assert [each["state"] for each in kernel.sent[-1]["operations"]] == ["succeeded"]


@pytest.mark.slow
def test_where_a_hub_is_the_pages_are_told_nothing(publisher: Publisher, kernel: Kernel, hub: HubServer) -> None:
    """They hear of it by the hub."""
    operation = Operation()
    publisher.add(operation)
    hub.wait_state("op_1", "running")
    operation.state = "succeeded"
    publisher.end(operation)
    assert publisher.flush(20)
    assert kernel.sent == []


@pytest.mark.slow
def test_a_kernel_whose_socket_fails_is_one_warning(
    publisher: Publisher, kernel: Kernel, warnings: Callable[[], list[str]]
) -> None:
    """The operation goes on."""
    kernel.broken = True
    publisher.add(Operation())
    wait(lambda: any("cannot be told" in each for each in warnings()))
    assert sum("cannot be told" in each for each in warnings()) == 1


def wait(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, which the publisher's thread brings about; nothing tells of it."""
    deadline = clock.monotonic() + 20
    while not condition():
        assert clock.monotonic() < deadline
        clock.sleep(0.01)
