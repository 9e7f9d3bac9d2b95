"""Timelines, estimates, kinds and priors in the store, and how runs are deleted."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from progress_kit.eta import quantiles
from progress_kit.model import HubInfo, OperationState, Pseudonyms, Snapshot, Stage, StoredOperation
from progress_kit.protocol import decode_snapshot, encode
from progress_kit.protocol.messages import PowerSum, Span, StageRecord
from progress_kit.protocol.rest import EstimateSample, KindSummary
from progress_kit.store import Record, Retention
from progress_kit.testing import FakeClock

from .conftest import Opened, row

OpenStore = Callable[..., Opened]
SPANS = (Span("a.py", "main", "pid 1", 1, 0.0, 2.0, "succeeded"),)
ESTIMATES = (EstimateSample(1.0, 0.5, None, 9.0, 18.0),)


def run(
    operation: str,
    elapsed_s: float | None,
    state: OperationState = "succeeded",
    *,
    kind: str | None = "train",
    paused_s: float = 0.0,
    age_s: float = 0.0,
    owner: str = "local",
    stages: tuple[Stage, ...] = (),
) -> StoredOperation:
    """A row of a run that took `elapsed_s`."""
    snapshot = Snapshot(
        id=operation,
        name=operation,
        state=state,
        seq=1,
        elapsed_s=elapsed_s,
        paused_s=paused_s,
        stages=stages,
        hub=HubInfo(owner=owner),
    )
    return msgspec.structs.replace(
        row(operation, state, age_s=age_s, kind=kind, owner=owner),
        name=operation,
        elapsed_s=elapsed_s,
        snapshot=encode(snapshot),
    )


def test_timeline_and_estimates_are_kept_with_the_run(open_store: OpenStore) -> None:
    """They come in any order and by themselves, and survive a restart."""
    first = open_store()
    first.store.record("local", "op_1", Record(spans=SPANS))
    first.store.persist(run("op_1", 2.0))
    first.store.record("local", "op_1", Record(estimates=ESTIMATES))
    first.store.close()
    second = open_store()
    assert second.store.recorded("local", "op_1").result(20) == Record(SPANS, ESTIMATES)
    assert second.store.recorded("ann", "op_1").result(20) == Record()


def test_a_record_goes_with_its_run(open_store: OpenStore) -> None:
    """Deleted or pruned, nothing of a run remains; neither does what never had one."""
    with FakeClock() as time:
        first = open_store()
        for name, age_s in (("op_1", 0.0), ("op_old", 40 * 86_400.0)):
            first.store.persist(run(name, 2.0, age_s=age_s))
            first.store.record("local", name, Record(spans=SPANS))
        first.store.record("local", "op_none", Record(spans=SPANS))
        first.settle()
        assert first.store.delete("ann", "op_1").result(20) is False
        assert first.store.delete("local", "op_1").result(20) is True
        assert first.store.delete("local", "op_1").result(20) is False
        assert first.store.recorded("local", "op_1").result(20) == Record()
        first.store.close()
        time.advance(86_400.0)
        second = open_store(retention=Retention(days=30))
        for name in ("op_old", "op_none"):
            assert second.store.recorded("local", name).result(20) == Record()


def test_one_kind_is_found_without_a_walk_through_all_of_the_history(open_store: OpenStore) -> None:
    """A process that begins many kinds of operations asks for each: SQLite must not read everybody's runs for that."""
    opened = open_store()
    for number in range(1_000):
        opened.store.persist(run(f"op_{number}", 2.0, kind=f"kind {number}"))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    opened.store._ask(lambda connection: connection.set_progress_handler(count, 100)).result(20)
    assert opened.store.prior("local", "kind 7").result(20) is not None
    assert len(opened.store.history("local", "kind 8").result(20).items) == 1
    opened.store._ask(lambda connection: connection.set_progress_handler(None, 100)).result(20)
    assert steps < 10  # hundreds of instructions of its virtual machine


def test_rubbish_in_a_record_is_nothing(open_store: OpenStore, path: Path) -> None:
    """What cannot be read is left out, and the run is shown without it."""
    first = open_store()
    first.store.persist(run("op_1", 2.0))
    first.store.record("local", "op_1", Record(spans=SPANS))
    first.store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET spans = ?", (b"rubbish",))
    connection.close()
    assert open_store().store.recorded("local", "op_1").result(20) == Record()


