import re
import time

import pytest
from playwright.sync_api import Locator, expect

from progress_kit import clock
from tests.browser.desk import Desk, bars, expect_to_move, open_panel, run_cell, violations
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

SURVEY = """
import time
from pathlib import Path
import progress_kit as pk
with pk.ProgressTracker("Survey the stars", stages={{"load": 1, "look": 8, "tell": 1}}) as tracker:
    for star in tracker.stage("load").track(range(10)):
        time.sleep(0.02)
    for star in tracker.stage("look", unit="stars").track(range(5_000)):
        tracker.message = f"NGC {{star}}"
        tracker.metrics["brightness"] = (star * star) % 17
        if not Path("{stop}").exists():
            time.sleep(0.02)
"""
FAIL = """
import time
import progress_kit as pk
for number in pk.track(range(100), "Weigh <i>ghosts</i> של", unit="ghosts"):
    time.sleep(0.02)
    if number == 40:
        raise ValueError("there are none")
"""
PEEL = """
import time
import progress_kit as pk
with open("onions.log", "w", buffering=1) as log:
    for onion in pk.track(list(range(5_000)), "Peel onions", unit="onions"):
        print(onion, file=log)
        time.sleep(0.02)
"""
AN_HOUR_AHEAD = """
(() => {
  const Real = Date;
  const ahead = 3_600_000;
  window.Date = class extends Real {
    constructor(...when) { when.length === 0 ? super(Real.now() + ahead) : super(...when); }
    static now() { return Real.now() + ahead; }
  };
})();
"""
MANY = """
import contextvars
import time
from pathlib import Path
import progress_kit as pk
trackers = [pk.ProgressTracker(f"Operation {{number}}", stages=["main"]) for number in range(1_000)]
stages = [tracker.stage("main", total=100_000) for tracker in trackers]
for tracker, stage in zip(trackers, stages):
    # Side by side: in one context each would be inside the one before.
    context = contextvars.Context()
    context.run(tracker.__enter__)
    context.run(stage.__enter__)
while not Path("{stop}").exists():
    for stage in stages[::10]:
        stage.advance()
    time.sleep(0.1)
"""


def test_operations_are_found_in_their_groups(lab: Lab, desk: Desk) -> None:
    """What runs stands first, by its notebook; search, chips and groups lead to one among many, also by keyboard."""
    lab.script(FAIL).communicate()
    lab.notebook("stars.ipynb", SURVEY.format(stop="stars.stop"))
    page = desk.notebook(lab, "stars.ipynb")
    run_cell(page)
    panel = open_panel(page)
    expect(operation(panel, "Survey the stars")).to_contain_text("look")
    groups = panel.locator(".pk-group-name")
    expect(groups).to_have_text(["stars.ipynb", re.compile("script.py on ")])
    desk.picture(page, "groups")

    search = panel.get_by_role("searchbox", name="Search operations")
    search.fill("ghosts none")
    expect(panel.locator(".pk-operation")).to_have_count(1)
    expect(operation(panel, "Weigh <i>ghosts</i>")).to_contain_text("ValueError: there are none")
    search.fill("")
    failed = panel.get_by_role("button", name="Failed 1")
    failed.click()
    expect(failed).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".pk-operation")).to_have_count(1)
    failed.click()
    expect(panel.locator(".pk-operation")).to_have_count(2)

    panel.get_by_role("button", name="script.py").click()
    expect(panel.locator(".pk-operation")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    stages = panel.get_by_role("list", name="Stages")
    expect(stages.get_by_role("listitem")).to_have_count(3)
    expect(stages).to_contain_text("/ 5,000 stars")
    expect(panel.locator(".pk-metric-row .pk-spark")).to_be_visible()
    desk.picture(page, "expanded")
    assert violations(page, ".pk-panel-widget") == []
    assert violations(page, ".jp-OutputArea .pk-output") == []
    (lab.root / "stars.stop").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))


