from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from progress_kit.display import View, html, mime_bundle, plain
from progress_kit.model import (
    Estimate,
    Failure,
    HubInfo,
    Lease,
    OperationState,
    Snapshot,
    Stage,
    StageState,
    TaskCounts,
)


def ended(snapshot: Snapshot, state: OperationState, error: Failure | None = None, *, early: bool = False) -> Snapshot:
    """The snapshot's operation after its end."""
    fraction = 1.0 if state == "succeeded" else snapshot.fraction
    return replace(
        snapshot, state=state, error=error, fraction=fraction, ended_early=early, elapsed_s=103.2, estimate=None
    )


def test_a_guess_from_hours_to_months_says_its_lower_end(survey: Snapshot) -> None:
    """More is not known, and a middle would be an invention."""
    vague = replace(survey, estimate=Estimate(p10_s=34_000.0, p50_s=1.15e6, p90_s=3.8e7))
    assert View.of(vague).left == "at least 9 h 30 min left"


def test_a_running_operation_says_how_far_and_how_long_still(survey: Snapshot) -> None:
    """Title, percent, time left, counter with unit, rate, message, metric and elapsed time each have their text."""
    view = View.of(survey)
    assert view.title == "Survey the standard library"
    assert view.summary == "43 % · about 40 s left"
    assert view.details == ("698 / 1,836 files", "74 files/s", "email/parser.py", "complexity 4.125", "1 min 04 s")
    assert (view.state, view.look, view.ended) == ("running", "running", False)
    assert [(s.name, s.share, round(s.filled, 2), s.current) for s in view.segments] == [
        ("initialization", 0.1, 1.0, False),
        ("analysis", 0.8, 0.38, True),
        ("finalization", 0.1, 0.0, False),
    ]


def test_tasks_are_counted(survey: Snapshot) -> None:
    """How many run and how many went wrong, over all stages; after the end only what went wrong."""
    counts = (None, TaskCounts(running=3, succeeded=20, failed=1), TaskCounts(running=1, pending=7, skipped=1_200))
    stages = tuple(replace(stage, tasks=tasks) for stage, tasks in zip(survey.stages, counts, strict=True))
    running = replace(survey, stages=stages)
    assert View.of(survey).tasks == ""
    assert View.of(running).tasks == "4 running, 1 failed, 1,200 skipped"
    assert "4 running, 1 failed" in html(running)
    assert plain(ended(running, "succeeded")).endswith(", 1 failed, 1,200 skipped")
    done = tuple(
        replace(stage, done=9, total=9, unit="tasks", tasks=TaskCounts(succeeded=9)) for stage in survey.stages
    )
    assert View.of(ended(replace(survey, stages=done), "succeeded")).counter == "27 tasks"


def test_each_state_is_said_in_words(survey: Snapshot) -> None:
    """States differ in words, not only in colour, and nothing that ended speaks of a time left."""
    value_error = Failure(type="ValueError", message="Input X contains NaN")
    at = "after 1 min 43 s at 43 %"
    shown = {
        "waiting": replace(survey, state="pending", fraction=None, estimate=None),
        "43 % · paused": replace(survey, state="paused"),
        "finished in 1 min 43 s": ended(survey, "succeeded"),
        "ended early after 1 min 43 s": ended(survey, "succeeded", early=True),
        f"failed: ValueError: Input X contains NaN · {at}": ended(survey, "failed", value_error),
        f"failed: KeyError · {at}": ended(survey, "failed", Failure(type="KeyError")),
        f"failed · {at}": ended(survey, "failed"),
        f"cancelled · {at}": ended(survey, "cancelled"),
        "43 % · lost": replace(survey, hub=HubInfo(lease="lost")),
        "43 % · no sign of it for a while": replace(survey, hub=HubInfo(lease="stale")),
        f"lost: its kernel died · {at}": ended(survey, "failed", Failure(type="Lost", message="its kernel died")),
    }
    assert {View.of(snapshot).summary: snapshot for snapshot in shown.values()} == shown


