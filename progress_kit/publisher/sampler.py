"""The operations of this process: which there are, which of them have something new to show and to send.

User threads add and end, the publisher's thread steps. There is no lock: the garbage collector may end an operation in
any thread in the middle of anything, with that thread's locks held. What must be decided once is decided by who takes
the one token out of a list.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from progress_kit import clock
from progress_kit.model import Action, Prior, Snapshot, Task
from progress_kit.protocol.messages import Span, StageRecord
from progress_kit.publisher.trouble import Trouble

T = TypeVar("T")

RECENT: Final = 200
_NO_PRIORS: Final[Mapping[str, Prior]] = {}

Sink = Callable[[Snapshot, str | None], None]
"""Shows a snapshot; the second argument is the hub's id, None while there is none."""


Timeline = tuple[Iterable[Span], Sequence[StageRecord]]
"""Which task ran where and when, and what the stages tell later runs."""
Keep = Callable[[Snapshot, tuple[StageRecord, ...]], None]
"""Writes an end down, with what its stages tell later runs."""


class Source(Protocol):
    """An operation as the publisher sees it."""

    @property
    def id(self) -> str:
        """The operation's id."""

    def sample(self) -> Snapshot:
        """Return the state now; the same object while nothing has changed, a higher `seq` with each new one.

        Called from any thread.
        """

    def command(self, action: Action, reason: str | None, by: str | None) -> str | None:
        """Start doing `action`; return None, or why it cannot be done. Must not block."""

    def learn(self, prior: Prior) -> None:
        """Let the estimate rest on what earlier runs of the kind took; what is sampled next is new."""

    def hear(self, tasks: Sequence[Task]) -> None:
        """Take in what workers in other processes tell of their tasks by the hub. Must not block."""


@dataclass(slots=True, eq=False)
class _Entry:
    source: Source
    sink: Sink | None
    added: float
    young: list[None] = field(default_factory=lambda: [None])
    """Who takes the item out decides whether this is announced or was never there."""
    final: Snapshot | None = None
    prior: Prior | None = None
    """What its source has learnt of earlier runs."""
    timeline: Timeline | None = None
    sent: Snapshot | None = None
    shown: Snapshot | None = None
    shown_hub: str | None = None


