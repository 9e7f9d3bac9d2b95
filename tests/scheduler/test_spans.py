"""Which task ran where and when, whatever their number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_kit.model import TaskState
from progress_kit.protocol.messages import Span
from progress_kit.scheduler.spans import Timeline


def test_a_span_for_each_attempt() -> None:
    """Times count from the operation's start; a second attempt is a span of its own."""
    timeline = Timeline()
    timeline.add("a.py", "analysis", "pid 1", 1, 100.0, 102.0, "failed")
    timeline.add("b.py", "analysis", "pid 2", 1, 100.5, 101.0, "succeeded")
    timeline.add("a.py", "analysis", "pid 2", 2, 102.0, 103.0, "succeeded")
    assert list(timeline.spans(99.0)) == [
        Span("a.py", "analysis", "pid 1", 1, 1.0, 3.0, "failed"),
        Span("b.py", "analysis", "pid 2", 1, 1.5, 2.0, "succeeded"),
        Span("a.py", "analysis", "pid 2", 2, 3.0, 4.0, "succeeded"),
    ]


def test_a_hundred_thousand_short_tasks_are_told_in_few_spans() -> None:
    """What is alike and lies side by side is one span that says how many tasks it stands for; lanes stay full."""
    timeline = Timeline(most=200)
    for number in range(100_000):
        timeline.add("no-op", "main", f"pid {number % 4}", 1, number * 0.001, (number + 4) * 0.001, "succeeded")
    spans = list(timeline.spans(0.0))
    assert len(spans) <= 200
    assert sum(int(span.task.removesuffix(" tasks").replace(",", "")) for span in spans) == 100_000
    for worker in ("pid 0", "pid 3"):
        busy = sum(span.end_s - span.start_s for span in spans if span.worker == worker)
        assert busy == pytest.approx(100, rel=0.02)


def test_long_and_failed_tasks_stay_apart() -> None:
    """Among thousands of short ones the long ones, the failures and the second attempts keep their names."""
    timeline = Timeline(most=100)
    now = 0.0
    for number in range(5_000):
        length, state = (
            (5.0, "succeeded") if number % 1_000 == 500 else (0.01, "failed" if number == 77 else "succeeded")
        )
        timeline.add(f"task {number}", "main", "pid 1", 2 if number == 3_000 else 1, now, now + length, state)  # type: ignore[arg-type]
        now += length
    spans = list(timeline.spans(0.0))
    assert len(spans) <= 100
    names = {span.task for span in spans if not span.task.endswith(" tasks")}
    assert names >= {"task 77", "task 3000", "task 500", "task 1500", "task 2500", "task 3500", "task 4500"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["w1", "w2", "w3"]),
            st.sampled_from(["a", "b"]),
            st.integers(1, 3),
            st.floats(0, 1e3),
            st.floats(0, 1e3),
            st.sampled_from(["succeeded", "failed", "cancelled", "abandoned"]),
        ),
        max_size=120,
    )
)
def test_it_is_bounded_and_never_leaves_the_run(tasks: list[tuple[str, str, int, float, float, TaskState]]) -> None:
    """However they come: at most so many spans, none longer than the run, none before its begin."""
    timeline = Timeline(most=10)
    for worker, stage, attempt, start, length, state in tasks:
        timeline.add("t", stage, worker, attempt, start, start + length, state)
        assert len(timeline) <= 20
    spans = list(timeline.spans(0.0))
    assert len(spans) <= 10
    last = max((start + length for _, _, _, start, length, _ in tasks), default=0.0)
    assert all(0 <= span.start_s <= span.end_s <= last for span in spans)
    assert bool(spans) == bool(tasks)
