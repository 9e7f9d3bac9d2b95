"""The shared examples of what a subscriber holds; vitest runs the same files."""

import json
from pathlib import Path

import msgspec
import pytest

from progress_kit.client.session import SubscriberSession

VECTORS = sorted((Path(__file__).parents[1] / "vectors").glob("subscriber_*.json"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_subscriber_holds_what_the_vector_says(path: Path) -> None:
    """Each vector's description is the behaviour."""
    vector = json.loads(path.read_text(encoding="utf-8"))
    session = SubscriberSession("token", subscription=vector["subscription"])
    for step in vector["steps"]:
        if "connect" in step:
            hello, subscribe = (json.loads(frame) for frame in session.hello())
            assert (hello["type"], subscribe["type"]) == ("hello", "subscribe")
            assert subscribe.get("resume") == step["connect"]["resume"]
        elif "receive" in step:
            session.received(json.dumps(step["receive"]))
        elif "disconnect" in step:
            session.disconnected()
        else:
            expected = step["expect"]
            assert {operation: snapshot.seq for operation, snapshot in session.view.items()} == expected["view"]
            assert session.synced == expected["synced"]
            assert msgspec.to_builtins(session.resume) == expected["resume"]


def test_there_are_vectors() -> None:
    """The folder was found."""
    assert len(VECTORS) >= 10