def test_an_unknown_total_shows_what_is_known(survey: Snapshot) -> None:
    """Without a total there is a count and a rate, no percentage and no time left."""
    stage = Stage(name="main", state="running", done=1234, unit="rows", rate=10.0)
    view = View.of(replace(survey, stages=(stage,), stage="main", fraction=None, estimate=None, metrics={}))
    assert (view.percent, view.left, view.summary) == ("", "", "running")
    assert view.details == ("1,234 rows", "10 rows/s", "1 min 04 s")


def test_a_finished_operation_says_what_it_did_most_of_the_time(survey: Snapshot) -> None:
    """Of several stages the longest one that counted something with a name is what a person remembers."""
    stages = (
        replace(survey.stages[0], state="succeeded"),
        replace(survey.stages[1], state="succeeded", done=1836),
        Stage(name="finalization", state="succeeded", done=2, total=2, elapsed_s=100.0),
    )
    assert View.of(ended(replace(survey, stages=stages), "succeeded")).counter == "1,836 files"


def test_a_failed_operation_says_in_what_it_failed(survey: Snapshot) -> None:
    """The count and the message of the stage that was running stay, although none runs any more."""
    stages = (survey.stages[0], replace(survey.stages[1], state="failed"), survey.stages[2])
    view = View.of(ended(replace(survey, stages=stages, stage=None), "failed"))
    assert (view.counter, view.message, view.rate) == ("698 / 1,836 files", "email/parser.py", "")


def test_the_text_of_the_protocol(survey: Snapshot) -> None:
    """Plain text is one short line that stays the same while nothing changes."""
    assert plain(survey) == "Survey the standard library: 43 %"
    assert plain(ended(survey, "succeeded")) == "Survey the standard library: finished in 1 min 43 s, 698 / 1,836 files"
    bare = Stage(name="main", state="succeeded", done=9, total=9, elapsed_s=1)
    assert plain(ended(replace(survey, stages=(bare,)), "succeeded")).endswith("finished in 1 min 43 s")
    assert plain(replace(survey, fraction=None)) == "Survey the standard library: 698 / 1,836 files"


HOSTILE = '<img src=x onerror="alert(1)">\u202eevil\u2066\x1b[31m\x00\ud800' + "x" * 10_000


def test_hostile_texts_are_shown_as_text_and_cut(survey: Snapshot) -> None:
    """HTML, bidirectional and control characters and 10,000 of anything never act: in names, messages and errors."""
    snapshot = replace(
        survey,
        name=HOSTILE,
        message=HOSTILE,
        error=Failure(type=HOSTILE, message=HOSTILE),
        state="failed",
        metrics={HOSTILE: 1.0},
        stages=(Stage(name=HOSTILE, state="running", done=1, unit=HOSTILE, message=HOSTILE),),
        stage=HOSTILE,
    )
    page = html(snapshot)
    assert "<img" not in page
    assert "&lt;img src=x onerror=&quot;" in page
    assert not {"\u202e", "\u2066", "\x1b", "\x00", "\ud800"} & set(page + plain(snapshot))
    assert len(View.of(snapshot).title) == 200
    assert View.of(snapshot).title.endswith("…")
    assert len(page) < 20_000


def test_html_says_everything_without_style_and_roles(survey: Snapshot) -> None:
    """JupyterLab's sanitizer leaves tags and text: they carry the values; other frontends get a real progress bar."""
    page = html(survey)
    for fact in ("Survey the standard library", "43 % · about 40 s left", "698 / 1,836 files", "1 min 04 s"):
        assert f"{fact}" in page
    assert 'role="progressbar"' in page
    assert 'aria-valuenow="43"' in page
    assert 'aria-valuetext="43 % · about 40 s left"' in page
    assert "aria-valuenow" not in html(replace(survey, fraction=None))


