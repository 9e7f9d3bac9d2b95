import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk, expect_to_move, open_panel, value
from tests.browser.detour import Detour
from tests.browser.lab import TOKEN, Lab

pytestmark = pytest.mark.browser

SCRIPT = """
import sys, threading, time
import progress_kit as pk
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), done.set()), daemon=True).start()
for number in pk.track(range(4_000), "Nightly report", unit="pages"):
    if not done.is_set():
        time.sleep(0.02)
"""
# What a browser says of a line that is down.
OUTAGE = ("WebSocket", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "Failed to fetch")


@pytest.fixture
def script(own_lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """An operation of 80 s in a script, which ends at once when it is told to."""
    process = own_lab.script(SCRIPT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def way(own_lab: Lab) -> Iterator[Detour]:
    """What lies between the browser and the server."""
    with Detour(own_lab) as detour:
        yield detour


def open_report(page: Page) -> tuple[Locator, Locator]:
    """Open the panel, and return its word of the line and the operation of the script, once that moves."""
    panel = open_panel(page)
    report = panel.locator(".pk-operation", has_text="Nightly report").first
    expect_to_move(report)
    return panel.locator(".pk-line"), report


def told(lab: Lab) -> dict[str, Any]:
    """What the hub itself says of the script's operation."""
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        f"{lab.url}/progress-kit/api/operations", headers={"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        operations: list[dict[str, Any]] = json.load(answer)["operations"]
    return max(operations, key=lambda operation: float(operation["started_at"]))


def test_a_blocked_websocket_is_replaced_by_questions(way: Detour, desk: Desk, script: subprocess.Popen[str]) -> None:
    """Where no WebSocket comes through, the page says that it polls, the bar moves on, and cancel works."""
    desk.excuse(*OUTAGE)
    way.block_sockets()
    page = desk.open(way.lab)
    line, report = open_report(page)
    expect(line).to_contain_text("polling every 2 s")
    expect(line).to_contain_text("blocked")
    desk.picture(page, "polling")
    way.heal()
    expect(line).to_contain_text("live", timeout=40_000)
    expect_to_move(report)
    way.block_sockets()
    expect(line).to_contain_text("polling every 2 s")
    expect_to_move(report)
    report.get_by_role("button", name="Cancel Nightly report").click()
    report.get_by_role("button", name="yes").click()
    expect(report).to_have_class(re.compile("pk-look-cancelled"))
    script.wait(10)


def test_a_cut_line_is_bridged_by_the_estimate(
    own_lab: Lab, way: Detour, desk: Desk, script: subprocess.Popen[str]
) -> None:
    """Offline, the bar follows the estimate and says so; healed, it meets the hub's count without a jump back."""
    desk.excuse(*OUTAGE)
    page = desk.open(way.lab)
    line, report = open_report(page)
    expect(line).to_contain_text("live")
    expect(report.locator(".pk-count")).to_be_visible()
    watch(page)
    before = value(report)
    way.cut()
    expect(report).to_contain_text("estimated, offline for")
    expect(line).to_contain_text("offline")
    page.wait_for_function("before => window.pkValues.at(-1) >= before + 4", arg=before)
    desk.picture(page, "simulated")
    assert value(report) <= told(own_lab)["fraction"] * 100 + 5
    way.heal()
    expect(line).to_contain_text("live", timeout=40_000)
    expect(report).not_to_contain_text("estimated", timeout=40_000)
    before = told(own_lab)["fraction"] * 100
    page.wait_for_function("before => window.pkValues.at(-1) >= before - 3", arg=before)
    assert value(report) <= told(own_lab)["fraction"] * 100 + 3
    seen = page.evaluate("window.pkValues")
    assert seen == sorted(seen)
    assert script.stdin is not None
    script.stdin.write("stop\n")
    script.stdin.flush()
    expect(report).to_contain_text("4,000 pages in")
    assert told(own_lab)["state"] == "succeeded"
    assert page.evaluate("window.pkValues.every(value => value <= 100)")


def watch(page: Page) -> None:
    """Note each value that the bar takes from now on in `window.pkValues`."""
    page.evaluate(
        """() => {
          const bar = document.querySelector('.pk-panel-widget .pk-operation [role=progressbar]');
          const note = () => window.pkValues.push(Number(bar.getAttribute('aria-valuenow')));
          window.pkValues = [];
          note();
          new MutationObserver(note).observe(bar, { attributes: true, attributeFilter: ['aria-valuenow'] });
        }"""
    )
