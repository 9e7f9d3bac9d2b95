import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, expect_to_move, open_panel
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

SCRIPT = """
import sys, threading, time
import progress_kit as pk
for number in pk.track(range(40), "Warm up"):
    time.sleep(0.02)
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), done.set()), daemon=True).start()
print("warm", flush=True)
for number in pk.track(range(50_000), "Nightly report", unit="pages"):
    if not done.is_set():
        time.sleep(0.02)
"""


def test_a_killed_server_comes_back_with_everything(own_lab: Lab, desk: Desk) -> None:
    """A script goes on while the server is dead; started again, it shows the script live and what had ended."""
    page = desk.open(own_lab)
    panel = open_panel(page)
    script = own_lab.script(SCRIPT)
    try:
        running = panel.locator(".pk-operation", has_text="Nightly report")
        ended = panel.locator(".pk-operation.pk-look-succeeded", has_text="Warm up")
        expect_to_move(running)
        expect(ended).to_be_visible()
        desk.picture(page, "before")
        desk.excuse(
            "WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "Failed to fetch"
        )
        own_lab.kill()
        expect(panel.locator(".pk-line")).to_contain_text("offline")
        desk.picture(page, "server-killed")
        own_lab.start()
        expect(panel.locator(".pk-line")).to_have_text("live", timeout=40_000)
        expect_to_move(running, timeout_ms=40_000)
        expect(running).to_have_count(1)
        expect(ended).to_have_count(1)
        desk.picture(page, "server-back")
        script.communicate("stop\\n", timeout=30)
        expect(panel.locator(".pk-operation.pk-look-succeeded", has_text="Nightly report")).to_be_visible()
    finally:
        script.kill()
        script.communicate()
