"""Who is told that an operation has ended, and what waits in the inbox."""

from typing import Any

import msgspec
import pytest

import progress_kit as pk
from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims, Connected, KeepInbox, Persist, Received, Restored, StoreStatus, Writable, notices
from progress_kit.model import Failure, Notify, OperationState, Origin, Snapshot
from progress_kit.protocol import Limits, encode
from progress_kit.protocol.messages import (
    Error,
    Filter,
    Hello,
    Inbox,
    InboxItem,
    Notified,
    NotifyRequest,
    Presence,
    Publish,
    Read,
    Refresh,
    ResumePoint,
)
from progress_kit.protocol.rest import InboxRequest, InboxResponse, PolledInbox, StateResponse
from progress_kit.testing import RecordingPublisher
from tests.hub.bench import Bench


def presence(*words: str) -> Presence:
    """What a page says of itself, of ``focused``, ``visible`` and ``can_notify``."""
    return Presence(visible="visible" in words, focused="focused" in words, can_notify="can_notify" in words)


def tab(hub: Bench, conn: int, *words: str, sub: str = "local") -> None:
    """Open a page of a user."""
    hub.connect(conn, hub.token("subscribe", sub=sub))
    hub.say(conn, presence(*words))


def end(hub: Bench, *operations: str, state: OperationState = "succeeded", **fields: Any) -> None:
    """Let operations of connection 1 end."""
    hub.publish(1, *(Snapshot(id=each, name=each, state=state, seq=1, **fields) for each in operations))


def asked(hub: Bench, conn: int) -> list[list[str]]:
    """Which operations each notification of a page was about."""
    return [[snapshot.id for snapshot in request.operations] for request in hub.got(conn, NotifyRequest)]


def answer(hub: Bench, conn: int) -> None:
    """Let a page say that it showed the last notification it got."""
    hub.say(conn, Notified(id=hub.got(conn, NotifyRequest)[-1].id, shown="toast"))


def inbox(hub: Bench, conn: int) -> tuple[int, list[tuple[str, bool]]]:
    """What a page was told last: how many are unread, and which items there are, read or not."""
    last = hub.got(conn, Inbox)[-1]
    return last.unread, [(item.id, item.read) for item in last.items]


@pytest.fixture
def hub(hub: Bench) -> Bench:
    """Return a hub with a publisher on connection 1."""
    hub.publisher(1)
    return hub


# ---------------------------------------------------------------- one notification


def test_one_page_is_asked_and_its_answer_settles_it(hub: Bench) -> None:
    """Two pages are open: the one in front tells its user, the other one never hears of it."""
    tab(hub, 2)
    tab(hub, 3, "visible", "focused")
    end(hub, "op_1")
    hub.wait(2)
    (request,) = hub.got(3, NotifyRequest)
    assert [(each.id, each.state) for each in request.operations] == [("op_1", "succeeded")]
    answer(hub, 3)
    hub.wait(60)
    assert (asked(hub, 2), asked(hub, 3)) == ([], [["op_1"]])


def test_ends_within_two_seconds_are_one_notification(hub: Bench) -> None:
    """A batch that ends at once, or nearly so, is announced together; what ends later by itself."""
    tab(hub, 2)
    end(hub, "op_1", "op_2")
    hub.wait(1.9)
    end(hub, "op_3", state="failed")
    assert asked(hub, 2) == []
    hub.wait(0.1)
    assert asked(hub, 2) == [["op_1", "op_2", "op_3"]]
    end(hub, "op_4")
    hub.wait(2)
    assert asked(hub, 2) == [["op_1", "op_2", "op_3"], ["op_4"]]