def test_the_bundle_is_the_one_of_the_protocol(survey: Snapshot) -> None:
    """The custom type comes first, then the widget, html and text."""
    bundle = mime_bundle(survey, "h_1", widget="m1")
    assert list(bundle) == [
        "application/vnd.progress-kit.operation.v1+json",
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    ]
    custom = bundle["application/vnd.progress-kit.operation.v1+json"]
    assert (custom["version"], custom["operation"], custom["hub_id"]) == (1, "op_1", "h_1")
    assert custom["snapshot"]["stages"][1]["done"] == 698
    assert bundle["text/plain"] == plain(survey)
    assert mime_bundle(survey, "h_1") == mime_bundle(survey, "h_1")


def test_the_stored_bundle_makes_small_diffs_and_names_no_dead_widget(survey: Snapshot) -> None:
    """What stays in the notebook's file has no tasks, counters or pid, and no widget."""
    from progress_kit.model import Counter, Task

    busy = replace(
        survey,
        stages=(replace(survey.stages[1], counters=(Counter(name="rows"),)),),
        tasks=(Task(id="t1", stage="analysis"),),
    )
    snapshot = mime_bundle(ended(busy, "failed"), None, widget="m1")["application/vnd.progress-kit.operation.v1+json"][
        "snapshot"
    ]
    assert "application/vnd.jupyter.widget-view+json" not in mime_bundle(ended(busy, "failed"), None, widget="m1")
    assert (snapshot["tasks"], snapshot["stages"][0]["counters"], snapshot["origin"]["pid"]) == ([], [], None)
    assert snapshot["origin"]["cell_id"] == "c1"
    running = mime_bundle(busy, None)["application/vnd.progress-kit.operation.v1+json"]["snapshot"]
    assert running["tasks"][0]["id"] == "t1"


def test_a_metric_that_is_no_number_still_makes_json(survey: Snapshot) -> None:
    """NaN and infinity are null in JSON."""
    custom = mime_bundle(replace(survey, metrics={"loss": float("nan")}), None)
    assert custom["application/vnd.progress-kit.operation.v1+json"]["snapshot"]["metrics"] == {"loss": None}


amounts = st.integers(0, 10**18) | st.floats(0, 1e18)
texts = st.text(max_size=60)
stage_values = st.builds(
    Stage,
    name=st.sampled_from(["a", "b", "<b>"]),
    state=st.sampled_from(get_args(StageState)),
    weight=st.floats(1e-6, 1e6),
    done=amounts,
    total=st.none() | amounts,
    unit=texts,
    rate=st.none() | st.floats(0, 1e12),
    message=texts,
    elapsed_s=st.none() | st.floats(0, 1e9),
)
snapshots = st.builds(
    Snapshot,
    id=st.just("op"),
    name=texts,
    state=st.sampled_from(get_args(OperationState)),
    stage=st.none() | st.sampled_from(["a", "b", "<b>"]),
    fraction=st.none() | st.floats(0, 1),
    message=texts,
    stages=st.lists(stage_values, max_size=4).map(tuple),
    estimate=st.none() | st.builds(Estimate, p50_s=st.floats(0, 1e9)),
    metrics=st.dictionaries(texts, st.none() | st.floats(), max_size=5),
    error=st.none() | st.builds(Failure, type=texts, message=texts),
    ended_early=st.booleans(),
    elapsed_s=st.none() | st.floats(0, 1e9),
    hub=st.none() | st.builds(HubInfo, lease=st.sampled_from(get_args(Lease))),
)


@given(snapshots)
def test_every_snapshot_has_a_view(snapshot: Snapshot) -> None:
    """Whatever an operation is, there are texts for it, and the bar adds up."""
    view = View.of(snapshot)
    assert view.state
    assert view.summary
    assert all(view.details)
    assert not view.segments or sum(segment.share for segment in view.segments) == pytest.approx(1)
    assert all(0 <= segment.filled <= 1 for segment in view.segments)
    page = html(snapshot)
    assert page.count("<div") == page.count("</div>")
    assert "\n" not in plain(snapshot)
    assert mime_bundle(snapshot, None)["text/html"] == page
