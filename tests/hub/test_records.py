"""What the hub notes of a run beside its state: samples of its estimate, timelines, priors; and how it is deleted."""

from itertools import pairwise

import pytest

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, KeepRecord, KernelDied, LoadPrior, PriorLoaded
from progress_kit.hub.samples import MOST
from progress_kit.model import Estimate, OperationState, Origin, Prior, Snapshot
from progress_kit.protocol import Limits
from progress_kit.protocol.messages import Ack, Error, Scope, Span, State, Timeline
from progress_kit.protocol.rest import EstimateSample
from tests.hub.bench import Bench

SPANS = (Span("a.py", "main", "pid 1", 1, 0.0, 2.0, "succeeded"),)
PRIOR = Prior(runs=3, total_s=(1.0, 2.0, 3.0))


def operation(
    name: str = "op_1",
    seq: int = 1,
    state: OperationState = "running",
    *,
    elapsed_s: float | None = 1.0,
    left_s: float | None = None,
    kind: str | None = "train",
) -> Snapshot:
    """Return a state of an operation that is half done and takes `left_s` more."""
    estimate = None if left_s is None else Estimate(p50_s=left_s, p90_s=2 * left_s)
    return Snapshot(
        id=name,
        name="Train",
        kind=kind,
        state=state,
        seq=seq,
        fraction=0.5,
        elapsed_s=elapsed_s,
        estimate=estimate,
        origin=Origin(kernel_id="k_1"),
    )


def claims(hub: Bench, *scopes: Scope, sub: str = "local") -> Claims:
    """Return what a token of these scopes says."""
    return hub.authority.verify(hub.token(*scopes, sub=sub), hub.now.wall)


def test_how_the_estimate_went_is_kept_with_the_run(hub: Bench) -> None:
    """Each estimate is a sample with what is known of it; all are given to the store when the operation has ended."""
    hub.publisher(1)
    hub.publish(1, operation(seq=1, elapsed_s=1.0, left_s=9.0))
    hub.publish(1, operation(seq=2, elapsed_s=2.0, left_s=8.5))
    hub.publish(1, operation(seq=3, elapsed_s=3.0), operation("op_2", elapsed_s=None, left_s=1.0))
    expected = (EstimateSample(1.0, 0.5, None, 9.0, 18.0), EstimateSample(2.0, 0.5, None, 8.5, 17.0))
    assert hub.manager.estimates(claims(hub, "subscribe"), "op_1") == expected
    assert hub.manager.estimates(claims(hub, "subscribe", sub="mallory"), "op_1") == ()
    assert hub.records == []
    hub.publish(1, operation(seq=4, state="succeeded", elapsed_s=9.0))
    assert hub.records == [KeepRecord("local", "op_1", estimates=expected)]
    assert hub.manager.estimates(claims(hub, "subscribe"), "op_1") == ()


def test_samples_are_bounded_and_spread_over_the_whole_run(hub: Bench) -> None:
    """A run of 10,000 estimates keeps at most 200, evenly in time, the first one included."""
    hub = Bench(limits=Limits(messages_per_s=1e6, burst_messages=1_000_000))
    hub.publisher(1)
    for second in range(10_000):
        hub.publish(1, operation(seq=second + 1, elapsed_s=float(second), left_s=1.0))
    kept = [sample.elapsed_s for sample in hub.manager.estimates(claims(hub, "subscribe"), "op_1")]
    gaps = [later - earlier for earlier, later in pairwise(kept)]
    assert MOST / 2 <= len(kept) <= MOST
    assert kept[0] == 0.0
    assert kept[-1] > 9_800
    assert max(gaps) <= 2.1 * min(gaps)


def test_samples_of_a_dead_kernel_s_run_are_kept_as_well(hub: Bench) -> None:
    """However it ended."""
    hub.publisher(1)
    hub.publish(1, operation(left_s=9.0))
    hub.disconnect(1)
    hub.handle(KernelDied("k_1"))
    assert [(record.operation, len(record.estimates)) for record in hub.records] == [("op_1", 1)]


