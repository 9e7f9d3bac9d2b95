"""The history tab: past runs of a server in a table, what was usual of them, and where the time of one went."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import running
from tests.browser.desk import Desk, violations
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

KIND: Final = "Fit models"
LONG: Final = "Long enough to be estimated"
OTHER: Final = "Nightly report <b>&amp;"

# 30 runs of one kind that take about 0.6 s, the 21st six times as long, the 11th failed, the 16th cancelled, two of
# another kind, and one of 9 s.
RUNS: Final = f"""
import time
from concurrent.futures import ThreadPoolExecutor
import progress_kit as pk

def fit(number):
    with pk.ProgressTracker("Fit 240 models", kind={KIND!r}, stages={{"load": 1, "fit": 4, "test": 1}}) as tracker:
        with tracker.stage("load", total=2, unit="files") as stage:
            for _ in range(2):
                time.sleep(0.05)
                stage.advance()
        with tracker.stage("fit", total=40, unit="models") as stage:
            for model in range(40):
                time.sleep(0.1 if number == 20 else 0.011 + 0.0001 * (number % 7))
                if number == 10 and model == 20:
                    raise ValueError("Input X contains NaN")
                if number == 15 and model == 38:
                    raise pk.OperationCancelled("enough")
                stage.advance()
        with tracker.stage("test", total=1) as stage:
            time.sleep(0.06)
            stage.advance()

def run(number):
    try:
        fit(number)
    except (ValueError, pk.OperationCancelled):
        pass

def report(number):
    for page in pk.track(range(60), {OTHER!r}, kind="report", unit="pages"):
        time.sleep(0.01)

def wait():
    for step in pk.track(range(300), {LONG!r}, kind="long", unit="steps"):
        time.sleep(0.03)

with ThreadPoolExecutor(4) as pool:
    pool.submit(wait)
    pool.map(run, range(30))
    pool.map(report, range(2))
"""
ONE_MORE: Final = f"""
import time
import progress_kit as pk
for model in pk.track(range(60), "One more", kind={KIND!r}, unit="models"):
    time.sleep(0.012)
"""


@pytest.fixture(scope="module")
def past(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab with 33 past runs."""
    del chromium
    for lab in running(Lab(tmp_path_factory.mktemp("past"))):
        run_script(lab, RUNS)
        yield lab


def run_script(lab: Lab, code: str) -> None:
    """Run a script to its end."""
    process = lab.script(code)
    process.communicate(timeout=50)
    assert process.returncode == 0


def open_history(page: Page, **args: str) -> Locator:
    """Open the history by its command, and return it."""
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('progress-kit:open-history')")
    page.evaluate("args => window.jupyterapp.commands.execute('progress-kit:open-history', args)", args)
    history = page.locator(".pk-history")
    expect(history).to_be_visible()
    return history


def rows(history: Locator) -> Locator:
    """The runs that are in view."""
    return history.get_by_role("row").filter(has=history.page.get_by_role("gridcell"))


def foot(history: Locator) -> Locator:
    """How many runs are shown."""
    return history.locator(".pk-history-foot")


def in_theme(page: Page, theme: str) -> None:
    """Change the theme of JupyterLab."""
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=theme)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)


