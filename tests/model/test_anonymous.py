"""What is left of an operation without names and paths."""

import pytest

from progress_kit.model import (
    DEFAULT_STAGES,
    Counter,
    Estimate,
    Failure,
    Origin,
    Pseudonyms,
    Snapshot,
    Stage,
    StageState,
    Task,
    TaskCounts,
)
from progress_kit.model.anonymous import PLAIN_STAGES, failure
from progress_kit.protocol import encode

NAMES = Pseudonyms(b"k" * 32)
SECRET = "Mme Durand"
WHOLE = Snapshot(
    id="op_1",
    name=SECRET,
    state="failed",
    seq=7,
    kind=f"{SECRET}@/home/durand/a.py",
    stage=SECRET,
    fraction=0.5,
    message=SECRET,
    stages=(
        Stage(
            name=SECRET,
            state="failed",
            done=3,
            total=9,
            unit=SECRET,
            message=SECRET,
            elapsed_s=2.0,
            counters=(Counter(name=SECRET),),
            tasks=TaskCounts(failed=1),
        ),
    ),
    tasks=(Task(id="t1", stage=SECRET, name=SECRET, worker=SECRET, error=Failure(type=SECRET, message=SECRET)),),
    tasks_omitted=2,
    estimate=Estimate(p50_s=1.0, why=SECRET),
    metrics={SECRET: 1.0},
    error=Failure(type="ValueError", message=SECRET),
    started_at=5.0,
    elapsed_s=2.0,
    origin=Origin(host=SECRET, pid=1, notebook=SECRET, cell_id=SECRET, script=SECRET, kernel_id="k"),
)


def test_no_text_is_left() -> None:
    """Whatever has a name has none afterwards; numbers, states and times stay."""
    kept = NAMES.snapshot(WHOLE)
    assert b"urand" not in encode(kept)
    assert (kept.id, kept.state, kept.seq, kept.fraction, kept.elapsed_s) == ("op_1", "failed", 7, 0.5, 2.0)
    (stage,) = kept.stages
    assert (stage.state, stage.done, stage.total, stage.elapsed_s, stage.tasks) == (
        "failed",
        3,
        9,
        2.0,
        TaskCounts(failed=1),
    )
    assert (kept.stage, kept.tasks_omitted) == (stage.name, 3)
    assert kept.error == Failure(type="ValueError")
    assert kept.kind is not None
    assert kept.name == f"Operation {kept.kind.removeprefix('kind-')[:6]}"


def test_a_pseudonym_is_the_same_for_the_same_under_one_key() -> None:
    """So that runs of one kind are found; under another key it is another one, and it is never made twice."""
    assert NAMES.kind("train") == Pseudonyms(b"k" * 32).kind("train")
    assert len({NAMES.kind("train"), NAMES.kind("test"), NAMES.stage("train"), Pseudonyms(b"").kind("train")}) == 4
    assert NAMES.snapshot(NAMES.snapshot(WHOLE)) == NAMES.snapshot(WHOLE)


def test_the_library_s_own_names_stay() -> None:
    """They tell nothing, and people read them."""
    assert {"main", *DEFAULT_STAGES} == PLAIN_STAGES
    state: StageState = "succeeded"
    kept = NAMES.snapshot(Snapshot(id="op_1", name="", state="succeeded", stages=(Stage(name="main", state=state),)))
    assert (kept.name, kept.kind, [stage.name for stage in kept.stages]) == ("Operation", None, ["main"])


@pytest.mark.parametrize(
    "type, expected",
    [("ValueError", "ValueError"), ("Lost", "Lost"), ("DurandError", "Exception"), ("print", "Exception")],
)
def test_an_exception_keeps_its_type_if_everybody_has_it(type: str, expected: str) -> None:  # noqa: A002 - as in Failure
    """A class of the user's own may say as much as a message."""
    assert failure(Failure(type=type, message="no")) == Failure(type=expected)
