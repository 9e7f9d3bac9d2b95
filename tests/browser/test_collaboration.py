import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk, bars, expect_to_move, reload, run_cell
from tests.browser.lab import MIME, Lab

pytestmark = pytest.mark.browser

WORK = """
import time
from pathlib import Path
import progress_kit as pk
for star in pk.track(range(5_000), "Survey the stars", unit="stars"):
    if not Path("{stop}").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def shared_lab(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab whose documents are shared between all who have them open."""
    lab = Lab(tmp_path, collaborative=True)
    lab.start()
    try:
        yield lab
    finally:
        lab.stop()


ENDED = f"""() => {{
  const {{ outputs }} = window.jupyterapp.shell.currentWidget.content.model.cells.get(0);
  return outputs.toJSON().some(output => output.data?.["{MIME}"]?.snapshot.state === "succeeded");
}}"""


def states(page: Page) -> list[str]:
    """The states of the operations in the outputs of the first cell, as the shared document has them."""
    outputs: list[dict[str, Any]] = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(0).outputs.toJSON()"
    )
    return [output["data"][MIME]["snapshot"]["state"] for output in outputs if MIME in output.get("data", {})]


# Two JupyterLabs that share documents load slowly on a small machine.
@pytest.mark.timeout(180)
@pytest.mark.parametrize("reloads", [0, 1])
def test_two_people_see_one_bar_and_one_end(shared_lab: Lab, desk: Desk, colleague: Desk, reloads: int) -> None:
    """In a shared notebook both see an operation once, whoever reloads meanwhile, and its end is written once."""
    shared_lab.notebook("stars.ipynb", WORK.format(stop="stars.stop"))
    pages = [seat.notebook(shared_lab, "stars.ipynb") for seat in (desk, colleague)]
    for page in pages:
        assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.collaborative")
    run_cell(pages[0])
    for page in pages:
        expect(bars(page)).to_have_count(1)
        expect_to_move(bars(page))
    desk.picture(pages[0], "one-bar")
    colleague.picture(pages[1], "one-bar")

    reload(pages[reloads])
    for page in pages:
        expect_to_move(bars(page))
        expect(bars(page)).to_have_count(1)

    (shared_lab.root / "stars.stop").touch()
    for page in pages:
        expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
        page.wait_for_function(ENDED)
    # A second writer would follow the first within these seconds.
    pages[0].wait_for_timeout(4_000)
    assert [states(page) for page in pages] == [["succeeded"], ["succeeded"]]
    for page in pages:
        expect(bars(page)).to_have_count(1)