def with_timeline(page: Page) -> None:
    """Let the server's answer have a timeline, as a scheduler sends it: three workers, a failed attempt, overlaps."""

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["spans"] = [
            [f"model {task}", "fit", f"worker {task % 3 + 1}", 1, 0.1 + task // 3 * 0.12, 0.2 + task // 3 * 0.12, state]
            for task in range(12)
            for state in ["failed" if task == 4 else "succeeded"]
        ] + [["model 4", "fit", "worker 2", 2, 0.58, 0.64, "succeeded"]]
        route.fulfill(response=response, json=body)

    page.route("**/operations/*/tasks*", answer)


def test_the_table_is_sorted_searched_and_filtered(past: Lab, desk: Desk) -> None:
    """Past runs stand in a table; headings sort, words and chips narrow it down, names are text and never markup."""
    page = desk.open(past)
    history = open_history(page)
    expect(foot(history)).to_have_text("33 runs")
    desk.picture(page, "table-light")
    assert violations(page, ".pk-history") == []
    history.get_by_role("button", name="duration").click()
    expect(history.get_by_role("columnheader", name="duration")).to_have_attribute("aria-sort", "descending")
    expect(rows(history)).to_contain_text([LONG, re.compile(r"\d\.\d s.*× usual")])
    history.get_by_role("button", name="name", exact=True).click()
    expect(rows(history).first).to_contain_text("Fit 240 models")
    history.get_by_role("searchbox").fill("input nan")
    expect(foot(history)).to_have_text("1 run")
    expect(rows(history)).to_contain_text("failed")
    history.get_by_role("searchbox").fill("nightly <b>")
    expect(rows(history)).to_contain_text([OTHER, OTHER])
    history.get_by_role("searchbox").fill("")
    history.get_by_role("button", name="cancelled 1").click()
    expect(foot(history)).to_have_text("1 of 33 runs")
    desk.picture(page, "filtered")


def test_a_kind_shows_what_is_usual(past: Lab, desk: Desk) -> None:
    """A kind is plotted run by run, and said in words to those who do not see it; a click opens the run under it."""
    page = desk.open(past)
    history = open_history(page, kind=KIND)
    expect(foot(history)).to_have_text("30 runs")
    plot = history.get_by_role(
        "img", name=re.compile(r"^30 runs, median \d\.\d s, .*1 failed, 1 cancelled, the longest")
    )
    expect(plot.locator("canvas")).to_be_visible()
    desk.picture(page, "kind-light")
    assert violations(page, ".pk-history") == []
    before = plot.screenshot()
    in_theme(page, "JupyterLab Dark")
    expect(plot.locator("canvas")).to_be_visible()
    assert plot.screenshot() != before
    desk.picture(page, "kind-dark")
    assert violations(page, ".pk-history") == []
    plot.click()
    expect(history.get_by_role("region", name="Run: Fit 240 models")).to_be_visible()


def test_one_run_tells_where_its_time_went(past: Lab, desk: Desk) -> None:
    """One run says whether it was normal, where the time went, who did what when, and how good its estimate was."""
    page = desk.open(past)
    with_timeline(page)
    history = open_history(page, kind=KIND)
    history.get_by_role("button", name="duration").click()
    rows(history).first.click()
    run = history.get_by_role("region", name="Run: Fit 240 models")
    expect(run).to_contain_text("Slower than usual")
    for name in ("Is this run normal?", "Where the time went", "Stages and workers"):
        expect(run.get_by_role("heading", name=name)).to_be_visible()
    expect(run.get_by_role("row", name=re.compile(r"^fit .* s \d+ % [\d.]+× usual"))).to_be_visible()
    expect(run.get_by_role("row", name=re.compile("^model 4 worker 2 2 "))).to_be_visible()
    expect(run.locator(".pk-lane-name")).to_contain_text(["stages", "worker 1", "worker 2", "worker 3"])
    expect(run.locator(".pk-plot canvas").first).to_be_visible()
    page.set_viewport_size({"width": 1500, "height": 1900})
    for theme, name in (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")):
        in_theme(page, theme)
        expect(run.locator(".pk-plot canvas").first).to_be_visible()
        desk.picture(page, f"run-{name}")
        assert violations(page, ".pk-history") == []
    page.set_viewport_size({"width": 700, "height": 1900})
    expect(rows(history).first).to_be_hidden()
    desk.picture(page, "run-narrow")
    page.keyboard.press("Escape")
    expect(rows(history).first).to_be_visible()
    desk.picture(page, "kind-narrow")


def test_an_estimate_stands_against_the_truth(past: Lab, desk: Desk) -> None:
    """Of a run that was estimated the predicted end is drawn against the true one, and judged in words."""
    page = desk.open(past)
    history = open_history(page)
    history.get_by_role("searchbox").fill(LONG)
    rows(history).first.click()
    run = history.get_by_role("region", name=f"Run: {LONG}")
    expect(run.get_by_role("heading", name="Estimate against truth")).to_be_visible()
    plot = run.get_by_role("img", name=re.compile(r"The predicted end .* within 10 % of the true one"))
    expect(plot.locator("canvas")).to_be_visible()
    plot.scroll_into_view_if_needed()
    desk.picture(page, "estimate")


def test_the_table_is_walked_by_keys(past: Lab, desk: Desk) -> None:
    """Arrows walk from run to run, Enter opens one, Escape closes it and leads back to its row."""
    page = desk.open(past)
    history = open_history(page)
    expect(foot(history)).to_have_text("33 runs")
    rows(history).first.focus()
    for key in ("ArrowDown", "ArrowDown", "End"):
        page.keyboard.press(key)
    expect(history.locator("[role=row]:focus")).to_have_attribute("aria-rowindex", "34")
    page.keyboard.press("Enter")
    expect(history.get_by_role("region", name="Run: ")).to_be_visible()
    expect(history.locator("[role=row][aria-selected=true]")).to_have_attribute("aria-rowindex", "34")
    page.keyboard.press("Escape")
    expect(history.get_by_role("region", name="Run: ")).to_have_count(0)
    expect(history.locator("[role=row]:focus")).to_have_attribute("aria-rowindex", "34")


def test_what_is_filtered_is_exported(past: Lab, desk: Desk, tmp_path: Path) -> None:
    """The files have what is filtered, all of it, as a spreadsheet and as programs read it."""
    page = desk.open(past)
    history = open_history(page, kind=KIND)
    history.get_by_role("button", name=re.compile("^succeeded")).click()
    expect(foot(history)).to_have_text("28 of 30 runs")
    for name in ("csv", "json"):
        with page.expect_download() as download:
            history.get_by_role("button", name=f"Export as {name.upper()}").click()
        assert download.value.suggested_filename == f"progress-history.{name}"
        download.value.save_as(tmp_path / name)
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    snapshots = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    assert len(table) == len(snapshots) == 28
    assert {row["kind"] for row in table} == {KIND}
    assert {row["outcome"] for row in table} == {"succeeded"}
    assert float(table[0]["duration_s"]) == pytest.approx(snapshots[0]["elapsed_s"], abs=0.001)


def test_a_run_that_ends_appears_and_is_deleted_for_good(own_lab: Lab, desk: Desk) -> None:
    """What ends while the tab is open comes by itself; what is deleted asks first, and does not come back."""
    page = desk.open(own_lab)
    history = open_history(page)
    expect(history).to_contain_text("No run has ended yet")
    run_script(own_lab, ONE_MORE)
    run_script(own_lab, ONE_MORE)
    run_script(own_lab, ONE_MORE)
    expect(foot(history)).to_have_text("3 runs")
    rows(history).first.click()
    run = history.get_by_role("region", name="Run: One more")
    run.get_by_role("button", name="delete…").click()
    run.get_by_role("button", name="keep").click()
    expect(foot(history)).to_have_text("3 runs")
    run.get_by_role("button", name="delete…").click()
    run.get_by_role("button", name="delete", exact=True).click()
    expect(foot(history)).to_have_text("2 runs")
    reopened = open_history(page, kind=KIND)
    reopened.get_by_role("button", name="delete all…").click()
    reopened.get_by_role("button", name="delete", exact=True).click()
    expect(history).to_contain_text("No run has ended yet")
    page.reload()
    # The tab and what it showed are restored with the workspace.
    expect(page.locator(".pk-history")).to_contain_text("No run has ended yet")


def test_ten_thousand_runs_stay_usable(past: Lab, desk: Desk) -> None:
    """Of 10,000 runs only those in view exist in the page; all can be sorted, searched and walked through."""
    page = desk.open(past)
    many_runs(page, 10_000)
    history = open_history(page)
    history.get_by_role("button", name="duration").click()
    # The page itself has seen some end within the last hour.
    expect(foot(history)).to_have_text("10,033 runs")
    assert rows(history).count() < 80
    expect(rows(history).first).to_contain_text("run 9999")
    history.get_by_role("button", name="name", exact=True).click()
    expect(rows(history).first).to_contain_text("Fit 240 models")
    rows(history).first.focus()
    page.keyboard.press("End")
    expect(history.locator("[role=row]:focus")).to_contain_text("run 9999")
    history.get_by_role("searchbox").fill("run 7777")
    expect(foot(history)).to_have_text("1 run")


@pytest.fixture
def notebook7(tmp_path: Path) -> Iterator[Lab]:
    """A running Jupyter Notebook."""
    yield from running(Lab(tmp_path, "notebook"))


def test_jupyter_notebook_shows_it_too(notebook7: Lab, desk: Desk) -> None:
    """Jupyter Notebook shows the history as a tab of its tree, and below a notebook."""
    desk.excuse("reading 'schema'")  # Notebook 7.6 says so by itself, also with our extension disabled
    notebook7.notebook("work.ipynb", "1 + 1")
    run_script(notebook7, ONE_MORE)
    for path in ("tree", "notebooks/work.ipynb"):
        page = desk.open(notebook7, path)
        expect(page.locator("#main-panel, .jp-Notebook").first).to_be_visible()
        history = open_history(page)
        expect(foot(history)).to_have_text("1 run")
        desk.picture(page, path.split("/", maxsplit=1)[0])


def many_runs(page: Page, number: int) -> None:
    """Let the server's history be long."""
    (first,) = page.evaluate(
        """async () => {
          const address = new URL('/progress-kit/api/history?limit=1', location.href);
          return (await (await fetch(address)).json()).items;
        }"""
    )

    def answer(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        start, limit = int(query.get("before", ["0"])[0]), int(query["limit"][0])
        stop = min(number, start + limit)
        items = [
            {
                **first,
                "id": f"op_{place}",
                "name": f"run {place}",
                "elapsed_s": 1.0 + place,
                "kind": f"kind {place % 50}",
            }
            for place in range(start, stop)
        ]
        route.fulfill(json={"items": items, "next": str(stop) if stop < number else None})

    page.route("**/progress-kit/api/history?*", answer)