def test_the_hub_asks_to_be_woken_for_it(hub: Bench) -> None:
    """The driver's next tick is when the notification is due, not up to a second later."""
    tab(hub, 2)
    end(hub, "op_1")
    hub.wait(1.5)
    assert hub.manager.next_tick(hub.now) == pytest.approx(0.5)
    hub.wait(0.5)
    hub.wait(1.75)
    assert hub.manager.next_tick(hub.now) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "better, worse",
    [
        (("focused", "visible"), ("visible", "can_notify")),
        (("visible",), ("can_notify",)),
        (("can_notify",), ()),
        (("visible", "can_notify"), ("visible",)),
    ],
)
@pytest.mark.parametrize("better_is_newer", [True, False])
def test_the_page_that_reaches_its_user_best_is_asked_first(
    hub: Bench, better: tuple[str, ...], worse: tuple[str, ...], *, better_is_newer: bool
) -> None:
    """In front before visible before allowed to notify; without an answer in 2 s the next one is asked."""
    for words in (worse, better) if better_is_newer else (better, worse):
        tab(hub, 2 if words == better else 3, *words)
    end(hub, "op_1")
    hub.wait(3.9)
    assert (asked(hub, 2), asked(hub, 3)) == ([["op_1"]], [])
    hub.wait(0.1)
    assert (asked(hub, 2), asked(hub, 3)) == ([["op_1"]], [["op_1"]])
    assert hub.got(2, NotifyRequest) == hub.got(3, NotifyRequest)  # under the same id


def test_of_equal_pages_the_one_used_last_is_asked(hub: Bench) -> None:
    """All are hidden: the one that the user left last is the likeliest to be seen first."""
    for conn in (2, 3, 4):
        tab(hub, conn, "can_notify")
    hub.say(3, presence("can_notify", "visible", "focused"))
    hub.say(3, presence("can_notify"))
    end(hub, "op_1")
    hub.wait(2)
    assert (asked(hub, 2), asked(hub, 3), asked(hub, 4)) == ([], [["op_1"]], [])


def test_a_page_that_closes_is_not_waited_for(hub: Bench) -> None:
    """The next one is asked at once."""
    tab(hub, 2, "visible")
    tab(hub, 3)
    end(hub, "op_1")
    hub.wait(2)
    hub.disconnect(2)
    assert asked(hub, 3) == [["op_1"]]


def test_a_page_that_the_hub_sends_away_is_not_waited_for(hub: Bench) -> None:
    """Its token was revoked just now: the next one is asked in the same moment."""
    tab(hub, 3)
    token = hub.token("subscribe")
    hub.connect(2, token)
    hub.say(2, presence("focused"))
    end(hub, "op_1")
    hub.wait(2)
    assert asked(hub, 2) == [["op_1"]]
    hub.authority.revoke(hub.authority.verify(token, hub.now.wall).jti)
    hub.wait(1)
    assert hub.closed == {2: 4401}
    assert asked(hub, 3) == [["op_1"]]


def test_a_page_that_takes_nothing_is_asked_last(hub: Bench) -> None:
    """A laptop that was closed with the tab in front still counts as focused, but its line has been stuck."""
    tab(hub, 2)
    tab(hub, 3, "focused", "visible")
    hub.wait(1)
    hub.auto_writable = False
    end(hub, "op_1")
    hub.handle(Writable(2))  # has its inbox; the other one's never leaves
    hub.wait(2)
    assert (asked(hub, 2), asked(hub, 3)) == ([["op_1"]], [])
    hub.wait(2)
    assert asked(hub, 3) == [["op_1"]]


def test_nobody_is_asked_twice(hub: Bench) -> None:
    """If no page answers, each was asked once, and then it is left to the inbox."""
    for conn in (2, 3):
        tab(hub, conn)
    end(hub, "op_1")
    hub.wait(60)
    assert (asked(hub, 2), asked(hub, 3)) == ([["op_1"]], [["op_1"]])
    assert inbox(hub, 2) == (1, [("op_1", False)])
    tab(hub, 4, "focused")
    hub.wait(60)
    assert asked(hub, 4) == []


def test_a_late_answer_counts_and_a_strangers_does_not(hub: Bench) -> None:
    """A page may need more than 2 s; one that was not asked cannot answer for the others."""
    for conn, words in ((2, ("focused",)), (3, ("visible",)), (4, ())):
        tab(hub, conn, *words)
    tab(hub, 5, "focused", sub="mallory")
    end(hub, "op_1")
    hub.wait(2)
    request = hub.got(2, NotifyRequest)[0]
    for conn in (1, 3, 4, 5):
        hub.say(conn, Notified(id=request.id, shown="suppressed"))
    hub.wait(2)
    assert asked(hub, 3) == [["op_1"]]
    hub.say(2, Notified(id=request.id, shown="browser"))
    hub.say(3, Notified(id=request.id, shown="toast"))
    hub.wait(60)
    assert asked(hub, 4) == []


