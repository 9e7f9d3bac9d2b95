"""What holds a thousand subscribers: what is done once for all of them, and what is not done at all."""

import random
from collections import Counter
from unittest.mock import patch

import pytest

from progress_kit.connection.backoff import Backoff
from progress_kit.hub import Received, Send, Tick, Writable
from progress_kit.hub.delivery import LOOK_AT
from progress_kit.hub.registry import Registry
from progress_kit.hub.spreading import Spreading
from progress_kit.model import OperationState, Snapshot
from progress_kit.protocol import Limits, decode_hub, encode
from progress_kit.protocol.messages import Filter, Publish, ResumePoint, State, Welcome
from tests.hub.bench import Bench
from tests.hub.churn import Churn

MANY = 200
CROWD = Limits(subscribers_per_user=MANY + 10, messages_per_s=1e6, burst_messages=1_000_000)


def snapshot(operation: str = "op_1", seq: int = 1, state: OperationState = "running") -> Snapshot:
    """Return an operation."""
    return Snapshot(id=operation, name="Work", state=state, seq=seq)


def crowded(hub: Bench) -> list[int]:
    """Connect a publisher as 1 and many subscribers; return the numbers of these."""
    hub.publisher(1)
    conns = list(range(2, 2 + MANY))
    for conn in conns:
        hub.subscriber(conn)
    hub.wait(1)
    return conns


def publish(hub: Bench, *operations: Snapshot) -> list[Send]:
    """Publish, and return what is sent to others; nothing of it leaves yet."""
    event = Received(1, encode(Publish(operations=operations)))
    outputs = hub.manager.handle(event, hub.now)
    return [output for output in outputs if isinstance(output, Send) and output.conn != 1]


def test_a_change_is_encoded_once_for_all() -> None:
    """All who are at the same revision and asked the same are sent the very same object; others their own."""
    hub = Bench(limits=CROWD)
    conns = crowded(hub)
    hub.subscriber(900, wanted=Filter(states=("running",)))
    hub.subscriber(901, wanted=Filter(states=("running",)))
    hub.wait(1)
    before = hub.manager.frames_encoded
    sent = publish(hub, snapshot())
    assert hub.manager.frames_encoded - before == 2
    assert {send.conn for send in sent} == {*conns, 900, 901}
    objects = Counter(id(send.data) for send in sent)
    assert sorted(objects.values()) == [2, MANY]


def test_who_does_not_read_has_one_frame_on_its_way() -> None:
    """However much happens meanwhile, and whatever the others are sent; then it is sent the newest at once."""
    hub = Bench(limits=CROWD)
    stalled = set(crowded(hub)[:50])
    counts: Counter[int] = Counter()
    for seq in range(1, 101):
        sent = publish(hub, snapshot(seq=seq))
        counts.update(send.conn for send in sent)
        hub.manager.handle_all([Writable(send.conn) for send in sent if send.conn not in stalled], hub.now)
        hub.seconds += 0.1
    assert {counts[conn] for conn in stalled} == {1}
    assert {count for conn, count in counts.items() if conn not in stalled} == {100}
    outputs = hub.manager.handle_all([Writable(conn) for conn in stalled], hub.now)
    late = [output for output in outputs if isinstance(output, Send) and output.conn in stalled]
    assert len({id(send.data) for send in late}) == 1
    state = decode_hub(late[0].data)
    assert isinstance(state, State)
    assert [each.seq for each in state.operations] == [100]


def test_what_happens_in_one_turn_is_sent_in_one_frame() -> None:
    """Twenty ends that arrive together are one frame for each subscriber."""
    hub = Bench(limits=CROWD)
    conns = crowded(hub)
    ends = [snapshot(f"op_{number}", state="succeeded") for number in range(20)]
    events = [Received(1, encode(Publish(operations=(end,)))) for end in ends]
    sent = [output for output in hub.manager.handle_all(events, hub.now) if isinstance(output, Send)]
    states = [(send.conn, decode_hub(send.data)) for send in sent if send.conn != 1]
    assert sorted(conn for conn, _ in states) == conns
    assert all(isinstance(state, State) and len(state.operations) == 20 for _, state in states)


def test_nobody_is_looked_at_while_nobody_may_be_sent_anything() -> None:
    """A publisher without measure costs nothing for each subscriber: they are looked at when the first is due."""
    hub = Bench(limits=CROWD)
    crowded(hub)
    first = publish(hub, snapshot(seq=1))
    hub.manager.handle_all([Writable(send.conn) for send in first], hub.now)
    looks: Counter[int] = Counter()
    flush = Spreading.flush

    def counting(spreading: Spreading, peer: object, now: object) -> None:
        looks[peer.conn] += 1  # type: ignore[attr-defined]
        flush(spreading, peer, now)  # type: ignore[arg-type]

    with patch.object(Spreading, "flush", counting):
        for seq in range(2, 102):
            hub.seconds += 0.0004
            assert publish(hub, snapshot(seq=seq)) == []
    assert sum(looks.values()) == 100  # the publisher itself, once a message
    assert hub.manager.next_tick(hub.now) <= 0.05
    hub.seconds += 0.05
    late = [output for output in hub.manager.handle(Tick(), hub.now) if isinstance(output, Send)]
    assert len(late) == MANY


