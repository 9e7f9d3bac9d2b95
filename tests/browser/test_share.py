import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk, expect_to_move, violations
from tests.browser.lab import TOKEN, Lab
from tests.browser.test_page import visit

pytestmark = pytest.mark.browser

TWO = """
import contextvars
import progress_kit as pk
import time
from pathlib import Path
trackers = [pk.ProgressTracker(name, stages=["main"]) for name in ("Sail to the island", "Bury the gold")]
stages = [tracker.stage("main", total=100_000, unit="miles") for tracker in trackers]
for tracker, stage in zip(trackers, stages):
    context = contextvars.Context()
    context.run(tracker.__enter__)
    context.run(stage.__enter__)
print(trackers[1].id, flush=True)
while not Path("arrived").exists():
    for stage in stages:
        stage.advance()
    time.sleep(0.02)
"""


def test_a_link_lets_others_watch_one_operation_until_it_is_revoked(lab: Lab, desk: Desk, colleague: Desk) -> None:
    """Without a login it shows its operation live, after a reload too, and nothing else; then that it is over."""
    script = lab.script(TWO)
    try:
        assert script.stdout is not None
        secret = script.stdout.readline().strip()
        page = visit(desk, lab)
        sail = page.locator(".pk-operation", has_text="Sail to the island")
        expect_to_move(sail)
        sail.get_by_role("button", name="Details of Sail").click()
        sail.get_by_role("button", name="Share Sail").click()
        sail.get_by_role("button", name="make a link").click()
        link = sail.get_by_label("Link", exact=True).input_value()
        assert link.startswith(f"{lab.url}/progress-kit/share#token=eyJ")
        expect(sail.get_by_role("list", name="Links made in this browser")).to_contain_text("until ")
        desk.picture(page, "made")
        assert violations(page, "#progress-kit") == []
        assert "eyJ" not in str(page.evaluate("JSON.stringify({...localStorage})"))

        shared = follow(colleague, link)
        only = shared.locator(".pk-operation")
        expect_to_move(only)
        expect(only).to_contain_text("Sail to the island")
        assert shared.url == f"{lab.url}/progress-kit/share"
        colleague.picture(shared, "shared")
        assert violations(shared, "#progress-kit") == []
        shared.reload()
        expect_to_move(only)
        expect(only).to_have_count(1)
        assert only.get_by_role("button").all_inner_texts() == []
        expect_nothing_else(shared, link, secret)

        colleague.excuse("403", "WebSocket connection to")  # browsers write refusals into the console
        sail.get_by_role("button", name="Revoke the link to Sail").click()
        expect(notice(shared)).to_have_text("This link does not work any more: it has expired, or it was revoked.")
        expect(only).to_have_count(0)
        colleague.picture(shared, "revoked")
        assert asked(shared, link, "operations") == 403
        expect(sail.get_by_role("list", name="Links made in this browser")).to_have_count(0)
        again = follow(colleague, link)
        expect(notice(again)).to_contain_text("revoked")
        again.reload()
        expect(notice(again)).to_contain_text("revoked")
        cut = follow(colleague, link.partition("#")[0])
        expect(notice(cut)).to_contain_text("not complete")
        assert not [line for line in lab.log if "eyJ" in line or TOKEN in line.partition("share")[2]]
    finally:
        (lab.root / "arrived").touch()
        script.kill()
        script.communicate()


def expect_nothing_else(page: Page, link: str, secret: str) -> None:
    """The link opens nothing of another operation by REST either."""
    assert asked(page, link, "operations/" + secret) == 404
    assert asked(page, link, f"operations/{secret}/tasks") == 404
    assert asked(page, link, "history") == 403
    seen = asked_for(page, link, "operations")
    assert [operation["name"] for operation in seen["operations"]] == ["Sail to the island"]


def follow(desk: Desk, link: str) -> Page:
    """Open a link in a new tab."""
    page = desk.context.new_page()
    desk.listen(page)
    page.goto(link)
    return page


def notice(page: Page) -> Locator:
    """What is said in place of operations."""
    return page.locator(".pk-notice")


def asked(page: Page, link: str, path: str) -> int:
    """The server's answer to who has a link, and asks for more than its page does."""
    return page.request.get(address(page, path), headers=token(link)).status


def asked_for(page: Page, link: str, path: str) -> Any:
    """The content of such an answer."""
    return json.loads(page.request.get(address(page, path), headers=token(link)).text())


def address(page: Page, path: str) -> str:
    """Where the REST interface of the page's server is."""
    return re.sub(r"share.*", "api/", page.url) + path


def token(link: str) -> dict[str, str]:
    """What opens the door to who has the link."""
    return {"X-Progress-Kit-Token": link.partition("#token=")[2]}