def test_what_ended_while_no_page_was_open_waits_in_the_inbox(hub: Bench) -> None:
    """The page that comes in the morning sees how many are unread, and is not flooded with old news."""
    end(hub, "op_1", state="failed", error=Failure(type="ValueError", message="x" * 500), elapsed_s=3.0)
    hub.wait(600)
    tab(hub, 2, "focused")
    hub.wait(10)
    assert asked(hub, 2) == []
    (message,) = hub.got(2, Inbox)
    assert message.unread == 1
    (item,) = message.items
    assert (item.id, item.operation, item.name, item.state, item.elapsed_s) == ("op_1", "op_1", "op_1", "failed", 3.0)
    assert item.at == pytest.approx(hub.now.wall - 610)
    assert item.error is not None
    assert item.error.message == "x" * 199 + "…"


def test_a_page_that_opens_within_the_two_seconds_is_asked(hub: Bench) -> None:
    """A page that was just being reloaded misses nothing."""
    end(hub, "op_1")
    hub.wait(1)
    tab(hub, 2)
    hub.wait(1)
    assert asked(hub, 2) == [["op_1"]]


def test_a_repeated_end_is_no_second_end(hub: Bench) -> None:
    """A publisher says it until it is acknowledged; being stored is a change, and no end either."""
    tab(hub, 2)
    end(hub, "op_1")
    end(hub, "op_1")
    hub.stored("op_1", 1)
    end(hub, "op_1")
    hub.wait(5)
    assert asked(hub, 2) == [["op_1"]]
    assert [[item.id for item in kept.items] for kept in hub.kept] == [["op_1"]]


def test_an_end_that_is_repeated_when_the_hub_has_forgotten_it_is_no_second_end(hub: Bench) -> None:
    """Its publisher was away for hours and never heard that the end had arrived."""
    tab(hub, 2)
    end(hub, "op_1")
    hub.stored("op_1", 1)
    hub.disconnect(1)
    hub.wait(10)
    hub.seconds += 2 * hub.limits.recent_s
    hub.wait(1)
    hub.publisher(1)
    tab(hub, 3)
    end(hub, "op_1")
    hub.wait(10)
    assert (asked(hub, 2), asked(hub, 3)) == ([["op_1"]], [])


def test_an_end_that_the_hub_declares_is_announced_like_any_other(hub: Bench) -> None:
    """Nobody published it: what counts is that the operation has ended."""
    tab(hub, 2)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=1))
    entry = hub.manager._registry.get("op_1")
    assert entry is not None
    ended = Snapshot(id="op_1", name="Work", state="failed", seq=2, hub=entry.hub, error=Failure(type="Lost"))
    hub.manager._registry.put(ended, encode(ended), "s_1", hub.seconds)
    hub.wait(4)
    assert asked(hub, 2) == [["op_1"]]
    assert inbox(hub, 2) == (1, [("op_1", False)])


# ---------------------------------------------------------------- which ends


@pytest.mark.parametrize("function", ["tracker", "track", "tracked"])
@pytest.mark.parametrize(
    "notify, state, elapsed_s, announced",
    [
        ("default", "succeeded", 1, True),  # the page knows its user's settings
        ("always", "succeeded", 1, True),
        ("always", "cancelled", 1, True),
        ("failure", "succeeded", 100, False),
        ("failure", "cancelled", 100, False),
        ("failure", "failed", 1, True),
        ("never", "failed", 100, False),
        (30, "succeeded", 29.9, False),
        (30, "failed", 29.9, False),
        (30, "succeeded", 30, True),
    ],
)
def test_an_operation_says_when_its_end_is_announced(
    hub: Bench, function: str, notify: Any, state: OperationState, elapsed_s: float, *, announced: bool
) -> None:
    """`notify=` of a tracker, a loop or a function decides; the end is in the inbox, unread if it was announced."""
    with RecordingPublisher() as publisher:
        if function == "tracker":
            with pk.ProgressTracker("Work", notify=notify):
                pass
        elif function == "track":
            list(pk.track([1], "Work", notify=notify))
        else:
            pk.tracked("Work", notify=notify)(int)()
    (snapshot,) = publisher.ended
    tab(hub, 2)
    end(hub, "op_1", state=state, elapsed_s=elapsed_s, notify=snapshot.notify)
    hub.wait(2)
    assert asked(hub, 2) == ([["op_1"]] if announced else [])
    read = state == "cancelled" or not announced
    assert inbox(hub, 2) == (0 if read else 1, [("op_1", read)])