def test_samples_of_what_is_gone_are_forgotten(hub: Bench) -> None:
    """A lost operation leaves the live ones after an hour, and its samples with it."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1)
    hub.publish(1, operation(left_s=9.0))
    hub.disconnect(1)
    hub.wait(90)
    assert hub.manager.counts()[0] == 0
    assert hub.manager._records._samples == {}


def test_a_timeline_is_kept_for_its_own_operation_only(hub: Bench) -> None:
    """The session that publishes an operation says where its tasks ran, and nobody else."""
    hub.publisher(1)
    hub.publish(1, operation(), operation("op_2", state="succeeded"))
    hub.say(1, Timeline(operation="op_2", spans=SPANS))
    hub.publisher(2, session="s_2")
    hub.say(2, Timeline(operation="op_1", spans=SPANS))
    hub.say(2, Timeline(operation="op_none", spans=SPANS))
    hub.subscriber(3)
    hub.say(3, Timeline(operation="op_1", spans=SPANS))
    assert hub.records == [KeepRecord("local", "op_2", spans=SPANS)]
    assert [error.code for error in hub.got(2, Error)] == ["forbidden", "not_found"]
    assert [error.code for error in hub.got(3, Error)] == ["forbidden"]


def test_a_publisher_is_told_what_its_kinds_usually_take(hub: Bench) -> None:
    """Once for each kind, on first sight of it; several that wait are answered by one question to the store."""
    hub.publisher(1)
    hub.publisher(2, session="s_2")
    hub.publish(1, operation(), operation("op_2"), operation("op_other", kind=None))
    hub.publish(2, operation("op_3"))
    assert hub.asked == [LoadPrior("local", "train")]
    hub.handle(PriorLoaded("local", "train", PRIOR))
    for conn in (1, 2):
        assert hub.got(conn, Ack) == [Ack(priors={"train": PRIOR})]
    hub.publish(1, operation(seq=2))
    assert len(hub.asked) == 1


def test_a_later_run_is_told_what_the_earlier_ones_added(hub: Bench) -> None:
    """A notebook that runs the same cell again has a newer prior the second time."""
    hub.publisher(1)
    hub.publish(1, operation("op_1"))
    hub.handle(PriorLoaded("local", "train", None))
    assert hub.got(1, Ack) == []
    hub.publish(1, operation("op_2"))
    assert len(hub.asked) == 1
    hub.publish(1, operation("op_1", seq=2, state="succeeded"), operation("op_2", seq=2, state="failed"))
    hub.publish(1, operation("op_3"))
    assert len(hub.asked) == 2


def test_who_was_away_when_the_prior_came_is_told_later(hub: Bench) -> None:
    """With the next thing that it says of that kind."""
    hub.publisher(1)
    hub.publish(1, operation())
    hub.disconnect(1)
    hub.handle(PriorLoaded("local", "train", PRIOR))
    hub.publisher(2)
    hub.publish(2, operation(seq=2))
    hub.handle(PriorLoaded("local", "train", PRIOR))
    assert [ack.priors for ack in hub.got(2, Ack)] == [{"train": PRIOR}]


def test_kinds_are_remembered_in_bounds(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who makes a new kind for each run costs no memory; the oldest kind is asked for again."""
    monkeypatch.setattr("progress_kit.hub.priors.KINDS", 2)
    monkeypatch.setattr("progress_kit.hub.priors.ENDS", 2)
    hub.publisher(1)
    for kind in ("a", "b", "c", "a"):
        hub.publish(1, operation(f"op_{len(hub.asked)}", kind=kind))
        hub.handle(PriorLoaded("local", kind, None))
    assert [each.kind for each in hub.asked] == ["a", "b", "c", "a"]
    for number in range(4):
        hub.publish(1, operation(f"op_{number}", seq=9, state="succeeded", kind=f"kind {number}"))
    assert len(hub.manager._records.priors._succeeded) == 2


def test_a_deleted_operation_disappears_from_every_page(hub: Bench) -> None:
    """What has ended, or is lost, may be deleted by its owner; what runs may not."""
    hub.publisher(1)
    hub.subscriber(2)
    hub.publish(1, operation("op_1", state="succeeded"), operation("op_2"))
    me = claims(hub, "command")
    hub.take(hub.manager.forget(claims(hub, "command", sub="mallory"), "op_1", hub.now))
    hub.wait(1)
    hub.take(hub.manager.forget(me, "op_1", hub.now))
    hub.wait(0.1)
    assert hub.got(2, State)[-1].removed == ("op_1",)
    assert hub.got(1, Ack)[-1].durable == {"op_1": 1}
    with pytest.raises(ProtocolError, match="running"):
        hub.manager.forget(me, "op_2", hub.now)
    hub.disconnect(1)
    hub.wait(20)
    hub.take(hub.manager.forget(me, "op_2", hub.now))
    assert hub.manager.counts()[0] == 0


def test_a_kind_is_deleted_as_a_whole(hub: Bench) -> None:
    """Its ended runs, not those that run, and nothing of other kinds or other users; or all that has ended."""
    hub.publisher(1)
    hub.publish(1, operation("op_1", state="succeeded"), operation("op_2"), operation("op_3", state="failed", kind="b"))
    hub.publisher(2, sub="ann")
    hub.publish(2, operation("op_4", state="succeeded"))
    hub.stored("op_1", 1)
    hub.manager.forget_history(claims(hub, "command"), "train", hub.now)
    everything = hub.manager._registry.entries
    assert [entry.id for entry in everything()] == ["op_2", "op_3", "op_4"]
    hub.manager.forget_history(claims(hub, "command"), None, hub.now)
    assert [entry.id for entry in everything()] == ["op_2", "op_4"]
