"""When the hub estimates an operation itself, and when it leaves that to the publisher."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from progress_kit.hub import Now, PriorLoaded
from progress_kit.hub.estimates import OPERATIONS, Estimates
from progress_kit.hub.peers import Session
from progress_kit.model import Estimate, OperationState, Prior, Snapshot, Stage, StagePrior
from progress_kit.protocol.messages import State
from tests.hub.bench import Bench

PRIOR = Prior(runs=4, total_s=(90.0, 100.0, 120.0), stages=(StagePrior(name="main", duration_s=(90.0, 100.0, 120.0)),))


def backup(
    seq: int,
    done: int = 0,
    elapsed_s: float | None = None,
    *,
    operation: str = "op_1",
    state: OperationState = "running",
    total: int | None = 100,
    estimate: Estimate | None = None,
) -> Snapshot:
    """Return what a shell script says of its backup."""
    stage_state = state if state in {"running", "paused"} else "succeeded"
    return Snapshot(
        id=operation,
        name="Backup",
        kind="backup",
        state=state,
        seq=seq,
        elapsed_s=elapsed_s,
        stages=(Stage(name="main", state=stage_state, done=done, total=total),),
        estimate=estimate,
    )


@pytest.fixture
def hub() -> Bench:
    """A hub with a publisher that makes no estimates, and somebody who watches."""
    hub = Bench()
    hub.publisher(1, estimates=False)
    hub.subscriber(2)
    return hub


def shown(hub: Bench, operation: str = "op_1") -> Snapshot:
    """What the one who watches has of an operation."""
    hub.wait(0.1)
    states = hub.got(2, State)
    return [each for state in states for each in state.operations if each.id == operation][-1]


def run(hub: Bench, *, own_clock: bool = True) -> Snapshot:
    """Let a quarter of the backup be done, at one item a second."""
    for second in range(26):
        hub.publish(1, backup(second + 1, second, float(second) if own_clock else None))
        hub.wait(1)
    hub.publish(1, backup(27, 26, 26.0 if own_clock else None))
    return shown(hub)


@pytest.mark.parametrize("clock", ["the publisher's", "the hub's"])
def test_it_estimates_who_does_not(hub: Bench, clock: str) -> None:
    """From counts alone, with the publisher's clock or, where it tells no time, with its own; rates too."""
    found = run(hub, own_clock=clock == "the publisher's")
    assert found.estimate is not None
    assert found.estimate.basis == ("rate",)
    assert found.estimate.p10_s is not None
    assert found.estimate.p90_s is not None
    assert found.estimate.p10_s <= 74 <= found.estimate.p90_s
    assert found.estimate.p50_s == pytest.approx(74, rel=0.2)
    assert found.stages[0].rate == pytest.approx(1, rel=0.2)
    hub.publish(1, backup(28, 100, 100.0, state="succeeded"))
    assert shown(hub).estimate is None


def test_what_a_publisher_estimates_is_its_own() -> None:
    """Who says in its hello that it estimates has no basis where it says nothing; nothing is filled in."""
    hub = Bench()
    hub.publisher(1)
    hub.subscriber(2)
    found = run(hub)
    assert (found.estimate, found.stages[0].rate) == (None, None)


def test_an_operation_that_came_with_an_estimate_is_left_alone(hub: Bench) -> None:
    """It is shown as it came, and later without one, though its publisher said nothing in its hello."""
    own = Estimate(p50_s=1.0)
    hub.publish(1, backup(1, 0, 0.0, estimate=own))
    assert shown(hub).estimate == own
    for second in range(1, 20):
        hub.publish(1, backup(second + 1, second, float(second)))
        hub.wait(1)
    assert shown(hub).estimate is None


