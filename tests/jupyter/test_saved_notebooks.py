"""Notebooks that were run by programs: what is in their files, and what others make of these."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
MIME = "application/vnd.progress-kit.operation.v1+json"
LOOPS = """
for row in pk.track(range(12), "Copy rows"):
    print(row)
    wait(0.05)
"""
STAGES = """
with pk.ProgressTracker("Train", stages={"load": 1, "fit": 3}) as tracker:
    for _ in tracker.stage("load").track(range(3)):
        pass
    for _ in tracker.stage("fit").track(range(5), unit="epochs"):
        wait(0.05)
"""
FAILURE = """
try:
    with pk.ProgressTracker("Upload") as tracker, tracker.stage("analysis", total=4) as stage:
        stage.advance(2)
        raise OSError("disk full")
except OSError:
    pass
"""


def made() -> NotebookNode:
    """A notebook of loops: a few updates long, with stages, and one that fails at once."""
    cells = ["import threading\nimport progress_kit as pk\nwait = threading.Event().wait", LOOPS, STAGES, FAILURE]
    notebook: NotebookNode = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell, id=f"cell-{at}") for at, cell in enumerate(cells)],  # type: ignore[no-untyped-call]
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    return notebook


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all is run, with no server in sight; operations are shown soon, so that they are updated."""
    home = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PROGRESS_KIT")]:
            patch.delenv(name)
        patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PROGRESS_KIT_ANNOUNCE_AFTER_S", "0.1")
        yield home


@pytest.fixture(scope="module")
def papermill(home: Path) -> subprocess.CompletedProcess[str]:
    """A run by papermill, which logs the outputs as they come."""
    nbformat.write(made(), home / "made.ipynb")  # type: ignore[no-untyped-call]
    command = [sys.executable, "-m", "papermill", "--log-output", "--no-progress-bar", "made.ipynb", "run.ipynb"]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def run(home: Path, papermill: subprocess.CompletedProcess[str]) -> NotebookNode:
    """The notebook that papermill wrote."""
    notebook: NotebookNode = nbformat.read(home / "run.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def shown(notebook: NotebookNode) -> list[NotebookNode]:
    """The outputs that are displays."""
    return [output for cell in notebook.cells for output in cell.outputs if output.output_type != "stream"]


@pytest.mark.slow
def test_papermill_has_one_output_for_each_operation(run: NotebookNode) -> None:
    """The end of it; however often it was updated meanwhile, and nothing on the cell's streams."""
    copied, trained, failed = shown(run)
    assert copied.data["text/plain"].startswith("Copy rows: finished in ")
    assert trained.data["text/plain"].startswith("Train: finished in ")
    assert failed.data["text/plain"].startswith("Upload: failed: OSError: disk full · after ")
    assert [output.data[MIME]["snapshot"]["state"] for output in shown(run)] == ["succeeded", "succeeded", "failed"]
    printed = "".join(output.text for output in run.cells[1].outputs if output.output_type == "stream")
    assert printed == "".join(f"{row}\n" for row in range(12))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Copy rows", "Train", "Upload"])
def test_the_log_of_papermill_is_not_flooded(papermill: subprocess.CompletedProcess[str], name: str) -> None:
    """A line for an operation."""
    assert len([line for line in papermill.stderr.splitlines() if line.startswith(f"{name}:")]) == 1


@pytest.mark.slow
def test_html_and_latex_show_how_it_ended(run: NotebookNode) -> None:
    """In words, without any script or style sheet of ours; LaTeX has the text."""
    html, _ = HTMLExporter().from_notebook_node(run)  # type: ignore[no-untyped-call]
    for part in ("<b>Copy rows</b> finished in ", "<b>Train</b> finished in ", "failed: OSError: disk full"):
        assert part in html
    latex, _ = LatexExporter().from_notebook_node(run)  # type: ignore[no-untyped-call]
    for part in ("Copy rows: finished in ", "Train: finished in ", "Upload: failed: OSError: disk full"):
        assert part in latex


def executed(runs: int) -> list[NotebookNode]:
    """The notebook after each of so many runs of it by nbclient."""
    notebooks = [made() for _ in range(runs)]
    for notebook in notebooks:
        runner = NotebookClient(notebook, kernel_name="python3", timeout=60, record_timing=False, coalesce_streams=True)
        runner.execute()
    return notebooks


@pytest.mark.slow
def test_a_timeless_notebook_is_the_same_after_each_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte, so that a diff shows what has changed; nbval, at its strictest, passes it again and again."""
    monkeypatch.setenv("PROGRESS_KIT_SAVED", "timeless")
    first, second = executed(2)
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert [output.data["text/plain"] for output in shown(first)] == [
        "Copy rows: finished",
        "Train: finished, 5 epochs",
        "Upload: failed: OSError: disk full · at 10 %",
    ]
    assert [output.output_type for output in first.cells[1].outputs] == ["stream", "display_data"]
    for name in ("first.ipynb", "again.ipynb"):
        nbformat.write(first, home / name)  # type: ignore[no-untyped-call]
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    where = ["--rootdir", str(home), "--config-file", os.devnull]
    checked = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *where, "first.ipynb", "again.ipynb"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "8 passed" in checked.stdout
