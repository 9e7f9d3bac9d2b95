"""A kernel that cannot reach the hub, as one behind a gateway: its pages show its operations all the same."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, bars, expect_to_move, open_panel, reload, run_cell
from tests.browser.lab import TOKEN, Lab

pytestmark = pytest.mark.browser

# To this kernel, the server is where nobody listens.
FAR = """
import os
os.environ["PROGRESS_KIT_HUB_URL"] = "http://127.0.0.1:9/progress-kit/"
os.environ["PROGRESS_KIT_TOKEN"] = "of no use"
import time
from pathlib import Path
import progress_kit as pk
for number in pk.track(range(5_000), "Far away", unit="miles"):
    if not Path("far.stop").exists():
        time.sleep(0.02)
"""


def test_a_kernel_that_reaches_no_hub_is_shown_by_its_pages(lab: Lab, desk: Desk) -> None:
    """Live in cell and panel, also after a reload; it reaches neither hub nor history."""
    lab.notebook("far.ipynb", FAR)
    page = desk.notebook(lab, "far.ipynb")
    run_cell(page)
    expect_to_move(bars(page))
    panel = open_panel(page)
    row = panel.locator(".pk-operation", has_text="Far away").first
    expect_to_move(row)
    desk.picture(page, "running")
    reload(page)
    expect_to_move(bars(page))
    (lab.root / "far.stop").touch()
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    for path in ("operations", "history"):
        request = urllib.request.Request(  # noqa: S310 - the test's own server
            f"{lab.url}/progress-kit/api/{path}", headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            assert "Far away" not in json.dumps(json.load(answer))