@pytest.mark.parametrize("ran_s, after_s, announced", [(9.0, 10.0, False), (10.0, 10.0, True), (0.0, None, True)])
def test_an_operation_without_a_duration_took_as_long_as_the_hub_saw(
    hub: Bench, ran_s: float, after_s: float | None, *, announced: bool
) -> None:
    """A publisher of somebody else may not say how long it took, or after how long it is announced."""
    tab(hub, 2)
    notify = Notify(when="longer", after_s=after_s)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=0, notify=notify))
    hub.wait(ran_s)
    end(hub, "op_1", notify=notify)
    hub.wait(2)
    assert asked(hub, 2) == ([["op_1"]] if announced else [])


def test_who_cancelled_knows(hub: Bench) -> None:
    """A cancelled operation is in the inbox, and read; one that failed or succeeded waits to be seen."""
    tab(hub, 2)
    for operation, state in (("op_1", "succeeded"), ("op_2", "cancelled"), ("op_3", "failed")):
        end(hub, operation, state=state)  # type: ignore[arg-type] # a state each
    hub.wait(1)
    assert inbox(hub, 2) == (2, [("op_3", False), ("op_2", True), ("op_1", False)])


# ---------------------------------------------------------------- the inbox


def test_a_page_gets_the_inbox_once_after_its_first_presence(hub: Bench) -> None:
    """Even an empty one, so that it can tell nothing from not knowing; moving the focus brings no other."""
    tab(hub, 2)
    assert inbox(hub, 2) == (0, [])
    hub.say(2, presence("focused"))
    hub.wait(5)
    assert len(hub.got(2, Inbox)) == 1


def test_all_pages_agree_on_what_is_read(hub: Bench) -> None:
    """Reading on one of them is reading on all; ids that are none, or somebody else's, change nothing."""
    for conn, sub in ((2, "local"), (3, "local"), (4, "ann")):
        tab(hub, conn, sub=sub)
    end(hub, "op_1", "op_2", "op_3")
    hub.wait(1)
    hub.say(4, Read(ids="all"))
    hub.say(4, Read(ids=("op_1",)))
    hub.say(3, Read(ids=("op_2", "op_9", "op_2")))
    hub.wait(1)
    for conn in (2, 3):
        assert inbox(hub, conn) == (2, [("op_3", False), ("op_2", True), ("op_1", False)])
    hub.say(2, Read(ids="all"))
    hub.wait(1)
    for conn in (2, 3):
        assert inbox(hub, conn) == (0, [("op_3", True), ("op_2", True), ("op_1", True)])
    sent = len(hub.got(3, Inbox))
    hub.say(2, Read(ids="all"))
    hub.wait(1)
    assert len(hub.got(3, Inbox)) == sent
    assert hub.got(4, Inbox) == [Inbox(unread=0, items=())]


def test_everybody_hears_only_of_their_own(hub: Bench) -> None:
    """Another user's page, in front or not, gets neither notification nor item."""
    tab(hub, 2, "focused", sub="mallory")
    tab(hub, 3)
    end(hub, "op_1")
    hub.wait(60)
    assert (asked(hub, 2), asked(hub, 3)) == ([], [["op_1"]])
    assert inbox(hub, 2) == (0, [])


@pytest.mark.parametrize("narrow", [{"operation": "op_1"}, {"notebook": "a.ipynb"}])
@pytest.mark.parametrize("message", [presence("focused"), Notified(id="n", shown="toast"), Read(ids="all")])
def test_a_share_link_has_no_part_in_it(hub: Bench, narrow: dict[str, str], message: Any) -> None:
    """It shows an operation to somebody else: it is asked nothing, reads nothing, and is told so."""
    hub.subscriber(2, token=hub.token("subscribe", **narrow))
    tab(hub, 3)
    hub.say(2, message)
    end(hub, "op_1", origin=Origin(notebook="a.ipynb"))
    hub.say(2, message)
    hub.wait(60)
    assert asked(hub, 3) == [["op_1"]]
    assert inbox(hub, 3) == (1, [("op_1", False)])
    assert (hub.got(2, NotifyRequest), hub.got(2, Inbox)) == ([], [])
    assert [error.code for error in hub.got(2, Error)] == ["forbidden", "forbidden"]


