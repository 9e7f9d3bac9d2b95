"""One notebook over the day: it is run, seen to its end, saved and compared, again and again."""

from enum import Enum
from typing import Any, Final, Protocol

from playwright.sync_api import Error

from tests.browser.lab import MIME, Lab
from tests.soak.gauge import Gauge
from tests.soak.report import Report
from tests.soak.tabs import Tab
from tests.soak.work import Entry

# How long tab, file and hub may take to agree after the last end, with all that is done to them meanwhile.
PATIENCE_S: Final = 90.0
_OPERATIONS: Final = 2
# An operation is cancelled when there was time to see it.
_SHOWN_S: Final = 5.0


class Day(Protocol):
    """What a round needs to know of the day."""

    gauge: Gauge
    lab: Lab
    report: Report

    def told(self, operation: str) -> dict[str, Any] | None:
        """Return what the hub says of an operation."""


class Phase(Enum):
    """Where a round is."""

    IDLE = "idle"
    RUNNING = "running"
    SETTLING = "settling"


class Round:
    """One notebook in one tab."""

    def __init__(self, tab: Tab, notebook: str, day: Day) -> None:
        self.tab = tab
        self.notebook = notebook
        self.last: list[Entry] = []
        """The operations of the last round that was compared."""
        self._day = day
        self._phase = Phase.IDLE
        self._known: set[str] = set()
        self._since_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether there is something to wait for."""
        return self._phase is not Phase.IDLE

    def crashed(self) -> None:
        """Begin anew: the kernel is gone."""
        self._phase = Phase.IDLE

    def step(self, entries: dict[str, Entry], *, begin: bool) -> None:
        """Do what is next, without waiting."""
        mine = {entry.id: entry for entry in entries.values() if entry.place == self.notebook}
        new = [entry for entry in mine.values() if entry.id not in self._known]
        match self._phase:
            case Phase.IDLE if begin and self.tab.ready(self.notebook):
                self._known = set(mine)
                if self.tab.run(self.notebook):
                    self._go_to(Phase.RUNNING)
            case Phase.RUNNING if len(new) == _OPERATIONS and all(entry.state for entry in new):
                self._go_to(Phase.SETTLING)
            case Phase.RUNNING:
                self._cancel(new)
                if self._day.gauge.now_s - self._since_s > PATIENCE_S:
                    self._day.report.wrong(f"{self.notebook} did not come to its end: {new}")
                    self._go_to(Phase.IDLE)
            case Phase.SETTLING:
                self._settle(new)

    def _go_to(self, phase: Phase) -> None:
        self._phase = phase
        self._since_s = self._day.gauge.now_s

    def _cancel(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.to_cancel and entry.state is None and self._day.gauge.now_s - self._since_s > _SHOWN_S:
                try:
                    self.tab.cancel(self.notebook, entry.name)
                except Error:
                    self._day.report.cancels_tried_again += 1

    def _settle(self, entries: list[Entry]) -> None:
        """Compare; what does not agree yet is asked again until the patience is at its end."""
        if (difference := self._difference(entries)) is None:
            self._day.report.agreed(len(entries), self._day.gauge.now_s - self._since_s)
            self.last = entries
            self._go_to(Phase.IDLE)
        elif self._day.gauge.now_s - self._since_s > PATIENCE_S:
            self._day.report.wrong(f"{self.notebook}: {difference}", self.tab.page)
            self._go_to(Phase.IDLE)

    def _difference(self, entries: list[Entry]) -> str | None:
        shown = self.tab.operations(self.notebook)
        wanted = {entry.id: entry.state for entry in entries}
        if len(shown) != len(wanted) or {each["id"]: each["look"] for each in shown} != wanted:
            return f"the tab shows {shown}, the code says {wanted}"
        hub = {operation: self._day.told(operation) for operation in wanted}
        if missing := [
            operation for operation, snapshot in hub.items() if snapshot is None or not snapshot["hub"]["stored"]
        ]:
            return f"the hub has not stored {missing}"
        self.tab.save(self.notebook)
        saved = self._saved()
        for operation, snapshot in hub.items():
            assert snapshot is not None
            if operation not in saved or ends(saved[operation]) != ends(snapshot):
                return f"the file says {saved.get(operation)}, the hub {snapshot}"
        return None

    def _saved(self) -> dict[str, dict[str, Any]]:
        """Return the snapshots in the notebook's file."""
        cells = range(1, _OPERATIONS + 1)
        outputs = [output for cell in cells for output in self._day.lab.saved_outputs(self.notebook, cell)]
        bundles = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
        return {bundle["operation"]: bundle["snapshot"] for bundle in bundles}


def ends(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what two copies of an end have to have in common."""
    stages = [
        {name: stage[name] for name in ("name", "state", "done", "total", "elapsed_s")} for stage in snapshot["stages"]
    ]
    kept = ("id", "name", "seq", "state", "fraction", "error", "ended_at", "elapsed_s", "metrics")
    return {**{name: snapshot[name] for name in kept}, "stages": stages}
