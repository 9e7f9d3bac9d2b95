import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import running
from tests.browser.desk import Desk, expect_to_move, reload, run_cell, save
from tests.browser.lab import MIME, Lab
from tests.browser.test_notifications import SPY, allow, come_back, leave, told

pytestmark = pytest.mark.browser

STATIC: Final = Path(__file__).parents[2] / "progress_kit" / "display" / "static"
COMPUTE = """
import pathlib, time
import progress_kit as pk

try:
    with pk.ProgressTracker("{name}", stages={{"read": 1, "write": 3}}, notify={notify}) as tracker:
        {show}
        for row in tracker.stage("read").track(range(10_000)):
            until = time.monotonic() + 0.02
            while time.monotonic() < until:  # no word of the kernel's own comes in between
                pass
            if pathlib.Path({gate!r}).exists():
                break
except pk.OperationCancelled:
    print("it was cancelled")
"""
# What there is of an editor's page: its colours, and nothing of Jupyter.
HOSTS: Final = {
    "VS Code, dark": "--vscode-editor-background: #1f1f1f; --vscode-editor-foreground: #cccccc; "
    "--vscode-progressBar-background: #0078d4; --vscode-errorForeground: #f85149; --vscode-charts-orange: #d18616; "
    "--vscode-charts-green: #89d185; --vscode-font-family: monospace; --vscode-font-size: 13px",
    "VS Code, light": "--vscode-editor-background: #ffffff; --vscode-editor-foreground: #3b3b3b; "
    "--vscode-progressBar-background: #005fb8; --vscode-errorForeground: #b01011; --vscode-charts-orange: #d18616; "
    "--vscode-charts-green: #388a34; --vscode-font-family: monospace; --vscode-font-size: 13px",
    "another page, dark": "color-scheme: dark",
    "another page, light": "color-scheme: light",
}
PAGE = """
async ([source, style, operations, hosts]) => {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { start, render } = await import(url);
  start(style);
  for (const [name, colours] of Object.entries(hosts)) {
    const host = document.body.appendChild(document.createElement('section'));
    host.style = `${colours}; background: var(--vscode-editor-background, Canvas); padding: 12px`;
    host.setAttribute('aria-label', name);
    for (const snapshot of operations) {
      const el = host.appendChild(document.createElement('div'));
      const told = { snapshot, now: Date.now() / 1000 };
      render({ model: { get: () => told, on() {}, off() {}, send() {} }, el });
    }
  }
}
"""


@pytest.fixture(scope="module")
def bare_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose pages have not got the labextension, on a server with the hub."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    config = lab.home / "config" / "labconfig" / "page_config.json"
    page = json.loads(config.read_text(encoding="utf-8"))
    page["disabledExtensions"]["progress-kit"] = True
    config.write_text(json.dumps(page), encoding="utf-8")
    yield from running(lab)


@pytest.fixture
def seated(desk: Desk) -> Desk:
    """A person's browser whose notifications can be looked at."""
    desk.context.add_init_script(SPY)
    return desk


def compute(name: str, gate: str, notify: str = "'default'", show: str = "pass") -> str:
    """The code of a loop that keeps the kernel busy until a file of the name `gate` is there."""
    return COMPUTE.format(name=name, notify=notify, show=show, gate=gate)


def bars(page: Page) -> Locator:
    """The operations that widgets show in the outputs of cells."""
    return page.locator(".jp-OutputArea .pk-operation")


def toasts(page: Page) -> Locator:
    """The widget's own toasts."""
    return page.locator(".pk-toast")


def test_without_the_labextension_a_widget_shows_the_loop_and_cancels_it(bare_lab: Lab, desk: Desk) -> None:
    """The bar moves while the kernel only computes; its button ends the loop; the saved output tells the end."""
    bare_lab.notebook("cancel.ipynb", compute("Copy", "never"))
    page = desk.notebook(bare_lab, "cancel.ipynb")
    run_cell(page)
    bar = bars(page)
    expect_to_move(bar)
    expect(bar).to_contain_text("left")
    desk.picture(page, "light")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait_for_function("document.body.dataset.jpThemeName === 'JupyterLab Dark'")
    bar.get_by_role("button", name="Details of Copy").click()
    expect(bar.locator(".pk-details")).to_contain_text("started")
    desk.picture(page, "dark")
    bar.get_by_role("button", name="Cancel Copy").click()
    output = page.locator(".jp-OutputArea-output")
    expect(output.filter(has_text="it was cancelled")).to_be_visible()
    expect(output.filter(has_text="Copy cancelled · after")).to_be_visible()
    expect(bars(page)).to_have_count(0)
    save(page)
    saved = bare_lab.saved_outputs("cancel.ipynb")[0]["data"]
    assert list(saved) == [MIME, "text/html", "text/plain"]
    assert saved[MIME]["snapshot"]["state"] == "cancelled"


