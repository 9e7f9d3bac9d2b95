"""How far an operation is."""

from hypothesis import given
from hypothesis import strategies as st

from progress_kit.model import Stage, operation_fraction, stage_fraction


def stage(state: str = "running", done: float = 0, total: float | None = None, weight: float = 1) -> Stage:
    """Return a stage."""
    return Stage(name="x", state=state, done=done, total=total, weight=weight)  # type: ignore[arg-type]


def test_a_stage_counts_by_its_share() -> None:
    """Done by total; an end counts whole, what has not begun counts nothing, an unknown total is unknown."""
    assert stage_fraction(stage(done=3, total=4)) == 0.75
    assert stage_fraction(stage(done=5, total=4)) == 1
    assert stage_fraction(stage(total=0)) == 1
    assert stage_fraction(stage()) is None
    assert stage_fraction(stage("pending", total=4)) == 0
    assert stage_fraction(stage("succeeded")) == 1
    assert stage_fraction(stage("skipped")) == 1
    assert stage_fraction(stage("failed", done=1, total=4)) == 0.25


def test_stages_count_by_weight() -> None:
    """A finished stage of weight 1 and half of one of weight 3 are 5/8 of 4."""
    stages = [stage("succeeded", weight=1), stage(done=1, total=2, weight=3)]
    assert operation_fraction("running", stages) == 0.625


def test_a_running_stage_of_unknown_total_counts_nothing_yet() -> None:
    """The stages before it still do."""
    assert operation_fraction("running", [stage("succeeded"), stage(done=7)]) == 0.5


def test_who_knows_better_than_the_count_is_believed() -> None:
    """As costs do, for a stage that runs and has a total; one that has ended is as far as it was."""
    assert operation_fraction("running", [stage(done=1, total=2)], {"x": 0.9}) == 0.9
    assert operation_fraction("failed", [stage("failed", done=1, total=2)], {"x": 0.9}) == 0.5
    assert operation_fraction("running", [stage(done=1)], {"x": 0.9}) is None


def test_nothing_known_is_none_and_success_is_one() -> None:
    """Unknown is not 0, and whatever was counted, a success is complete."""
    assert operation_fraction("running", []) is None
    assert operation_fraction("running", [stage(done=7), stage("pending")]) is None
    assert operation_fraction("succeeded", [stage(done=7)]) == 1


@given(
    st.lists(
        st.builds(
            stage,
            st.sampled_from(["pending", "running", "succeeded", "failed", "skipped"]),
            st.integers(0, 10**12),
            st.none() | st.integers(0, 10**12),
            st.floats(1e-6, 1e6),
        )
    )
)
def test_a_fraction_is_between_zero_and_one(stages: list[Stage]) -> None:
    """Whatever the counts and weights."""
    fraction = operation_fraction("running", stages)
    assert fraction is None or 0 <= fraction <= 1
