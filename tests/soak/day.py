"""A day's use in half an hour: ``make soak``, or ``python -m tests.soak.day --minutes 3`` while one works on it.

Five kernels and two scripts work, three tabs watch. Meanwhile tabs are reloaded and put to sleep, the laptop sleeps,
the network goes, and the server is killed. At the end each operation's end has to be known, and to be the same for the
user's code, the hub, the tabs and the notebook's file; memory and processor time have to be flat, and nothing may have
been complained about.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
from playwright.sync_api import sync_playwright

from progress_kit import clock
from tests.browser.conftest import FLAGS, chromium_path
from tests.browser.detour import Detour
from tests.browser.lab import TOKEN, Lab
from tests.faults import FaultProxy, Mode
from tests.soak import work
from tests.soak.gauge import Gauge
from tests.soak.report import Report
from tests.soak.rounds import Round
from tests.soak.tabs import Tab, browser_processes

TABS: Final = {
    "left": ("compress.ipynb", "train.ipynb"),
    "middle": ("measure.ipynb", "import.ipynb"),
    "right": ("search.ipynb",),
}
CYCLE_S: Final = 150.0
TICK_MS: Final = 500
# So long after a disturbance a complaint may still be of it: pages back off for up to 30 s.
GRACE_S: Final = 35.0
# Leases end 15 s after the last sign.
LAST_S: Final = 40.0
HEAP_EVERY: Final = 6
RESULTS: Final = Path(__file__).parents[2] / "bench-results" / "soak"


class Day:
    """The day: what runs, who watches, and what is done to them."""

    def __init__(self, home: Path, minutes: float) -> None:
        self.length_s = 60 * minutes
        self.ledger = home / "ledger.jsonl"
        self.stop = home / "stop"
        self.gauge = Gauge()
        self.report = Report(RESULTS)
        self.lab = Lab(home)
        self.life = 1
        self.cut = False
        self._disturbed_until_s = GRACE_S  # JupyterLab's own beginning
        self._exit = contextlib.ExitStack()
        self._looks = 0
        self._answers = 0

    # ---------------------------------------------------------------- the day

    def run(self) -> bool:
        """Live through it, and tell whether nothing is wrong."""
        with self._exit:
            self._begin()
            late_s = self.gauge.now_s
            for at_s, name, event in sorted(self._timetable(), key=lambda event: event[0]):
                while self.gauge.now_s < at_s + late_s:
                    self._tick()
                # What took longer than planned does not shorten what comes next.
                late_s = self.gauge.now_s - at_s
                self.report.event(self.gauge.now_s, name)
                event()
            while self.gauge.now_s < self.length_s + late_s:
                self._tick()
            self._end()
        return self.report.show(self.gauge)

    def _begin(self) -> None:
        for notebook in work.NOTEBOOKS:
            self.lab.notebook(notebook, *work.cells(notebook, self.ledger))
        self.lab.start()
        self._exit.callback(self._stop)
        self.way = self._exit.enter_context(Detour(self.lab))
        self.proxy = self._exit.enter_context(FaultProxy(self.lab.port))
        chromium = self._exit.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=chromium_path(), args=FLAGS)
        self._exit.callback(browser.close)
        context = browser.new_context(viewport={"width": 1280, "height": 820}, locale="en-GB")
        context.set_default_timeout(60_000)
        self.tabs = [Tab(context, self.way.lab, name, notebooks, self.disturbed) for name, notebooks in TABS.items()]
        self.rounds = [Round(tab, notebook, self) for tab in self.tabs for notebook in tab.notebooks]
        self.scripts = {
            "local script": self._script("local", ["processes"], {}),
            "remote script": self._script("remote", ["threads"], self._remote()),
        }

    def _script(self, place: str, engines: list[str], environment: dict[str, str]) -> psutil.Process:
        path = self.lab.home / f"{place}.py"
        path.write_text(work.script(place, self.ledger, engines, self.stop), encoding="utf-8")
        log = self._exit.enter_context((self.lab.home / f"{place}.log").open("w"))
        return psutil.Popen(
            [sys.executable, str(path)],
            cwd=self.lab.root,
            env={**self.lab.env, "PROGRESS_KIT_DISPLAY": "off", **environment},
            stdout=log,
            stderr=log,
        )

    def _remote(self) -> dict[str, str]:
        """Return the environment of a program on another machine: an address, a token, and no file of the server."""
        body = {"scopes": ["publish", "subscribe"], "operation": None, "notebook": None, "expires_in_s": 300}
        nowhere = self.lab.home / "nowhere"
        nowhere.mkdir()
        return {
            "PROGRESS_KIT_HUB_URL": f"http://127.0.0.1:{self.proxy.port}/progress-kit/",
            "PROGRESS_KIT_TOKEN": self.ask("tokens", body)["token"],
            "JUPYTER_RUNTIME_DIR": str(nowhere),
        }

    def _tick(self, *, begin: bool = True) -> None:
        self.tabs[0].page.wait_for_timeout(TICK_MS)
        for tab in self.tabs:
            if tab.awake and (said := tab.dismiss()):
                self.report.dialogs[said] += 1
        entries = work.read(self.ledger)
        for each in self.rounds:
            if each.tab.awake and not self.cut:
                each.step(entries, begin=begin)
        if self.gauge.due():
            self._look()

    def _look(self) -> None:
        """Look at what everything costs."""
        (server,) = named("jupyter", psutil.Process().children())
        self.gauge.processes(f"server {self.life}", [server])
        kernels = named("ipykernel", server.children())
        for number, kernel in enumerate(sorted(kernels, key=lambda process: process.pid), 1):
            self.gauge.processes(f"kernel {self.life}.{number}", [kernel])
        for name, script in self.scripts.items():
            self.gauge.processes(name, [script])
        self.gauge.processes("browser", browser_processes())
        self._looks += 1
        if self._looks % HEAP_EVERY == 0:
            for tab in self.tabs:
                if tab.awake:
                    self.gauge.note(f"heap of the {tab.name} tab", tab.heap())

    def _end(self) -> None:
        """Let everything come to its end, and compare."""
        self.stop.touch()
        limit_s = self.gauge.now_s + 120
        while any(each.busy for each in self.rounds) and self.gauge.now_s < limit_s:
            self._tick(begin=False)
        for name, script in self.scripts.items():
            if script.wait(timeout=60) != 0:
                self.report.wrong(f"the {name} exited with {script.returncode}")
        self._wait(LAST_S)
        entries = work.read(self.ledger)
        for entry in entries.values():
            self.report.compare_with_hub(entry, self.told(entry.id))
        for tab in self.tabs:
            for each in self.rounds:
                self.report.compare_with_panel(tab.name, each.last, tab.listed)
            self.report.line(tab.name, tab.line())
            tab.page.screenshot(path=RESULTS / f"{tab.name}.png")
            self.report.complaints += tab.complaints
            self.report.excuses += tab.excuses
        for place in ("local", "remote"):
            self.report.script(place, (self.lab.home / f"{place}.log").read_text(encoding="utf-8"))
        self.report.server(self.lab.log)

    def _stop(self) -> None:
        self.stop.touch()
        for script in getattr(self, "scripts", {}).values():
            with contextlib.suppress(psutil.NoSuchProcess):
                script.kill()
        self.lab.stop()

    # ---------------------------------------------------------------- what is done to it

    def _timetable(self) -> Iterator[tuple[float, str, Callable[[], None]]]:
        """When what happens, in seconds from the beginning."""
        cycles = max(1, round(self.length_s / CYCLE_S - 0.2))
        network: list[Callable[[], None]] = [
            self.proxy.reset,
            partial(self._mode, "stall"),
            partial(self._mode, "half"),
            self.proxy.refuse,
        ]
        for cycle in range(cycles):
            at_s = cycle * CYCLE_S
            left, middle, right = self.tabs
            yield at_s + 20, "the left tab is reloaded", partial(self._reload, left)
            yield at_s + 30, "the middle tab is frozen", middle.freeze
            yield at_s + 45, "the middle tab is thawed", middle.thaw
            yield at_s + 55, "the browser's network is cut", self._cut
            yield at_s + 67, "the browser's network is back", self._heal
            yield at_s + 75, "the browser gets no WebSockets", self._block
            yield at_s + 90, "the browser gets WebSockets again", self._heal
            yield at_s + 100, "the laptop sleeps", partial(self._sleep, 15.0)
            yield at_s + 120, "the right tab is reloaded", partial(self._reload, right)
            yield at_s + 125, "the remote script's network fails", network[cycle % len(network)]
            yield at_s + 140, "the remote script's network is back", self._mend
        for number in [0.93] if cycles == 1 else [1 / 3, 2 / 3]:
            yield number * cycles * CYCLE_S + 12, "kill -9 of the server", self._kill

    def _reload(self, tab: Tab) -> None:
        self._disturb(0)
        tab.reload()

    def _cut(self) -> None:
        self.cut = True
        self._disturb(20)
        self.way.cut()

    def _block(self) -> None:
        self._disturb(20)
        self.way.block_sockets()

    def _heal(self) -> None:
        self.cut = False
        self._disturb(0)
        self.way.heal()

    def _sleep(self, seconds: float) -> None:
        """Stop all of the browser, as the lid of a laptop does."""
        self._disturb(seconds)
        processes = browser_processes()
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            self._wait(seconds)
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)
        self._disturb(0)

    def _mode(self, mode: Mode) -> None:
        self.proxy.mode = mode

    def _mend(self) -> None:
        self.proxy.mode = "pass"
        self.proxy.accept()

    def _kill(self) -> None:
        """End the server as a crash does. Its kernels go with it: ipykernel ends when its parent does."""
        self._disturb(60)
        self.report.killed_at.append(clock.wall())
        self.lab.kill()
        self._wait(3.0)
        for each in self.rounds:
            each.crashed()
        self.lab.start()
        self.life += 1
        for tab in self.tabs:
            tab.reload()
        self._disturb(0)

    def _wait(self, seconds: float) -> None:
        self.tabs[0].page.wait_for_timeout(1_000 * seconds)

    def _disturb(self, seconds: float) -> None:
        self._disturbed_until_s = self.gauge.now_s + seconds + GRACE_S

    def disturbed(self) -> bool:
        """Tell whether what a page complains about may be of what was done to it."""
        return self.gauge.now_s < self._disturbed_until_s

    # ---------------------------------------------------------------- the hub

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the server itself."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.lab.url}/progress-kit/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
        return found

    def told(self, operation: str) -> dict[str, Any] | None:
        """Return what the hub says of an operation; None: it does not know it, or does not answer."""
        try:
            return self.ask(f"operations/{operation}")
        except OSError:
            return None


def named(part: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that have a word in their command line; one may end meanwhile."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if part in " ".join(process.cmdline()):
                found.append(process)
    return found


def main() -> int:
    """Run the day, and print what it was like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long it takes, at least 3 (default: 30)")
    minutes = parser.parse_args().minutes
    RESULTS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    began_s = clock.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as home:
        good = Day(Path(home), minutes).run()
    print(f"\n{(clock.monotonic() - began_s) / 60:.1f} minutes: {'all is well' if good else 'something is wrong'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