def test_after_a_reload_the_widget_waits_for_the_kernel(bare_lab: Lab, desk: Desk) -> None:
    """The page asks the kernel for its widgets, and is answered when that is free: then the end stands there."""
    bare_lab.notebook("again.ipynb", compute("Copy", "copied"))
    page = desk.notebook(bare_lab, "again.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    save(page)
    reload(page)
    output = page.locator(".jp-OutputArea-output")
    expect(output).to_have_text("Loading widget...")
    (bare_lab.root / "copied").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    expect(output).to_have_count(1)


def test_the_widget_tells_of_the_end(bare_lab: Lab, seated: Desk) -> None:
    """A toast where the user has not looked; after a click that allowed it the browser, while the user is elsewhere."""
    bare_lab.notebook(
        "end.ipynb", compute("Bake <b>bread</b>", "baked", "'always'"), compute("Whistle", "whistled"), "1"
    )
    page = seated.notebook(bare_lab, "end.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    leave(page)
    (bare_lab.root / "baked").touch()
    toast = toasts(page).filter(has_text="Bake <b>bread</b> finished in")
    expect(toast).to_contain_text("end.ipynb")
    expect(toast.locator("i")).to_have_count(0)
    seated.picture(page, "toast")
    toast.get_by_role("button", name="Close").click()
    expect(toasts(page)).to_have_count(0)
    come_back(page)
    run_cell(page, 1)
    expect_to_move(bars(page))
    allow(seated, bare_lab)  # as the user would answer
    page.get_by_role("button", name="Notify me when Whistle ends").click()
    page.wait_for_function("window.asked === 1")
    leave(page)
    (bare_lab.root / "whistled").touch()
    page.wait_for_function("window.notified.length === 1")
    [title] = told(page)
    assert title.startswith("Whistle finished in")
    expect(toasts(page)).to_have_count(0)


def test_it_stands_in_a_layout_of_ipywidgets(bare_lab: Lab, desk: Desk) -> None:
    """Also where other widgets follow its traits; there it shows the end too."""
    show = (
        "import ipywidgets; widget = pk.ProgressWidget(tracker); label = ipywidgets.Label(); "
        "ipywidgets.dlink((widget, 'done'), (label, 'value'), lambda done: f'{done} rows'); "
        "display(ipywidgets.VBox([widget, label]))"
    )
    bare_lab.notebook(
        "layout.ipynb", "import os; os.environ['PROGRESS_KIT_WIDGET'] = 'off'", compute("Sort", "sorted", show=show)
    )
    page = desk.notebook(bare_lab, "layout.ipynb")
    run_cell(page, 0)
    run_cell(page, 1)
    box = page.locator(".widget-vbox")
    expect_to_move(box.locator(".pk-operation"))
    label = box.locator(".widget-label")
    before = label.inner_text()
    expect(label).not_to_have_text(before)
    desk.picture(page, "layout")
    (bare_lab.root / "sorted").touch()
    expect(box.locator(".pk-look-succeeded")).to_contain_text("Sort")


def test_it_takes_the_colours_of_its_host(desk: Desk) -> None:
    """Those of VS Code where the page has them, else the system's: an emulated page, without VS Code itself."""
    page = desk.context.new_page()
    page.set_content("<!doctype html><body>")
    source, style = ((STATIC / name).read_text(encoding="utf-8") for name in ("widget.js", "widget.css"))
    page.evaluate(PAGE, [source, style, [operation("running"), operation("failed"), operation("succeeded")], HOSTS])
    desk.picture(page, "hosts")
    for name in HOSTS:
        host = page.get_by_role("region", name=name)
        grounds = [
            each.evaluate("e => getComputedStyle(e).backgroundColor") for each in host.locator(".pk-operation").all()
        ]
        assert grounds == [host.evaluate("e => getComputedStyle(e).backgroundColor")] * 3
        dark = name.endswith("dark")
        colour = host.locator(".pk-name").first.evaluate("e => getComputedStyle(e).color")
        assert (brightness(colour) > 128) is dark
        assert (brightness(grounds[0]) < 128) is dark


def brightness(colour: str) -> float:
    """The mean of `rgb(1, 2, 3)`."""
    parts = [float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / 3


def operation(state: str) -> dict[str, Any]:
    """A snapshot as the kernel tells it."""
    stages: list[dict[str, Any]] = [
        {"name": name, "state": now, "weight": weight, "done": done, "total": 1836, "unit": "files", "rate": 74.0,
         "message": "", "started_s": 0.0, "elapsed_s": 60.0, "counters": [], "tasks": None}
        for name, now, weight, done in (("read", "succeeded", 1, 1836), ("analyse", state, 4, 698))
    ]  # fmt: skip
    return {
        "id": f"op_{state}", "seq": 1, "name": f"Survey ({state})", "kind": "Survey", "state": state,
        "stage": "analyse" if state == "running" else None, "fraction": 0.5, "message": "email/parser.py",
        "stages": stages, "tasks": [], "tasks_omitted": 0,
        "estimate": {"p10_s": 30.0, "p50_s": 41.0, "p90_s": 70.0, "basis": [], "slowdown": 3.1, "why": ""},
        "metrics": {"loss": 0.31}, "error": {"type": "ValueError", "message": "no luck"} if state == "failed" else None,
        "ended_early": False, "parent": None, "actions": ["cancel"] if state == "running" else [],
        "notify": {"when": "default", "after_s": None}, "started_at": 1.0, "elapsed_s": 64.0, "paused_s": 0.0,
        "ended_at": None if state == "running" else 65.0, "hub": None,
        "origin": {"host": "h", "pid": 1, "kernel_id": None, "notebook": "a.ipynb", "cell_id": None, "script": None},
    }  # fmt: skip
