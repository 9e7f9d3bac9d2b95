import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import RESULTS
from tests.browser.desk import PATIENCE_MS, Desk, expect_to_move, value, violations
from tests.browser.lab import TOKEN, Lab

pytestmark = pytest.mark.browser

BAKE = """
import time
import progress_kit as pk
with pk.ProgressTracker("Bake {scheme} bread for the whole village", stages={{"knead": 1, "bake": 9}}) as tracker:
    for loaf in tracker.stage("knead").track(range(10)):
        time.sleep(0.02)
    tracker.metrics["heat"] = 220
    for loaf in tracker.stage("bake", unit="loaves").track(range(50_000)):
        time.sleep(0.02)
"""


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Whether the system is light or dark."""
    return str(request.param)


@pytest.fixture
def phone(chromium: Browser, scheme: str) -> Iterator[Desk]:
    """A phone; what its pages complain about fails the test."""
    context = chromium.new_context(
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MS)
    desk = Desk(context, RESULTS / f"page-{scheme}")
    yield desk
    context.close()
    assert desk.complaints == []


def test_a_phone_follows_and_cancels(lab: Lab, phone: Desk, scheme: str) -> None:
    """At 360 pixels, by the system's colours: what runs is live, its details open, and a cancel reaches the loop."""
    script = lab.script(BAKE.format(scheme=scheme))
    try:
        page = visit(phone, lab)
        bread = page.locator(".pk-operation", has_text=f"Bake {scheme} bread")
        expect(bread.locator(".pk-stage")).to_have_text("bake")
        expect_to_move(bread)
        assert value(bread) >= 10
        assert TOKEN not in page.url
        expect(page.locator(".pk-line")).to_have_text("live")
        bread.get_by_role("button", name="Details of Bake").tap()
        expect(bread).to_contain_text("heat")
        bread.get_by_role("button", name="Share Bake").tap()
        bread.get_by_role("button", name="make a link").tap()
        expect(bread.get_by_label("Link", exact=True)).to_be_visible()
        phone.picture(page, "details")
        assert violations(page, "#progress-kit") == []
        assert edges(bread) <= 360
        assert min(heights(bread)) >= 40

        bread.get_by_role("button", name="Cancel Bake").tap()
        phone.picture(page, "sure")
        bread.get_by_role("button", name="yes").tap()
        expect(bread).to_have_class(re.compile("pk-look-cancelled"))
        assert script.wait(PATIENCE_MS / 1_000) != 0
        phone.picture(page, "cancelled")
    finally:
        script.kill()
        script.communicate()


def test_the_page_can_be_installed(lab: Lab, desk: Desk) -> None:
    """The browser finds a manifest without faults, icons included, and asks who is not logged in to do so."""
    page = desk.context.new_page()
    page.goto(f"{lab.url}/progress-kit/")
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fprogress-kit%2F"))
    page = visit(desk, lab, "progress-kit")
    expect(page.locator(".pk-line")).to_have_text("live")
    assert page.url == f"{lab.url}/progress-kit/"
    session = desk.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/progress-kit/static/manifest.webmanifest")
    faults = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {fault["errorId"] for fault in faults} <= {"in-incognito"}
    desk.picture(page, "empty")


def visit(desk: Desk, lab: Lab, path: str = "progress-kit/") -> Page:
    """Open the page in a new tab, as somebody who has Jupyter's token."""
    page = desk.context.new_page()
    desk.listen(page)
    page.goto(lab.page(path))
    return page


def edges(operation: Locator) -> float:
    """How far to the right anything of an operation reaches, in pixels."""
    right: float = operation.evaluate(
        "one => Math.max(...[...one.querySelectorAll('*')].map(each => each.getBoundingClientRect().right))"
    )
    return right


def heights(operation: Locator) -> list[float]:
    """The heights of an operation's buttons, in pixels."""
    boxes = [button.bounding_box() for button in operation.get_by_role("button").all()]
    return [box["height"] for box in boxes if box is not None]
