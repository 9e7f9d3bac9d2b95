import atexit
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from progress_kit import clock
from progress_kit.model import Action, OperationState, Prior, Snapshot, Task
from progress_kit.publisher import Publisher
from progress_kit.settings import Settings
from tests.wire_server import HubServer


class Operation:
    """A source as the tracker makes them, moved by the test."""

    def __init__(self, operation: str = "op_1") -> None:
        self.id = operation
        self.state: OperationState = "running"
        self.done = 0
        self.commands: list[tuple[Action, str | None, str | None]] = []
        self.refusal: str | None = None
        self.learnt: list[Prior] = []
        self.heard: list[Task] = []
        self.samples = 0
        self.began = clock.monotonic()
        self._lock = threading.RLock()
        self._last = Snapshot(id=operation, name="", state="pending")

    def sample(self) -> Snapshot:
        with self._lock:
            return self._sample()

    def _sample(self) -> Snapshot:
        self.samples += 1
        message = str(self.done)
        if (self.state, message) != (self._last.state, self._last.message):
            self._last = Snapshot(
                id=self.id,
                name="A test",
                seq=self._last.seq + 1,
                state=self.state,
                message=message,
                actions=("cancel",),
                elapsed_s=clock.monotonic() - self.began,
            )
        return self._last

    def command(self, action: Action, reason: str | None, by: str | None) -> str | None:
        self.commands.append((action, reason, by))
        return self.refusal

    def learn(self, prior: Prior) -> None:
        self.learnt.append(prior)

    def hear(self, tasks: Sequence[Task]) -> None:
        self.heard += tasks


@pytest.fixture
def runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's runtime directory of this test, and no hub in the environment."""
    for name in ("PROGRESS_KIT_CONNECTION_FILE", "PROGRESS_KIT_HUB_URL", "PROGRESS_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def hub(runtime_dir: Path) -> Iterator[HubServer]:
    """A running hub that this process discovers."""
    with HubServer(runtime_dir) as server:
        yield server


@pytest.fixture
def make_publisher(runtime_dir: Path) -> Iterator[Callable[..., Publisher]]:
    """Make publishers that announce at once; keywords are settings."""
    made: list[Publisher] = []

    def make(**changes: float) -> Publisher:
        made.append(Publisher(Settings(**{"announce_after_s": 0.0, "sample_rate_hz": 20.0, **changes})))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for publisher in made:
        publisher.close(1.0)
        atexit.unregister(publisher._at_exit)
        thread = publisher._thread
        if thread is not None:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def publisher(make_publisher: Callable[..., Publisher]) -> Publisher:
    """A publisher that announces at once."""
    return make_publisher()


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What progress_kit warned of until now."""
    caplog.set_level(logging.DEBUG)

    def read() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    return read