def test_the_panel_leads_to_the_cell_and_cancels_after_a_question(lab: Lab, desk: Desk) -> None:
    """A click opens the closed notebook at the cell; cancel asks first, and what has ended can be put away."""
    padding = ["'\\n'.join('x' * 60)"] * 30
    lab.notebook(
        "far.ipynb", *padding, SURVEY.format(stop="far.stop").replace("Survey the stars", "Follow the planets")
    )
    page = desk.notebook(lab, "far.ipynb")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 30; }")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    panel = open_panel(page)
    planets = operation(panel, "Follow the planets")
    expect(planets).to_be_visible()
    desk.excuse("Could not restore the debugger state")  # JupyterLab's own, when a notebook is closed early
    page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
    expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    planets.get_by_role("button", name="Follow the planets", exact=True).click()
    expect(page.locator(".jp-NotebookPanel")).to_be_visible()
    expect(bars(page)).to_be_in_viewport()
    desk.picture(page, "jumped")

    planets.get_by_role("button", name="Cancel Follow the planets").click()
    planets.get_by_role("button", name="no").click()
    expect(planets).to_have_class(re.compile("pk-look-running"))
    planets.get_by_role("button", name="Cancel Follow the planets").click()
    planets.get_by_role("button", name="yes").click()
    cancelled = panel.locator(".pk-operation.pk-look-cancelled")
    expect(cancelled).to_be_visible()
    cancelled.hover()
    cancelled.get_by_role("button", name="Dismiss Follow the planets").click()
    expect(cancelled).to_have_count(0)
    page.reload()
    panel = page.locator(".pk-panel-widget")
    expect(panel.locator(".pk-line")).to_have_text("live")
    expect(panel.locator(".pk-operation.pk-look-cancelled")).to_have_count(0)


def test_a_cell_that_cannot_be_cancelled_can_be_interrupted(lab: Lab, desk: Desk) -> None:
    """A loop that does not listen goes on after a cancel; its kernel's interrupt ends it."""
    lab.notebook(
        "deaf.ipynb",
        "import time\nimport progress_kit as pk\n"
        "with pk.ProgressTracker('Deaf', stages=['main']) as tracker:\n"
        "    with tracker.stage('main', total=10):\n        time.sleep(300)\n",
    )
    page = desk.notebook(lab, "deaf.ipynb")
    run_cell(page)
    panel = open_panel(page)
    deaf = operation(panel, "Deaf")
    deaf.get_by_role("button", name="Cancel Deaf").click()
    deaf.get_by_role("button", name="yes").click()
    expect(deaf).to_contain_text("not cancelled yet")
    desk.picture(page, "not-cancelled-yet")
    deaf.get_by_role("button", name="Interrupt the kernel of Deaf").click()
    deaf.get_by_role("button", name="yes").click()
    expect(deaf).to_have_class(re.compile("pk-look-cancelled"))


def test_work_is_paused_and_goes_on(lab: Lab, desk: Desk) -> None:
    """A pause from the panel makes the loop stand before its next item; it goes on with that, or is cancelled there."""
    lab.notebook("onions.ipynb", PEEL)
    page = desk.notebook(lab, "onions.ipynb")
    run_cell(page)
    panel = open_panel(page)
    onions = operation(panel, "Peel onions")
    expect_to_move(onions)
    onions.get_by_role("button", name="Pause Peel onions").click()
    expect(onions).to_have_class(re.compile("pk-look-paused"))
    expect(bars(page)).to_have_class(re.compile("pk-look-paused"))
    peeled = (lab.root / "onions.log").read_text(encoding="utf-8").splitlines()
    expect(onions.locator(".pk-count")).to_contain_text(f"{len(peeled):,} / 5,000 onions")
    onions.get_by_role("button", name="Details of Peel onions").click()
    expect(onions).to_contain_text(re.compile(r"paused for [2-9] s"))
    assert (lab.root / "onions.log").read_text(encoding="utf-8").splitlines() == peeled
    desk.picture(page, "paused")
    assert violations(page, ".pk-panel-widget") == []

    onions.get_by_role("button", name="Resume Peel onions").click()
    expect(onions).to_have_class(re.compile("pk-look-running"))
    expect_to_move(onions)
    onions.get_by_role("button", name="Pause Peel onions").click()
    expect(onions).to_have_class(re.compile("pk-look-paused"))
    onions.get_by_role("button", name="Cancel Peel onions").click()
    onions.get_by_role("button", name="yes").click()
    expect(onions).to_have_class(re.compile("pk-look-cancelled"))
    peeled = (lab.root / "onions.log").read_text(encoding="utf-8").splitlines()
    assert peeled == [str(number) for number in range(len(peeled))]


