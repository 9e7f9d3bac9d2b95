"""One JupyterLab under attack from inside an operation, from another page, and by who looks for its tokens."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from progress_kit.protocol import encode
from progress_kit.protocol.bundle import ConnectionFile
from tests.attack.hostile import TAG, hostile_snapshot
from tests.browser.desk import Desk, open_panel, run_cell, save
from tests.browser.lab import TOKEN, Lab
from tests.browser.test_history import open_history, rows
from tests.browser.test_notifications import toasts
from tests.browser.test_widget import PAGE, STATIC

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARKUP: Final = f"<{TAG}>"
# A publisher that is no library of ours: it sends what it reads.
PUBLISH: Final = """
import json, os, sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener
from websockets.sync.client import connect
(file,) = Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("progress-kit-*.json")
hub = json.loads(file.read_text())
header = {"X-Progress-Kit-Token": hub["token"]}
ask = Request(hub["url"] + "api/tokens", json.dumps({"scopes": ["publish"]}).encode(), header)
token = json.load(build_opener(ProxyHandler({})).open(ask))["token"]
url = hub["url"].replace("http", "ws", 1) + "ws"
opened = connect(url, subprotocols=["progress-kit.v1"], additional_headers={"X-Progress-Kit-Token": token}, proxy=None)
with opened as socket:
    socket.send(json.dumps({"type": "hello", "token": token, "client": "c/1", "publisher": {"session": "s_hostile"}}))
    for line in sys.stdin:
        socket.send(line)
"""
SHOW: Final = (
    """
