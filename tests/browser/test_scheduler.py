import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk, bars, open_panel, run_cell, value
from tests.browser.detour import Detour
from tests.browser.lab import Lab
from tests.browser.test_line import OUTAGE, told, watch
from tests.browser.test_notifications import SPY, allow, finish, live, work
from tests.browser.test_notifications import told as notified

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "resume.ipynb"
NAME = "Customize résumé"
# Sections are not written anew before the test lets them, so that there is something to see for as long as it needs.
HELD = """
import pathlib, time
write = implement
def implement(section, lines, requirements):
    while not pathlib.Path({gate!r}).exists():
        pk.current().raise_if_cancelled()
        time.sleep(0.05)
    return write(section, lines, requirements)
"""


@pytest.fixture
def way(own_lab: Lab) -> Iterator[Detour]:
    """What lies between a browser and the server."""
    with Detour(own_lab) as detour:
        yield detour


def story(lab: Lab, gate: Path) -> None:
    """Put the résumé's notebook into the lab in two cells: what it needs, and the run; quicker, by fewer draws."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    [run] = [number for number, text in enumerate(code) if "ParallelTaskScheduler" in text]
    needed, found = re.subn(r"\bdraws=\d+", "draws=4", "\n".join(code[:run]))
    assert found == 2
    lab.notebook("resume.ipynb", needed + HELD.format(gate=str(gate)), code[run])


def operation(page: Page) -> Locator:
    """The résumé in the panel."""
    return page.locator(".pk-panel-widget .pk-operation", has_text=NAME).first


@pytest.mark.timeout(240)
def test_the_story_of_a_resume(own_lab: Lab, way: Detour, desk: Desk, tmp_path: Path) -> None:
    """Sections in parallel, live in panel and badge; an estimate bridges a cut line; one notification at the end."""
    gate = tmp_path / "gate"
    story(own_lab, gate)
    desk.context.add_init_script(SPY)
    desk.excuse(*OUTAGE)
    allow(desk, own_lab)
    page, far = desk.notebook(own_lab, "resume.ipynb"), desk.open(way.lab)
    for each in (page, far):
        live(each)
    panel = open_panel(far)
    run_cell(page, 0)
    run_cell(page, 1)

    # Live: tasks on workers in the panel, the cell and the badge; what is left is known by cost, on several workers.
    seen = operation(far)
    expect(seen.locator(".pk-task", has_text="Kestrel Hydrometry")).to_contain_text("process")
    expect(far.locator(".pk-badge")).to_have_attribute("aria-label", re.compile(r"1 running, \d+ %"))
    expect(bars(page).locator(".pk-task", has_text="Kestrel Hydrometry")).to_be_visible()
    far.wait_for_function(
        """async () => {
          const { operations } = await (await fetch('/progress-kit/api/operations')).json();
          return ['cost', 'workers'].every(each => operations[0]?.estimate?.basis.includes(each));
        }""",
        polling=250,
    )
    expect(seen.locator(".pk-head")).to_contain_text(re.compile(r"\d+ s"))
    desk.picture(far, "live")

    # The line is cut: what is shown goes on as an estimate, and says so; then comes the truth, without a jump back.
    watch(far)
    before = value(seen)
    way.cut()
    expect(seen).to_contain_text("estimated, offline for")
    far.wait_for_function("before => window.pkValues.at(-1) > before", arg=before, timeout=60_000)
    desk.picture(far, "simulated")
    assert value(seen) < 100
    way.heal()
    expect(panel.locator(".pk-line")).to_contain_text("live", timeout=40_000)
    expect(seen).not_to_contain_text("estimated", timeout=40_000)
    shown = far.evaluate("window.pkValues")
    assert shown == sorted(shown)
    assert told(own_lab)["state"] == "running"

    # The end is told once, to somebody who looks at something else.
    far.close()
    page.evaluate("window.away(true)")
    gate.touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"), timeout=60_000)
    expect(bars(page)).to_contain_text("30 tasks in")
    page.wait_for_function("window.notified.length > 0")
    finish(own_lab, work("Send it"))
    page.wait_for_function("window.notified.length > 1")
    assert [re.sub(r" in .*", "", title) for title in notified(page)] == [f"{NAME} finished", "Send it finished"]

    # And the history knows who did what.
    page.evaluate("window.jupyterapp.commands.execute('progress-kit:open-history')")
    page.locator(".pk-history").get_by_role("row").filter(has_text=NAME).click()
    run = page.locator(".pk-history").get_by_role("region", name=f"Run: {NAME}")
    expect(run.locator(".pk-lane-name")).to_contain_text(["stages", "process 1", "process 2"])
    expect(run.locator(".pk-gantt")).to_contain_text("30 tasks on ")
    run.locator(".pk-gantt").scroll_into_view_if_needed()
    desk.picture(page, "lanes")
