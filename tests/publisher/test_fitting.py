"""What is left out of a snapshot that would be too large."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_kit.model import Counter, Failure, Origin, Snapshot, Stage, Task
from progress_kit.protocol import decode_snapshot
from progress_kit.protocol.limits import SNAPSHOT_BYTES
from progress_kit.publisher.fitting import fit


def test_an_ordinary_snapshot_travels_whole() -> None:
    """Nothing is left out of what fits."""
    snapshot = Snapshot(id="op", name="Customize résumé", state="running", stages=(Stage(name="main", done=3),))
    assert decode_snapshot(fit(snapshot)) == snapshot


def test_errors_of_tasks_are_cut_visibly() -> None:
    """A task's error is at most 200 characters here; the full one is asked for elsewhere."""
    task = Task(id="t", stage="main", state="failed", error=Failure(type="ValueError", message="x" * 2_000))
    snapshot = Snapshot(id="op", name="n", state="running", tasks=(task,))
    (cut,) = decode_snapshot(fit(snapshot)).tasks
    assert cut.error is not None
    assert cut.error.message == "x" * 199 + "…"


def test_the_last_tasks_go_first_and_are_counted() -> None:
    """Running tasks are listed before failed ones, so the failed ones are left out, and a number says how many."""
    tasks = tuple(Task(id=f"t{n}", stage="main", name="ä" * 200, worker="w" * 200) for n in range(64))
    sent = decode_snapshot(fit(Snapshot(id="op", name="n", state="running", tasks=tasks, tasks_omitted=5)))
    assert 0 < len(sent.tasks) < 64
    assert sent.tasks == tasks[: len(sent.tasks)]
    assert sent.tasks_omitted == 5 + 64 - len(sent.tasks)
    one_more = msgspec.structs.replace(sent, tasks=tasks[: len(sent.tasks) + 1])
    assert len(msgspec.json.encode(one_more)) > SNAPSHOT_BYTES


def test_then_counters_go() -> None:
    """Nested counters are left out when dropping tasks is not enough; the stages stay."""
    counters = tuple(Counter(name="c" * 200, unit="u" * 200) for _ in range(16))
    stages = tuple(Stage(name=f"s{n}", message="m" * 50, counters=counters) for n in range(10))
    sent = decode_snapshot(fit(Snapshot(id="op", name="n", state="running", stages=stages)))
    assert [stage.counters for stage in sent.stages] == [()] * 10
    assert [stage.message for stage in sent.stages] == ["m" * 50] * 10


@given(st.sampled_from(["x", "ä", "漢", "😀", '"', "\\"]))
def test_the_largest_snapshot_there_can_be_fits(letter: str) -> None:
    """Whatever the texts are made of, 32 KiB are never exceeded, and name, state and error survive."""
    long = letter * 200
    stage = Stage(name=long, unit=long, message=letter * 2_000, counters=(Counter(name=long, unit=long),) * 16)
    largest = Snapshot(
        id="i" * 128,
        name=long,
        kind=long,
        stage=long,
        state="failed",
        message=letter * 2_000,
        stages=(stage,) * 64,
        tasks=(Task(id="t" * 128, stage=long, name=long, worker=long, unit=long),) * 64,
        metrics={f"{number}{letter * 190}": 1.5 for number in range(64)},
        error=Failure(type=long, message=letter * 2_000),
        origin=Origin(host=long, pid=1, kernel_id=long, notebook=letter * 4_096, cell_id=long, script=letter * 4_096),
    )
    data = fit(largest)
    assert len(data) <= SNAPSHOT_BYTES
    sent = decode_snapshot(data)
    assert (sent.name, sent.state, sent.error, sent.tasks_omitted) == (long, "failed", largest.error, 64)


def test_a_lone_surrogate_is_an_error() -> None:
    """What is no text is not sent as something else."""
    with pytest.raises(ValueError, match="surrogates"):
        fit(Snapshot(id="op", name="\ud800", state="running"))
