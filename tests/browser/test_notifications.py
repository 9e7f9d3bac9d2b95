import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk, bars, run_cell
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

# Keeps what the browser has really shown for the test to look at. Nothing but the click on it is pretended: a browser
# without a window has no list of notifications to click in.
SPY = """
(() => {
  const Real = window.Notification;
  window.notified = [];
  window.asked = 0;
  window.Notification = class extends Real {
    static requestPermission() { window.asked += 1; return Real.requestPermission(); }
    constructor(title, options) {
      super(title, options);
      const shown = { title, ...options, click: () => this.onclick?.() };
      this.addEventListener('show', () => window.notified.push(shown));
    }
  };
})();
"""
# Without a window Chromium calls a page visible also behind another one: that alone is said in its place.
VISIBILITY = """
state => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
  document.dispatchEvent(new Event('visibilitychange'));
}
"""
WORK = """
import pathlib, time
import progress_kit as pk
with pk.ProgressTracker("{name}", stages=["main"], notify={notify}):
    time.sleep({seconds})
    while not pathlib.Path({until!r}).exists():
        time.sleep(0.05)
    {then}
"""
FAIL = "raise ValueError('no <i>luck</i>')"


@pytest.fixture
def seated(desk: Desk) -> Desk:
    """A person's browser whose notifications can be looked at."""
    desk.context.add_init_script(SPY)
    return desk


def work(name: str, notify: str = "'always'", then: str = "pass", seconds: float = 0.6, until: Path = Path("/")) -> str:
    """The code of an operation that ends by itself, not before `until` exists."""
    return WORK.format(name=name, notify=notify, then=then, seconds=seconds, until=str(until))


def finish(lab: Lab, code: str) -> None:
    """Run a script until it has ended; how is its own business."""
    lab.script(code).communicate(timeout=40)


def toasts(page: Page) -> Locator:
    """The toasts on the page."""
    return page.locator(".Toastify__toast")


def told(page: Page) -> list[str]:
    """The titles of the notifications that the browser was asked to show."""
    titles: list[str] = page.evaluate("window.notified.map(({ title }) => title)")
    return titles


def allow(desk: Desk, lab: Lab) -> None:
    """Let the pages of `lab` notify, as if the user had said so."""
    desk.context.grant_permissions(["notifications"], origin=lab.url)


def deny(page: Page, lab: Lab) -> None:
    """Forbid the page to notify, as if the user had said so."""
    chromium = page.context.new_cdp_session(page)
    context = chromium.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    permission = {"permission": {"name": "notifications"}, "setting": "denied", "origin": lab.url}
    chromium.send("Browser.setPermission", {**permission, "browserContextId": context})
    page.wait_for_function("Notification.permission === 'denied'")


def leave(*pages: Page) -> None:
    """Go to another tab: these lose the focus, as a person's browser takes it from them."""
    for page in pages:
        # Playwright lets each page believe that it has the focus, unless it is told not to.
        chromium = page.context.new_cdp_session(page)
        chromium.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        page.evaluate(VISIBILITY, "hidden")
    pages[0].context.new_page().bring_to_front()
    for page in pages:
        page.wait_for_function("!document.hasFocus()")


def come_back(page: Page) -> None:
    """Come back to a tab."""
    page.evaluate(VISIBILITY, "visible")
    page.bring_to_front()
    page.wait_for_function("document.hasFocus()")


def live(page: Page) -> None:
    """Wait until the page hears of what happens."""
    expect(page.locator(".pk-badge")).to_be_visible()
    page.wait_for_function("performance.getEntriesByType('resource').some(({ name }) => name.includes('api/tokens'))")
    expect(page.locator(".pk-badge")).to_have_attribute("aria-label", re.compile("Progress: "))


def forget(page: Page) -> None:
    """Mark all as read that ended before."""
    page.evaluate("window.jupyterapp.commands.execute('progress-kit:mark-all-read')")
    expect(page.locator(".pk-badge")).to_have_attribute("aria-label", "Progress: nothing runs")


