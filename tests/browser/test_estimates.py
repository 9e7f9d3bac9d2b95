"""What earlier runs took is known from the first moment of the next one, in the browser too."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, bars, run_cell
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

SORT = """
import time
from pathlib import Path
import progress_kit as pk
for card in pk.track(range(20), "Sort the cards", kind="sort", unit="cards"):
    while {wait} and not Path("sort.gate").exists():
        time.sleep(0.05)
    time.sleep(0.1)
"""


def test_the_second_run_is_estimated_from_the_first(lab: Lab, desk: Desk) -> None:
    """Before the first card of the second run is done, it is known how long all will take: as long as the first run."""
    lab.notebook("sort.ipynb", SORT.format(wait=False), SORT.format(wait=True))
    page = desk.notebook(lab, "sort.ipynb")
    run_cell(page, 0)
    expect(bars(page).first).to_have_class(re.compile("pk-look-succeeded"))
    run_cell(page, 1)
    page.wait_for_function(
        """async () => {
          const { operations } = await (await fetch('/progress-kit/api/operations')).json();
          return operations.some(each => each.name === 'Sort the cards' && each.state === 'running' &&
            each.stages[0].done === 0 && each.estimate?.basis.includes('history') && each.estimate.p50_s > 0);
        }""",
        polling=250,
        timeout=40_000,
    )
    expect(bars(page).nth(1).locator(".pk-left")).to_contain_text(re.compile(r"\d"))
    (lab.root / "sort.gate").touch()
    expect(bars(page).nth(1)).to_have_class(re.compile("pk-look-succeeded"))
