"""Whatever is done to an operation: every snapshot of it is valid, and follows from the one before."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import progress_kit as pk
from progress_kit import protocol
from progress_kit.model import Snapshot, may_follow
from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker.hold import Hold
from progress_kit.tracker.iterables import Track

NAMES = ["a", "b", "c"]
NUMBERS = st.one_of(st.integers(-5, 20), st.floats(allow_nan=True), st.none(), st.text(max_size=2))


class Operations(RuleBasedStateMachine):
    """One tracker with three stages, used well and badly."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock().__enter__()
        self.publisher = RecordingPublisher().__enter__()
        self.tracker = pk.ProgressTracker("Work", stages={"a": 1, "b": 8, "c": 0.5})
        self.loops: list[Any] = []
        self.then: Any = self.tracker.resume
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(Hold, "wait", lambda _hold: self.stand())
        self.last: Snapshot | None = None
        self.done_was_set = False

    def teardown(self) -> None:
        """Leave nothing behind for the next run."""
        self.patch.undo()
        self.loops.clear()
        if self.tracker.state in {"running", "paused"}:
            self.tracker.__exit__(None, None, None)
        self.check()
        assert self.tracker.state not in {"running", "paused"}
        self.publisher.__exit__(None, None, None)
        self.clock.__exit__(None, None, None)

    def attempt(self, use: Any) -> None:
        """Wrong use is refused by an error of ours, and nothing else ever comes out."""
        with suppress(pk.ProgressError):
            use()

    @rule(seconds=st.floats(0, 1e6))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def begin(self) -> None:
        self.attempt(self.tracker.__enter__)

    @rule(name=st.sampled_from([*NAMES, "z"]), total=NUMBERS)
    def describe(self, name: str, total: Any) -> None:
        self.attempt(lambda: self.tracker.stage(name, total=total, unit="rows"))

    @rule(name=st.sampled_from(NAMES))
    def enter(self, name: str) -> None:
        self.attempt(self.tracker.stage(name).__enter__)

    @rule(name=st.sampled_from(NAMES), error=st.sampled_from([None, ValueError("bad"), KeyboardInterrupt()]))
    def leave(self, name: str, error: BaseException | None) -> None:
        if self.tracker.stage(name).state == "running":
            self.tracker.stage(name).__exit__(None, error, None)

    @rule(name=st.sampled_from(NAMES), n=NUMBERS)
    def advance(self, name: str, n: Any) -> None:
        stage = self.tracker.stage(name)
        self.done_was_set |= not isinstance(n, int | float) or n < 0
        self.attempt(lambda: stage.advance() if n is None else stage.advance(n))

    @rule(name=st.sampled_from(NAMES), value=NUMBERS)
    def set_done(self, name: str, value: Any) -> None:
        self.done_was_set = True
        self.attempt(lambda: setattr(self.tracker.stage(name), "done", value))

    @rule(text=st.text(max_size=3), metric=st.floats())
    def say(self, text: str, metric: float) -> None:
        self.tracker.message = text
        self.tracker.metrics["loss"] = metric

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from([list, tuple, iter]), length=st.integers(0, 4))
    def loop_in_stage(self, name: str, kind: Any, length: int) -> None:
        self.loop(self.tracker.stage(name).track(kind(range(length))))

    @rule(length=st.integers(0, 4))
    def loop_nested(self, length: int) -> None:
        self.loop(pk.track(range(length), "rows"))

    def loop(self, tracked: Track[Any]) -> None:
        self.attempt(lambda: self.loops.append(iter(tracked)))

    @precondition(lambda self: self.loops)
    @rule(index=st.integers(0, 9), drop=st.booleans())
    def step(self, index: int, drop: bool) -> None:  # noqa: FBT001 - private
        loop = self.loops[index % len(self.loops)]
        if drop:
            self.loops.remove(loop)
        else:
            self.attempt(lambda: next(loop, None))

    @rule()
    def cancel(self) -> None:
        self.tracker.cancel()

    def stand(self) -> None:
        """What happens where a pause is met: time passes, and then somebody ends it."""
        self.check()
        assert self.tracker.state == "paused"
        self.clock.advance(100)
        self.check()
        self.then()

    @rule(cancel=st.booleans())
    def pause(self, cancel: bool) -> None:  # noqa: FBT001 - private
        self.then = self.tracker.cancel if cancel else self.tracker.resume
        self.tracker.pause()

    @rule()
    def resume(self) -> None:
        self.tracker.resume()

    @rule(error=st.sampled_from([None, ValueError("bad"), KeyboardInterrupt(), GeneratorExit()]))
    def end(self, error: BaseException | None) -> None:
        self.tracker.__exit__(None, error, None)

    @invariant()
    def check(self) -> None:
        snapshot = self.tracker.snapshot()
        # What does not keep to the wire's types and limits cannot be decoded.
        assert protocol.decode_snapshot(protocol.encode(snapshot)) == snapshot
        assert snapshot.fraction is None or 0 <= snapshot.fraction <= 1
        if snapshot.state == "succeeded":
            assert snapshot.fraction == 1
            assert all(stage.state not in {"pending", "running", "paused"} for stage in snapshot.stages)
        if snapshot.state == "paused":
            assert snapshot.estimate is None
            assert all(stage.state != "running" for stage in snapshot.stages)
        elif snapshot.state not in {"pending", "running"}:
            assert all(stage.state not in {"running", "paused"} for stage in snapshot.stages)
            assert (snapshot.stage, snapshot.actions, snapshot.estimate) == (None, (), None)
        for stage in snapshot.stages:
            assert 0 <= stage.done < math.inf
            assert stage.state not in {"succeeded", "failed"} or stage.total is None or stage.done <= stage.total
        self.follows(self.last, snapshot)
        self.last = snapshot

    def follows(self, last: Snapshot | None, snapshot: Snapshot) -> None:
        if last is None:
            return
        assert snapshot.seq == last.seq + (snapshot is not last)
        assert snapshot == last or snapshot.seq > last.seq
        assert may_follow(last.state, snapshot.state)
        assert (snapshot.elapsed_s or 0) >= (last.elapsed_s or 0)
        assert snapshot.paused_s >= last.paused_s
        for before, after in zip(last.stages, snapshot.stages, strict=True):
            assert may_follow(before.state, after.state)
            assert self.done_was_set or after.done >= before.done
        if last.state not in {"pending", "running", "paused"}:
            assert snapshot is last


TestOperations = Operations.TestCase
TestOperations.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
