import pytest

from progress_kit.eta.slowdown import Slowdown, Usual


def said(usual: Usual, factor: float, *, sure_s: float = 5.0, until: float = 1.0) -> float | None:
    """Return what is said of a run that always looks so many times as long as usual, at a share of its time."""
    slowdown, found = Slowdown(), None
    whole_s = factor * usual.seconds
    for step in range(101):
        now_s = whole_s * until * step / 100
        found = slowdown.see(now_s, whole_s - now_s, sure_s, usual)
    return found


@pytest.mark.parametrize(
    "runs, unsure, factor, slower",
    [
        pytest.param(2, 0.1, 5.0, False, id="too few runs to know what is usual"),
        pytest.param(3, 0.3, 2.0, False, id="few runs that are apart"),
        pytest.param(3, 0.3, 3.0, True, id="much slower than few runs"),
        pytest.param(20, 0.3, 1.5, False, id="within what runs take"),
        pytest.param(20, 0.3, 2.2, True, id="beyond what runs take"),
        pytest.param(20, 0.1, 1.5, True, id="beyond what runs take that are alike"),
        pytest.param(50, 0.0, 1.2, False, id="not worth a word"),
    ],
)
def test_slower_is_said_when_normal_runs_are_not(runs: int, unsure: float, factor: float, *, slower: bool) -> None:
    """The farther apart runs are, and the fewer of them were seen, the more it takes; the factor is told."""
    found = said(Usual(100.0, unsure, runs), factor)
    assert found == (pytest.approx(factor) if slower else None)


def test_an_estimate_that_is_unsure_is_no_evidence() -> None:
    """It looks twice as long as usual, but may be off by as much."""
    usual = Usual(100.0, 0.1, 20)
    assert said(usual, 2.0) is not None
    assert said(usual, 2.0, sure_s=100.0) is None


def test_it_is_said_when_it_has_held_for_a_while() -> None:
    """A tenth of the usual time; and no longer when it looks normal again."""
    usual = Usual(100.0, 0.1, 20)
    assert said(usual, 2.0, until=0.04) is None
    assert said(usual, 2.0, until=0.06) is not None
    slowdown = Slowdown()
    assert [slowdown.see(at, left, 1.0, usual) is None for at, left in ((0, 200), (20, 180), (21, 80), (22, 200))] == [
        True,
        False,
        True,
        True,
    ]


def test_what_usually_takes_no_time_has_no_factor() -> None:
    """There is nothing to divide by."""
    assert Slowdown().see(1.0, 1.0, 0.0, Usual(0.0, 0.1, 20)) is None
