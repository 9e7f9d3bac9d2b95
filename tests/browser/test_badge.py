import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import running
from tests.browser.desk import Desk, bars, expect_to_move, run_cell, violations
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

LOOP = """
import time
from pathlib import Path
import progress_kit as pk
for number in pk.track(range(5_000), "Count the grains", unit="grains"):
    if not Path("{stop}").exists():
        time.sleep(0.02)
"""
SCRIPT = """
import sys, time
import progress_kit as pk
for line in sys.stdin:
    name, _, failure = line.strip().partition("!")
    try:
        with pk.ProgressTracker(name, stages=["main"]):
            time.sleep(0.6)
            if failure:
                raise ValueError(failure)
    except ValueError:
        pass
"""


@pytest.fixture
def notebook7(tmp_path: Path) -> Iterator[Lab]:
    """A running Jupyter Notebook."""
    yield from running(Lab(tmp_path / "notebook7", "notebook"))


def badge(page: Page) -> Locator:
    """The badge in the top bar."""
    return page.locator(".pk-badge")


def completions(page: Page) -> Locator:
    """The list that the badge opens."""
    return page.get_by_role("dialog", name="Recent completions")


def ring(page: Page) -> Locator:
    """The ring as the icon of the tab."""
    return page.locator("link.pk-favicon")


def set_settings(lab: Lab, **values: object) -> None:
    """Write the user's settings."""
    file = lab.home / "settings" / "progress-kit" / "settings.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values), encoding="utf-8")


def test_everything_that_runs_is_seen_from_everywhere(lab: Lab, desk: Desk) -> None:
    """Badge, status bar, title and icon of the tab follow while it runs, and are as before when it has ended."""
    lab.notebook("grains.ipynb", LOOP.format(stop="grains.stop"))
    page = desk.notebook(lab, "grains.ipynb")
    expect(badge(page)).to_have_attribute("aria-label", "Progress: nothing runs")
    title = page.title()
    run_cell(page)
    expect_to_move(bars(page))
    expect(badge(page)).to_have_attribute("aria-label", re.compile(r"Progress: 1 running, \d+ %"))
    expect(page).to_have_title(re.compile(r"^\[\d+%\] "))
    expect(ring(page)).to_have_attribute("rel", "icon")
    expect(page.locator("link[rel=icon]")).to_have_count(1)
    status = page.locator("#jp-main-statusbar .pk-overall")
    expect(status).to_contain_text(re.compile(r"^1 running · "))
    desk.picture(page, "running")
    status.click()
    expect(page.locator("#progress-kit-panel")).to_be_visible()
    (lab.root / "grains.stop").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    expect(badge(page)).to_have_attribute("aria-label", "Progress: nothing runs")
    expect(page).to_have_title(title)
    expect(ring(page)).to_have_count(0)
    expect(page.locator("link[rel=icon]")).to_have_count(1)
    expect(status).to_be_hidden()