class Sampler:
    """All operations of this process that have not ended, and the last 200 that have.

    One that ends before it is `announce_after_s` old, and did not fail, was never there.
    """

    def __init__(self, announce_after_s: float, trouble: Trouble) -> None:
        self._announce_after_s = announce_after_s
        self._trouble = trouble
        self._entries: dict[str, _Entry] = {}
        self._recent: deque[Snapshot] = deque(maxlen=RECENT)

    @property
    def busy(self) -> bool:
        """Whether there is an operation to sample."""
        return bool(self._entries)

    @property
    def ending(self) -> bool:
        """Whether an operation has ended that the publisher's thread has not taken in yet."""
        return any(entry.final for entry in self._entries.copy().values())

    # -- called in the user's threads -----------------------------------------------------------------------------

    def add(self, source: Source, sink: Sink | None) -> None:
        """Sample `source` from now on."""
        self._entries[source.id] = _Entry(source, sink, clock.monotonic())

    def end(self, source: Source, keep: Keep | None = None) -> bool:
        """Take the end of `source`; return whether it is worth telling. Such a one is given to `keep` first."""
        entry = self._entries.get(source.id)
        if entry is None or entry.source is not source or entry.final is not None:
            return False
        snapshot = self._sample(entry)
        if snapshot is None:
            return False
        age = clock.monotonic() - entry.added if snapshot.elapsed_s is None else snapshot.elapsed_s
        # A sink that shows operations from their first moment on is to be told how they ended.
        waits = getattr(entry.sink, "at_once", False)
        if snapshot.state != "failed" and age < self._announce_after_s and not waits and _take(entry.young):
            self._entries.pop(source.id, None)
            return False
        _take(entry.young)
        if keep is not None:
            keep(snapshot, () if entry.timeline is None else tuple(entry.timeline[1]))
        entry.final = snapshot
        return True

    def timeline(self, operation: str, spans: Iterable[Span], stages: Sequence[StageRecord]) -> None:
        """Take in which task of an operation that ends now ran where and when; `spans` is gone through later."""
        entry = self._entries.get(operation)
        if entry is not None:
            entry.timeline = spans, stages

    def snapshots(self) -> list[Snapshot]:
        """Return what this process knows of its operations, the recently ended ones first."""
        ended = list(self._recent.copy())
        running = [self._sample(entry) for entry in self._entries.copy().values()]
        return [*ended, *(snapshot for snapshot in running if snapshot is not None)]

    # -- called in the publisher's thread -------------------------------------------------------------------------

    def step(self, now: float, hub_id: str | None, priors: Mapping[str, Prior] = _NO_PRIORS) -> list[Snapshot]:
        """Show what is new and return it, to be sent. Call `forget_ended` when that is safely taken over.

        `priors` is what the hub told of earlier runs, by kind; an operation learns of its own before it is shown.
        """
        news: list[Snapshot] = []
        for operation, entry in self._entries.copy().items():
            if entry.young and (now - entry.added < self._announce_after_s or not _take(entry.young)):
                continue
            if operation not in self._entries:
                continue  # it was taken away a moment ago
            snapshot = self._sample(entry)
            if snapshot is not None and entry.final is None:
                snapshot = self._taught(entry, snapshot, priors)
            if snapshot is None:
                continue
            if snapshot is not entry.sent:
                entry.sent = snapshot
                news.append(snapshot)
            self._show(entry, snapshot, hub_id)
        return news

    def timelines(self) -> Iterator[tuple[str, Timeline]]:
        """Yield the timelines of the operations whose end was returned by `step`, each once."""
        for operation, entry in self._entries.copy().items():
            if entry.timeline is not None and entry.final is not None and entry.sent is entry.final:
                timeline, entry.timeline = entry.timeline, None
                yield operation, timeline

    def forget_ended(self) -> None:
        """Let go of the operations whose end was returned by `step`."""
        for operation, entry in self._entries.copy().items():
            if entry.final is not None and entry.sent is entry.final:
                self._recent.append(entry.final)
                self._entries.pop(operation, None)

    def command(self, operation: str, action: Action, reason: str | None, by: str | None) -> str | None:
        """Hand a command to its operation; return None if it was accepted, else why not."""
        entry = self._entries.get(operation)
        if entry is None or entry.final is not None:
            return "the operation has ended"
        try:
            return entry.source.command(action, reason, by)
        except Exception as error:  # noqa: BLE001 - whatever the source raises must not end the thread
            self._trouble.warn("command", "%s of an operation raised %r", action, error)
            return f"{action} raised {type(error).__name__}"

    def hear(self, operation: str, tasks: Sequence[Task]) -> None:
        """Hand to its operation what workers elsewhere tell of their tasks."""
        entry = self._entries.get(operation)
        if entry is not None and entry.final is None:
            self._guarded(entry, lambda: entry.source.hear(tasks))

    def _sample(self, entry: _Entry) -> Snapshot | None:
        if entry.final is not None:
            return entry.final
        return self._guarded(entry, entry.source.sample)

    def _taught(self, entry: _Entry, snapshot: Snapshot, priors: Mapping[str, Prior]) -> Snapshot | None:
        """Return `snapshot`, or a newer one if there is news of earlier runs of its kind."""
        prior = priors.get(snapshot.kind) if snapshot.kind is not None else None
        if prior is None or prior is entry.prior:
            return snapshot
        entry.prior = prior

        def learn() -> Snapshot:
            entry.source.learn(prior)
            return entry.source.sample()

        return self._guarded(entry, learn)

    def _guarded(self, entry: _Entry, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - a broken source must not silence the others
            self._trouble.warn("source", "an operation could not be sampled and is no longer shown: %r", error)
            self._entries.pop(entry.source.id, None)
            return None

    def _show(self, entry: _Entry, snapshot: Snapshot, hub_id: str | None) -> None:
        if entry.sink is None or (snapshot is entry.shown and hub_id == entry.shown_hub):
            return
        entry.shown, entry.shown_hub = snapshot, hub_id
        try:
            entry.sink(snapshot, hub_id)
        except Exception as error:  # noqa: BLE001 - a broken display must not stop the operation or the others
            self._trouble.warn("display", "the progress display failed and is switched off: %r", error)
            entry.sink = None


def _take(token: list[None]) -> bool:
    """Take the one item out; return False if somebody else has."""
    try:
        token.pop()
    except IndexError:
        return False
    return True
