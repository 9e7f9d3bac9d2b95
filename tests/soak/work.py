"""What runs on the day: the cells of five notebooks, two scripts, and the ledger in which they say how each ended.

The ledger is what everything else is compared with: a line when an operation has begun, and one, made by the user's
own code and not by progress_kit, when it has ended.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

_NOTE: Final = """
import json, os, time, zlib
from pathlib import Path
import progress_kit as pk

NUMBER = globals().get("NUMBER", 0) + 1
LABEL = f"{os.getpid()}-{NUMBER}"

def note(id, event, **more):
    with open("LEDGER", "a") as ledger:
        where = {"place": PLACE, "pid": os.getpid(), "at": time.time()}
        ledger.write(json.dumps({"id": id, "event": event, **where, **more}) + "\\n")
"""
_COMPRESS: Final = """
files = sorted(Path(os.__file__).parent.glob("*.py"))[:120]
loop = pk.track(files, f"Compress {LABEL}", unit="files", cost=lambda path: path.stat().st_size, kind="compress")
for number, path in enumerate(loop):
    if number == 0:
        note(loop.id, "begin", name=f"Compress {LABEL}")
    zlib.compress(path.read_bytes(), 6)
    time.sleep(0.06)
note(loop.id, "end", state="succeeded", done=len(files))
"""
_TRAIN: Final = """
with pk.ProgressTracker(f"Train {LABEL}", stages={"load": 1, "train": 8, "test": 1}, kind="train") as tracker:
    note(tracker.id, "begin", name=tracker.name)
    for _ in tracker.stage("load").track(range(10)):
        time.sleep(0.1)
    for step in tracker.stage("train").track(range(150)):
        tracker.metrics["loss"] = 1 / (step + 1)
        tracker.message = f"step {step}"
        time.sleep(0.05)
    for _ in tracker.stage("test").track(range(10)):
        time.sleep(0.1)
note(tracker.id, "end", state="succeeded", done=170)
"""
_SCHEDULE: Final = """
def measure(path):
    for _ in range(10):
        pk.current().advance(1, total=10)
        time.sleep(0.03)
    return len(path.read_bytes())

paths = sorted(Path(os.__file__).parent.glob("*.py"))[:60]
engine = ENGINES[NUMBER % len(ENGINES)]
with pk.ParallelTaskScheduler(f"Measure {LABEL}", engine=engine, max_workers=2, kind="measure") as scheduler:
    note(scheduler.id, "begin", name=scheduler.name)
    assert len(list(scheduler.map(measure, paths))) == len(paths)
note(scheduler.id, "end", state="succeeded", done=len(paths))
"""
_FAIL: Final = """
try:
    with pk.ProgressTracker(f"Import {LABEL}", stages=["main"], kind="import") as tracker:
        note(tracker.id, "begin", name=tracker.name)
        for row in tracker.stage("main").track(range(100)):
            time.sleep(0.06)
            if row == 80:
                raise ValueError(f"row {row} <b>has no date</b>")
except ValueError:
    note(tracker.id, "end", state="failed", done=80)
"""
_CANCEL: Final = """
try:
    with pk.ProgressTracker(f"Search {LABEL}", stages=["main"], kind="search") as tracker:
        note(tracker.id, "begin", name=tracker.name, wants="cancel")
        for _ in tracker.stage("main").track(range(3_000)):
            time.sleep(0.05)
except pk.OperationCancelled:
    note(tracker.id, "end", state="cancelled")
else:
    note(tracker.id, "end", state="succeeded", done=3_000)
"""
_BODIES: Final = {
    "compress.ipynb": (_COMPRESS, _TRAIN),
    "train.ipynb": (_TRAIN, _FAIL),
    "measure.ipynb": ('ENGINES = ["threads", "processes"]' + _SCHEDULE, _COMPRESS),
    "import.ipynb": (_FAIL, _COMPRESS),
    "search.ipynb": (_CANCEL, _TRAIN),
}
NOTEBOOKS: Final = tuple(_BODIES)


def cells(notebook: str, ledger: Path) -> list[str]:
    """Return the code of a notebook's cells."""
    return [_note(notebook, ledger), *_BODIES[notebook]]


def script(place: str, ledger: Path, engines: Iterable[str], until: Path) -> str:
    """Return a program that schedules one run after the other, until a file exists."""
    run = (_note(place, ledger) + f"ENGINES = {list(engines)}\n" + _SCHEDULE).replace("\n", "\n        ")
    head = f"from pathlib import Path\nif __name__ == '__main__':\n    while not Path({str(until)!r}).exists():\n"
    return f"{head}        {run}\n"


def _note(place: str, ledger: Path) -> str:
    return f"PLACE = {place!r}" + _NOTE.replace('"LEDGER"', repr(str(ledger)))


class Entry(msgspec.Struct):
    """What the user's code says of one operation; `state` is None until it has ended."""

    id: str
    place: str
    pid: int
    at: float
    """When it began, as seconds of the wall clock."""
    state: str | None = None
    done: int | None = None
    name: str = ""
    to_cancel: bool = False
    """Whether somebody should cancel it."""


def read(ledger: Path) -> dict[str, Entry]:
    """Return what has begun so far, by id, in the order of the beginnings."""
    entries: dict[str, Entry] = {}
    for line in ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else ():
        said = json.loads(line)
        entry = entries.setdefault(said["id"], Entry(said["id"], said["place"], said["pid"], said["at"]))
        if said["event"] == "end":
            entry.state, entry.done = said["state"], said.get("done")
        else:
            entry.name, entry.to_cancel = said["name"], said.get("wants") == "cancel"
    return entries