import msgspec, pathlib
from progress_kit.display import html, mime_bundle
from progress_kit.model import Snapshot
hostile = msgspec.json.decode(pathlib.Path("hostile.json").read_bytes(), type=Snapshot)
display(mime_bundle(msgspec.structs.replace(hostile, id="op_stored"), "h_1"), raw=True)
""",
    "from IPython.display import HTML\nHTML(html(hostile))",
    "display({'text/plain': mime_bundle(hostile, 'h_1')['text/plain']}, raw=True)",
)
HARM: Final = r"""() => {
  const dangerous = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
  const ours = [...document.querySelectorAll('[class*="pk-"], .Toastify__toast')];
  return {
    ran: window.__pwned ?? null,
    made: document.querySelectorAll('pwned-tag, img[src="x"], [href^="javascript:"]').length,
    deceived: ours.filter(each => dangerous.test(each.textContent)).map(each => each.className),
    named: ours.filter(each => dangerous.test(each.title + each.ariaLabel)).map(each => each.className)
  };
}"""
UNHARMED: Final[dict[str, Any]] = {"ran": None, "made": 0, "deceived": [], "named": []}


def published(**fields: Any) -> str:
    """Return a line for the publisher."""
    return json.dumps({"type": "publish", "operations": [json.loads(encode(hostile_snapshot(**fields)))]}) + "\n"


def test_no_text_of_an_operation_becomes_part_of_a_page(lab: Lab, desk: Desk, tmp_path: Path) -> None:
    """Panel, cell, badge, toast, history, static HTML, widget and export show hostile texts, and run none of them."""
    (lab.root / "hostile.json").write_bytes(encode(hostile_snapshot(state="failed")))
    lab.notebook("shown.ipynb", *SHOW)
    page = desk.notebook(lab, "shown.ipynb")
    for cell in range(len(SHOW)):
        run_cell(page, cell)
        expect(page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")).to_contain_text(MARKUP)
    panel = open_panel(page)
    with lab.script(PUBLISH) as publisher:
        assert publisher.stdin is not None
        publisher.stdin.write(published(seq=1, notify={"when": "always", "after_s": None}))
        publisher.stdin.flush()
        shown = panel.locator(".pk-operation").filter(has_text=MARKUP)
        expect(shown).to_have_count(1)
        assert page.evaluate(HARM) == UNHARMED
        page.get_by_role("tab", name="Progress of running operations").click()  # nobody is told of what is looked at
        expect(panel).to_be_hidden()
        publisher.stdin.write(published(seq=2, state="failed", notify={"when": "always", "after_s": None}))
        publisher.stdin.flush()
        expect(toasts(page).filter(has_text=MARKUP)).to_be_visible()
        page.locator(".pk-badge").click()
        expect(page.get_by_role("dialog").filter(has_text=MARKUP)).to_be_visible()
        assert page.evaluate(HARM) == UNHARMED
        desk.picture(page, "hostile")
        page.keyboard.press("Escape")
        page.locator(".jp-CodeCell").first.click()
        save(page)
    history = open_history(page)
    expect(rows(history).filter(has_text=MARKUP)).to_have_count(1)
    rows(history).filter(has_text=MARKUP).dblclick()
    expect(history.page.locator(".pk-history")).to_contain_text(MARKUP)
    assert page.evaluate(HARM) == UNHARMED
    desk.picture(page, "hostile-history")

    widget = desk.context.new_page()
    widget.set_content("<!doctype html><body>")
    source, style = ((STATIC / name).read_text(encoding="utf-8") for name in ("widget.js", "widget.css"))
    told = [json.loads(encode(hostile_snapshot(state=state))) for state in ("running", "failed", "cancelled")]
    widget.evaluate(PAGE, [source, style, told, {"a page": ""}])
    expect(widget.get_by_text(MARKUP).first).to_be_visible()
    assert widget.evaluate(HARM) == UNHARMED

    export = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), "shown.ipynb"]
    subprocess.run(export, cwd=lab.root, env=lab.env, check=True, capture_output=True)
    exported = desk.context.new_page()
    exported.route(re.compile("^https?:"), lambda route: route.abort())  # its styles and scripts come from elsewhere
    exported.goto((tmp_path / "shown.html").as_uri())
    expect(exported.get_by_text(MARKUP).first).to_be_visible()
    assert exported.evaluate(HARM) == UNHARMED


# ---------------------------------------------------------------- another page

TRY: Final = r"""async ([url, paths]) => {
  const told = {};
  const note = async (name, attempt) => {
    try { told[name] = await attempt(); } catch { told[name] = 'refused'; }
  };
  const read = async answer =>
    answer.type === 'opaque' ? 'nothing' : `${answer.status} ${await answer.text()}`;
  const include = { credentials: 'include' };
  for (const path of paths) {
    await note(`GET ${path}`, async () => read(await fetch(`${url}/${path}`, include)));
    const blind = { ...include, mode: 'no-cors' };
    await note(`GET ${path} without CORS`, async () => read(await fetch(`${url}/${path}`, blind)));
  }
  const body = '{"scopes": ["subscribe", "command", "publish"]}';
  for (const type of ['text/plain', 'application/json']) {
    await note(`POST tokens as ${type}`, async () =>
      read(await fetch(`${url}/api/tokens`, { ...include, method: 'POST', body, headers: { 'Content-Type': type } })));
  }
  const element = (tag, attribute) => () => new Promise(done => {
    const made = document.createElement(tag);
    made.onload = () => done('loaded');
    made.onerror = () => done('refused');
    made[attribute] = `${url}/api/operations`;
    if (tag === 'link') made.rel = 'stylesheet';
    document.body.append(made);
  });
  for (const [tag, attribute] of [['script', 'src'], ['img', 'src'], ['link', 'href']]) {
    await note(tag, element(tag, attribute));
  }
  await note('frame', () => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.onload = () => { try { done(frame.contentDocument.body.innerText); } catch { done('nothing'); } };
    frame.src = `${url}/api/operations`;
    document.body.append(frame);
  }));
  const socket = () => new Promise(done => {
    const made = new WebSocket(url.replace('http', 'ws') + '/ws', ['progress-kit.v1']);
    made.onopen = () => done('opened');
    made.onmessage = ({ data }) => done(data);
    made.onerror = made.onclose = () => done('refused');
  });
  await note('socket', socket);
  return told;
}"""


@contextmanager
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Serve a page on another port of this machine; gives its address, and the cookies that came with requests."""
    cookies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cookies.append(self.headers.get("Cookie", ""))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a stranger</title><body>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", cookies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attempts(page: Page, lab: Lab) -> dict[str, str]:
    """What a page gets of the hub, by how it tried."""
    paths = ["api/health", "api/operations", "api/history", "api/kinds"]
    told: dict[str, str] = page.evaluate(TRY, [f"{lab.url}/progress-kit", paths])
    return told


def test_a_page_on_another_port_gets_nothing(lab: Lab, desk: Desk) -> None:
    """With the cookies of who is logged in, by no way that a page has; JupyterLab's own page gets all by the same."""
    own = desk.context.new_page()
    own.goto(lab.page("lab/workspaces/stranger"))
    got = attempts(own, lab)
    assert got["GET api/health"].startswith("200")
    assert got["socket"] == "opened"
    with stranger() as (address, cookies):
        page = desk.context.new_page()
        page.goto(address)
        # Cookies know no ports: the browser has sent the victim's along, as it does with each request below.
        assert any("username-" in each for each in cookies)
        seen = len(lab.log)
        told = attempts(page, lab)
        assert set(told.values()) <= {"refused", "nothing"}, told
    refused = [line for line in lab.log[seen:] if "progress-kit/" in line and " 403 " in line]
    assert len(refused) >= len(told)


