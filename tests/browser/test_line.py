import json
import re
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import PATIENCE_MS, Desk, expect_to_move, open_panel, value
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
BURN = """
import time
import progress_kit as pk
with pk.ProgressTracker("{name}", stages=["main"], notify="always"):
    time.sleep(0.6)
    raise ValueError("burnt")
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


def test_what_ends_while_pages_poll_is_told_of_once(own_lab: Lab, way: Detour, desk: Desk) -> None:
    """Two pages that can only poll: one of them shows a toast, both count the end, and read in one is read in both."""
    desk.excuse(*OUTAGE)
    way.block_sockets()
    pages = desk.open(way.lab), desk.open(way.lab)
    for page in pages:
        page.wait_for_event("response", lambda answer: "api/operations?" in answer.url)
    for number, name in ((1, "Eggs"), (2, "Bread")):
        own_lab.script(BURN.format(name=name)).communicate(timeout=40)
        for page in pages:
            expect(page.locator(".pk-badge")).to_have_attribute(
                "aria-label", re.compile(f"not seen yet: {number} failed")
            )
        wait_for_toast(pages, name)
    # Whoever was going to tell of the first one too has done so by now.
    assert [toasts(pages, name) for name in ("Eggs", "Bread")] == [1, 1]
    pages[1].locator(".pk-badge").click()
    desk.picture(pages[1], "unread")
    pages[1].get_by_role("button", name="mark all read").click()
    for page in pages:
        expect(page.locator(".pk-badge")).to_have_attribute("aria-label", "Progress: nothing runs")


def toasts(pages: Iterable[Page], name: str) -> int:
    """How many toasts tell that an operation has failed, in all pages."""
    return sum(page.locator(".Toastify__toast").filter(has_text=f"{name} failed").count() for page in pages)


def wait_for_toast(pages: Sequence[Page], name: str) -> None:
    """Wait until one of the pages tells that an operation has failed."""
    for _ in range(PATIENCE_MS // 100):
        if toasts(pages, name):
            return
        pages[0].wait_for_timeout(100)
    raise AssertionError(f"no page tells of {name}")


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
