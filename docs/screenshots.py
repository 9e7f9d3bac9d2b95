"""The pictures of README and documentation, taken of the real thing: ``make screenshots`` (about five minutes).

A real JupyterLab with directories of its own runs the notebooks of this repository, and Chromium, without a window,
looks at it. What a browser of the tests can do, this one does with the same words.
"""  # noqa: INP001

import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, chromium_path
from tests.browser.desk import open_panel, ready, shown
from tests.browser.lab import Lab

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
SIZE: Final = {"width": 1280, "height": 760}
PHONE: Final = {"width": 390, "height": 760}
COLOURS: Final = 128
MOTION_BYTES: Final = 1_500_000
MOTION_WIDTH: Final = 960
PATIENCE_MS: Final = 120_000
DETAILS: Final = re.compile("details", re.IGNORECASE)
SURVEY: Final = "Survey the standard library"


class Studio:
    """A page of a running JupyterLab, in which notebooks are run and looked at."""

    def __init__(self, lab: Lab, context: BrowserContext) -> None:
        self.lab = lab
        self.context = context
        self.page: Page = context.new_page()

    def open(self, notebook: str) -> None:
        """Open a notebook alone, without the file browser, and the panel beside it."""
        shutil.copy(ROOT / "notebooks" / notebook, self.lab.root / notebook)
        self.page.goto(self.lab.page(f"lab/workspaces/{notebook.partition('.')[0]}/tree/{notebook}"))
        ready(self.page)
        self.command("application:toggle-left-area")
        open_panel(self.page)
        self.page.evaluate("() => { window.jupyterapp.shell.expandRight(); }")
        self.widen()

    def widen(self) -> None:
        """Draw the edge between notebook and panel so that both can be read."""
        edge = self.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").last
        box = edge.bounding_box()
        if box is not None:
            self.page.mouse.move(box["x"] + box["width"] / 2, 400)
            self.page.mouse.down()
            self.page.mouse.move(SIZE["width"] - 410, 400, steps=4)
            self.page.mouse.up()

    def command(self, name: str, **args: object) -> None:
        """Run a command of JupyterLab."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, args])

    def theme(self, name: str) -> None:
        """Change between ``Light`` and ``Dark``."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", str(name == "Light").lower())
        self.settle()

    def run_up_to(self, cell: int) -> None:
        """Run all above a cell, and make it the one that is looked at."""
        self.page.evaluate(
            """async cell => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              notebook.activeCellIndex = cell;
              await window.jupyterapp.commands.execute('notebook:run-all-above');
              notebook.activeCellIndex = cell;
              await notebook.scrollToItem(cell, 'start');
            }""",
            cell,
        )
        self.settle()

    def start(self) -> None:
        """Run the active cell, and do not wait for it."""
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-cell'); }")

    def look(self, cell: int) -> None:
        """Bring the end of a cell, where its bar is, to the middle of the picture."""
        self.page.evaluate(
            """async cell => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              await notebook.scrollToItem(cell, 'end');
              const output = notebook.widgets[cell].outputArea.node;
              (output.querySelector('.pk-operation') ?? output).scrollIntoView({block: 'center'});
            }""",
            cell,
        )

    def operation(self, name: str) -> Locator:
        """An operation in the output of its cell."""
        return self.page.locator(".jp-OutputArea .pk-operation", has_text=name).first

    def until(self, operation: Locator, percent: int) -> None:
        """Wait until an operation is so far."""
        bar = operation.get_by_role("progressbar").first
        expect(bar).to_be_visible(timeout=PATIENCE_MS)
        handle = bar.element_handle()
        self.page.wait_for_function(
            "([bar, least]) => !bar.isConnected || Number(bar.getAttribute('aria-valuenow')) >= least",
            arg=[handle, percent],
            timeout=PATIENCE_MS,
        )

    def settle(self) -> None:
        """Let what was asked for be drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_timeout(400)

    def shot(self, name: str, of: Locator | None = None) -> None:
        """Write a picture, in as few colours as it needs."""
        self.settle()
        save((of or self.page).screenshot(), IMAGES / f"{name}.png")


def save(raw: bytes, path: Path) -> None:
    """Write a PNG with a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(raw)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def both(studio: Studio, name: str, of: Callable[[], Locator] | None = None) -> None:
    """Write a picture by day and one by night."""
    for theme in ("Dark", "Light"):
        studio.theme(theme)
        studio.shot(f"{name}-{theme.lower()}", None if of is None else of())


