"""What the panel costs the page while 1,000 operations are live, a tenth of which count ten times a second.

A tick is one message of the hub with what changed; *scripting* is all JavaScript of the page in that time (receiving,
the model, the panel, everything else that listens). Its mean is Chromium's own count (`Performance.getMetrics`) over
the ticks; how it is spread over them is seen in a trace of Chromium, taken afterwards because tracing costs, too.

    python tests/benchmarks/bench_panel.py [--json]        about 50 s
"""

import argparse
import json
import statistics
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import CDPSession, sync_playwright

from tests.browser.conftest import FLAGS, chromium_path
from tests.browser.desk import Desk, open_panel
from tests.browser.lab import Lab
from tests.browser.test_panel import MANY

MEASURE_MS = 10_000
COUNT_TICKS = """
window.ticks = 0;
window.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    if (String(url).includes("/progress-kit/")) {
      this.addEventListener("message", event => {
        if (event.data.includes('"type":"state"')) {
          window.ticks += 1;
          performance.mark("pk-tick");
        }
      });
    }
  }
};
"""
SCRIPTING = {"EvaluateScript", "EventDispatch", "FireAnimationFrame", "FunctionCall", "RunMicrotasks", "TimerFire"}
DURATIONS = ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration", "TaskDuration")


def durations(session: CDPSession) -> dict[str, float]:
    """Return the seconds that the page has spent so far, by kind of work."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in metrics if metric["name"] in DURATIONS}


def spread(trace: Iterable[dict[str, Any]]) -> list[float]:
    """Return the milliseconds of scripting after each tick of a trace, until the next one."""
    trace = list(trace)
    marks = [event for event in trace if event["name"] == "pk-tick"]
    ticks = sorted(event["ts"] for event in marks)
    spent = [0.0] * len(ticks)
    done = 0.0
    threads = {(event["pid"], event["tid"]) for event in marks}
    calls = (event for event in trace if event["name"] in SCRIPTING and (event["pid"], event["tid"]) in threads)
    for event in sorted(calls, key=lambda event: event["ts"]):
        begin, end = max(event["ts"], done), event["ts"] + event.get("dur", 0)
        # What is called by a call counts with that.
        if end > begin and (tick := bisect_right(ticks, event["ts"])) > 0:
            spent[tick - 1] += (end - begin) / 1_000
        done = max(done, end)
    return spent[:-1]


def measure() -> dict[str, float]:
    """Start everything, and return milliseconds per tick by kind of work, and the number of ticks and of rows."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = Lab(Path(home))
        lab.start()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 820})
            context.add_init_script(COUNT_TICKS)
            page = Desk(context, Path(home) / "panel").open(lab)
            panel = open_panel(page)
            script = lab.script(MANY.format(stop="many.stop"))
            panel.get_by_role("button", name="Running 1,000").wait_for()
            session = context.new_cdp_session(page)
            session.send("Performance.enable")
            before, ticks = durations(session), page.evaluate("() => window.ticks")
            page.wait_for_timeout(MEASURE_MS)
            after, ticks = durations(session), page.evaluate("() => window.ticks") - ticks
            rows = panel.locator(".pk-row").count()
            browser.start_tracing(page=page, categories=["devtools.timeline", "blink.user_timing"])
            page.wait_for_timeout(MEASURE_MS)
            traced = spread(json.loads(browser.stop_tracing())["traceEvents"])
            (lab.root / "many.stop").touch()
            script.kill()
            script.communicate()
        finally:
            browser.close()
            lab.stop()
    per_tick = {f"{name}, ms": 1_000 * (after[name] - before[name]) / ticks for name in DURATIONS}
    twentieths = statistics.quantiles(traced, n=20)
    return {
        "ticks": ticks,
        "rows in the page": rows,
        **per_tick,
        "traced scripting, median, ms": statistics.median(traced),
        "traced scripting, 95 %, ms": twentieths[-1],
        "traced scripting, longest, ms": max(traced),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps(figures))
        return
    print("1,000 live operations in the panel, per tick")
    for name, value in figures.items():
        print(f"{name:34}{value:>10.2f}" if name.endswith("ms") else f"{name:34}{value:>10.0f}")


if __name__ == "__main__":
    main()