# ---------------------------------------------------------------- a canary

LEAKS: Final = r"""
%xmode Verbose
import logging
logging.basicConfig(level=logging.DEBUG)
import progress_kit as pk
with pk.ProgressTracker("Canary", notify="always") as tracker:
    for _ in tracker.stage("analysis").track(range(3)):
        pass
for question in (
    lambda: pk.get("op_missing"),
    lambda: pk.cancel("op_missing"),
    lambda: pk.wait(pk.ProgressTracker("Never").id, timeout=0.3),
    lambda: pk.history("no such kind", limit=-1),
):
    try:
        question()
    except Exception:
        get_ipython().showtraceback()
"""
TASKS: Final = r"""
import gc
from distributed import Client, LocalCluster
import progress_kit as pk
with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
    with Client(cluster) as client, pk.ParallelTaskScheduler("Canaries", engine=client) as scheduler:
        for number in scheduler.map(str, range(3)):
            print(number, [(task, task.run_spec, task.annotations) for task in cluster.scheduler.tasks.values()])
        print(client.futures, scheduler)
seen = [repr(each) for each in gc.get_objects() if str(type(each).__module__).startswith("progress_kit.")]
print(len(seen), "objects")
print("\n".join(seen))
"""
PROBE: Final = """async () => {
  const stores = [localStorage, sessionStorage].map(store => JSON.stringify({ ...store }));
  const bases = (await indexedDB.databases()).map(({ name }) => name);
  return [...stores, ...bases, document.cookie, location.href, document.title, window.name, document.body.innerHTML];
}"""
JWT: Final = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


def processes_of(lab: Lab) -> dict[str, bytes]:
    """The command lines and environments of all processes that the server and its kernels have started."""
    found: dict[str, bytes] = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(lab.home).encode() in (environment := (entry / "environ").read_bytes()):
                found[f"process {entry.name}"] = (entry / "cmdline").read_bytes() + environment
        except OSError:  # it has ended, or is another user's
            continue
    return found


def test_a_token_is_found_nowhere(lab: Lab, desk: Desk) -> None:
    """Neither in the log at DEBUG, tracebacks, files, outputs, the database, processes, nor anywhere in the page.

    What the other tests of this module left behind is looked at too.
    """
    (file,) = (lab.home / "runtime").glob("progress-kit-*.json")
    secret = json.loads(file.read_text(encoding="utf-8"))["token"].encode()
    lab.notebook("canary.ipynb", LEAKS, TASKS)
    addresses: list[str] = []
    desk.context.on("request", lambda request: addresses.append(request.url))
    page = desk.notebook(lab, "canary.ipynb")
    page.on("websocket", lambda socket: addresses.append(socket.url))
    desk.excuse("Traceback")
    for cell in (0, 1):
        run_cell(page, cell)
        expect(page.locator(".jp-CodeCell").nth(cell).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"))
    outputs = page.locator(".jp-OutputArea-output")
    for text in ("OperationNotFoundError", re.compile(r"[1-9]\d+ objects")):
        expect(outputs.filter(has_text=text).first).to_be_visible()
    page.locator(".jp-CodeCell").first.click()
    save(page)
    page.reload()
    expect(page.locator(".jp-CodeCell").first).to_be_visible()

    places = {f"file {each.relative_to(lab.home)}": each.read_bytes() for each in lab.home.rglob("*") if each.is_file()}
    del places[f"file runtime/{file.name}"]
    places |= processes_of(lab)
    places |= {f"in the page, {number}": text.encode() for number, text in enumerate(page.evaluate(PROBE))}
    places["addresses"] = "\n".join(addresses).encode()
    places["log"] = "\n".join(lab.log).encode()
    assert len(places) > 15
    assert any("history.sqlite3" in name for name in places)
    assert b"progress-kit/ws" in places["log"]
    found = [name for name, content in places.items() if secret in content or JWT.search(content)]
    assert found == []
    assert secret.decode() not in repr(ConnectionFile(hub_id="h", url="", pid=1, root_dir="", token=secret.decode()))

    if os.name == "posix":
        ours = [each for each in lab.home.rglob("*") if re.match(r"\.?progress-kit-|history\.sqlite3", each.name)]
        assert len(ours) >= 4
        assert {each.name: oct(each.stat().st_mode & 0o077) for each in ours} == dict.fromkeys(
            (each.name for each in ours), "0o0"
        )
    assert TOKEN  # Jupyter's own token is Jupyter's own affair
