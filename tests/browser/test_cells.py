import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk, bars, open_panel, run_cell
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

# It reports nothing: a cell like any other.
WAIT = """
import time
from pathlib import Path
while not Path("{stop}").exists():
    time.sleep(0.05)
"""


@pytest.fixture
def patient_lab(own_lab: Lab) -> Lab:
    """A JupyterLab whose user has set that cells are operations after one second."""
    file = own_lab.home / "settings" / "progress-kit" / "settings.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cellsAfter_s": 1}))
    return own_lab


def group(panel: Locator, name: str) -> Locator:
    """The header of a group of operations."""
    return panel.locator(".pk-group-name", has_text=name)


def test_a_plain_cell_is_seen_and_leads_back_to_it(patient_lab: Lab, desk: Desk) -> None:
    """A cell that only waits shows with its notebook after a second, puts out nothing, and says how it ended."""
    patient_lab.notebook("nap.ipynb", "1 + 1", WAIT.format(stop="nap.stop"), "raise ValueError('no')")
    page = desk.notebook(patient_lab, "nap.ipynb")
    panel = open_panel(page)
    run_cell(page, 0)
    run_cell(page, 1)
    nap = panel.locator(".pk-operation", has_text="import time")
    expect(nap).to_be_visible()
    expect(nap).to_have_class(re.compile("pk-look-running"))
    expect(group(panel, "nap.ipynb")).to_be_visible()
    desk.picture(page, "running")
    expect(bars(page)).to_have_count(0)

    page.locator(".jp-Notebook .jp-CodeCell").nth(2).locator(".cm-content").click()
    nap.get_by_role("button", name="import time", exact=True).click()
    expect(page.locator(".jp-Notebook .jp-CodeCell").nth(1)).to_have_class(re.compile("jp-mod-active"))

    page.reload()
    panel = page.locator(".pk-panel-widget")
    nap = panel.locator(".pk-operation", has_text="import time")
    expect(nap).to_have_class(re.compile("pk-look-running"))
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    (patient_lab.root / "nap.stop").touch()
    expect(nap).to_have_class(re.compile("pk-look-succeeded"))
    expect(bars(page)).to_have_count(0)
    expect(panel.locator(".pk-operation")).to_have_count(1)
    desk.picture(page, "ended")


def test_a_plain_cell_is_cancelled_by_an_interrupt(patient_lab: Lab, desk: Desk) -> None:
    """Cancel interrupts the kernel of a cell that reports nothing, and the operation says that it was cancelled."""
    patient_lab.notebook("long.ipynb", WAIT.format(stop="never"))
    page = desk.notebook(patient_lab, "long.ipynb")
    panel = open_panel(page)
    run_cell(page)
    long = panel.locator(".pk-operation", has_text="import time")
    long.get_by_role("button", name="Cancel import time").click()
    long.get_by_role("button", name="yes").click()
    expect(long).to_have_class(re.compile("pk-look-cancelled"))
    expect(page.locator(".jp-OutputArea")).to_contain_text("KeyboardInterrupt")


def test_no_cell_is_an_operation_unless_the_user_says_so(own_lab: Lab, desk: Desk) -> None:
    """With the settings as they come, a plain cell stays a plain cell."""
    own_lab.notebook("plain.ipynb", "import time; time.sleep(3)", "print('done')")
    page = desk.notebook(own_lab, "plain.ipynb")
    panel = open_panel(page)
    run_cell(page, 0)
    run_cell(page, 1)
    expect(page.locator(".jp-OutputArea").nth(1)).to_contain_text("done")
    expect(panel.locator(".pk-line")).to_have_text("live")
    expect(panel.locator(".pk-operation")).to_have_count(0)