def test_history_is_filtered(open_store: OpenStore) -> None:
    """By state and by time, both together and page by page."""
    opened = open_store()
    now = row().changed_at
    for number in range(10):
        state: OperationState = "failed" if number % 2 else "succeeded"
        opened.store.persist(msgspec.structs.replace(run(f"op_{number}", 1.0, state), changed_at=now - number))
    opened.store.persist(msgspec.structs.replace(run("op_cancelled", 1.0, "cancelled"), changed_at=now - 3.5))

    def names(**filters: Any) -> list[str]:
        page = opened.store.history("local", **filters).result(20)
        return [decode_snapshot(item).id for item in page.items]

    assert names(states=("failed",)) == ["op_1", "op_3", "op_5", "op_7", "op_9"]
    assert names(states=("failed", "cancelled"), since=now - 5, until=now - 3) == ["op_cancelled", "op_5"]
    assert names(since=now - 1, until=now) == ["op_1"]
    page = opened.store.history("local", None, 2, states=("failed",)).result(20)
    assert names(states=("failed",), limit=2, before=page.next) == ["op_5", "op_7"]


def test_deleting_a_kind_leaves_the_others(open_store: OpenStore) -> None:
    """What ended of one kind goes; what runs, other kinds and other users' runs stay. Without a kind all of it goes."""
    opened = open_store()
    for each in (
        run("op_1", 1.0),
        run("op_2", 1.0, "failed"),
        run("op_3", 1.0, "running"),
        run("op_4", 1.0, kind="test"),
        run("op_5", 1.0, owner="ann"),
    ):
        opened.store.persist(each)
    opened.settle()
    assert opened.store.delete_history("local", "train").result(20) == 2
    assert opened.store.delete_history("local").result(20) == 1
    assert opened.store.count("ann").result(20) == 1
    assert opened.store.get("local", "op_3").result(20) is not None


def test_kinds_tell_how_often_and_how_long(open_store: OpenStore) -> None:
    """Runs are all that ended, the median is of those that succeeded, the name is the newest."""
    opened = open_store()
    now = row().changed_at
    rows = [run("op_1", 1.0), run("op_2", 3.0), run("op_3", 100.0, "failed"), run("op_4", 2.0, "cancelled", kind="b")]
    rows += [run("op_5", 9.0, "running", kind="c"), run("op_6", 9.0, kind=None), run("op_7", 9.0, owner="ann")]
    for number, each in enumerate(rows):
        opened.store.persist(msgspec.structs.replace(each, changed_at=now - 10 + number))
    assert opened.store.kinds("local").result(20) == [
        KindSummary(kind="b", name="op_4", runs=1, median_s=None, last_at=now - 7),
        KindSummary(kind="train", name="op_3", runs=3, median_s=2.0, last_at=now - 8),
    ]


def test_the_prior_is_made_of_runs_that_succeeded(open_store: OpenStore) -> None:
    """Of the owner's and the kind's own, without their pauses; by stage where the stage was gone through."""
    opened = open_store()
    for number in range(11):
        stages = (
            Stage(name="load", state="succeeded", done=2, elapsed_s=float(number)),
            Stage(name="check", state="skipped"),
        )
        opened.store.persist(run(f"op_{number}", 10.0 + number, paused_s=5.0, stages=stages))
    for other in (
        run("op_failed", 999.0, "failed"),
        run("op_unknown", None),
        run("op_ann", 999.0, owner="ann"),
        run("op_test", 999.0, kind="test"),
    ):
        opened.store.persist(other)
    prior = opened.store.prior("local", "train").result(20)
    assert prior is not None
    assert (prior.runs, prior.total_s) == (11, (11.0, 15.0, 19.0))
    assert [(stage.name, stage.duration_s) for stage in prior.stages] == [("load", (1.0, 5.0, 9.0))]
    assert [stage.seconds_per_item for stage in prior.stages] == [2.5]
    assert [(stage.cost_exponent, stage.seconds_per_cost) for stage in prior.stages] == [(None, None)]
    assert opened.store.prior("local", "never").result(20) is None


