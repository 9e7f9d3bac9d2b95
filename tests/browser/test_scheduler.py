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
from tests.browser.test_notifications import SPY, allow, come_back, finish, leave, live, work
from tests.browser.test_notifications import told as notified
from tests.scheduler.engine_desk import gone, until

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "resume.ipynb"
NAME = "Customize résumé"
# Tasks that run until somebody stops them, each in a process whose id is known.
TASKS = """
import os, pathlib, time
import progress_kit as pk

def work(name):
    pathlib.Path(name).write_text(str(os.getpid()))
    task = pk.current()
    while True:
        task.advance(1, total=1_000_000)
        time.sleep(0.01)
"""
RUN = """
with pk.ParallelTaskScheduler({name!r}, engine="processes", max_workers=2) as scheduler:
    list(scheduler.map(work, [f"{name}-{{number}}.pid" for number in range(3)]))
"""
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
def way(lab: Lab) -> Iterator[Detour]:
    """What lies between a browser and the server."""
    with Detour(lab) as detour:
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
def test_the_story_of_a_resume(lab: Lab, way: Detour, desk: Desk, tmp_path: Path) -> None:
    """Sections in parallel, live in panel and badge; an estimate bridges a cut line; one notification at the end."""
    gate = tmp_path / "gate"
    story(lab, gate)
    desk.context.add_init_script(SPY)
    desk.excuse(*OUTAGE)
    allow(desk, lab)
    page, far = desk.notebook(lab, "resume.ipynb"), desk.open(way.lab)
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
    assert told(lab)["state"] == "running"

    # The end is told once, to somebody who looks at something else.
    far.close()
    leave(page)
    gate.touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"), timeout=60_000)
    expect(bars(page)).to_contain_text("30 tasks in")
    page.wait_for_function("window.notified.length > 0")
    finish(lab, work("Send it"))
    page.wait_for_function("window.notified.length > 1")
    assert [re.sub(r" in .*", "", title) for title in notified(page)] == [f"{NAME} finished", "Send it finished"]

    # And the history knows who did what.
    come_back(page)
    page.evaluate("window.jupyterapp.commands.execute('progress-kit:open-history')")
    page.locator(".pk-history").get_by_role("row").filter(has_text=NAME).click()
    run = page.locator(".pk-history").get_by_role("region", name=f"Run: {NAME}")
    expect(run.locator(".pk-lane-name")).to_contain_text(["stages", "process 1", "process 2"])
    expect(run.locator(".pk-gantt")).to_contain_text("30 tasks on ")
    run.locator(".pk-gantt").scroll_into_view_if_needed()
    desk.picture(page, "lanes")


def begun(lab: Lab, name: str) -> list[int]:
    """Wait until two tasks run; return the ids of their processes."""
    files = [lab.root / f"{name}-{number}.pid" for number in range(2)]
    until(lambda: all(file.exists() and file.read_text(encoding="ascii") for file in files))
    return [int(file.read_text(encoding="ascii")) for file in files]


@pytest.mark.timeout(180)
def test_a_cell_with_tasks_is_stopped(lab: Lab, desk: Desk) -> None:
    """From the panel, after a pause, or by an interrupt of the kernel: no process is left, and the next cell works."""
    lab.notebook("stop.ipynb", TASKS, RUN.format(name="Panel"), RUN.format(name="Keyboard"), "print(6 * 7)")
    page = desk.notebook(lab, "stop.ipynb")
    panel = open_panel(page)
    output = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea")
    run_cell(page, 0)
    run_cell(page, 1)
    pids = begun(lab, "Panel")
    work = panel.locator(".pk-operation", has_text="Panel").first
    work.get_by_role("button", name="Pause Panel").click()
    expect(work).to_have_class(re.compile("pk-look-paused"))
    desk.picture(page, "paused")
    work.get_by_role("button", name="Resume Panel").click()
    expect(work).to_have_class(re.compile("pk-look-running"))
    work.get_by_role("button", name="Cancel Panel").click()
    work.get_by_role("button", name="yes").click()
    expect(work).to_have_class(re.compile("pk-look-cancelled"))
    expect(output.nth(1)).to_contain_text("OperationCancelled")
    gone(pids)
    assert not (lab.root / "Panel-2.pid").exists()

    run_cell(page, 2)
    pids = begun(lab, "Keyboard")
    work = panel.locator(".pk-operation", has_text="Keyboard").first
    expect(work).to_have_class(re.compile("pk-look-running"))  # what ends sooner is not shown
    page.evaluate("window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    expect(output.nth(2)).to_contain_text("KeyboardInterrupt")
    expect(work).to_have_class(re.compile("pk-look-cancelled"))
    gone(pids)
    run_cell(page, 3)
    expect(output.nth(3)).to_contain_text("42")
    desk.picture(page, "stopped")
