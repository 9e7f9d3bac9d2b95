"""The server's wall clock is set while it runs: what is shown as a time changes, and nothing else."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from progress_kit.hub import Now, Restored
from progress_kit.model import HubInfo, Snapshot, Stage, StoredOperation
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import Heartbeat, State
from tests.hub.bench import Bench

DAY_S = 86_400.0


@dataclass
class Set(Bench):
    """A hub whose wall clock is `off` by so many seconds."""

    off: float = 0.0

    @property
    def now(self) -> Now:
        return Now(self.seconds, 1_700_000_000.0 + self.seconds + self.off)


def working(operation: str, done: float) -> Snapshot:
    """Return an operation that has come so far."""
    stage = Stage(name="main", state="running", done=done, total=100.0, started_s=0.0, elapsed_s=done)
    return Snapshot(
        id=operation, name=operation, state="running", seq=1 + int(done), stages=(stage,), stage="main", elapsed_s=done
    )


def timeless(value: Any) -> Any:
    """Leave out the moments that people are shown."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in {"changed_at", "first_seen_at", "now"}}
    return [timeless(item) for item in value] if isinstance(value, list | tuple) else value


def life(offsets: list[float]) -> list[Any]:
    """Return all that a page is told of half a minute of work and its aftermath, the clock being set meanwhile."""
    hub = Set(limits=Limits(recent_s=60.0))
    hub.publisher(1, estimates=False)
    hub.publisher(2, "s_2")
    hub.subscriber(3)
    for second in range(30):
        hub.off = offsets[second % len(offsets)]
        hub.publish(1, working("op_1", float(second)))
        if second < 10:
            hub.publish(2, working("op_2", float(second)))
        hub.wait(1)
    hub.say(1, Heartbeat())
    hub.publish(1, msgspec.structs.replace(working("op_1", 99.0), state="succeeded", estimate=None, stage=None))
    hub.stored("op_1", 100)
    for number in range(120):
        hub.off = offsets[number % len(offsets)]
        hub.wait(1)
    return [timeless(msgspec.to_builtins(state)) for state in hub.got(3, State)]


@pytest.mark.parametrize("offsets", [[0.0, -DAY_S], [-DAY_S, 0.0, 100.0], [-365 * DAY_S, -DAY_S, 0.0, -1.0]])
def test_a_page_is_told_the_same(offsets: list[float]) -> None:
    """Order, estimates, who is stale or lost and when, what leaves after a while: all of it is as with a good clock."""
    good = life([0.0])
    assert any(operation["estimate"] for state in good for operation in state["operations"])
    assert {operation["hub"]["lease"] for state in good for operation in state["operations"]} == {"ok", "stale", "lost"}
    assert good[-1]["removed"]
    assert life(offsets) == good


def test_a_clock_that_jumps_a_day_costs_tokens_and_no_lease() -> None:
    """What is connected has to get new tokens, as after a night; within the lease nobody is taken for lost."""
    hub = Set()
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, working("op_1", 1.0))
    hub.off = DAY_S
    hub.wait(1)
    assert hub.closed == {1: 4401, 2: 4401}
    hub.publisher(3)
    hub.subscriber(4)
    hub.publish(3, working("op_1", 2.0))
    hub.off = 0.0
    hub.wait(6)
    (state, *_) = hub.got(4, State)[-1:]
    assert [(each.seq, each.hub and each.hub.lease) for each in state.operations] == [(3, "ok")]


def test_rows_of_the_future_are_shown_as_long_as_others() -> None:
    """Stored while the clock was a day ahead: what ended is shown for a while, what runs is lost after its lease."""
    hub = Set(limits=Limits(recent_s=60.0))
    rows = [stored("op_ended", "succeeded", hub.now.wall + DAY_S), stored("op_runs", "running", hub.now.wall + DAY_S)]
    hub.handle(Restored(rows))
    hub.subscriber(1)
    assert {each.id for each in hub.got(1, State)[0].operations} == {"op_ended", "op_runs"}
    hub.wait(10)
    hub_info = hub.got(1, State)[-1].operations[0].hub
    assert hub_info is not None
    assert hub_info.lease == "lost"
    hub.wait(51)
    assert "op_ended" in {name for state in hub.got(1, State) for name in state.removed}


def stored(operation: str, state: Any, changed_at: float) -> StoredOperation:
    """Return a row of the store."""
    snapshot = Snapshot(id=operation, name=operation, state=state, seq=1, hub=HubInfo(owner="local"))
    return StoredOperation(
        id=operation,
        hub_id="h_test",
        owner="local",
        session="s_1",
        kind=None,
        state=state,
        seq=1,
        changed_at=changed_at,
        ended_at=None,
        snapshot=encode(snapshot),
    )
