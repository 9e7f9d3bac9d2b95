import io
from collections.abc import Iterator

import pytest

from progress_kit.display import sinks
from progress_kit.display.terminal import Terminal
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce


class Console(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingPublisher]:
    """Every bar is seen by a publisher that only records."""
    monkeypatch.setattr(announce._state, "running", {})
    with RecordingPublisher() as recording:
        yield recording


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """There is a terminal, where operations are drawn; pytest itself keeps standard error."""
    console = Console()
    monkeypatch.setattr(sinks, "terminal", lambda: Terminal(console))
    monkeypatch.setattr(sinks, "is_watched", lambda: True)  # in continuous integration too
    return console
