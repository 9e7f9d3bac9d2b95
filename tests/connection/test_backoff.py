"""How long a client waits before it tries again."""

from progress_kit.connection import Backoff


def test_the_bound_doubles_up_to_thirty_seconds() -> None:
    """The longest possible waits are 0.5, 1, 2 … 30 s."""
    backoff = Backoff(uniform=lambda _low, high: high)
    assert [backoff.next() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_is_full() -> None:
    """A wait is drawn from zero on, so that a crowd spreads evenly."""
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff = Backoff(uniform=uniform)
    assert [backoff.next(), backoff.next()] == [0.0, 0.0]
    assert drawn == [(0.0, 0.5), (0.0, 1.0)]


def test_reset_begins_again() -> None:
    """After a connection that held, the first wait is short again."""
    backoff = Backoff(uniform=lambda _low, high: high)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 0.5


def test_the_cap_can_be_lower() -> None:
    """What costs nobody anything may be tried more often."""
    backoff = Backoff(uniform=lambda _low, high: high)
    assert [backoff.next(at_most_s=5) for _ in range(6)] == [0.5, 1, 2, 4, 5, 5]
