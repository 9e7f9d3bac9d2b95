import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.desk import PATIENCE_MS, Desk
from tests.browser.lab import Lab

RESULTS = Path(__file__).parent / "results"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Playwright's synchronous API keeps an event loop in the thread while it is open. It is closed after each module, so
# that it is in nobody else's way.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab that the tests of a module share; each takes notebooks of its own."""
    yield from running(Lab(tmp_path_factory.mktemp("lab")))


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Lab]:
    """A running JupyterLab of this test alone, which may kill it."""
    yield from running(Lab(tmp_path))


def running(lab: Lab) -> Iterator[Lab]:
    """Start `lab`, and stop it at the end."""
    lab.start()
    try:
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def desk(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A person's browser, with no past; what its pages complain about fails the test."""
    yield from seated(chromium, request.node.name)


@pytest.fixture
def colleague(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Another person's browser."""
    yield from seated(chromium, f"{request.node.name}-colleague")


def seated(chromium: Browser, name: str) -> Iterator[Desk]:
    """Open a browser without a past, and see at the end that nothing was complained about."""
    context: BrowserContext = chromium.new_context(viewport={"width": 1280, "height": 820}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    desk = Desk(context, RESULTS / name)
    yield desk
    complaints = desk.complaints
    context.close()
    assert complaints == []


def chromium_path() -> str:
    """Return where Chromium is."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path is not None, "Chromium is missing: apt-get install chromium"
    return path