def quickstart(studio: Studio) -> None:
    """The survey in its cell and in the panel; and a film of it, with a reload of the tab in the middle."""
    cell = index(studio, SURVEY)
    studio.run_up_to(cell)
    studio.start()
    survey = studio.operation(SURVEY)
    expect(survey).to_be_visible(timeout=PATIENCE_MS)
    studio.look(cell)
    film = Film(studio.page)
    film.take(6)
    studio.page.reload(wait_until="commit")
    film.take(4, every_ms=250)
    shown(studio.page)
    studio.look(cell)
    expect(survey).to_be_visible(timeout=PATIENCE_MS)
    film.take(8)
    studio.until(survey, 55)
    both(studio, "quickstart")
    for percent in (60, 65, 70, 75, 80, 85, 90, 95, 100):
        studio.until(survey, percent)
        film.take(1)
    film.take(2)
    film.save(IMAGES / "quickstart.webp")


def resume(studio: Studio) -> None:
    """Tasks that need each other, in stages."""
    cell = index(studio, "ParallelTaskScheduler(")
    studio.run_up_to(cell)
    studio.start()
    work = studio.operation("Customize résumé")
    expect(work).to_be_visible(timeout=PATIENCE_MS)
    studio.look(cell)
    details(studio, "Customize résumé")
    studio.until(work, 40)
    phone(studio, "Customize résumé")
    both(studio, "resume")
    studio.until(work, 100)


def phone(studio: Studio, name: str) -> None:
    """The page of its own, as wide as a phone, with an operation that is opened."""
    page = studio.context.new_page()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type] # its type is not exported
    page.goto(studio.lab.page("progress-kit/"))
    row = page.locator(".pk-operation", has_text=name).first
    expect(row).to_be_visible()
    row.get_by_role("button", name=DETAILS).first.click()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(400)
        save(page.screenshot(), IMAGES / f"phone-{scheme}.png")
    page.close()


def index(studio: Studio, text: str) -> int:
    """Return the first code cell that contains `text`."""
    found: int = studio.page.evaluate(
        """text => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(
          cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().includes(text)
        )""",
        text,
    )
    return found


def details(studio: Studio, name: str) -> None:
    """Open an operation in the panel."""
    row = studio.page.locator(".pk-panel-widget .pk-operation", has_text=name).first
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    row.get_by_role("button", name=DETAILS).first.click()


class Film:
    """Pictures of a page in a row, as one that moves."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[Image.Image] = []

    def take(self, frames: int, every_ms: int = 500) -> None:
        """Take some more."""
        for _ in range(frames):
            image = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB")
            height = round(image.height * MOTION_WIDTH / image.width)
            self._frames.append(image.resize((MOTION_WIDTH, height), Image.Resampling.LANCZOS))
            self._page.wait_for_timeout(every_ms)

    def save(self, path: Path) -> None:
        """Write it, as sharp as the size allows."""
        first, *rest = self._frames
        for quality in (90, 80, 70, 60, 50):
            first.save(path, save_all=True, append_images=rest, duration=500, loop=0, quality=quality, method=4)
            if path.stat().st_size <= MOTION_BYTES:
                return
        raise ValueError(f"{path} is larger than {MOTION_BYTES:,} bytes: take fewer frames")


@contextmanager
def studio() -> Iterator[Studio]:
    """Start JupyterLab and Chromium, and end them."""
    with tempfile.TemporaryDirectory(prefix="progress-kit-pictures-") as home, sync_playwright() as playwright:
        lab = Lab(Path(home))
        lab.start()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            context = browser.new_context(viewport=SIZE, locale="en-GB")  # type: ignore[arg-type] # as above
            context.set_default_timeout(PATIENCE_MS)
            yield Studio(lab, context)
        finally:
            browser.close()
            lab.stop()


def main() -> None:
    """Take them all."""
    with studio() as place:
        for notebook, take in (("quickstart", quickstart), ("resume", resume)):
            place.open(f"{notebook}.ipynb")
            take(place)


if __name__ == "__main__":
    main()
