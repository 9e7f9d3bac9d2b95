"""The magics, in a real IPython shell."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tqdm
from IPython.core.interactiveshell import InteractiveShell

import progress_kit as pk
from progress_kit.adapters import capturing
from progress_kit.model import Snapshot
from progress_kit.testing import RecordingPublisher
from progress_kit.tracker import announce


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A shell with the extension loaded."""
    shell = InteractiveShell()
    assert shell.history_manager is not None
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "progress_kit")
    shell.user_ns["pk"] = pk
    yield shell
    shell.run_line_magic("unload_ext", "progress_kit")


def run(shell: InteractiveShell, cell: str) -> Any:
    """Run a cell as a person does, and return its value."""
    return shell.run_cell(cell).result


def test_a_cell_is_an_operation(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """With its name; loops in it are its counters, its names are the notebook's, and its last value is shown."""
    assert run(shell, "%%progress Nightly report\nrows = [n * 2 for n in pk.track(range(5), 'rows')]\nsum(rows)") == 20
    assert shell.user_ns["rows"] == [0, 2, 4, 6, 8]
    (ended,) = publisher.ended
    assert (ended.name, ended.state, ended.kind) == ("Nightly report", "succeeded", "Nightly report")
    assert ended.stages[0].counters == () or ended.stages[0].counters[0].done == 5


@pytest.mark.parametrize(
    "body, state",
    [("1 / 0", "failed"), ("raise KeyboardInterrupt", "cancelled"), ("for n in [1]:\n    break", "succeeded")],
)
def test_the_operation_ends_as_its_cell(
    shell: InteractiveShell, publisher: RecordingPublisher, capsys: pytest.CaptureFixture[str], body: str, state: str
) -> None:
    """A failing cell fails it, and its traceback is shown once; a `break` is no failure."""
    run(shell, f"%%progress 'Cell' --notify failure\n{body}")
    (ended,) = publisher.ended
    assert (ended.state, ended.notify.when) == (state, "failure")
    if state == "failed":
        assert ended.error is not None
        assert ended.error.type == "ZeroDivisionError"
        assert capsys.readouterr().out.count("division by zero") == 1


def test_a_cell_without_a_name_has_its_first_line(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """A comment says best what it does."""
    run(shell, "%%progress\n\n# Clean the table\nx = 1")
    assert publisher.ended[0].name == "Clean the table"


def test_a_cell_that_awaits_is_told_what_to_do(
    shell: InteractiveShell, publisher: RecordingPublisher, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than doing nothing."""
    run(shell, "%%progress\nimport asyncio\nawait asyncio.sleep(0)")
    assert "use `async with progress_kit.ProgressTracker" in capsys.readouterr().out
    assert publisher.ended == []


def test_bars_of_libraries_are_captured_and_given_back(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """By `%progress_capture tqdm`, and `off`."""
    original = vars(tqdm.tqdm)["__init__"]
    run(shell, "%progress_capture tqdm")
    with tqdm.tqdm(range(3), desc="Rows", file=open("/dev/null", "w")) as bar:  # noqa: PTH123 - closed below
        list(bar)
    bar.fp.close()
    assert [ended.name for ended in publisher.ended] == ["Rows"]
    run(shell, "%progress_capture off")
    assert vars(tqdm.tqdm)["__init__"] is original
    assert capturing.taken() == {}


@pytest.mark.parametrize("line", ["%progress_capture teedee", "%progress_cells soon", "%progress_cells -1"])
def test_a_wrong_word_says_what_is_right(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """As an error of the cell."""
    run(shell, line)
    assert "InvalidValueError" in capsys.readouterr().out


class Gate:
    """Where a cell waits until the test has seen enough."""

    def __init__(self, look: Callable[[], list[Snapshot]]) -> None:
        self.seen: list[Snapshot] = []
        self._look = look

    def __call__(self) -> None:
        """Wait until there is an operation, and keep what it looks like."""
        for _ in range(1_000):
            if announce.running():
                break
            threading.Event().wait(0.02)
        self.seen = self._look()


def test_a_long_cell_is_an_operation(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """From then on, with the time that it has taken so far; it ends with the cell."""
    gate = shell.user_ns["gate"] = Gate(publisher.sample)
    run(shell, "%progress_cells 0.05")
    run(shell, "# Fit the model\ngate()\n1 / 0")
    (seen,) = gate.seen
    assert (seen.name, seen.state) == ("Fit the model", "running")
    assert seen.elapsed_s is not None
    assert seen.elapsed_s >= 0.05
    assert seen.actions == ("cancel",)
    assert [(ended.name, ended.state) for ended in publisher.ended] == [("Fit the model", "failed")]


def test_a_long_cell_with_an_operation_needs_no_second(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """What runs in it says more."""
    timers: list[threading.Thread] = []
    shell.user_ns["timers"] = timers
    run(shell, "%progress_cells 0.01")
    run(
        shell,
        "import threading\n"
        "with pk.ProgressTracker('Own', ['main']):\n"
        "    [each.join() for each in threading.enumerate() if isinstance(each, threading.Timer)]",
    )
    assert [ended.name for ended in publisher.ended] == ["Own"]


def test_a_long_cell_can_be_stopped_from_elsewhere(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """As by the stop button."""
    gate = shell.user_ns["gate"] = Gate(publisher.sample)
    shell.user_ns["stop"] = lambda: publisher.command(gate.seen[0].id, "cancel")
    run(shell, "%progress_cells 0.05")
    run(shell, "gate()\nstop()\nimport threading\nthreading.Event().wait(60)")
    assert [ended.state for ended in publisher.ended] == ["cancelled"]


def test_what_was_switched_off_is_off(shell: InteractiveShell, publisher: RecordingPublisher) -> None:
    """Neither cells nor libraries are looked at after `%unload_ext`."""
    run(shell, "%progress_cells 0.01\n%progress_capture tqdm")
    run(shell, "%unload_ext progress_kit")
    run(shell, "import threading\nthreading.Event().wait(0.05)")
    assert (publisher.snapshots(), capturing.taken()) == ([], {})
