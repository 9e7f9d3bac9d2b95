"""What is told outside the browser (by mail, chat or a phone): of which ends, in what words, and how often.

The hub collects ends and asks pages first, see `notices`; here is what follows when it goes on from there.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from progress_kit.hub.notices import is_announced
from progress_kit.model import Notify, OperationState, Snapshot, shorten

When = Literal["never", "failure", "longer", "always"]
WHEN: Final[tuple[When, ...]] = get_args(When)

MINUTE_S: Final = 60.0
LISTED: Final = 10
"""So many ends have a line of their own in one notice; the others are counted."""
SHORT: Final = 200
"""Characters of a name, a path or an error's message."""

_ACTIVE: Final = re.compile(r"[@<](?=\S)|\](?=\()")
"""How mentions, tags and links begin in chats that read markup in everything."""
_ENDS: Final[tuple[OperationState, ...]] = ("failed", "succeeded", "cancelled")


class AwayPolicy(Struct, frozen=True, kw_only=True):
    """Whose ends are told if they have no policy of their own; `after_s` seconds belong to ``longer``."""

    when: When = "longer"
    after_s: float = 30.0

    def announces(self, snapshot: Snapshot) -> bool:
        """Whether this end is told."""
        if snapshot.notify.when == "default":
            snapshot = replace(snapshot, notify=Notify(when=self.when, after_s=self.after_s))
        return is_announced(snapshot)


class AwayNotice(Struct, frozen=True):
    """What is sent: plain text, in which nothing is markup. `failed`: something in it needs somebody's attention."""

    title: str
    body: str
    failed: bool


class AwayNotices:
    """Ends that wait to be told, and at most `per_minute` notices in any 60 s; what is too much is told together."""

    def __init__(self, policy: AwayPolicy, per_minute: int = 6) -> None:
        self._policy = policy
        self._per_minute = per_minute
        self._sent: deque[float] = deque()
        self._listed: list[Snapshot] = []
        self._counts: Counter[OperationState] = Counter()

    def add(self, snapshots: Iterable[Snapshot]) -> None:
        """Take in ends; those that the policy does not tell of are dropped."""
        for snapshot in snapshots:
            if self._policy.announces(snapshot):
                self._counts[snapshot.state] += 1
                if len(self._listed) < LISTED:
                    self._listed.append(snapshot)

    def due_in_s(self, now: float) -> float | None:
        """Return in how many seconds `take` has something; None if nothing waits. `now` is a monotonic second."""
        if not self._listed:
            return None
        self._forget_old(now)
        return 0.0 if len(self._sent) < self._per_minute else self._sent[0] + MINUTE_S - now

    def take(self, now: float) -> AwayNotice | None:
        """Return one notice of all that waits, if there may be one now."""
        if self.due_in_s(now) != 0:
            return None
        self._sent.append(now)
        notice = _notice(self._listed, self._counts)
        self._listed, self._counts = [], Counter()
        return notice

    def _forget_old(self, now: float) -> None:
        while self._sent and now - self._sent[0] >= MINUTE_S:
            self._sent.popleft()


def _notice(listed: list[Snapshot], counts: Counter[OperationState]) -> AwayNotice:
    total = counts.total()
    if total == 1:
        title, lines = _outcome(listed[0]), _details(listed[0])
    else:
        parts = ", ".join(f"{counts[state]} {state}" for state in _ENDS if counts[state])
        title = f"{total} operations ended: {parts}"
        lines = [" · ".join((_outcome(each), *_details(each))) for each in listed]
        if total > len(listed):
            lines.append(f"… and {total - len(listed)} more")
    return AwayNotice(title, "\n".join(lines) or title, failed=counts["failed"] > 0)


def _outcome(snapshot: Snapshot) -> str:
    took = "" if snapshot.elapsed_s is None else f" after {_duration(snapshot.elapsed_s)}"
    return f"{_plain(snapshot.name)} {snapshot.state}{took}"


def _details(snapshot: Snapshot) -> list[str]:
    """Return why it failed, and where it ran, as far as that is known."""
    details: list[str] = []
    error = snapshot.error
    if error is not None:
        details.append(_plain(f"{error.type}: {error.message}" if error.message else error.type))
    where = snapshot.origin.notebook or snapshot.origin.script
    if where:
        details.append(_plain(where))
    return details


def _plain(text: str) -> str:
    """Return one short line that no service takes for a mention, a tag or a link with another text."""
    return _ACTIVE.sub("\\g<0>\u2060", shorten(" ".join(text.split()), SHORT))


def _duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