def test_earlier_runs_count_from_the_first_moment(hub: Bench) -> None:
    """As soon as the store has told what they took, without another word of the publisher.

    As everywhere, what is left counts from the operation's last change; who watches subtracts the time since.
    """
    hub.publish(1, backup(1, 0, 0.0, total=None))
    assert shown(hub).estimate is None
    hub.wait(10)
    hub.handle(PriorLoaded("local", "backup", PRIOR))
    found = shown(hub)
    assert found.seq == 1
    assert found.estimate is not None
    assert found.estimate.basis == ("history",)
    assert found.estimate.p50_s == pytest.approx(100, rel=0.2)
    assert found.hub is not None
    assert hub.now.wall - found.hub.changed_at == pytest.approx(10.2)
    hub.publish(1, backup(1, 0, 0.0, total=None, operation="op_2"))
    assert shown(hub, "op_2").estimate is not None


def test_history_of_others_is_not_used(hub: Bench) -> None:
    """Neither that of another kind nor that of another user."""
    hub.publish(1, backup(1, 0, 0.0))
    hub.handle(PriorLoaded("local", "other", PRIOR))
    hub.handle(PriorLoaded("mallory", "backup", PRIOR))
    assert shown(hub).estimate is None


def test_a_pause_has_no_estimate(hub: Bench) -> None:
    """Nobody knows how long it is; afterwards there is one again."""
    run(hub)
    hub.publish(1, backup(28, 26, 26.0, state="paused"))
    assert shown(hub).estimate is None
    hub.wait(100)
    hub.publish(1, backup(29, 27, 27.0))
    found = shown(hub).estimate
    assert found is not None
    assert found.p50_s == pytest.approx(73, rel=0.2)


def test_between_two_estimates_the_last_one_runs_down(hub: Bench) -> None:
    """Ten snapshots a second are not ten estimates; what is shown goes on all the same."""
    before = run(hub).estimate
    hub.seconds += 0.2
    hub.publish(1, backup(28, 26, 26.3))
    after = shown(hub).estimate
    assert before is not None
    assert after is not None
    assert before.p50_s - after.p50_s == pytest.approx(0.3, abs=0.01)


def test_it_remembers_a_thousand_operations() -> None:
    """However many are published; the ones that were heard of longest ago are without an estimate."""
    estimates, session = Estimates(), Session("local", "s_1", 0.0)
    for number in range(OPERATIONS + 10):
        estimates.complete(session, backup(1, operation=f"op_{number}"), Now(0.0, 0.0))
    assert len(estimates) == OPERATIONS
    assert estimates.again("local", backup(1, operation="op_0")) == backup(1, operation="op_0")
    for number in range(OPERATIONS + 10):
        estimates.complete(session, backup(2, operation=f"op_{number}", state="succeeded"), Now(0.0, 0.0))
    assert len(estimates) == 0


amounts = st.integers(0, 10**6) | st.integers(0, 2**60) | st.floats(0, 1e300)
seconds = st.none() | st.floats(0, 1e5) | st.floats(0, 1e300)
stages = st.builds(
    Stage,
    name=st.sampled_from(["main", "b"]),
    state=st.sampled_from(["pending", "running", "paused", "succeeded", "skipped"]),
    weight=st.floats(0.1, 10) | st.floats(1e-300, 1e300),
    done=amounts,
    total=st.none() | amounts,
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.lists(stages, max_size=3), seconds, st.floats(0, 1e6)), max_size=8))
def test_nothing_that_a_publisher_says_breaks_it(said: list[tuple[list[Stage], float | None, float]]) -> None:
    """Whatever counts, weights and times come from outside, the hub lives on, and what it shows can be sent."""
    hub = Bench()
    hub.publisher(1, estimates=False)
    hub.subscriber(2)
    for seq, (listed, elapsed_s, passed_s) in enumerate(said):
        hub.seconds += min(passed_s, 14)
        hub.publish(1, replace(backup(seq + 1, elapsed_s=elapsed_s), stages=tuple(listed)))
        if seq == 1:
            hub.handle(PriorLoaded("local", "backup", PRIOR))
    hub.wait(1)
    told = [snapshot for state in hub.got(2, State) for snapshot in state.operations]
    assert bool(told) == bool(said)
    for found in (snapshot.estimate for snapshot in told):
        assert found is None or (found.p10_s or 0.0) <= found.p50_s <= (found.p90_s or float("inf"))
