import re

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, bars, expect_to_move, reload, run_cell, save
from tests.browser.lab import MIME, Lab

pytestmark = pytest.mark.browser

LOOP = """
import time
from pathlib import Path
import progress_kit as pk
for number in pk.track(range(5_000), "Count the grains", unit="grains"):
    if not Path("{stop}").exists():
        time.sleep(0.02)
"""


@pytest.mark.parametrize("saved", [False, True], ids=["unsaved", "saved"])
def test_a_reload_while_the_cell_runs_brings_the_bar_back(lab: Lab, desk: Desk, saved: bool) -> None:  # noqa: FBT001 - named by its id
    """Live, once, whether or not the file had the output; it has the end afterwards."""
    name = f"reload-{saved}.ipynb"
    lab.notebook(name, LOOP.format(stop=f"reload-{saved}"))
    page = desk.notebook(lab, name)
    run_cell(page)
    expect_to_move(bars(page))
    if saved:
        save(page)
    reload(page)
    expect(bars(page)).to_be_visible()
    expect_to_move(bars(page))
    expect(bars(page)).to_have_count(1)
    desk.picture(page, "after-reload")
    (lab.root / f"reload-{saved}").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    expect(bars(page)).to_have_count(1)
    page.wait_for_function(
        "() => [...window.jupyterapp.shell.currentWidget.content.model.cells.get(0).outputs.toJSON()]"
        f".every(output => output.data['{MIME}'].snapshot.state === 'succeeded')"
    )
    save(page)
    [output] = lab.saved_outputs(name)
    assert output["data"][MIME]["snapshot"]["state"] == "succeeded"


def test_a_cell_that_waited_at_the_reload_shows_its_bar(lab: Lab, desk: Desk) -> None:
    """JupyterLab takes in no output of a request of the page before; the bar comes all the same, once, with its end."""
    lab.notebook("queue.ipynb", LOOP.format(stop="queue-1"), LOOP.format(stop="queue-2"))
    page = desk.notebook(lab, "queue.ipynb")
    run_cell(page, 0)
    run_cell(page, 1)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    first, second = (cells.nth(number).locator(".pk-operation") for number in (0, 1))
    expect_to_move(first)
    reload(page)
    expect_to_move(first)
    (lab.root / "queue-1").touch()
    expect_to_move(second)
    desk.picture(page, "waited")
    (lab.root / "queue-2").touch()
    for bar in (first, second):
        expect(bar).to_have_class(re.compile("pk-look-succeeded"))
        expect(bar).to_have_count(1)


def test_a_second_tab_shows_the_same_bar_live(lab: Lab, desk: Desk) -> None:
    """A tab that is opened while the cell runs shows it too, once, and both see the end."""
    lab.notebook("second.ipynb", LOOP.format(stop="second"))
    first = desk.notebook(lab, "second.ipynb")
    run_cell(first)
    expect_to_move(bars(first))
    second = desk.notebook(lab, "second.ipynb")
    expect(bars(second)).to_be_visible()
    expect_to_move(bars(second))
    first.bring_to_front()
    expect_to_move(bars(first))
    (lab.root / "second").touch()
    for page in (first, second):
        expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
        expect(bars(page)).to_have_count(1)


def test_running_a_cell_again_leaves_one_bar(lab: Lab, desk: Desk) -> None:
    """After a reload the bar of the last run comes back, not that of the run before."""
    lab.notebook("again.ipynb", LOOP.format(stop="again"))
    page = desk.notebook(lab, "again.ipynb")
    for _ in range(2):
        run_cell(page)
        expect_to_move(bars(page))
        (lab.root / "again").touch()
        expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
        (lab.root / "again").unlink()
    run_cell(page)
    expect_to_move(bars(page))
    reload(page)
    expect_to_move(bars(page))
    expect(bars(page)).to_have_count(1)
    (lab.root / "again").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
