"""What is found on the day, and what it comes to at the end."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.sync_api import Page

from tests.soak.gauge import Gauge, trends
from tests.soak.work import Entry

# A shorter life, in minutes, is all warming up.
_LONG_MIN: Final = 8.0
# What counts as flat: a tenth, and what one look at a process differs from the next by.
_MORE: Final = 1.1
_MEMORY_NOISE_MB: Final = 6.0
_CPU_NOISE: Final = 3.0
# What others say in the server's log on such a day.
_OTHERS: Final = re.compile(
    # JupyterLab's tabs come back and ask for kernels that were killed with the server.
    r"404 (GET|DELETE|POST|PATCH) /api/(kernels|sessions)|Kernel does not exist|Parent appears to have exited|"
    # They leave while a kernel talks to them.
    r"channels\.py(?s:.)*WebSocketClosedError|write_message\.<locals>(?s:.)*WebSocketClosedError|"
    # Files that JupyterLab writes beside a notebook while it saves it.
    r"/\.~\S+ doesn't exist|"
    # What we asked ourselves, of operations that were too young to be known.
    r"404 GET /progress-kit/api/operations/op_|"
    # The notebooks were written by this test.
    r"is not trusted|"
    # jupyter_server cannot tell when a kernel was active that is only starting.
    r"'last_activity' trait|GET /api/kernels\?|"
    # jupyter_server's own settings, in the words of tornado 6.5.
    r"websocket_ping_timeout"
)
_ENTRY: Final = re.compile(r"^\[[DIWEC] ")
_BAD: Final = re.compile(r"^\[[WEC] |Traceback|Error|Exception|Warning")
# What a script without a hub says, once an outage.
_OUTAGE: Final = "progress is not shown in Jupyter for now"
# An operation that died so young, in seconds, was not announced.
YOUNG_S: Final = 5.0


class Report:
    """Collects figures and what is wrong."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self._wrong: list[str] = []
        self._events: list[tuple[float, str]] = []
        self._ends: Counter[str] = Counter()
        self._settled_s: list[float] = []
        self._panels = 0
        self.dialogs: Counter[str] = Counter()
        self.killed_at: list[float] = []
        """When the server was killed, as seconds of the wall clock."""
        self._outages = 0
        self.complaints: list[str] = []
        self.excuses = 0
        self.cancels_tried_again = 0
        self._logged: list[str] = []

    def event(self, at_s: float, name: str) -> None:
        """Note what was done."""
        self._events.append((at_s, name))
        print(f"{at_s:7.1f} s  {name}", flush=True)

    def wrong(self, what: str, page: Page | None = None) -> None:
        """Note what is wrong, with a picture."""
        self._wrong.append(what)
        print(f"           WRONG: {what}", flush=True)
        if page is not None:
            page.screenshot(path=self._results / f"wrong-{len(self._wrong)}.png")

    def agreed(self, operations: int, after_s: float) -> None:
        """Note that a round's ends are the same for code, tab, hub and file."""
        self._ends["the same in code, tab, hub and file"] += operations
        self._settled_s.append(after_s)

    def compare_with_hub(self, entry: Entry, told: dict[str, Any] | None) -> None:
        """Compare what the user's code says of an operation with what the hub says."""
        if told is None:
            young = entry.state is None and any(0 <= at - entry.at < YOUNG_S for at in self.killed_at)
            self._ends["died with their kernel, too young to be known"] += young
            if not young:
                self.wrong(f"the hub does not know {entry}")
            return
        if entry.state is None:
            # Its kernel was killed with the server.
            lost = told["hub"]["lease"] == "lost" or (told["error"] or {}).get("type") == "Lost"
            self._ends["died with their kernel, and called lost"] += lost
            if not lost:
                self.wrong(f"{entry} died with its kernel, and the hub says {told}")
            return
        done = sum(stage["done"] for stage in told["stages"])
        if told["state"] != entry.state or not told["hub"]["stored"] or entry.done not in {None, done}:
            self.wrong(f"the code says {entry}, the hub {told}")
        else:
            self._ends["the same in code and hub"] += 1

    def compare_with_panel(self, tab: str, entries: list[Entry], listed: Callable[[Entry], list[str]]) -> None:
        """Compare with what the panel of a tab lists."""
        for entry in entries:
            if (looks := listed(entry)) != [entry.state]:
                self.wrong(f"the panel of the {tab} tab shows {looks}, the code says {entry}")
            else:
                self._panels += 1

    def script(self, place: str, log: str) -> None:
        """See what a script complained about."""
        lines = log.splitlines()
        self._outages += sum(_OUTAGE in line for line in lines)
        self.complaints += [f"{place}: {line}" for line in lines if _OUTAGE not in line]

    def line(self, tab: str, text: str) -> None:
        """See that the line of a tab is live again."""
        if "live" not in text:
            self.wrong(f"the line of the {tab} tab is {text!r}")

    def server(self, log: list[str]) -> None:
        """See what the server and its kernels complained about."""
        entries: list[str] = []
        for line in log:
            if _ENTRY.match(line) or not entries:
                entries.append(line)
            else:
                entries[-1] += f"\n{line}"
        self._logged = [entry for entry in entries if _BAD.search(entry) and not _OTHERS.search(entry)]
        (self._results / "server.log").write_text("\n".join(log), encoding="utf-8")

    def show(self, gauge: Gauge) -> bool:
        """Print all of it, and tell whether nothing is wrong."""
        print("\nends")
        for what, count in self._ends.items():
            print(f"  {count:6} {what}")
        print(f"  {self._panels:6} looked up in a tab's panel, the same")
        if self._settled_s:
            print(
                f"         to agree took {median(self._settled_s):.1f} s (median), {max(self._settled_s):.1f} s at most"
            )
        print("\ncosts                        minutes   memory, MB          MB/hour   % of a core")
        for trend in trends(gauge):
            flat = trend.minutes < _LONG_MIN or trend.memory_last <= _MORE * trend.memory_then + _MEMORY_NOISE_MB
            cpu = ""
            if trend.cpu_then is not None and trend.cpu_last is not None:
                flat = flat and (trend.minutes < _LONG_MIN or trend.cpu_last <= _MORE * trend.cpu_then + _CPU_NOISE)
                cpu = f"{trend.cpu_then:5.1f} → {trend.cpu_last:5.1f}"
            line = f"{trend.memory_then:7.1f} → {trend.memory_last:7.1f}   {trend.memory_per_hour:7.1f}   {cpu}"
            print(f"  {trend.life:26} {trend.minutes:6.1f}  {line}{'' if flat else '   NOT FLAT'}")
            if not flat:
                self._wrong.append(f"{trend.life} is not flat")
        told = f"{self.excuses} complaints of pages, and {self._outages} of scripts"
        print(f"\\n{len(self._events)} disturbances; {told}, that tell of these")
        for said, count in self.dialogs.items():
            print(f"{count} × JupyterLab asked: {said[:200]}")
        print(f"{self.cancels_tried_again} clicks on cancel that had to be tried again")
        for what, lines in (("pages and scripts", self.complaints), ("server and kernels", self._logged)):
            print(f"{len(lines)} complaints of {what}")
            for line, count in Counter(lines).most_common(20):
                print(f"  {count} × {line[:600]}")
        print(f"{len(self._wrong)} wrong")
        for line in self._wrong:
            print(f"  {line[:1200]}")
        lives = {life: [[s.at_s, s.memory, s.cpu] for s in samples] for life, samples in gauge.lives.items()}
        (self._results / "lives.json").write_text(json.dumps(lives), encoding="utf-8")
        return not (self._wrong or self.complaints or self._logged)
