"""How old a sample is when the browser has it, with a real server, kernel and Chromium, while the cell is CPU-bound.

The kernel's and the browser's clock are the same one: all run on this machine. A sample's time is `started_at` +
`elapsed_s`; *received* is when the page's WebSocket hands over the frame, *shown* when the text in the cell changes.
After a reload JupyterLab needs its time until the notebook is back; the bar, which is in no file, is live when it then
shows a new count.

    python tests/benchmarks/bench_latency.py [--json]        about 45 s
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, chromium_path
from tests.browser.desk import Desk, bars, expect_to_move, run_cell, shown
from tests.browser.lab import Lab

MEASURE_S = 20.0
RELOADS = 5
CELL = """
import progress_kit as pk
for number in pk.track(range(1_000_000_000), "Count for nothing", unit="numbers"):
    sum(range(2_000))
"""
RECORD = """
window.frames_received = [];
window.texts_shown = [];
const now = () => (performance.timeOrigin + performance.now()) / 1000;
window.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    if (String(url).includes("/progress-kit/")) {
      this.addEventListener("message", event => window.frames_received.push([now(), event.data]));
    }
  }
};
window.watch_text = element => new MutationObserver(
  () => window.texts_shown.push([now(), element.textContent])
).observe(element, { characterData: true, childList: true, subtree: true });
"""


def latencies(page: Page) -> dict[str, list[float]]:
    """Return the milliseconds from sample to receipt and from sample to the changed text, of each sample."""
    page.evaluate("() => { window.frames_received = []; }")
    bars(page).locator(".pk-count").evaluate("element => window.watch_text(element)")
    page.wait_for_timeout(1000 * MEASURE_S)
    sampled: dict[str, float] = {}
    received: list[float] = []
    for at, data in page.evaluate("() => window.frames_received"):
        for operation in json.loads(data).get("operations", []):
            sample = operation["started_at"] + operation["elapsed_s"]
            received.append(1000 * (at - sample))
            sampled[f"{operation['stages'][0]['done']:,}"] = sample
    changed = [
        1000 * (at - sampled[count])
        for at, text in page.evaluate("() => window.texts_shown")
        if (count := text.split(" / ")[0]) in sampled
    ]
    return {"received": received, "shown": changed}


def reload_s(page: Page) -> tuple[float, float]:
    """Reload, and return the seconds until the notebook is there, and until its bar is there and moves."""
    began = time.perf_counter()
    page.reload()
    shown(page)
    back = time.perf_counter() - began
    expect_to_move(bars(page))
    return back, time.perf_counter() - began


def quantiles(values: list[float]) -> dict[str, float]:
    """Return how many there are, p50, p95 and the greatest."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"samples": len(values), "p50": cuts[49], "p95": cuts[94], "max": max(values)}


def measure() -> dict[str, dict[str, float]]:
    """Start everything, and measure."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = Lab(Path(home))
        lab.start()
        try:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            context = browser.new_context(viewport={"width": 1280, "height": 820})
            context.add_init_script(RECORD)
            lab.notebook("latency.ipynb", CELL)
            page = Desk(context, Path(home) / "latency").notebook(lab, "latency.ipynb")
            run_cell(page)
            expect_to_move(bars(page))
            figures = {f"{name}, ms": quantiles(values) for name, values in latencies(page).items()}
            back, live = zip(*(reload_s(page) for _ in range(RELOADS)), strict=True)
            figures["after a reload, notebook back, s"] = quantiles(list(back))
            figures["after a reload, bar live, s"] = quantiles(list(live))
            browser.close()
        finally:
            lab.stop()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps(figures))
        return
    print(
        f"{'from the sample to the browser':34}" + "".join(f"{name:>10}" for name in ("samples", "p50", "p95", "max"))
    )
    for name, values in figures.items():
        digits = 1 if name.endswith("ms") else 2
        row = "".join(f"{value:>10.{digits}f}" for key, value in values.items() if key != "samples")
        print(f"{name:34}{values['samples']:>10}{row}")


if __name__ == "__main__":
    main()