def test_a_browser_whose_clock_is_wrong_shows_the_time_of_the_hub(lab: Lab, desk: Desk) -> None:
    """Durations, the predicted end and what was just now are right although the browser is an hour ahead."""
    desk.context.add_init_script(AN_HOUR_AHEAD)
    lab.notebook("ahead.ipynb", SURVEY.format(stop="ahead.stop").replace("Survey the stars", "Wind the clocks"))
    page = desk.notebook(lab, "ahead.ipynb")
    assert abs(page.evaluate("Date.now()") / 1_000 - clock.wall() - 3_600) < 60
    began = clock.wall()
    run_cell(page)
    panel = open_panel(page)
    clocks = operation(panel, "Wind the clocks")
    clocks.get_by_role("button", name="Details of Wind the clocks").click()
    expect(clocks).to_contain_text(re.compile(r"elapsed [1-5]?\d s"))
    expect(clocks.locator(".pk-ends")).to_have_text(re.compile(r"about \d\d:\d\d"))
    desk.picture(page, "an-hour-ahead")
    started = re.search(r"started (\d\d:\d\d)", clocks.inner_text())
    assert started is not None
    assert started[1] in clock_times(began, clock.wall())
    # Where the panel is narrow there is no room for it.
    end = re.search(r"about (\d\d:\d\d)", clocks.locator(".pk-ends").text_content() or "")
    assert end is not None
    assert end[1] in clock_times(began, clock.wall() + 1_800)
    (lab.root / "ahead.stop").touch()
    expect(clocks).to_have_class(re.compile("pk-look-succeeded"))
    page.locator(".pk-badge").click()
    item = page.get_by_role("dialog", name="Recent completions").get_by_role("listitem").first
    expect(item).to_contain_text("Wind the clocks")
    expect(item).to_contain_text("just now")


def clock_times(first: float, last: float) -> set[str]:
    """The minutes from one moment to another, as clocks show them."""
    return {time.strftime("%H:%M", time.localtime(at)) for at in (*range(int(first), int(last), 30), last)}


def test_the_panel_stays_as_it_is_when_the_theme_changes(lab: Lab, desk: Desk) -> None:
    """Its rows are still there, in colours that can be read, and no narrower panel cuts off what they say."""
    lab.script(FAIL.replace("Weigh", "Count")).communicate()
    page = desk.open(lab)
    panel = open_panel(page)
    failed = operation(panel, "Count <i>ghosts</i>")
    expect(failed).to_be_visible()
    for theme in ("Dark", "Light") * 2:
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {theme}"
        )
        page.wait_for_function("theme => document.body.dataset.jpThemeName === `JupyterLab ${theme}`", arg=theme)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        expect(failed).to_be_visible()
        desk.picture(page, theme.lower())
        assert violations(page, ".pk-panel-widget") == []


def test_a_thousand_operations_stay_smooth(own_lab: Lab, desk: Desk) -> None:
    """Of a thousand live operations only those on the screen are in the page; all can be reached and found."""
    script = own_lab.script(MANY.format(stop="many.stop"))
    try:
        page = desk.open(own_lab)
        panel = open_panel(page)
        expect(panel.get_by_role("button", name="Running 1,000")).to_be_visible()
        expect(panel.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "1001")
        assert 3 < panel.locator(".pk-operation").count() < 40
        panel.get_by_role("row").first.focus()
        page.keyboard.press("End")
        assert 3 < panel.locator(".pk-operation").count() < 40
        expect(panel.locator(".pk-row[aria-rowindex='1001']")).to_be_focused()
        panel.get_by_role("searchbox").fill("operation 770")
        expect(panel.locator(".pk-operation")).to_have_count(1)
        expect(operation(panel, "Operation 770").locator(".pk-count")).not_to_have_text("0 / 100,000")
        desk.picture(page, "found")
        assert violations(page, ".pk-panel-widget") == []
    finally:
        (own_lab.root / "many.stop").touch()
        script.kill()
        script.communicate()


def operation(panel: Locator, name: str) -> Locator:
    """The operations in the panel whose texts hold `name`."""
    return panel.locator(".pk-operation", has_text=name)
