"""One operation: its mutable state, and `sample()`, which makes a frozen snapshot of it.

The user's threads count without a lock; what begins, ends and samples takes the operation's lock, never while anything
else is called that might take one of its own. The lock is reentrant because a collected loop may end an operation
anywhere.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from progress_kit import clock, model
from progress_kit.errors import OperationEndedError, StageOrderError, UnknownStageError
from progress_kit.model import (
    MAX_METRICS,
    MESSAGE_LENGTH,
    Failure,
    Notify,
    Origin,
    Prior,
    Snapshot,
    shorten,
)
from progress_kit.tracker import announce, naming, records, values
from progress_kit.tracker.hold import may_wait
from progress_kit.tracker.outcome import EndState, Outcome
from progress_kit.tracker.stages import Stage
from progress_kit.tracker.steering import ENDS, Steered

if TYPE_CHECKING:
    from progress_kit.eta import Estimator, Pool
    from progress_kit.protocol.messages import Span, StageRecord
    from progress_kit.tracker.mirror import Mirror

_ANEW_S: Final = 1.0
_ANEW: Final = 0.02
"""An estimate is good for a second, or for this share of what it says is left; viewers count it down meanwhile."""


class Operation(Steered):
    """What the publisher samples. Made by `ProgressTracker` and `track`; begins once and ends once.

    `pending_outcome`, if set, is asked at each sample until it knows how the operation ended.
    `silent` says that its own program does not draw it; whoever watches elsewhere does. `mirrors` are looked at before
    each sample.
    """

    __slots__ = (
        "_code",
        "_ended",
        "_error",
        "_estimator",
        "_final",
        "_id",
        "_key",
        "_kind",
        "_last",
        "_message",
        "_parent",
        "_prior",
        "_sampled",
        "_seq",
        "_wall",
        "_weights_given",
        "ended_early",
        "metrics",
        "mirrors",
        "name",
        "notify",
        "origin",
        "pending_outcome",
        "silent",
        "stages",
    )

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        name: str,
        stages: dict[str, float],
        *,
        code: CodeType,
        kind: str | None,
        notify: Notify,
        weights_given: bool,
    ) -> None:
        super().__init__()
        self.name = name
        self.stages = {stage: self.make_stage(stage, weight) for stage, weight in stages.items()}
        self.notify = notify
        self.metrics = values.Metrics()
        self.origin = Origin()
        self.ended_early = False
        self.silent = False
        self.mirrors: dict[Mirror[Any], None] = {}
        self.pending_outcome: Callable[[float], Outcome | None] | None = None
        self._code = code
        self._kind = kind
        self._weights_given = weights_given
        self._id: str | None = None
        self._parent: str | None = None
        self._message = ""
        self._wall: float | None = None
        self._ended: float | None = None
        self._error: Failure | None = None
        self._prior: Prior | None = None
        self._estimator: Estimator | None = None
        self._sampled = 0.0
        self._seq = 0
        self._key: tuple[object, ...] | None = None
        self._last: Snapshot | None = None
        self._final: Snapshot | None = None

    @property
    def id(self) -> str:
        """The id, made when it is first asked for."""
        if self._id is not None:
            return self._id
        with self.lock:
            if self._id is None:
                self._id = f"op_{os.urandom(12).hex()}"
            return self._id

    @property
    def message(self) -> str:
        """What is going on."""
        return self._message

    @message.setter
    def message(self, value: object) -> None:
        self._message = value if type(value) is str else str(value)

    # ---------------------------------------------------------------- begin and end

    def begin(self, parent: "Operation | None" = None) -> None:
        """Begin to run, as a part of what `parent` does."""
        if self.state != "pending":
            raise OperationEndedError(
                f"{self.name!r} was used before ({self.state}); make a new tracker for each run, an end is final"
            )
        if parent is not None:
            self._parent = parent.id
            parent.adopt(self)
        self.began, self._wall = clock.monotonic(), clock.wall()
        self.state = "running"
        announce.begin(self)

    def belong_to(self, parent: str) -> None:
        """Tell that it is a part of what the operation `parent` does, in whichever process that is."""
        with self.lock:
            self._parent, self._key = parent, None

    def backdate(self, ago_s: float) -> None:
        """Tell that it began so many seconds ago: what it stands for did."""
        with self.lock:
            self.began -= ago_s
            self._wall = None if self._wall is None else self._wall - ago_s

    def finish(self, outcome: Outcome, *, here: bool = True) -> None:
        """End as `outcome` says; an end is final, so a second one changes nothing.

        `here` is False where the caller may be in the middle of anything, so that nothing must be shown from its
        thread.
        """
        if not self.is_here:
            return
        self._look()
        with self.lock:
            if self.state != "running":
                return
            self._end(outcome, self.now())
        self.let_parts_go()
        announce.end(self, self.sample(), here=here)

    def _end(self, outcome: Outcome, now: float) -> None:
        stage, self.current = self.current, None
        if stage is not None:
            stage.shut(outcome.state, now)
        if outcome.state == "succeeded":
            for each in self.stages.values():
                if each.state == "pending":
                    each.shut("skipped", now)
        self.pending_outcome = None
        self.stand_no_more()
        self._ended, self._error = now, outcome.error
        self.ended_early = self.ended_early or outcome.ended_early
        self.state = outcome.state

    def settle(self, *, last: bool = False) -> None:
        """End if it is known by now how; `last` says that nothing more will become known."""
        pending = self.pending_outcome
        outcome = pending(float("inf") if last else clock.monotonic()) if pending is not None else None
        if outcome is not None:
            self.finish(outcome)

    # ---------------------------------------------------------------- stages

    def stage(self, name: str) -> Stage:
        """Return the stage called `name`; raises `UnknownStageError`."""
        try:
            return self.stages[values.name(name, "a stage's name")]
        except KeyError:
            raise UnknownStageError(
                f"{self.name!r} has no stage {name!r}; its stages are {', '.join(map(repr, self.stages))}"
            ) from None

    def enter(self, stage: Stage) -> None:
        """Begin `stage`; raises `StageOrderError` while another one, or itself, is running."""
        self.waits = may_wait(sys._getframe(1))
        self.hold_up()
        with self.lock:
            if self.state == "pending":
                raise StageOrderError(f"{self.name!r} has not begun; enter it with `with`, and its stages inside")
            if self.state in ENDS or stage.state not in {"pending", "running"}:
                ended = stage.name if self.state == "running" else self.name
                raise OperationEndedError(f"{ended!r} has ended; stage {stage.name!r} cannot be entered (again)")
            if self.current is not None and self.current.loose:
                self.leave(self.current, "failed")  # the exception that left its loop was caught
            if self.current is not None:
                raise StageOrderError(
                    f"stage {stage.name!r} was entered while {self.current.name!r} is running; stages follow each other"
                )
            self.raise_if_cancelled()
            stage.open(self.now())
            self.current = stage
            self.call_again()

    def leave(self, stage: Stage, state: EndState) -> None:
        """End `stage`."""
        with self.lock:
            if stage.state == "running":
                stage.shut(state, self.now())
            if self.current is stage:
                self.current = None

    # ---------------------------------------------------------------- what parallel work has more

    def make_stage(self, name: str, weight: float) -> Stage:
        """Return a new stage of this operation."""
        return Stage(self, name, weight)

    def pools(self) -> "Mapping[str, Pool]":
        """Return who works on which stage, where that is more than one."""
        return {}

    def spans(self) -> "Iterable[Span] | None":
        """Return which task ran where and when, once the operation has ended; None where there are no tasks."""
        return None

    # ---------------------------------------------------------------- reading it

    def sample(self) -> Snapshot:
        """Return the state now; the same object while nothing has changed."""
        if self.pending_outcome is not None:
            self.settle()
        self._look()
        with self.lock:
            if self._final is not None:
                return self._final
            self.call_again()
            key = None if self.state in ENDS else self._seen_by()
            if self._last is None or key is None or key != self._key or self._is_old(self._last):
                snapshot = self._snapshot()
                # A loop that was collected meanwhile may have ended the operation: that snapshot is the last one.
                if self._final is not None:
                    return self._final  # type: ignore[unreachable] # so it seems
                self._key, self._last = key, snapshot
                if snapshot.state in ENDS:
                    self._final = snapshot
            return self._last

    def _look(self) -> None:
        for mirror in tuple(self.mirrors):
            mirror.look()

    def learn(self, prior: Prior) -> None:
        """Let the estimate rest on what earlier runs of the kind took."""
        with self.lock:
            self._prior, self._key = prior, None
            if self._estimator is not None:
                self._estimator.prior = prior

    def hear(self, tasks: Sequence[model.Task]) -> None:
        """Take in what workers in other processes tell of their tasks; where there are none, nobody does."""

    def stage_records(self) -> "tuple[StageRecord, ...]":
        """Return what the stages tell later runs, once, after the last sample."""
        estimator, self._estimator = self._estimator, None
        if self.state != "succeeded":
            return ()
        found = (records.of_stage(stage, estimator) for stage in self.stages.values() if stage.state == "succeeded")
        return tuple(record for record in found if record is not None)

    def _is_old(self, last: Snapshot) -> bool:
        """Whether the estimate is to be made anew though nothing was counted: that nothing was tells something too."""
        if last.estimate is None or self.state in ENDS:
            return False
        return self.now() - self._sampled >= max(_ANEW_S, _ANEW * last.estimate.p50_s)

    def _seen_by(self) -> tuple[object, ...]:
        stages = tuple(stage.key() for stage in self.stages.values())
        return (self.visible_state, self.actions(), self._message, tuple(dict(self.metrics).items()), stages)

    def _snapshot(self) -> Snapshot:
        self._seq += 1
        seq = self._seq
        state = self.visible_state
        now = self._sampled = self.now() if self._ended is None else self._ended
        elapsed_s = None if self.state == "pending" else max(0.0, now - self.began)
        paused_s = self.stood_s()
        stages = tuple(stage.freeze(self.began, now, paused=state == "paused") for stage in self.stages.values())
        estimate = None
        if self.state == "running" or self._ended is not None:
            stages, estimate = self._estimated(elapsed_s or 0.0, stages)
        return Snapshot(
            id=self.id,
            name=self.name,
            state=state,
            seq=seq,
            kind=self._kind or naming.kind(self.name, self._code, self.origin),
            stage=None if self.current is None else self.current.name,
            fraction=model.operation_fraction(self.state, stages),
            message=self._message and shorten(self._message, MESSAGE_LENGTH),
            stages=stages,
            estimate=None if state == "paused" else estimate,
            metrics=dict(list(self.metrics.items())[:MAX_METRICS]),
            error=self._error,
            ended_early=self.ended_early,
            parent=self._parent,
            actions=self.actions(),
            notify=self.notify,
            started_at=self._wall,
            elapsed_s=elapsed_s,
            paused_s=paused_s,
            ended_at=None if self._ended is None or self._wall is None else self._wall + paused_s + now - self.began,
            origin=self.origin,
        )

    def _estimated(
        self, elapsed_s: float, stages: tuple[model.Stage, ...]
    ) -> tuple[tuple[model.Stage, ...], model.Estimate | None]:
        """Return the stages with their rates, and the time left."""
        from msgspec.structs import replace

        if self._estimator is None and self._ended is not None:
            return stages, None  # it was over before anybody looked
        if self._estimator is None:
            from progress_kit.eta import Estimator

            self._estimator = Estimator(prior=self._prior, weights_given=self._weights_given)
        estimator = self._estimator
        costs = {name: work for name, stage in self.stages.items() if (work := stage.by_cost()) is not None}
        estimator.update(elapsed_s, stages, costs=costs, pools=self.pools())
        rates = estimator.rates()
        rated = tuple(
            stage if rates.get(stage.name) is None else replace(stage, rate=rates[stage.name]) for stage in stages
        )
        return rated, estimator.estimate() if self.state == "running" else None
