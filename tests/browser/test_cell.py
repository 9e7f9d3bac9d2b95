import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk, bars, expect_to_move, open_panel, run_cell, save, value, violations
from tests.browser.lab import MIME, Lab

pytestmark = pytest.mark.browser

LOOP = """
import time
from pathlib import Path
import progress_kit as pk
for number in pk.track(range(5_000), "Weigh the atoms", unit="atoms"):
    if not Path("{stop}").exists():
        time.sleep({each_s})
"""
STAGES = """
import time
from pathlib import Path
import progress_kit as pk
with pk.ProgressTracker("Survey the stars", stages={{"load": 1, "look": 8, "tell": 1}}) as tracker:
    for star in tracker.stage("load").track(range(10)):
        time.sleep(0.02)
    for star in tracker.stage("look", unit="stars").track(range(5_000)):
        if not Path("{stop}").exists():
            time.sleep(0.02)
        tracker.message = f"NGC {{star}}"
        tracker.metrics["brightness"] = star / 7
        {disturb}
"""
FAIL = "if star == 40: raise ValueError('the sky <b>is</b> cloudy')"
DIG = """
import time
from pathlib import Path
import progress_kit as pk
from progress_kit.display import ProgressWidget
with pk.ProgressTracker("Dig", stages=["dig"]) as tracker:
    widget = ProgressWidget(tracker)
    display(widget)
    for spade in tracker.stage("dig", unit="spades").track(range(300)):
        while spade in (90, 240) and not Path(f"dig-{spade}").exists():
            time.sleep(0.05)
"""


def test_the_bar_moves_while_the_cell_runs(lab: Lab, desk: Desk) -> None:
    """Count, percentage and bar go on while the cell is busy; in the end it is one line."""
    lab.notebook("moves.ipynb", LOOP.format(stop="moves.stop", each_s=0.02))
    page = desk.notebook(lab, "moves.ipynb")
    run_cell(page)
    operation = bars(page)
    expect_to_move(operation)
    first = value(operation)
    expect(operation.get_by_role("progressbar")).not_to_have_attribute("aria-valuenow", str(first))
    assert value(operation) > first
    desk.picture(page, "running")
    (lab.root / "moves.stop").touch()
    expect(operation).to_have_class(re.compile("pk-look-succeeded"))
    expect(operation).to_contain_text("5,000 atoms in ")
    desk.picture(page, "succeeded")


def test_the_saved_file_holds_the_final_state(lab: Lab, desk: Desk) -> None:
    """Whoever opens the notebook without progress_kit sees how it ended, in html and in text."""
    lab.notebook("saved.ipynb", LOOP.format(stop="saved.stop", each_s=0.0005))
    page = desk.notebook(lab, "saved.ipynb")
    run_cell(page)
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    save(page)
    [output] = lab.saved_outputs("saved.ipynb")
    assert output["data"][MIME]["snapshot"]["state"] == "succeeded"
    assert "finished in" in "".join(output["data"]["text/plain"])
    assert "finished in" in "".join(output["data"]["text/html"])
    page.reload()
    expect(bars(page)).to_contain_text("5,000 atoms in ")
    expect(bars(page)).to_have_count(1)


def test_failed_and_cancelled_say_so_in_words(lab: Lab, desk: Desk) -> None:
    """The failed one names the exception, never as HTML; the cross of a running one cancels it."""
    lab.notebook("ends.ipynb", *(STAGES.format(disturb=disturb, stop="never") for disturb in (FAIL, "")))
    page = desk.notebook(lab, "ends.ipynb")
    run_cell(page, 0)
    expect(bars(page)).to_have_class(re.compile("pk-look-failed"))
    expect(bars(page)).to_contain_text("failed")
    expect(bars(page)).to_contain_text("ValueError: the sky <b>is</b> cloudy")
    run_cell(page, 1)
    operation = bars(page).nth(1)
    expect(operation).to_contain_text("NGC ")
    desk.picture(page, "failed-and-running")
    operation.get_by_role("button", name="Cancel Survey the stars").click()
    expect(operation).to_have_class(re.compile("pk-look-cancelled"))
    expect(operation).to_contain_text("cancelled")
    expect(page.locator(".jp-OutputArea").nth(1)).to_contain_text("OperationCancelled")
    panel = open_panel(page)
    expect(panel.locator(".pk-operation.pk-look-failed", has_text="Survey the stars")).to_be_visible()
    expect(panel.locator(".pk-line")).to_have_text("live")
    desk.picture(page, "failed-and-cancelled")


def test_a_widget_follows_an_operation_too(lab: Lab, desk: Desk) -> None:
    """What is built of ipywidgets can show an operation, live while the cell is busy, and its end."""
    lab.notebook("widget.ipynb", DIG)
    page = desk.notebook(lab, "widget.ipynb")
    run_cell(page)
    widget = page.locator(".jp-OutputArea-output:not(.pk-output) .pk-operation")
    for spade in (90, 240):
        expect(widget.locator(".pk-percent")).to_have_text(f"{spade // 3} %")
        desk.picture(page, f"widget-{spade}")
        (lab.root / f"dig-{spade}").touch()
    expect(widget).to_contain_text("300 spades in ")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_both_themes_are_readable(lab: Lab, desk: Desk, theme: str) -> None:
    """Every text of a running and of a failed operation stands out (WCAG's 4.5 : 1), and axe-core has no complaint."""
    settings = lab.home / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"theme": f"JupyterLab {theme}"}), encoding="utf-8")
    name = f"{theme}.ipynb"
    lab.notebook(name, *(STAGES.format(disturb=disturb, stop=f"{theme}.stop") for disturb in (FAIL, "")))
    page = desk.notebook(lab, name)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", str(theme == "Light").lower())
    run_cell(page, 0)
    expect(bars(page)).to_have_class(re.compile("pk-look-failed"))
    run_cell(page, 1)
    expect(bars(page).nth(1)).to_contain_text("NGC ")
    open_panel(page)
    desk.picture(page, theme.lower())
    for operation in bars(page).all():
        assert contrasts(operation) == {}
    for part in (".pk-panel-widget", ".jp-OutputArea .pk-output"):
        assert violations(page, part) == []
    (lab.root / f"{theme}.stop").touch()


def contrasts(operation: Locator) -> dict[str, float]:
    """The texts of an operation whose contrast is below 4.5 : 1, and that contrast."""
    found: dict[str, float] = operation.evaluate(
        """element => {
          const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const parse = colour => {
            pen.clearRect(0, 0, 1, 1);
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
            return [r, g, b, a / 255];
          };
          const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
          const light = rgb => {
            const [r, g, b] = rgb.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = parse(getComputedStyle(element).backgroundColor);
          const low = {};
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const shown = walker.currentNode.data.trim();
            const parent = walker.currentNode.parentElement;
            if (!shown || !parent.checkVisibility()) continue;
            const text = over(parse(getComputedStyle(parent).color), ground);
            const [dark, bright] = [light(text), light(ground)].sort((a, b) => a - b);
            const ratio = (bright + 0.05) / (dark + 0.05);
            if (ratio < 4.5) low[shown] = Math.round(100 * ratio) / 100;
          }
          return low;
        }"""
    )
    return found
