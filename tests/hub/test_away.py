"""What is told outside the browser: of which ends, in what words, and how often."""

from typing import Any

import pytest

from progress_kit.hub import WHEN, AwayNotices, AwayPolicy
from progress_kit.hub.away import When
from progress_kit.model import Failure, Notify, NotifyWhen, OperationState, Origin, Snapshot
from progress_kit.protocol.messages import Notified, NotifyRequest, Presence
from tests.hub.bench import Bench

ALWAYS = AwayPolicy(when="always")


def ended(name: str, state: OperationState = "succeeded", **fields: Any) -> Snapshot:
    """Return an operation that has ended."""
    return Snapshot(id=name.replace(" ", "_"), name=name, state=state, **fields)


def told(*snapshots: Snapshot) -> tuple[str, str]:
    """Return title and body of the notice of these."""
    notices = AwayNotices(ALWAYS)
    notices.add(snapshots)
    notice = notices.take(0.0)
    assert notice is not None
    return notice.title, notice.body


# ---------------------------------------------------------------- which


@pytest.mark.parametrize(
    "when, state, elapsed_s, expected",
    [
        ("never", "failed", 99.0, False),
        ("failure", "failed", 1.0, True),
        ("failure", "succeeded", 99.0, False),
        ("longer", "failed", 29.0, False),
        ("longer", "succeeded", 30.0, True),
        ("always", "cancelled", 0.0, True),
    ],
)
def test_the_setting_decides(when: When, state: OperationState, elapsed_s: float, *, expected: bool) -> None:
    """The words mean what they mean in JupyterLab's settings."""
    assert AwayPolicy(when=when).announces(ended("A", state, elapsed_s=elapsed_s)) == expected


@pytest.mark.parametrize(
    "own, after_s, expected", [("always", None, True), ("never", None, False), ("longer", 5.0, True)]
)
@pytest.mark.parametrize("when", WHEN)
def test_the_operations_own_wish_counts_more(
    when: When, own: NotifyWhen, after_s: float | None, *, expected: bool
) -> None:
    """Whatever is set for all."""
    operation = ended("A", elapsed_s=6.0, notify=Notify(when=own, after_s=after_s))
    assert AwayPolicy(when=when, after_s=1.0 if own == "never" else 60.0).announces(operation) == expected


# ---------------------------------------------------------------- what


def test_one_end_says_what_happened_where_and_why() -> None:
    """Name, outcome and duration are the title; the error and the notebook follow."""
    operation = ended(
        "Train",
        "failed",
        elapsed_s=200.4,
        error=Failure(type="ValueError", message="bad row\n  in line 7 " + "x" * 900),
        origin=Origin(notebook="work/train.ipynb"),
    )
    title, body = told(operation)
    assert title == "Train failed after 3 min 20 s"
    error, notebook = body.splitlines()
    assert error.startswith("ValueError: bad row in line 7 xxx")
    assert len(error) == 200
    assert error.endswith("…")
    assert notebook == "work/train.ipynb"


def test_an_end_of_which_nothing_more_is_known_has_a_text_all_the_same() -> None:
    """Services refuse an empty one."""
    assert told(ended("A", "cancelled")) == ("A cancelled", "A cancelled")


def test_several_ends_are_counted_and_listed() -> None:
    """What does not fit is counted."""
    title, body = told(
        ended("Bad", "failed", elapsed_s=7_325.0, error=Failure(type="E"), origin=Origin(script="a.py")),
        *(ended(f"Job {number}", elapsed_s=2.0) for number in range(13)),
    )
    assert title == "14 operations ended: 1 failed, 13 succeeded"
    lines = body.splitlines()
    assert lines[:2] == ["Bad failed after 2 h 2 min · E · a.py", "Job 0 succeeded after 2 s"]
    assert (len(lines), lines[-1]) == (11, "… and 4 more")


@pytest.mark.parametrize("name", ["@everyone look", "<!channel>", "<b>bold</b>", "[here](https://evil.example)"])
def test_no_text_of_an_operation_calls_anybody_or_hides_a_link(name: str) -> None:
    """Mentions, tags and links that chats would read are taken apart, and look the same."""
    title, _ = told(ended(name))
    assert name not in title
    assert title.replace("\u2060", "") == f"{name} succeeded"


# ---------------------------------------------------------------- how often


def test_what_is_too_much_is_told_together() -> None:
    """With two a minute, the third end waits until the first notice is a minute old, and takes the fourth along."""
    notices = AwayNotices(ALWAYS, per_minute=2)
    assert notices.due_in_s(0.0) is None
    for number, now in enumerate((0.0, 10.0, 20.0, 30.0)):
        notices.add([ended(f"Job {number}")])
        assert (notices.take(now) is not None) == (number < 2)
    assert notices.due_in_s(30.0) == 30.0
    notice = notices.take(60.0)
    assert notice is not None
    assert notice.title == "2 operations ended: 2 succeeded"
    assert notices.take(60.0) is None
    notices.add([ended("Job 5")])
    assert notices.due_in_s(60.0) == 10.0


def test_what_is_not_told_does_not_wait() -> None:
    """Ends that the policy leaves out make no notice."""
    notices = AwayNotices(AwayPolicy(when="failure"))
    notices.add([ended("A")])
    assert notices.due_in_s(0.0) is None
    assert notices.take(0.0) is None


def test_thousands_of_ends_cost_no_memory() -> None:
    """Only those that will be listed are kept."""
    notices = AwayNotices(ALWAYS, per_minute=1)
    notices.add(ended(f"Job {number}", "failed") for number in range(5_000))
    notice = notices.take(0.0)
    assert notice is not None
    assert notice.title == "5000 operations ended: 5000 failed"
    assert notice.failed
    assert len(notices._listed) == 0


# ---------------------------------------------------------------- when the hub says so


def test_the_hub_says_when_it_asks_pages_and_when_none_has_answered(hub: Bench) -> None:
    """Two ends within two seconds are one piece of news, untold at once where nobody has a page open."""
    hub.publisher(1)
    hub.publish(1, ended("A"), ended("B"))
    hub.wait(3)
    assert [([each.id for each in news.operations], news.untold) for news in hub.announced] == [
        (["A", "B"], False),
        (["A", "B"], True),
    ]
    assert [snapshot.id for snapshot in hub.ended] == ["A", "B"]


def test_what_a_page_took_note_of_is_not_untold(hub: Bench) -> None:
    """Its answer, whether it showed it or its user's settings said no, is the end of it; silence is not."""
    hub.publisher(1)
    hub.connect(2, hub.token("subscribe"))
    hub.say(2, Presence(visible=True, focused=True, can_notify=True))
    hub.publish(1, ended("A"))
    hub.wait(2)
    hub.say(2, Notified(id=hub.got(2, NotifyRequest)[-1].id, shown="suppressed"))
    hub.wait(10)
    assert [news.untold for news in hub.announced] == [False]
    hub.publish(1, ended("B"))
    hub.wait(10)
    assert [news.untold for news in hub.announced] == [False, False, True]