def test_the_list_tells_what_ended_and_leads_there(lab: Lab, desk: Desk) -> None:
    """What ended out of sight is unread in the badge; the list has it, and leads to its cell by the keyboard alone."""
    lab.notebook("ends.ipynb", LOOP.format(stop="ends.stop"))
    lab.notebook("front.ipynb", "1")
    page = desk.notebook(lab, "ends.ipynb")
    run_cell(page)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:open', {path: 'front.ipynb'})")
    expect(page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")).to_have_count(1)
    (lab.root / "ends.stop").touch()
    expect(badge(page)).to_have_attribute("aria-label", re.compile("not seen yet: 1 ended"))
    badge(page).focus()
    page.keyboard.press("Enter")
    item = completions(page).get_by_role("listitem").first
    expect(item).to_contain_text("Count the grains finished in")
    expect(item).to_contain_text("ends.ipynb · just now")
    expect(completions(page)).to_be_focused()
    desk.picture(page, "list")
    page.keyboard.press("Escape")
    expect(completions(page)).to_have_count(0)
    expect(badge(page)).to_be_focused()
    page.keyboard.press("Enter")
    item.get_by_role("button", name="Open Count the grains").focus()
    page.keyboard.press("Enter")
    expect(completions(page)).to_have_count(0)
    expect(page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea .pk-operation")).to_be_visible()
    expect(badge(page)).to_have_attribute("aria-label", "Progress: nothing runs")


def test_two_tabs_agree_on_what_was_read(lab: Lab, desk: Desk) -> None:
    """A script's ends are unread in both tabs; what is read in one is read in the other, after a reload too."""
    first, second = desk.open(lab), desk.open(lab)
    script = lab.script(SCRIPT)
    script.communicate("Sweep\nMop!the <b>bucket</b> is empty\n", timeout=40)
    for page in (first, second):
        expect(badge(page)).to_have_attribute("aria-label", re.compile("not seen yet: 1 failed, 1 ended"))
    badge(first).click()
    expect(completions(first).locator(".pk-unread")).to_have_count(2)
    expect(completions(first)).to_contain_text("ValueError: the <b>bucket</b> is empty")
    first.get_by_role("button", name="mark all read").click()
    for page in (first, second):
        expect(badge(page)).to_have_attribute("aria-label", "Progress: nothing runs")
    second.reload()
    badge(second).click()
    expect(completions(second).get_by_role("listitem").first).to_contain_text("Mop failed")
    expect(completions(second).locator(".pk-unread")).to_have_count(0)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_list_is_accessible_in_both_themes(lab: Lab, desk: Desk, theme: str) -> None:
    """axe-core, with the colours as they are drawn, has nothing to say against badge and list."""
    themes = lab.home / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    themes.parent.mkdir(parents=True, exist_ok=True)
    themes.write_text(json.dumps({"theme": f"JupyterLab {theme}"}), encoding="utf-8")
    page = desk.open(lab)
    script = lab.script(SCRIPT)
    script.communicate(f"Rake {theme}\nDig {theme}!no spade\n", timeout=40)
    expect(badge(page)).to_have_attribute("aria-label", re.compile("1 failed, 1 ended"))
    badge(page).click()
    desk.picture(page, theme.lower())
    found = violations(page, ".pk-completions") + violations(page, ".pk-badge")
    page.get_by_role("button", name="mark all read").click()
    expect(badge(page)).to_have_attribute("aria-label", "Progress: nothing runs")
    assert found == []


def test_what_is_switched_off_does_not_show(own_lab: Lab, desk: Desk) -> None:
    """Badge, status bar, title and icon each have a setting."""
    set_settings(own_lab, badge=False, statusBar=False, tabTitle=False, favicon=False)
    own_lab.notebook("off.ipynb", LOOP.format(stop="off.stop"))
    page = desk.notebook(own_lab, "off.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    expect(page.locator("#progress-kit-badge")).to_be_hidden()
    expect(page.locator(".pk-overall")).to_be_hidden()
    expect(ring(page)).to_have_count(0)
    assert not page.title().startswith("[")
    (own_lab.root / "off.stop").touch()


def test_the_running_panel_lists_and_cancels(lab: Lab, desk: Desk) -> None:
    """Among the running sessions an operation has its name, leads to its cell, and can be cancelled."""
    lab.notebook("listed.ipynb", LOOP.format(stop="listed.stop"))
    page = desk.notebook(lab, "listed.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    section = page.locator(".jp-RunningSessions-section", has_text="Count the grains")
    expect(section).to_be_visible()
    desk.picture(page, "running-panel")
    item = section.locator(".jp-RunningSessions-item", has_text="Count the grains")
    item.hover()
    item.get_by_title("Cancel").click()
    expect(bars(page)).to_have_class(re.compile("pk-look-cancelled"))
    expect(page.locator(".pk-running-item")).to_have_count(0)


def test_the_palette_has_the_commands(lab: Lab, desk: Desk) -> None:
    """What can be done now is in the palette; the command that cancels asks which operation."""
    lab.notebook("palette.ipynb", LOOP.format(stop="palette.stop"))
    page = desk.notebook(lab, "palette.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    page.keyboard.press("Control+Shift+c")
    palette = page.locator(".lm-CommandPalette")
    palette.locator("input").fill("progress")
    desk.picture(page, "palette")
    # JupyterLab leaves out what cannot be done now: there is nothing to mark as read.
    for label in ("Show Progress Panel", "Show Recent Completions", "Enable Browser Notifications"):
        expect(palette.get_by_text(label, exact=True)).to_be_visible()
    palette.get_by_text("Cancel Operation…", exact=True).click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Count the grains")
    desk.picture(page, "cancel")
    dialog.get_by_role("button", name="Cancel It").click()
    expect(bars(page)).to_have_class(re.compile("pk-look-cancelled"))


def test_notebook_7_has_badge_and_title_too(notebook7: Lab, desk: Desk) -> None:
    """In Jupyter Notebook the badge is in its top bar, and title and icon of the tab follow."""
    desk.excuse("reading 'schema'")  # Notebook 7.6 says so by itself, also with our extension disabled
    notebook7.notebook("seven.ipynb", LOOP.format(stop="stop"))
    page = desk.notebook(notebook7, "seven.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    expect(page.locator("#top-panel .pk-badge")).to_have_attribute("aria-label", re.compile("1 running"))
    expect(page).to_have_title(re.compile(r"^\[\d+%\] "))
    expect(ring(page)).to_have_attribute("rel", "icon")
    badge(page).click()
    expect(completions(page)).to_be_visible()
    desk.picture(page, "notebook7")
    (notebook7.root / "stop").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    expect(page).not_to_have_title(re.compile(r"^\["))


def test_notebook_7_leads_to_the_cell_of_another_notebook(notebook7: Lab, desk: Desk) -> None:
    """It opens in a tab of its own, and there the cell is selected."""
    # Notebook 7.6 says so by itself, the second when it opens another notebook.
    desk.excuse("reading 'schema'", "reading 'updateRenderOption'")
    notebook7.notebook("front.ipynb", "1")
    notebook7.notebook("back.ipynb", "1", "2", LOOP.format(stop="back.stop"), "4")
    page = desk.notebook(notebook7, "back.ipynb")
    run_cell(page, 2)
    expect_to_move(bars(page))
    page.close()
    page = desk.notebook(notebook7, "front.ipynb")
    (notebook7.root / "back.stop").touch()
    expect(badge(page)).to_have_attribute("aria-label", re.compile("not seen yet: 1 ended"))
    badge(page).click()
    with desk.context.expect_page() as opened:
        completions(page).get_by_role("button", name="Open Count the grains").click()
    active = opened.value.locator(".jp-Notebook .jp-CodeCell.jp-mod-active")
    expect(active).to_contain_text("Count the grains")
    expect(active).to_be_in_viewport()
