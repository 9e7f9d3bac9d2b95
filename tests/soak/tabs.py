"""Three tabs of one browser, each with notebooks of its own, as a person drives and reads them."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import psutil
from playwright.sync_api import BrowserContext, CDPSession, ConsoleMessage, Page

from tests.browser.desk import open_panel, shown
from tests.browser.lab import Lab
from tests.soak.gauge import MB
from tests.soak.work import Entry

# What a browser itself says of a line or a server that is down.
OUTAGE: Final = re.compile(
    r"WebSocket|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|ERR_NETWORK|Failed to fetch|NetworkError|Kernel.*dead|"
    r"Connection lost|404 \(Not Found\)|410 \(Gone\)|Invalid response|ServerConnection|Comm not found|"
    r"500 .*/api/kernels"
)
_FIND: Final = "const panel = [...jupyterapp.shell.widgets('main')].find(widget => widget.context?.path === path);"
_READY: Final = f"""path => {{
  {_FIND}
  const kernel = panel?.sessionContext.session?.kernel;
  return panel?.context.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}}"""
_RUN: Final = f"""async path => {{
  {_FIND}
  jupyterapp.shell.activateById(panel.id);
  for (let tries = 0; jupyterapp.shell.currentWidget !== panel; tries++) {{
    if (tries > 40) {{
      return false;
    }}
    await new Promise(resolve => setTimeout(resolve, 50));
  }}
  void jupyterapp.commands.execute('notebook:run-all-cells');
  return true;
}}"""
_SHOWN: Final = f"""path => {{
  {_FIND}
  jupyterapp.shell.activateById(panel.id);
  return [...panel.node.querySelectorAll('.jp-OutputArea .pk-operation')].map(node => ({{
    id: node.dataset.operation,
    look: [...node.classList].find(name => name.startsWith('pk-look-')).slice('pk-look-'.length),
    text: node.innerText
  }}));
}}"""
_SAVE: Final = f"async path => {{ {_FIND} await panel.context.save(); }}"


class Tab:
    """One tab; `excused` tells whether a disturbance goes on, or has only just ended."""

    def __init__(
        self, context: BrowserContext, lab: Lab, name: str, notebooks: Sequence[str], excused: Callable[[], bool]
    ) -> None:
        self.name = name
        self.notebooks = tuple(notebooks)
        self.awake = True
        self.complaints: list[str] = []
        self.excuses = 0
        self._excused = excused
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self._complain(f"{error.name}: {error.message}\n{error.stack}"))
        self.page.goto(lab.page(f"lab/workspaces/{name}/tree/{notebooks[0]}"))
        shown(self.page)
        for notebook in reversed(notebooks):
            self._do("docmanager:open", path=notebook)
        self.panel = open_panel(self.page)
        self._chromium: CDPSession = context.new_cdp_session(self.page)
        self._chromium.send("Performance.enable")

    def ready(self, notebook: str) -> bool:
        """Tell whether the notebook's kernel is connected and idle."""
        return bool(self.page.evaluate(_READY, notebook))

    def run(self, notebook: str) -> bool:
        """Run all cells; tell whether the notebook could be brought to the front for it."""
        return bool(self.page.evaluate(_RUN, notebook))

    def dismiss(self) -> str | None:
        """Answer the dialog that JupyterLab shows, if there is one, by its last button; return what it said."""
        dialog = self.page.locator(".jp-Dialog").last
        if not dialog.is_visible():
            return None
        text = " ".join(dialog.inner_text().split())
        dialog.locator("button").last.click(timeout=5_000)
        return text

    def operations(self, notebook: str) -> list[dict[str, str]]:
        """Return what the notebook's cells show: id, look and text of each operation."""
        found: list[dict[str, str]] = self.page.evaluate(_SHOWN, notebook)
        return found

    def save(self, notebook: str) -> None:
        """Save the notebook."""
        self.page.evaluate(_SAVE, notebook)

    def cancel(self, notebook: str, name: str) -> None:
        """Click on "cancel" in the notebook's cell, and mean it."""
        self.operations(notebook)
        operation = self.page.locator(".jp-OutputArea .pk-operation").filter(has_text=name).first
        operation.get_by_role("button", name=f"Cancel {name}").click(timeout=3_000)
        operation.get_by_role("button", name="yes").click(timeout=3_000)

    def listed(self, entry: Entry) -> list[str]:
        """Return the looks of an operation in the panel."""
        search = self.panel.get_by_role("searchbox")
        search.fill(entry.name)
        self.page.wait_for_timeout(500)
        found = self.panel.locator(f'.pk-operation[data-operation="{entry.id}"]')
        classes = found.evaluate_all("nodes => nodes.map(node => node.className)")
        search.fill("")
        return [look[1] for name in classes if (look := re.search(r"pk-look-(\S+)", name))]

    def line(self) -> str:
        """Return what the panel says of its line to the hub."""
        return self.panel.locator(".pk-line").inner_text(timeout=3_000)

    def reload(self) -> None:
        """Reload the tab; what was opened opens again."""
        self.page.reload()
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context?.isReady")
        for notebook in self.notebooks:
            self._do("docmanager:open", path=notebook)
        if not self.panel.is_visible():
            open_panel(self.page)

    def freeze(self) -> None:
        """Have the browser put the tab to sleep, as it does with one that nobody looks at."""
        self.awake = False
        self._chromium.send("Page.setWebLifecycleState", {"state": "frozen"})

    def thaw(self) -> None:
        """Wake it."""
        self._chromium.send("Page.setWebLifecycleState", {"state": "active"})
        self.awake = True

    def heap(self) -> float:
        """Return what its scripts hold after a collection, in MB."""
        self._chromium.send("HeapProfiler.collectGarbage")
        metrics = self._chromium.send("Performance.getMetrics")["metrics"]
        (used,) = (metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize")
        return float(used) / MB

    def _do(self, command: str, **arguments: Any) -> None:
        self.page.evaluate(
            "async ([command, given]) => { await jupyterapp.commands.execute(command, given); }", [command, arguments]
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"{message.text} ({message.location['url']})")

    def _complain(self, text: str) -> None:
        if self._excused() and OUTAGE.search(text):
            self.excuses += 1
        else:
            self.complaints.append(f"{self.name}: {text}")


def browser_processes() -> list[psutil.Process]:
    """Return the processes of the browser that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