def test_only_the_last_fifty_runs_count(open_store: OpenStore) -> None:
    """What a kind took a long time ago says little of the next run; a row that cannot be read says nothing."""
    opened = open_store()
    for number in range(60):
        opened.store.persist(run(f"op_{number}", 1.0 if number < 50 else 99.0, age_s=60.0 * number))
    opened.store.persist(msgspec.structs.replace(run("op_bad", 5.0), snapshot=b"rubbish"))
    prior = opened.store.prior("local", "train").result(20)
    assert prior is not None
    assert (prior.runs, prior.total_s) == (49, (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    "values, expected",
    [([3.0], (3.0, 3.0, 3.0)), ([1.0, 2.0], (1.1, 1.5, 1.9)), ([5.0, 1.0, 3.0], (1.4, 3.0, 4.6))],
)
def test_quantiles_lie_between_the_values(values: list[float], expected: tuple[float, float, float]) -> None:
    """Of few values, too, and in any order."""
    assert quantiles(values) == pytest.approx(expected)


SUMS = tuple(PowerSum(exponent, 10.0**exponent) for exponent in (0.5, 0.75, 1.0, 1.4, 2.0))
COURSE = (0.01, 0.04, 0.09, 0.16, 0.25, 0.36, 0.49, 0.64, 0.81)


def test_the_prior_says_how_time_went_with_cost(open_store: OpenStore) -> None:
    """What the stages told beside their states is part of it, after a restart too; what cannot be used is left out."""
    opened = open_store()
    for number in range(1, 4):
        stage = Stage(name="main", state="succeeded", done=4, elapsed_s=20.0)
        opened.store.persist(run(f"op_{number}", 20.0, stages=(stage,)))
        opened.store.record(
            "local", f"op_{number}", Record(stages=(StageRecord(name="main", costs=SUMS, course=COURSE),))
        )
    opened.store.persist(run("op_4", 20.0, stages=(Stage(name="main", state="succeeded", done=4, elapsed_s=20.0),)))
    opened.store.record("local", "op_4", Record(stages=(StageRecord(name="main", costs=SUMS[:1]),)))
    opened.store.close()
    prior = open_store().store.prior("local", "train").result(20)
    assert prior is not None
    (main,) = prior.stages
    assert prior.runs == 4
    assert main.cost_exponent == 1.0
    assert main.seconds_per_cost == pytest.approx(2.0)
    assert main.cost == pytest.approx(10.0)
    assert main.course == pytest.approx(COURSE)
    assert main.seconds_per_item == 5.0


def test_a_damaged_record_costs_only_itself(open_store: OpenStore, path: Path) -> None:
    """The run counts all the same."""
    opened = open_store()
    opened.store.persist(run("op_1", 20.0, stages=(Stage(name="main", state="succeeded", elapsed_s=20.0),)))
    opened.store.record("local", "op_1", Record(stages=(StageRecord(name="main", costs=SUMS),)))
    opened.store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET stages = ?", (b'[{"name":7}]',))
    connection.close()
    prior = open_store().store.prior("local", "train").result(20)
    assert prior is not None
    assert [(stage.name, stage.cost) for stage in prior.stages] == [("main", None)]


def test_a_kind_is_found_by_its_name_and_under_its_pseudonym(open_store: OpenStore) -> None:
    """Runs that were kept with and without names count together; stages are called as the one who asks calls them."""
    names = Pseudonyms(b"k" * 32)
    opened = open_store(names=names)
    opened.store.persist(run("op_1", 2.0, stages=(Stage(name="fit", state="succeeded", elapsed_s=2.0),)))
    hidden = (Stage(name=names.stage("fit"), state="succeeded", elapsed_s=4.0),)
    opened.store.persist(run("op_2", 4.0, kind=names.kind("train"), stages=hidden))
    opened.store.record("local", "op_2", Record(stages=(StageRecord(name=names.stage("fit"), costs=SUMS),)))
    prior = opened.store.prior("local", "train", ["fit"]).result(20)
    assert prior is not None
    assert (prior.runs, [stage.name for stage in prior.stages]) == (2, ["fit"])
    assert prior.stages[0].cost == pytest.approx(10.0)
    unasked = opened.store.prior("local", "train").result(20)
    assert unasked is not None
    assert {stage.name for stage in unasked.stages} == {"fit", names.stage("fit")}
    assert len(opened.store.history("local", "train").result(20).items) == 2
    assert opened.store.delete_history("local", "train").result(20) == 2
