"""Forks and the publisher's thread."""

import os
import sys
import threading

import pytest

from progress_kit.publisher.forking import undivided

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_waits_for_the_end_of_a_step() -> None:
    """The child gets no lock that the thread held in the middle of it, and begins with a guard of its own."""
    order: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def step() -> None:
        with undivided():
            entered.set()
            leave.wait(20)
            order.append("step")

    thread = threading.Thread(target=step)
    thread.start()
    entered.wait(20)
    threading.Timer(0.1, leave.set).start()  # when the fork below has begun to wait
    child = os.fork()
    if child == 0:
        with undivided():
            os._exit(7 if order == ["step"] else 1)
    order.append("fork")
    thread.join(20)
    assert order == ["step", "fork"]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with undivided():
        pass
