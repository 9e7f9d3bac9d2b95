from collections.abc import Iterator

import pytest

from progress_kit.testing import FakeClock, RecordingPublisher
from progress_kit.tracker import announce


@pytest.fixture(autouse=True)
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingPublisher]:
    """Every test of this room is seen by a publisher that only records, and begins without running operations."""
    monkeypatch.setattr(announce._state, "running", {})
    with RecordingPublisher() as recording:
        yield recording


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    """A clock that stands still until the test lets time pass."""
    with FakeClock() as fake:
        yield fake