def test_without_the_scope_there_is_no_page(hub: Bench) -> None:
    """A publisher's token alone, or a page whose token was narrowed by a refresh, is not asked."""
    hub.say(1, presence("focused"))
    assert [error.code for error in hub.got(1, Error)] == ["forbidden"]
    tab(hub, 2, "focused")
    hub.say(2, Refresh(token=hub.token("command")))
    tab(hub, 3)
    end(hub, "op_1")
    hub.wait(5)
    assert (asked(hub, 2), asked(hub, 3)) == ([], [["op_1"]])
    assert len(hub.got(2, Inbox)) == 1


def test_a_connection_that_said_no_presence_is_no_page(hub: Bench) -> None:
    """A script that watches operations is not asked to show anything."""
    hub.subscriber(2)
    end(hub, "op_1")
    hub.wait(60)
    assert (asked(hub, 2), hub.got(2, Inbox)) == ([], [])


def test_what_its_owner_deletes_leaves_the_inbox(hub: Bench) -> None:
    """With its operation an item goes, on all pages, whether the operation is still live or history only."""
    tab(hub, 2)
    for operation, kind in (("op_1", "a"), ("op_2", "a"), ("op_3", "b"), ("op_4", "b")):
        end(hub, operation, kind=kind)
    mine, other = (hub.authority.verify(hub.token("subscribe", sub=sub), hub.now.wall) for sub in ("local", "ann"))
    hub.take(hub.manager.forget(other, "op_1", hub.now))
    hub.take(hub.manager.forget_history(other, None, hub.now))
    hub.take(hub.manager.forget(mine, "op_1", hub.now))
    hub.wait(1)
    assert [name for name, _ in inbox(hub, 2)[1]] == ["op_4", "op_3", "op_2"]
    hub.take(hub.manager.forget_history(mine, "b", hub.now))
    hub.wait(1)
    assert inbox(hub, 2) == (1, [("op_2", False)])
    hub.take(hub.manager.forget_history(mine, None, hub.now))
    hub.wait(1)
    assert inbox(hub, 2) == (0, [])


# ---------------------------------------------------------------- bounds


def test_the_inbox_keeps_the_newest_thousand_and_sends_the_newest_hundred() -> None:
    """However many operations end; the number of unread ones counts all that are kept."""
    hub = Bench(limits=Limits(open_per_publisher=10_000))
    hub.publisher(1)
    tab(hub, 2)
    for first in range(0, 1_100, 100):
        end(hub, *(f"op_{number}" for number in range(first, first + 100)), state="failed")
    hub.wait(1)
    unread, items = inbox(hub, 2)
    assert unread == 1_000
    assert items == [(f"op_{number}", False) for number in range(1_099, 999, -1)]


def test_many_changes_are_few_messages(hub: Bench) -> None:
    """A page gets the inbox at most four times a second, and always the last state of it."""
    tab(hub, 2)
    hub.wait(1)
    for number in range(30):
        hub.seconds += 1 / 60
        end(hub, f"op_{number}")
    assert 2 <= len(hub.got(2, Inbox)) - 1 <= 3
    assert hub.manager.next_tick(hub.now) <= 0.25
    hub.seconds += hub.manager.next_tick(hub.now)
    hub.wait(0.01)
    assert inbox(hub, 2)[0] == 30


def test_a_page_that_is_slow_gets_the_last_state_only(hub: Bench) -> None:
    """What it has not taken yet is not followed by more; when it has, the newest inbox comes."""
    tab(hub, 2)
    hub.wait(1)
    hub.auto_writable = False
    for number in range(10):
        end(hub, f"op_{number}")
        hub.wait(1)
    assert len(hub.got(2, Inbox)) == 2
    hub.handle(Writable(2))
    assert len(hub.got(2, Inbox)) == 3
    assert inbox(hub, 2)[0] == 10