def test_a_toast_tells_where_the_user_is(lab: Lab, seated: Desk, tmp_path: Path) -> None:
    """In front of another notebook a toast tells of the end, in plain text, and leads to the cell."""
    elsewhere = tmp_path / "elsewhere"
    lab.notebook("toast.ipynb", "1", work("Bake <b>bread</b>", then=FAIL, until=elsewhere))
    lab.notebook("front.ipynb", "1")
    page = seated.notebook(lab, "toast.ipynb")
    live(page)
    run_cell(page, 1)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:open', {path: 'front.ipynb'})")
    expect(page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)").filter(has_text="Bake")).to_have_count(0)
    elsewhere.touch()
    toast = toasts(page).filter(has_text="Bake <b>bread</b> failed")
    expect(toast).to_contain_text("ValueError: no <i>luck</i> · toast.ipynb")
    expect(toast.locator("b, i")).to_have_count(0)
    expect(toast).to_have_class(re.compile("jp-Notification-Toast-error"))
    seated.picture(page, "toast")
    assert page.evaluate("window.asked") == 0
    toast.get_by_role("button", name="Open").click()
    expect(page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active")).to_contain_text("Bake")
    expect(page.locator(".pk-badge")).to_have_attribute("aria-label", "Progress: nothing runs")


def test_nothing_is_told_of_what_the_user_looks_at(lab: Lab, seated: Desk) -> None:
    """An end in the cell on the screen needs no toast, and is read at once."""
    lab.notebook("watched.ipynb", work("Watch the kettle", seconds=1))
    page = seated.notebook(lab, "watched.ipynb")
    run_cell(page)
    expect(bars(page)).to_have_class(re.compile("pk-look-succeeded"))
    finish(lab, work("Whistle"))
    # The second end is told of, so the first one has been decided on.
    expect(toasts(page).filter(has_text="Whistle finished")).to_be_visible()
    expect(toasts(page).filter(has_text="kettle")).to_have_count(0)
    page.locator(".pk-badge").click()
    item = page.get_by_role("listitem").filter(has_text="Watch the kettle")
    expect(item).not_to_have_class(re.compile("pk-unread"))


def test_the_browser_tells_while_the_user_is_elsewhere(lab: Lab, seated: Desk, tmp_path: Path) -> None:
    """With the permission one of two hidden tabs notifies, once; a click leads to the cell and reads it in both."""
    allow(seated, lab)
    away = tmp_path / "away"
    lab.notebook("hidden.ipynb", "1", work("Hide the eggs", until=away))
    other, page = seated.open(lab), seated.notebook(lab, "hidden.ipynb")
    for each in (other, page):
        live(each)
    forget(other)
    run_cell(page, 1)
    expect(page.locator(".pk-badge")).to_have_attribute("aria-label", re.compile("1 running"))
    # The page that was in use last is the one that is asked.
    leave(other, page)
    away.touch()
    page.wait_for_function("window.notified.length > 0")
    [notification] = page.evaluate("window.notified.map(({ title, body }) => `${title} | ${body}`)")
    assert re.fullmatch(r"Hide the eggs finished in \d\.\d s \| hidden\.ipynb", notification)
    for each in (page, other):
        expect(each.locator(".pk-badge")).to_have_attribute("aria-label", re.compile("not seen yet: 1 ended"))
        expect(toasts(each)).to_have_count(0)
    page.evaluate("window.notified[0].click()")
    for each in (page, other):
        expect(each.locator(".pk-badge")).to_have_attribute("aria-label", "Progress: nothing runs")
    expect(page.locator(".jp-Cell.jp-mod-active")).to_contain_text("Hide the eggs")
    # Whoever was going to tell of it too would have done so by now.
    finish(lab, work("Count the eggs"))
    page.wait_for_function("window.notified.length === 2")
    assert told(other) == []


def test_a_refused_permission_leaves_a_toast(lab: Lab, seated: Desk) -> None:
    """Where the browser blocks notifications, a hidden page keeps a toast for when its user is back."""
    page = seated.open(lab)
    live(page)
    deny(page, lab)
    page.locator(".pk-badge").click()
    expect(page.get_by_role("dialog", name="Recent completions")).to_contain_text("blocks notifications")
    page.keyboard.press("Escape")
    leave(page)
    finish(lab, work("Peel the onions"))
    expect(toasts(page).filter(has_text="Peel the onions finished")).to_be_visible()
    assert told(page) == []


def test_the_permission_is_asked_for_by_a_button_only(lab: Lab, seated: Desk) -> None:
    """Loading the page asks nothing; the button in the list does."""
    page = seated.open(lab)
    live(page)
    assert page.evaluate("window.asked") == 0
    page.locator(".pk-badge").click()
    dialog = page.get_by_role("dialog", name="Recent completions")
    dialog.get_by_role("button", name="notify me in the browser too").click()
    page.wait_for_function("window.asked === 1")


def test_what_ends_together_is_told_of_together(lab: Lab, seated: Desk) -> None:
    """Three ends within two seconds are one toast, which leads to the list."""
    page = seated.open(lab)
    live(page)
    finish(
        lab,
        "import time\nfrom contextlib import ExitStack\nimport progress_kit as pk\n"
        "with ExitStack() as stack:\n"
        "    for name in ('Wash', 'Dry', 'Fold'):\n"
        "        stack.enter_context(pk.ProgressTracker(name, stages=['main'], notify='always'))\n"
        "    time.sleep(0.7)\n",
    )
    toast = toasts(page).filter(has_text="3 operations ended")
    expect(toast).to_have_count(1)
    expect(toasts(page).filter(has_text="Wash finished")).to_have_count(0)
    seated.picture(page, "together")
    toast.get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog", name="Recent completions").locator(".pk-unread")).not_to_have_count(0)


def test_the_settings_say_what_is_told(own_lab: Lab, seated: Desk) -> None:
    """With "only of failures" a success is silent, a failure is not, and an operation's own wish counts more."""
    file = own_lab.home / "settings" / "progress-kit" / "settings.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"notify": "failure"}), encoding="utf-8")
    page = seated.open(own_lab)
    live(page)
    finish(own_lab, work("Quiet", notify="'default'"))
    finish(own_lab, work("Loud", notify="'default'", then=FAIL))
    expect(toasts(page).filter(has_text="Loud failed")).to_be_visible()
    finish(own_lab, work("Wished", notify="'always'"))
    expect(toasts(page).filter(has_text="Wished finished")).to_be_visible()
    expect(toasts(page).filter(has_text="Quiet")).to_have_count(0)


def test_what_ends_while_no_tab_is_open_waits(own_lab: Lab, seated: Desk) -> None:
    """It is unread in the inbox when a tab is opened, and does not pop up as old news."""
    page = seated.open(own_lab)
    live(page)
    page.close()
    finish(own_lab, work("Wait for me"))
    page = seated.open(own_lab)
    expect(page.locator(".pk-badge")).to_have_attribute("aria-label", re.compile("not seen yet: 1 ended"))
    page.locator(".pk-badge").click()
    expect(page.get_by_role("listitem")).to_contain_text("Wait for me finished")
    expect(toasts(page)).to_have_count(0)
