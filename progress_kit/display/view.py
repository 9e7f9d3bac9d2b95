"""All texts of one operation, made once from a snapshot; html, terminal and widget only arrange them."""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from progress_kit.display import text
from progress_kit.model import (
    MESSAGE_LENGTH,
    NAME_LENGTH,
    Failure,
    Snapshot,
    Stage,
    is_terminal,
    shorten,
    stage_fraction,
)

_WORDS: Final = {
    "pending": "waiting",
    "running": "running",
    "paused": "paused",
    "succeeded": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}
_METRICS_SHOWN: Final = 4
_TASKS_SHOWN: Final = ("running", "failed", "skipped", "cancelled", "abandoned")
_VAGUE: Final = 30
"""How many times its lower end the upper end of an estimate may be."""
EARLY: Final = "ended early"
LOST: Final = "Lost"
"""The error type of an operation whose kernel is known to have died."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stage on the bar: its share of the width (all add up to 1) and how much of it is filled, 0 to 1."""

    name: str
    share: float
    filled: float
    current: bool


@dataclass(frozen=True, slots=True)
class View:
    """What to show of an operation. Texts are plain (escape them for HTML) and empty where nothing is known."""

    title: str
    look: str
    """A state, or ``lost`` or ``stale`` where the hub has no sign of the operation."""
    state: str
    """In words: ``running``, ``failed: ValueError: …``, ``lost``, ``finished``, ``ended early``."""
    ended: bool
    fraction: float | None
    percent: str
    counter: str
    tasks: str
    """``3 running, 1 failed``, of parallel tasks; of an ended operation what did not succeed."""
    rate: str
    elapsed: str
    left: str
    message: str
    metrics: str
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "View":
        """Make the texts of `snapshot`."""
        ended = is_terminal(snapshot.state)
        look = _look(snapshot)
        current = _current_stage(snapshot)
        counted = _main_stage(snapshot) if snapshot.state == "succeeded" else current
        percent = "" if snapshot.fraction is None else text.percent(snapshot.fraction)
        return cls(
            title=shorten(snapshot.name, NAME_LENGTH),
            look=look,
            state=_state(snapshot, look),
            ended=ended,
            fraction=snapshot.fraction,
            percent=percent,
            counter=_counter(counted, ended=snapshot.state == "succeeded"),
            tasks=_tasks(snapshot, ended=ended),
            rate="" if ended or current is None or current.rate is None else text.rate(current.rate, _unit(current)),
            elapsed="" if snapshot.elapsed_s is None else text.duration(snapshot.elapsed_s, tenths=ended),
            left=_left(snapshot) if look == "running" else "",
            message=shorten(snapshot.message or (current.message if current else ""), MESSAGE_LENGTH),
            metrics=_metrics(snapshot),
            segments=_segments(snapshot, current),
        )

    @property
    def summary(self) -> str:
        """What a person wants to know first: ``62 % · about 40 s left``, ``finished in 1 min 43 s``."""
        if self.look == "succeeded":
            how_long = self.elapsed and (f"after {self.elapsed}" if self.state == EARLY else f"in {self.elapsed}")
            return f"{self.state} {how_long}".rstrip()
        if self.ended:
            return " · ".join(part for part in (self.state, self.whereabouts) if part)
        state = "" if self.look == "running" else self.state
        return " · ".join(part for part in (self.percent, state, self.left) if part) or self.state

    @property
    def whereabouts(self) -> str:
        """Where an unfinished operation ended: ``after 3 min 12 s at 61 %``."""
        parts = (self.elapsed and f"after {self.elapsed}", self.percent and f"at {self.percent}")
        return " ".join(part for part in parts if part)

    @property
    def details(self) -> tuple[str, ...]:
        """The quieter facts, in their order; none of them is empty."""
        elapsed = "" if self.ended else self.elapsed
        return tuple(
            part for part in (self.counter, self.tasks, self.rate, self.message, self.metrics, elapsed) if part
        )


