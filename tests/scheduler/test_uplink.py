"""Workers on other machines tell the hub of their tasks, where they can."""

import socket
import threading

import pytest

from progress_kit.scheduler.engines.base import Key, TaskContext, TaskProgress
from progress_kit.scheduler.engines.remote.uplink import Uplink, admit, as_task, as_words
from progress_kit.testing import RecordingPublisher


def test_a_hub_that_is_not_there_is_no_trouble() -> None:
    """Nothing is taken in that would be lost, so that the worker tells in another way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    tried = threading.Event()
    context = TaskContext("op_1", "Thumbnails", hub_url=f"http://127.0.0.1:{port}/progress-kit/", token="t0ken")
    uplink = Uplink(context, tried.set)
    assert tried.wait(40)
    assert not uplink.tell([as_task(Key(1, 1), "worker 0", TaskProgress(1, 4))])
    uplink.close()
    assert "t0ken" not in repr((context, vars(uplink)["_target"]))


@pytest.mark.usefixtures("publisher")
def test_nobody_is_asked_for_a_token_whose_operations_no_hub_knows(publisher: RecordingPublisher) -> None:
    """There is none to tell."""
    assert publisher.hub_id is None
    assert admit(TaskContext("op_1", "Thumbnails")) is None


def test_a_word_arrives_as_it_was_said() -> None:
    """But for the message, for which there is no place; what is no task of a scheduler is passed over."""
    word = TaskProgress(3, 12, "lines", paused=True)
    task = as_task(Key(7, 2), "worker 0", word)
    assert (task.id, task.attempt, task.state, task.worker) == ("t7", 2, "paused", "worker 0")
    other = as_task(Key(1, 1), "worker 0", TaskProgress())
    assert as_words([task, other]) == {Key(7, 2): word, Key(1, 1): TaskProgress()}
    assert as_words([type(other)(id="x", stage="main")]) == {}
