"""How often a publisher is asked to tell of its operations: what nobody watches costs nearly nothing."""

import pytest

from progress_kit.hub.demand import MOST_INTERESTS, UNWATCHED_HZ
from progress_kit.model import Origin, Snapshot
from progress_kit.protocol.messages import Demand, Filter, Subscribe, Unsubscribe
from tests.hub.bench import Bench


def running(operation: str = "op_1", seq: int = 1, notebook: str | None = None) -> Snapshot:
    """One running operation."""
    return Snapshot(id=operation, name="Work", state="running", seq=seq, origin=Origin(notebook=notebook))


def ended(operation: str = "op_1") -> Snapshot:
    """Its end."""
    return Snapshot(id=operation, name="Work", state="succeeded", seq=9)


def demands(hub: Bench, conn: int = 1) -> dict[str, float]:
    """What a publisher knows by what it was told."""
    known: dict[str, float] = {}
    for message in hub.got(conn, Demand):
        known |= message.operations
    return known


def test_what_nobody_watches_is_wanted_seldom(hub: Bench) -> None:
    """Said once, when the operation begins."""
    hub.publisher(1)
    hub.publish(1, running())
    assert demands(hub) == {"op_1": UNWATCHED_HZ}
    for seq in range(2, 9):
        hub.publish(1, running(seq=seq))
        hub.wait(1)
    assert len(hub.got(1, Demand)) == 1


def test_the_first_watcher_makes_it_live_at_once(hub: Bench) -> None:
    """In the very same step, and so does a page that was loaded again."""
    hub.publisher(1)
    hub.publish(1, running())
    hub.subscriber(2)
    assert demands(hub) == {"op_1": 20.0}
    hub.disconnect(2)
    hub.subscriber(3)
    assert demands(hub) == {"op_1": 20.0}
    hub.publish(1, running("op_2"))
    assert demands(hub)["op_2"] == 20.0


def test_when_the_last_watcher_is_gone_it_is_wanted_seldom_again(hub: Bench) -> None:
    """Not before the last one, and not in a hurry."""
    hub.publisher(1)
    hub.publish(1, running())
    hub.subscriber(2)
    hub.subscriber(3, max_rate_hz=5)
    hub.disconnect(2)
    hub.wait(1)
    assert demands(hub) == {"op_1": 5.0}
    hub.say(3, Unsubscribe(id="s"))
    hub.wait(1)
    assert demands(hub) == {"op_1": UNWATCHED_HZ}
    hub.say(3, Subscribe(id="s"))
    assert demands(hub) == {"op_1": 20.0}


@pytest.mark.parametrize(
    "wanted",
    [Filter(operations=("op_1",)), Filter(notebook="a.ipynb"), Filter(notebook="a.ipynb", states=("failed",))],
)
def test_only_what_is_watched_is_wanted_often(hub: Bench, wanted: Filter) -> None:
    """By its id or its notebook; who waits for a certain state wants to know at once when it comes."""
    hub.publisher(1)
    hub.publish(1, running("op_1", notebook="a.ipynb"), running("op_2", notebook="b.ipynb"))
    hub.subscriber(2, wanted=wanted)
    hub.publish(1, running("op_3", notebook="b.ipynb"))
    assert demands(hub) == {"op_1": 20.0, "op_2": UNWATCHED_HZ, "op_3": UNWATCHED_HZ}


def test_somebody_else_s_watching_does_not_count(hub: Bench) -> None:
    """They do not see it; a share link sees its own operation."""
    hub.publisher(1)
    hub.publish(1, running("op_1"), running("op_2"))
    hub.subscriber(2, sub="ann")
    assert demands(hub) == {"op_1": UNWATCHED_HZ, "op_2": UNWATCHED_HZ}
    hub.subscriber(3, token=hub.token("subscribe", operation="op_1"))
    assert demands(hub) == {"op_1": 20.0, "op_2": UNWATCHED_HZ}


def test_a_publisher_that_comes_back_is_told_anew(hub: Bench) -> None:
    """It has forgotten what was said on the old connection."""
    hub.publisher(1)
    hub.publish(1, running())
    hub.disconnect(1)
    hub.subscriber(2)
    hub.publisher(3)
    assert demands(hub, 3) == {"op_1": 20.0}
    hub.publish(3, ended())
    hub.publish(3, running("op_2"))
    assert demands(hub, 3) == {"op_1": 20.0, "op_2": 20.0}


def test_who_watches_in_very_many_ways_watches_everything(hub: Bench) -> None:
    """The hub does not go through all of that for each operation."""
    hub.publisher(1)
    for conn in range(2, MOST_INTERESTS + 4):
        hub.subscriber(conn, wanted=Filter(kinds=(f"kind {conn}",)), max_rate_hz=7)
    hub.publish(1, running())
    assert demands(hub) == {"op_1": 7.0}


def test_when_one_user_stops_watching_only_their_publishers_are_told(hub: Bench) -> None:
    """The others' operations are watched as before."""
    hub.publisher(1, "s_1")
    hub.publish(1, running("op_1"))
    hub.publisher(2, "s_2", sub="ann")
    hub.publish(2, running("op_2"))
    hub.subscriber(3)
    hub.subscriber(4, sub="ann")
    hub.disconnect(3)
    hub.wait(1)
    assert demands(hub, 1) == {"op_1": UNWATCHED_HZ}
    assert demands(hub, 2) == {"op_2": 20.0}
