import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running
from tests.browser.desk import Desk, bars, expect_to_move, reload, run_cell
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

LOOP = """
import time
from pathlib import Path
import progress_kit as pk
for number in pk.track(range(5_000), "Count the grains", unit="grains"):
    if not Path("stop").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running Jupyter Notebook."""
    yield from running(Lab(tmp_path_factory.mktemp("notebook7"), "notebook"))


def test_notebook_7_shows_the_bar_too(notebook7: Lab, desk: Desk) -> None:
    """The same extension works in Jupyter Notebook: the bar moves, and comes back after a reload."""
    desk.excuse("reading 'schema'")  # Notebook 7.6 says so by itself, also with our extension disabled
    notebook7.notebook("grains.ipynb", LOOP)
    page = desk.notebook(notebook7, "grains.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    desk.picture(page, "running")
    reload(page)
    expect(bars(page)).to_be_visible()
    expect_to_move(bars(page))
    (notebook7.root / "stop").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    desk.picture(page, "succeeded")
