"""What the tests of all adapters share."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce

Untouched = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingPublisher]:
    """Every operation is seen by a publisher that only records."""
    monkeypatch.setattr(announce._state, "running", {})
    with RecordingPublisher() as recording:
        yield recording


@pytest.fixture
def running(publisher: RecordingPublisher) -> Callable[[], Snapshot]:
    """Call it for the one operation that is running."""

    def one() -> Snapshot:
        (snapshot,) = publisher.sample()
        return snapshot

    return one


@pytest.fixture
def untouched() -> Untouched:
    """A block at whose end modules and their classes have the very same attributes as at its beginning."""

    def attributes(modules: tuple[ModuleType, ...]) -> dict[tuple[int, str], object]:
        classes = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
        return {(id(owner), name): value for owner in (*modules, *classes) for name, value in vars(owner).items()}

    @contextmanager
    def block(*modules: ModuleType) -> Iterator[None]:
        before = attributes(modules)
        yield
        after = attributes(modules)
        changed = [name for owner, name in before if after.get((owner, name)) is not before[owner, name]]
        added = [name for owner, name in after if (owner, name) not in before]
        assert (changed, added) == ([], [])

    return block


@pytest.fixture
def in_thread() -> Callable[[Callable[[], None]], None]:
    """Call it with what is to be done in a thread of its own, and waited for."""

    def run(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    return run


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Call it with a module of a library that is too large for CI; what stands in for it leaves nothing behind."""
    monkeypatch.syspath_prepend(Path(__file__).with_name("standins"))
    imported: list[str] = []

    def find(module: str) -> ModuleType:
        imported.append(module.partition(".")[0])
        return import_module(module)

    yield find
    for name in imported:
        vars(import_module(f"progress_kit.adapters.{name}")).pop("ProgressCallback", None)
        for each in [each for each in sys.modules if f"{each}.".startswith(f"{name}.")]:
            del sys.modules[each]
