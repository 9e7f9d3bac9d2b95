import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import progress_kit as pk
from progress_kit.adapters import catalogue
from progress_kit.adapters.imports import when_imported
from progress_kit.adapters.patches import Patches
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker.seen import Seen

LIBRARY = """
class Bar:
    def __init__(self, total):
        self.n, self.total = 0, total

    def step(self):
        self.n += 1

    def close(self):
        return "closed"

    @classmethod
    def of(cls, total):
        return cls(total)
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a library that has not been imported."""
    (tmp_path / "barlib.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "barlib"
    sys.modules.pop("barlib", None)


def change(patches: Patches, module: types.ModuleType) -> None:
    """An adapter of that library."""

    def init(original: Callable[..., None], bar: object, total: int) -> None:
        original(bar, total)
        patches.begin(bar, lambda bar: Seen(vars(bar)["n"], vars(bar)["total"]), "Bar", library="barlib")

    patches.around(module.Bar, "__init__", init)


@pytest.fixture
def adapter(library: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name by which it can be captured."""
    module = types.ModuleType("progress_kit.adapters.barlib")
    vars(module)["TARGETS"] = {library: change}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(catalogue, "NAMES", (*catalogue.NAMES, "barlib"))
    return "barlib"


def test_a_library_is_captured_when_it_is_imported(adapter: str, publisher: RecordingPublisher) -> None:
    """`capture` imports nothing; whenever somebody does, the bars become operations."""
    finders = list(sys.meta_path)
    handle = pk.capture(adapter)
    assert adapter not in sys.modules
    import barlib  # type: ignore[import-not-found] # the test has made it

    bar = barlib.Bar(3)
    bar.step()
    (snapshot,) = publisher.sample()
    assert (snapshot.name, snapshot.stages[0].done, snapshot.stages[0].total) == ("Bar", 1, 3)
    handle.release()
    assert sys.meta_path == finders
    assert barlib.__spec__.loader is not None
    assert "exec_module" not in vars(barlib.__spec__.loader)


def test_release_takes_everything_back(adapter: str, publisher: RecordingPublisher) -> None:
    """The class has its own method again; what was running has ended, and what begins later is no operation."""
    import barlib

    before = dict(vars(barlib.Bar))
    with pk.capture(adapter):
        assert vars(barlib.Bar)["__init__"] is not before["__init__"]
        bar = barlib.Bar(3)
    assert dict(vars(barlib.Bar)) == before
    (ended,) = publisher.ended
    assert (ended.state, ended.ended_early) == ("succeeded", True)
    assert bar.close() == "closed"
    barlib.Bar(3)
    assert publisher.sample() == []


def test_what_was_captured_twice_is_released_twice(adapter: str, publisher: RecordingPublisher) -> None:
    """So a library function may capture for itself, whatever its caller does; a bar is one operation all the same."""
    import barlib

    before = vars(barlib.Bar)["__init__"]
    outer = pk.capture(adapter)
    with pk.capture(adapter, output="ours"):
        bar = barlib.Bar(3)
        assert len(publisher.sample()) == 1
    assert vars(barlib.Bar)["__init__"] is not before
    outer.release()
    outer.release()
    assert vars(barlib.Bar)["__init__"] is before
    del bar


def test_who_changed_it_later_is_left_alone(adapter: str, publisher: RecordingPublisher) -> None:
    """A change that somebody else made since is theirs to take back; underneath, the library is as it was."""
    import barlib

    handle = pk.capture(adapter)
    captured = barlib.Bar.__init__

    def theirs(bar: object, total: int) -> None:
        captured(bar, total * 2)

    barlib.Bar.__init__ = theirs
    handle.release()
    assert barlib.Bar.__init__ is theirs
    assert barlib.Bar(3).total == 6
    assert publisher.snapshots() == []


def test_a_bar_that_is_dropped_ends(adapter: str, publisher: RecordingPublisher) -> None:
    """Nothing here keeps it alive."""
    import barlib

    with pk.capture(adapter):
        bar = barlib.Bar(3)
        assert len(publisher.sample()) == 1
        del bar
        (ended,) = publisher.ended
        assert (ended.state, ended.ended_early) == ("succeeded", True)


def test_an_adapter_that_fails_harms_nobody(
    library: str, adapter: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A version of the library that does not fit is one warning; its work goes on."""
    monkeypatch.setitem(vars(sys.modules["progress_kit.adapters.barlib"]), "TARGETS", {library: lambda *_: 1 / 0})
    with pk.capture(adapter):
        import barlib

        assert barlib.Bar(3).total == 3
    assert "the progress of barlib is not shown" in caplog.text


def test_names_are_checked() -> None:
    """A wrong one tells all; one whose library is missing says so, by an error that is an ImportError too."""
    with pytest.raises(pk.InvalidValueError, match="'tqmd'; give some of 'tqdm', 'rich'"):
        pk.capture("tqmd")
    with pytest.raises(pk.InvalidValueError, match="output is 'mine'; give 'theirs' or 'ours'"):
        pk.capture("tqdm", output="mine")  # type: ignore[arg-type] # that is what is tested


def test_a_library_that_is_not_installed(adapter: str, library: str, tmp_path: Path) -> None:
    """Asked for by name it is an error; without names whatever there is is taken."""
    (tmp_path / f"{library}.py").unlink()
    with pytest.raises(pk.LibraryMissingError, match="needs barlib, which is not installed here"):
        pk.capture(adapter)
    with pk.capture() as handle:
        assert "tqdm" in handle.names
        assert "futures" not in handle.names


def test_nothing_is_captured_where_everything_is_off(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`PROGRESS_KIT=off` leaves libraries alone."""
    monkeypatch.setenv("PROGRESS_KIT", "off")
    import barlib

    before = barlib.Bar.__init__
    with pk.capture(adapter) as handle:
        assert barlib.Bar.__init__ is before
        assert handle.names == ()


def test_a_reloaded_module_arrives_again(library: str) -> None:
    """Its classes are new ones, and are captured too."""
    import importlib

    arrivals: list[type] = []
    forget = when_imported(library, lambda module: arrivals.append(module.Bar))
    module = importlib.import_module(library)
    importlib.reload(module)
    assert len(set(arrivals)) == 2
    forget()
    importlib.reload(module)
    assert len(arrivals) == 2


def test_class_methods_stay_class_methods(library: str) -> None:
    """They get the class that they are called on, before and after."""
    import barlib

    patches = Patches("barlib", "theirs")
    seen: list[object] = []

    def of(original: Callable[..., object], cls: type, total: int) -> object:
        seen.append(cls)
        return original(cls, total)

    before = vars(barlib.Bar)["of"]
    patches.around(barlib.Bar, "of", of)
    assert barlib.Bar.of(2).total == 2
    assert seen == [barlib.Bar]
    patches.release()
    assert vars(barlib.Bar)["of"] is before


def test_capture_and_release_from_many_threads(adapter: str) -> None:
    """However they overlap, the last release leaves the library as it was."""
    import barlib

    before = vars(barlib.Bar)["__init__"]

    def often() -> None:
        for _ in range(50):
            with pk.capture(adapter):
                pass

    threads = [threading.Thread(target=often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert vars(barlib.Bar)["__init__"] is before


def test_an_adapter_imports_nothing_of_its_library() -> None:
    """Whatever is captured is imported by those who use it alone, and at any time."""
    program = (
        "import sys, progress_kit as pk\n"
        "from progress_kit.adapters import catalogue\n"
        "pk.capture(), pk.capture('futures', 'asyncio', 'pandas')\n"
        "targets = {target for name in catalogue.USUAL for target in catalogue.find(name).TARGETS}\n"
        "print(*targets & set(sys.modules))\n"
        "import concurrent.futures.process, asyncio, tqdm, rich.progress, click\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_hook_that_fails_fails_no_import(library: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is a warning in the log."""
    forget = when_imported(library, lambda module: vars(module)["missing"])
    import barlib

    forget()
    assert barlib.Bar(3).total == 3
    assert "the progress of barlib is not shown" in caplog.text