def _look(snapshot: Snapshot) -> str:
    if is_terminal(snapshot.state):
        return "lost" if snapshot.error is not None and snapshot.error.type == LOST else snapshot.state
    if snapshot.hub is not None and snapshot.hub.lease != "ok":
        return snapshot.hub.lease
    return snapshot.state


def _state(snapshot: Snapshot, look: str) -> str:
    if look == "stale":
        return "no sign of it for a while"
    if look == "lost":
        return (
            "lost"
            if snapshot.error is None or not snapshot.error.message
            else f"lost: {_clean(snapshot.error.message)}"
        )
    if snapshot.state == "succeeded" and snapshot.ended_early:
        return EARLY
    word = _WORDS[snapshot.state]
    return f"{word}: {_failure(snapshot.error)}" if snapshot.state == "failed" and snapshot.error else word


def _failure(error: Failure) -> str:
    kind = shorten(error.type, NAME_LENGTH)
    return f"{kind}: {_clean(error.message)}" if error.message else kind


def _clean(message: str) -> str:
    return shorten(message, MESSAGE_LENGTH)


def _unit(stage: Stage) -> str:
    return shorten(stage.unit, NAME_LENGTH)


def _current_stage(snapshot: Snapshot) -> Stage | None:
    """The stage that is worked on, or that the operation ended in."""
    ended_as = snapshot.state if is_terminal(snapshot.state) else None
    return next((stage for stage in snapshot.stages if stage.name == snapshot.stage or stage.state == ended_as), None)


def _main_stage(snapshot: Snapshot) -> Stage | None:
    """The stage whose count says best what was done: the longest one, and rather one that names what it counted."""
    counting = [stage for stage in snapshot.stages if stage.done > 0]
    main = max(counting, key=lambda stage: (stage.unit != "", stage.elapsed_s or 0.0, stage.done), default=None)
    if main is None or main.tasks is None:
        return main
    # Parallel tasks run in all stages at once, so that no stage alone says what was done.
    done = sum(stage.done for stage in counting if stage.tasks is not None and stage.unit == main.unit)
    return replace(main, done=done, total=done)


def _counter(stage: Stage | None, *, ended: bool) -> str:
    if stage is None or (stage.total is None and stage.done == 0):
        return ""
    complete = ended and stage.total == stage.done
    if complete and not stage.unit:
        return ""  # a bare number says nothing
    return text.counter(stage.done, None if complete else stage.total, _unit(stage))


def _tasks(snapshot: Snapshot, *, ended: bool) -> str:
    """Count the tasks of all stages: those that run, and those that ended in another way than they should."""
    counts = [stage.tasks for stage in snapshot.stages if stage.tasks is not None]
    numbers = {word: sum(getattr(each, word) for each in counts) for word in _TASKS_SHOWN}
    if ended:
        numbers["running"] = 0
    return ", ".join(f"{text.count(number)} {word}" for word, number in numbers.items() if number)


def _left(snapshot: Snapshot) -> str:
    if snapshot.estimate is None:
        return ""
    low_s, left_s, high_s = snapshot.estimate.p10_s, snapshot.estimate.p50_s, snapshot.estimate.p90_s
    if low_s is not None and high_s is not None and high_s > _VAGUE * (low_s + 1):
        # From minutes to days says nothing but its lower end.
        return f"at least {text.roughly(low_s)} left"
    return "a moment left" if left_s < 1 else f"about {text.roughly(left_s)} left"


def _metrics(snapshot: Snapshot) -> str:
    shown = [(name, value) for name, value in snapshot.metrics.items() if value is not None][:_METRICS_SHOWN]
    return " · ".join(f"{shorten(name, NAME_LENGTH)} {text.metric(value)}" for name, value in shown)


def _segments(snapshot: Snapshot, current: Stage | None) -> tuple[Segment, ...]:
    whole = sum(stage.weight for stage in snapshot.stages)
    return tuple(
        Segment(
            name=shorten(stage.name, NAME_LENGTH),
            share=stage.weight / whole,
            filled=0.0 if stage.state == "skipped" else stage_fraction(stage) or 0.0,
            current=stage is current and not is_terminal(stage.state),
        )
        for stage in snapshot.stages
    )
