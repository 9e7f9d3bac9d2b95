"""The states and what may follow what."""

import itertools

import pytest

from progress_kit.model import TERMINAL, TRANSITIONS, is_terminal, may_follow


def test_an_end_is_final() -> None:
    """Nothing follows a terminal state but itself."""
    for state in TERMINAL:
        assert TRANSITIONS[state] == frozenset()
        assert may_follow(state, state)
        assert is_terminal(state)


def test_every_state_can_end() -> None:
    """From each state that is not terminal a terminal one can be reached, and `pending` is never returned to."""
    for state in set(TRANSITIONS) - TERMINAL:
        assert TRANSITIONS[state] & TERMINAL
        assert "pending" not in TRANSITIONS[state]


@pytest.mark.parametrize("old, new", [("running", "paused"), ("paused", "running"), ("pending", "skipped")])
def test_steps_that_are_allowed(old: str, new: str) -> None:
    """Pausing goes both ways; only what never ran is skipped."""
    assert may_follow(old, new)


@pytest.mark.parametrize("old, new", [("succeeded", "running"), ("running", "pending"), ("running", "skipped")])
def test_steps_that_are_not(old: str, new: str) -> None:
    """No way back."""
    assert not may_follow(old, new)


def test_the_table_names_every_state() -> None:
    """A state that can be reached has a row of its own."""
    assert set(itertools.chain.from_iterable(TRANSITIONS.values())) <= set(TRANSITIONS)