def test_a_notification_carries_no_details_and_is_bounded(hub: Bench) -> None:
    """Thousands of ends at once are a few notifications of at most 256 KiB; each end is in exactly one."""
    tab(hub, 2)
    names = [f"op_{number}" for number in range(400)]
    for first in range(0, 400, 50):
        end(hub, *names[first : first + 50], message="m" * 1_000, metrics={"loss": 1.0})
    hub.wait(2)
    requests = hub.got(2, NotifyRequest)
    assert 1 < len(requests) < 4
    assert all(len(encode(request)) < 260 * 1024 for request in requests)
    assert [snapshot.id for request in requests for snapshot in request.operations] == names
    assert all(not snapshot.metrics for request in requests for snapshot in request.operations)


def test_notifications_that_nobody_answers_do_not_pile_up(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 100 notifications of a user wait for an answer; the oldest one makes room, here those before op_49."""
    monkeypatch.setattr(notices, "NOTIFY_BYTES", 1)  # as if each end were too large to share one
    tab(hub, 2)
    end(hub, *(f"op_{number}" for number in range(150)))
    hub.wait(2)
    assert asked(hub, 2) == [[f"op_{number}"] for number in range(49, 150)]
    assert inbox(hub, 2)[0] == 150


# ---------------------------------------------------------------- what survives


def restarted(hub: Bench, inbox: list[tuple[str, InboxItem]]) -> Bench:
    """Begin a new life of the hub with what the old one gave to its store."""
    newer = Bench(epoch="e_2", seconds=hub.seconds)
    newer.handle(Restored({row.id: row for row in hub.rows}.values(), inbox))  # type: ignore[arg-type] # sized enough
    newer.publisher(1)
    return newer


def test_a_restart_keeps_the_inbox_and_repeats_nothing(hub: Bench) -> None:
    """Items come back read or unread; what ended in the earlier life is announced by no later one."""
    tab(hub, 2)
    end(hub, "op_1", "op_2")
    hub.say(2, Read(ids=("op_1",)))
    items = {item.id: (kept.owner, item) for kept in hub.kept for item in kept.items}
    newer = restarted(hub, list(items.values()))
    tab(newer, 2)
    end(newer, "op_1", "op_2")
    newer.wait(60)
    assert asked(newer, 2) == []
    assert inbox(newer, 2) == (1, [("op_2", False), ("op_1", True)])


def test_what_runs_on_over_a_restart_is_announced_when_it_ends(hub: Bench) -> None:
    """Under a notification id that no earlier life has used."""
    tab(hub, 2)
    end(hub, "op_0")
    hub.wait(2)
    hub.publish(1, Snapshot(id="op_1", name="Work", state="running", seq=1))
    newer = restarted(hub, [])
    tab(newer, 2)
    newer.publish(1, Snapshot(id="op_1", name="Work", state="succeeded", seq=2))
    newer.wait(2)
    assert asked(newer, 2) == [["op_1"]]
    assert newer.got(2, NotifyRequest)[0].id != hub.got(2, NotifyRequest)[0].id


def test_no_end_is_stored_without_its_item(hub: Bench) -> None:
    """The item is given to the store before the end: after a crash in between the publisher repeats the end."""
    hub.handle(Connected(2))
    outputs = hub.handle(Received(1, encode(Publish(operations=(Snapshot(id="a", name="a", state="failed"),)))))
    assert [type(output) for output in outputs if isinstance(output, KeepInbox | Persist)] == [KeepInbox, Persist]


def test_an_item_that_was_kept_before_its_end_is_not_added_again(hub: Bench) -> None:
    """The crash in between: the item is known, the end comes once more, and the inbox has it once."""
    item = InboxItem(id="op_1", operation="op_1", state="failed", at=1.0, read=False, name="op_1", origin=Origin())
    newer = restarted(hub, [("local", item)])
    end(newer, "op_1", state="failed")
    tab(newer, 2)
    newer.wait(10)
    assert inbox(newer, 2) == (1, [("op_1", False)])
    assert newer.kept == []


def test_a_store_that_is_well_again_gets_everything(hub: Bench) -> None:
    """What could not be kept while the disk was full is kept then, with its marks."""
    tab(hub, 2)
    hub.handle(StoreStatus("memory", "disk full"))
    end(hub, "op_1", "op_2")
    hub.say(2, Read(ids=("op_2",)))
    hub.kept.clear()
    hub.handle(StoreStatus("ok"))
    assert [(kept.owner, [(item.id, item.read) for item in kept.items]) for kept in hub.kept] == [
        ("local", [("op_1", False), ("op_2", True)])
    ]


def test_the_first_frame_is_still_hello(hub: Bench) -> None:
    """Who has not said who it is cannot be a page."""
    hub.handle(Connected(2))
    hub.say(2, presence("focused"))
    assert hub.closed == {2: 4400}
    assert not any(isinstance(message, Hello | Inbox) for message in hub.sent.get(2, []))


# ---------------------------------------------------------------- pages that poll


def whole_user(hub: Bench) -> Claims:
    """Return what a page of the user may do."""
    return hub.authority.verify(hub.token("subscribe"), hub.now.wall)


def polled(hub: Bench, claims: Claims, known: int | None = 0, epoch: str = "e_1") -> PolledInbox | None:
    """Return the inbox that a page gets that polls and has it at revision `known`."""
    resume = ResumePoint(epoch=epoch, revision=0)
    body = hub.manager.poll(claims, Filter(), resume, hub.now, inbox=known)
    return msgspec.json.decode(body, type=StateResponse).inbox


def asks(hub: Bench, claims: Claims, **request: Any) -> InboxResponse:
    """Let a page that polls ask for something."""
    answer, outputs = hub.manager.inbox(claims, InboxRequest(**request), hub.now)
    hub.take(outputs)
    return answer


def test_a_page_that_polls_gets_the_inbox_when_it_changes(hub: Bench) -> None:
    """Only the difference travels; of another life of the hub it is all news; a share link sees none of it."""
    me = whole_user(hub)
    assert polled(hub, me) is None
    end(hub, "op_1")
    news = polled(hub, me)
    assert news is not None
    assert (news.unread, [item.id for item in news.items]) == (1, ["op_1"])
    assert polled(hub, me, news.revision) is None
    assert polled(hub, me, None) is None
    assert polled(hub, me, news.revision, epoch="e_0") == news
    share = hub.authority.verify(hub.token("subscribe", operation="op_1"), hub.now.wall)
    assert polled(hub, share) is None


def test_a_page_that_polls_marks_what_was_seen(hub: Bench) -> None:
    """Those on a socket learn of it, the store too; a share link marks nothing."""
    tab(hub, 2)
    end(hub, "op_1", "op_2")
    hub.wait(1)
    assert asks(hub, whole_user(hub), read=("op_1",)).inbox.unread == 1
    hub.wait(1)
    assert inbox(hub, 2) == (1, [("op_2", False), ("op_1", True)])
    assert [(item.id, item.read) for item in hub.kept[-1].items] == [("op_1", True)]
    assert asks(hub, whole_user(hub), read="all").inbox.unread == 0
    share = hub.authority.verify(hub.token("subscribe", operation="op_1"), hub.now.wall)
    with pytest.raises(ProtocolError, match="all operations of its user"):
        asks(hub, share, read="all")


def test_what_nobody_told_of_is_given_to_one_page_that_polls(hub: Bench) -> None:
    """The first that asks for it; what was seen meanwhile, or is never announced, to none."""
    me = whole_user(hub)
    end(hub, "op_1", "op_2")
    end(hub, "quiet", notify=Notify(when="never"))
    news = polled(hub, me)
    assert news is not None
    assert news.untold == ()  # a page on a socket may still come
    hub.wait(2)
    news = polled(hub, me, news.revision)
    assert news is not None
    assert set(news.untold) == {"op_1", "op_2"}
    assert asks(hub, me, read=("op_2",)).inbox.untold == ("op_1",)
    answer = asks(hub, me, tell=("op_1", "op_1", "op_2", "quiet", "op_9"))
    assert (answer.tell, answer.inbox.untold) == (("op_1",), ())
    assert asks(hub, me, tell=("op_1",)).tell == ()
    hub.take(hub.manager.forget(me, "op_1", hub.now))


def test_what_a_page_on_a_socket_told_of_is_told(hub: Bench) -> None:
    """One that polls beside it has nothing to tell."""
    tab(hub, 2, "visible")
    end(hub, "op_1")
    hub.wait(2)
    answer(hub, 2)
    hub.wait(10)
    news = polled(hub, whole_user(hub))
    assert news is not None
    assert (news.unread, news.untold) == (1, ())
