"""What a person does with notebooks in a browser, and what they see there of an operation."""

import re
from pathlib import Path
from typing import Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.lab import Lab

AXE: Final = Path(__file__).parents[2] / "jupyter_ext/labextension/node_modules/axe-core/axe.min.js"
# How long a page may take on a busy machine; how fast it is, the benchmarks measure.
PATIENCE_MS: Final = 40_000

expect.set_options(timeout=PATIENCE_MS)


class Desk:
    """A browser of one person; `complaints` is what its pages wrote as errors, and we as warnings."""

    def __init__(self, context: BrowserContext, results: Path) -> None:
        self.context = context
        self.complaints: list[str] = []
        # The kernel's answer to the widget manager of one tab reaches the other tabs too.
        # Two tabs that open at once may ask for the same name of a window; JupyterLab then takes another.
        self._excused = ["Comm not found for comm id", r"Window name candidate .* already exists"]
        self._results = results
        self._workspace = re.sub(r"\W", "-", results.name)

    def open(self, lab: Lab, path: str = "") -> Page:
        """Open a page of `lab` in a new tab; in JupyterLab in a workspace where nothing else is open."""
        page = self.context.new_page()
        self.listen(page)
        page.goto(lab.page(f"lab/workspaces/{self._workspace}/{path}" if lab.application == "lab" else path))
        return page

    def listen(self, page: Page) -> None:
        """Have what the page complains about fail the test."""
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._complain(f"{error.name}: {error.message}\n{error.stack}"))

    def notebook(self, lab: Lab, name: str) -> Page:
        """Open a notebook in a new tab, connected to its kernel."""
        page = self.open(lab, f"tree/{name}" if lab.application == "lab" else f"notebooks/{name}")
        ready(page)
        return page

    def excuse(self, *patterns: str) -> None:
        """Expect errors in the pages' consoles that match a pattern."""
        self._excused.extend(patterns)

    def picture(self, page: Page, name: str) -> None:
        """Take a screenshot for people to look at."""
        self._results.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=self._results / f"{name}.png")

    def _heard(self, message: ConsoleMessage) -> None:
        # Others' warnings are theirs.
        if message.type == "error" or (message.type == "warning" and "progress-kit" in message.location["url"]):
            self._complain(f"{message.text} ({message.location['url']})")

    def _complain(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self._excused):
            self.complaints.append(text)


def ready(page: Page) -> None:
    """Wait until the notebook is shown and connected to its kernel, which may be busy."""
    shown(page)
    page.wait_for_function(
        """() => {
          const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
          return kernel?.connectionStatus === 'connected';
        }"""
    )


def shown(page: Page) -> None:
    """Wait until the notebook's cells are on the screen."""
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()


def reload(page: Page) -> None:
    """Reload the page, and wait until the notebook is back: how long JupyterLab takes for that is not ours."""
    page.reload()
    shown(page)


def run_cell(page: Page, number: int = 0) -> None:
    """Go into a code cell and run it."""
    # Not by a click: it would meet another cell where an output above appears at that moment.
    page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".cm-content").focus()
    page.keyboard.press("Control+Enter")


def save(page: Page) -> None:
    """Save the notebook, and wait until it is."""
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url):
        page.keyboard.press("Control+s")


def bars(page: Page) -> Locator:
    """The operations in the outputs of the notebook's cells."""
    return page.locator(".jp-OutputArea .pk-operation")


def value(operation: Locator) -> int:
    """What an operation's progress bar says to those who cannot see it, in percent."""
    text = operation.get_by_role("progressbar").get_attribute("aria-valuenow")
    assert text is not None
    return int(text)


def expect_to_move(operation: Locator, timeout_ms: float = PATIENCE_MS) -> None:
    """Wait until the operation shows another count than now."""
    count = operation.locator(".pk-count")
    expect(count).to_be_visible(timeout=timeout_ms)
    before = count.inner_text()
    expect(count).not_to_have_text(before, timeout=timeout_ms)


def violations(page: Page, selector: str) -> list[str]:
    """What axe-core has against a part of the page: the rule and the element, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(
        """async selector => (await axe.run(selector)).violations.flatMap(
          ({ id, nodes }) => nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`)
        )""",
        selector,
    )
    return found


def open_panel(page: Page) -> Locator:
    """Open the panel that lists the operations, and return it."""
    page.get_by_role("tab", name="Progress of running operations").click()
    panel = page.locator(".pk-panel-widget")
    expect(panel).to_be_visible()
    return panel