def test_a_crowd_that_comes_back_is_sent_nothing_that_it_has() -> None:
    """With valid resume points: a welcome and one short answer each, encoded once, and no operation."""
    hub = Bench(limits=CROWD)
    hub.publisher(1)
    hub.publish(1, *(snapshot(f"op_{number}") for number in range(50)))
    point = ResumePoint(epoch="e_1", revision=hub.manager.revision)
    before = hub.manager.frames_encoded
    for conn in range(2, 2 + MANY):
        hub.subscriber(conn, resume=point)
    assert hub.manager.frames_encoded - before == 1
    for conn in range(2, 2 + MANY):
        welcome, state = hub.sent[conn]
        assert isinstance(welcome, Welcome)
        assert isinstance(state, State)
        assert (state.reset, state.more, state.operations, state.removed) == (False, False, (), ())
        assert len(encode(state)) < 300


def test_a_crowd_whose_hub_restarted_comes_back_spread_out() -> None:
    """Full jitter: of 1,000 clients that lost the line together, few try in the same tenth of a second."""
    chance = random.Random(7)
    tries: Counter[int] = Counter()
    for _ in range(1_000):
        backoff = Backoff(uniform=chance.uniform)
        moment = 0.0
        for _ in range(8):
            moment += backoff.next()
            tries[int(moment * 10)] += 1
    assert max(tries.values()) < 450  # the first half second has 1,000 first tries and some second ones
    assert max(count for tenth, count in tries.items() if tenth > 30) < 120


def test_the_hub_does_not_look_through_everything() -> None:
    """With thousands of operations neither a tick, nor a hello, nor a publish at the user's limit enumerates them."""
    hub = Bench(limits=Limits(operations_per_user=300, recent_s=60))
    hub.publisher(1)
    for number in range(300):
        hub.publish(1, snapshot(f"op_{number}", state="succeeded"))
        hub.stored(f"op_{number}", 1)
    with patch.object(Registry, "entries", side_effect=AssertionError("looked through everything")):
        hub.publish(1, snapshot("op_new"))
        hub.publisher(2, session="s_1")
        hub.wait(30)
    assert hub.manager.counts()[0] == 300


def test_what_leaves_at_once_leaves_in_portions() -> None:
    """Thousands that ended in the same moment are taken out over several ticks, and all of them are."""
    with patch("progress_kit.hub.publications.LEAVE_AT_ONCE", 40):
        hub = Bench(limits=Limits(recent_s=60, messages_per_s=1e6, burst_messages=1_000_000))
        hub.publisher(1)
        for number in range(100):
            hub.publish(1, snapshot(f"op_{number}", state="succeeded"))
            hub.stored(f"op_{number}", 1)
        hub.seconds += 60
        left = []
        for _ in range(4):
            hub.handle(Tick())
            left.append(hub.manager.counts()[0])
    assert left == [60, 20, 0, 0]


@pytest.mark.slow
def test_the_memory_of_a_hub_that_never_rests_is_bounded() -> None:
    """After an hour of processes and pages that come and go, it holds no more than after a quarter of an hour."""
    small = {"registry.TOMBSTONES": 50, "changes.SLACK": 50, "registry.SLACK": 50, "inbox.INBOX_ITEMS": 50}
    small |= {"priors.ENDS": 50, "estimates.OPERATIONS": 50}
    patches = [patch(f"progress_kit.hub.{name}", number) for name, number in small.items()]
    for each in patches:
        each.start()
    try:
        churn = Churn(Limits(recent_s=30))
        churn.run(240)
        first = churn.reach()
        churn.run(720)
        assert churn.reach() < 1.1 * first
    finally:
        for each in patches:
            each.stop()


def test_a_filter_that_few_match_is_answered_in_steps() -> None:
    """So that whoever asks for little of very much holds up nobody: the view is whole at the last frame."""
    hub = Bench(limits=Limits(open_per_publisher=10_000))
    hub.publisher(1)
    count = 2 * LOOK_AT + 10
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        hub.publish(1, *(Snapshot(id=f"op_{each}", name="x", state="running", seq=1) for each in numbers))
    hub.publish(1, Snapshot(id="op_7", name="x", state="paused", seq=2))
    hub.subscriber(2, wanted=Filter(states=("paused",)))
    hub.wait(1)
    frames = hub.got(2, State)
    assert [frame.more for frame in frames] == [True, True, False]
    assert [each.id for frame in frames for each in frame.operations] == ["op_7"]
    hub.subscriber(3, wanted=Filter(operations=("op_7", "op_8", "op_unknown")))
    (frame,) = hub.got(3, State)
    assert ([each.id for each in frame.operations], frame.more) == (["op_8", "op_7"], False)


def test_a_process_that_has_gone_is_forgotten_when_its_lease_is_over() -> None:
    """What it has published stays, and is known to it when it comes back."""
    hub = Bench()
    hub.publisher(1)
    hub.publish(1, Snapshot(id="op_1", name="x", state="succeeded", seq=3))
    hub.disconnect(1)
    hub.wait(hub.limits.lease_s + 2)
    assert hub.manager._publications.sessions() == []
    hub.publisher(2)
    assert hub.got(2, Welcome)[0].known == {"op_1": 3}


def test_of_a_lost_operation_that_has_left_nothing_is_kept() -> None:
    """Processes that vanish without a word are no leak, also where the hub estimates for them."""
    hub = Bench(limits=Limits(recent_s=60))
    hub.publisher(1, estimates=False)
    hub.publish(1, Snapshot(id="op_1", name="x", state="running", seq=1))
    hub.disconnect(1)
    hub.wait(hub.limits.lease_s + hub.limits.recent_s + 5)
    assert hub.manager.counts()[0] == 0
    assert len(hub.manager._estimates) == 0
    assert hub.manager._publications.sessions() == []
